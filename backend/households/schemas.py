"""Requests and responses about the register."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.households.repository import BuildingRow, HomeRow, MemberRow, MemberState, Relation, TenancyRow

__all__ = [
    "Activation",
    "Building",
    "BuildingList",
    "Home",
    "HomeDetail",
    "HomeKey",
    "HomePage",
    "HomesCreated",
    "Household",
    "HouseholdMember",
    "Join",
    "Joined",
    "Member",
    "MemberList",
    "MyHome",
    "MyHomes",
    "NewBuilding",
    "NewHome",
    "NewHomes",
    "NewMember",
    "NewTenancy",
    "Tenancy",
    "TenancyCreated",
]

# No control characters: names are printed on lists and sent in messages.
_TEXT = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
BuildingName = Annotated[str, Meta(min_length=1, max_length=100, pattern=_TEXT)]
Label = Annotated[str, Meta(min_length=1, max_length=50, pattern=_TEXT, description="Such as 3-1204")]
PersonName = Annotated[str, Meta(min_length=1, max_length=200, pattern=_TEXT)]
Phone = Annotated[str, Meta(min_length=5, max_length=32, description="Mobile number; without country code, China's")]
MemberLimit = Annotated[int, Meta(ge=1, le=30, description="Members that the household may have, the tenant included")]
Time = Annotated[datetime, Meta(tz=True)]
Code = Annotated[str, Meta(min_length=8, max_length=40, description="As the office gave it out; case does not matter")]
FamilyRelation = Literal["spouse", "child", "parent", "sibling", "other"]
DEFAULT_MEMBER_LIMIT = 6


class NewBuilding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A building to be created."""

    name: BuildingName


class NewHome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home to be created."""

    building_id: UUID
    label: Label
    member_limit: MemberLimit = DEFAULT_MEMBER_LIMIT


class BulkHome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home of a list; its building by name, made where there is none."""

    building: BuildingName
    label: Label
    member_limit: MemberLimit = DEFAULT_MEMBER_LIMIT


class NewHomes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list of homes to be created."""

    homes: Annotated[list[BulkHome], Meta(min_length=1, max_length=2000)]


class NewTenancy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who moves in, when, and until when where that is settled."""

    tenant_name: PersonName
    phone: Phone
    starts_at: Time
    ends_at: Time | None = None


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody of the tenant's household."""

    name: PersonName
    relation: FamilyRelation
    phone: Phone | None = None


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code from the office."""

    activation_code: Code


class Building(msgspec.Struct, frozen=True):
    """A building."""

    building_id: UUID
    name: str

    @classmethod
    def of(cls, row: BuildingRow) -> "Building":
        """From the database's row."""
        return cls(building_id=row.building_id, name=row.name)


class BuildingList(msgspec.Struct, frozen=True):
    """Buildings by name."""

    buildings: tuple[Building, ...]


class Home(msgspec.Struct, frozen=True):
    """A home as staff see it."""

    home_id: UUID
    building_id: UUID
    building: str
    label: str
    member_limit: int

    @classmethod
    def of(cls, row: HomeRow) -> "Home":
        """From the database's row."""
        return cls(
            home_id=row.home_id,
            building_id=row.building_id,
            building=row.building,
            label=row.label,
            member_limit=row.member_limit,
        )


class HomeKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of homes ends."""

    building: BuildingName
    label: Label
    home_id: UUID


class HomePage(msgspec.Struct, frozen=True):
    """Homes by building and label."""

    homes: tuple[Home, ...]
    next_cursor: str | None


class HomesCreated(msgspec.Struct, frozen=True):
    """The homes that were made; ``existing`` of the list were there already and stay as they were."""

    homes: tuple[Home, ...]
    existing: int


class Activation(msgspec.Struct, frozen=True):
    """A code to be handed to the member in person or by post; it is shown this once."""

    member_id: UUID
    activation_code: str
    expires_at: datetime


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


class MemberList(msgspec.Struct, frozen=True):
    """Members, the longest there first."""

    members: tuple[Member, ...]


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
    """Where the resident belongs now."""

    community_id: UUID
    home_id: UUID
    member_id: UUID


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
