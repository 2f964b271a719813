"""Requests and responses about guests' passes and invitations."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.kit.language import Language
from backend.kit.windows import Moment
from backend.visitors.repository import PassRow
from backend.visitors.rules import PassState, state_of

__all__ = ["Invitation", "NewPass", "Pass", "PassChange", "PassCreated", "PassPage", "Recurrence"]

GuestName = Annotated[str, Meta(min_length=1, max_length=100)]
Uses = Annotated[int, Meta(ge=0, le=1000, description="How often the QR code is good; 0 has no limit")]
PassKind = Literal["guest", "family", "helper", "delivery"]
DoorGroups = Annotated[list[UUID], Meta(max_length=16, description="Door groups; none is every door")]
Grace = Annotated[int, Meta(ge=0, le=60, description="Minutes before and after the window that gates open, too")]
Number = Annotated[
    str,
    Meta(min_length=4, max_length=32, description="A mobile number, where the link goes; only a keyed hash is kept"),
]
RuleText = Annotated[str, Meta(min_length=1, max_length=200, description="The value of an RRULE (RFC 5545)")]
Days = Annotated[list[date], Meta(max_length=60, description="Days of the community without a visit")]


class Recurrence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a visit recurs, by the community's clocks, and when it does not.

    FREQ is DAILY, WEEKLY or MONTHLY, with COUNT or UNTIL; at most 60 visits within half a year.
    """

    rule: RuleText
    except_dates: Days = []


class NewPass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a resident lets in, and when.

    One window of at most 30 days; of a delivery at most one, and used once. With ``recurrence`` the window is the
    first one, of at most a day. With ``ask_first`` gates ask the home each time before they let him in.

    Where his number is given the link goes there by text message, in ``language``, unless ``send_link`` is false.
    """

    guest_name: GuestName
    valid_from: Moment
    valid_until: Moment
    kind: PassKind = "guest"
    uses: Uses | None = None
    phone: Number | None = None
    door_groups: DoorGroups = []
    grace_minutes: Grace = 0
    recurrence: Recurrence | None = None
    ask_first: bool = False
    send_link: bool = True
    language: Language = "zh-CN"

    def __repr__(self) -> str:
        """Hides who it is."""
        return "NewPass()"


class PassChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The window, doors, recurrence and asking as they are to be; what is absent stays. No door groups is every door.

    The window of a pass that recurs is its first one.
    """

    valid_from: Moment | None = None
    valid_until: Moment | None = None
    door_groups: DoorGroups | None = None
    recurrence: Recurrence | None = None
    ask_first: bool | None = None


class Pass(msgspec.Struct, frozen=True):
    """A pass as the home sees it; "pending" until the guest accepts. One that recurs spans all its windows."""

    pass_id: UUID
    guest_name: str
    kind: str
    valid_from: datetime
    valid_until: datetime
    state: PassState
    uses: int
    grace_minutes: int
    door_groups: tuple[UUID, ...]
    recurrence: Recurrence | None
    first_until: datetime | None
    ask_first: bool

    @classmethod
    def of(cls, row: PassRow, now: datetime) -> "Pass":
        """From the database's row."""
        return cls(
            pass_id=row.pass_id,
            guest_name=row.guest_name,
            kind=row.kind,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            state=state_of(row, now),
            uses=row.uses,
            grace_minutes=row.grace_minutes,
            door_groups=tuple(row.door_groups or ()),
            recurrence=None if row.recurrence is None else Recurrence(row.recurrence, row.except_dates),
            first_until=row.first_until,
            ask_first=row.ask_first,
        )


class PassCreated(msgspec.Struct, frozen=True):
    """A new pass and the link to send to the guest; its token is shown this once.

    ``link_sent``: it has gone to his telephone. It has not without his number, where a day's messages are used up, or
    where the carrier refuses.
    """

    pass_id: UUID
    link_token: str
    link: str
    valid_from: datetime
    valid_until: datetime
    state: PassState
    link_sent: bool


class PassPage(msgspec.Struct, frozen=True):
    """A home's passes, latest window first."""

    passes: tuple[Pass, ...]
    next_cursor: str | None


class Invitation(msgspec.Struct, frozen=True):
    """What the link invites to.

    A guest is invited by a home of the community ``inviting`` for one window, there in ``time_zone``; ``host`` is the
    given name of who invites, where he has told his name, and never where he lives: a link may be read along. A
    courier is asked by the company ``inviting`` whether he is its worker; his windows are the company's to say, and he
    has none here.
    """

    kind: Literal["guest", "courier"]
    state: Literal["pending", "accepted", "cancelled", "withdrawn", "expired"]
    inviting: str
    name: str | None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    time_zone: str | None = None
    host: str | None = None
