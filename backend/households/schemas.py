"""Requests and responses about the register."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.guardians.repository import Basis
from backend.guardians.rules import Stage
from backend.households.homes.schemas import TEXT, Home
from backend.households.members.repository import MemberRow, MemberState, Relation
from backend.households.repository import TenancyRow

__all__ = [
    "Activation",
    "Approval",
    "Approved",
    "HomeDetail",
    "Household",
    "HouseholdMember",
    "Join",
    "Joined",
    "Member",
    "MemberKey",
    "MemberList",
    "MyHome",
    "MyHomes",
    "NewMember",
    "NewRegisteredMember",
    "NewTenancy",
    "Tenancy",
    "TenancyCreated",
]

PersonName = Annotated[str, Meta(min_length=1, max_length=200, pattern=TEXT)]
Phone = Annotated[str, Meta(min_length=5, max_length=32, description="Mobile number; without country code, China's")]
Time = Annotated[datetime, Meta(tz=True)]
Code = Annotated[str, Meta(min_length=8, max_length=40, description="As the office gave it out; case does not matter")]
FamilyRelation = Literal["spouse", "child", "parent", "sibling", "other"]


class NewTenancy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who moves in, when, and until when where that is settled."""

    tenant_name: PersonName
    phone: Phone
    starts_at: Time
    ends_at: Time | None = None


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody of the tenant's household. ``without_phone``: he has none, and needs no code to join."""

    name: PersonName
    relation: FamilyRelation
    phone: Phone | None = None
    without_phone: bool = False


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the office knows of the member's age: of a child it has to say one of the two.

    ``birth_date`` as staff have read it in ``basis``; it is kept only while he is under age.
    """

    birth_date: date | None = None
    basis: Basis = "document"
    of_age: bool = False


class NewRegisteredMember(NewMember, frozen=True, forbid_unknown_fields=True):
    """Somebody whom the office itself puts on the register."""

    birth_date: date | None = None
    basis: Basis = "document"
    of_age: bool = False


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code from the office."""

    activation_code: Code


class Activation(msgspec.Struct, frozen=True):
    """A code to be handed to the member in person or by post; it is shown this once."""

    member_id: UUID
    activation_code: str
    expires_at: datetime


class Approved(msgspec.Struct, frozen=True):
    """A member whom the office has approved.

    ``state`` is "invited" with a code to be handed to him in person or by post, which is shown this once; or "active"
    where he has no phone. ``age`` says whether somebody acts for him.
    """

    member_id: UUID
    state: MemberState
    age: Stage
    activation_code: str | None
    expires_at: datetime | None


class TenancyCreated(msgspec.Struct, frozen=True):
    """The tenancy, its tenant, and the code with which he joins; it is shown this once."""

    tenancy_id: UUID
    member_id: UUID
    activation_code: str
    activation_expires_at: datetime


class Member(msgspec.Struct, frozen=True):
    """A member as staff see him. Of his number only the last two digits, to tell two apart on the telephone."""

    member_id: UUID
    tenancy_id: UUID
    name: str
    relation: Relation
    state: MemberState
    phone_ends_in: str | None
    created_at: datetime
    joined_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: MemberRow) -> "Member":
        """From the database's row."""
        return cls(
            member_id=row.member_id,
            tenancy_id=row.tenancy_id,
            name=row.name,
            relation=row.relation,
            state=row.state,
            phone_ends_in=None if row.phone is None else row.phone[-2:],
            created_at=row.created_at,
            joined_at=row.joined_at,
            ended_at=row.ended_at,
        )


class MemberKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of members ends."""

    created_at: Time
    member_id: UUID


class MemberList(msgspec.Struct, frozen=True):
    """A page of members, the longest there first."""

    members: tuple[Member, ...]
    next_cursor: str | None


class Tenancy(msgspec.Struct, frozen=True):
    """A tenancy with its household."""

    tenancy_id: UUID
    starts_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None
    members: tuple[Member, ...]

    @classmethod
    def of(cls, row: TenancyRow, members: Iterable[MemberRow]) -> "Tenancy":
        """From the database's rows; ``members`` may hold others' too."""
        return cls(
            tenancy_id=row.tenancy_id,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            ended_at=row.ended_at,
            members=tuple(Member.of(m) for m in members if m.tenancy_id == row.tenancy_id),
        )


class HomeDetail(msgspec.Struct, frozen=True):
    """A home with its tenancies, the newest first."""

    home: Home
    tenancies: tuple[Tenancy, ...]


class Joined(msgspec.Struct, frozen=True):
    """Where the resident belongs now. ``renew_tokens``: he was on the register before, and his tokens are another's."""

    community_id: UUID
    home_id: UUID
    member_id: UUID
    renew_tokens: bool = False


class MyHome(msgspec.Struct, frozen=True):
    """One of the resident's homes. He may speak for the household where ``relation`` is tenant."""

    community_id: UUID
    community: str
    home_id: UUID
    building: str
    label: str
    tenancy_id: UUID
    member_id: UUID
    relation: Relation
    starts_at: datetime
    ends_at: datetime | None
    time_zone: Annotated[str, Meta(description="The community's, by its name in the IANA database")]


class MyHomes(msgspec.Struct, frozen=True):
    """The homes that the resident belongs to."""

    homes: tuple[MyHome, ...]


class HouseholdMember(msgspec.Struct, frozen=True):
    """A member as the rest of the household sees him."""

    member_id: UUID
    name: str
    relation: Relation
    state: MemberState

    @classmethod
    def of(cls, row: MemberRow) -> "HouseholdMember":
        """From the database's row."""
        return cls(member_id=row.member_id, name=row.name, relation=row.relation, state=row.state)


class Household(msgspec.Struct, frozen=True):
    """The home's present members, the longest there first."""

    members: tuple[HouseholdMember, ...]
