"""Requests and responses about guests' passes and invitations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.kit.windows import Moment
from backend.visitors.repository import PassRow
from backend.visitors.rules import PassState, state_of

__all__ = ["Invitation", "NewPass", "Pass", "PassChange", "PassCreated", "PassPage"]

GuestName = Annotated[str, Meta(min_length=1, max_length=100)]
Uses = Annotated[int, Meta(ge=0, le=1000, description="How often the QR code is good; 0 has no limit")]
PassKind = Literal["guest", "family", "helper"]


class NewPass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a resident lets in, and when: one window of at most 30 days."""

    guest_name: GuestName
    valid_from: Moment
    valid_until: Moment
    kind: PassKind = "guest"
    uses: Uses = 0


class PassChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The window as it is to be; what is absent stays."""

    valid_from: Moment | None = None
    valid_until: Moment | None = None


class Pass(msgspec.Struct, frozen=True):
    """A pass as the home sees it; "pending" until the guest accepts."""

    pass_id: UUID
    guest_name: str
    kind: str
    valid_from: datetime
    valid_until: datetime
    state: PassState

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
        )


class PassCreated(msgspec.Struct, frozen=True):
    """A new pass and the link to send to the guest; its token is shown this once."""

    pass_id: UUID
    link_token: str
    link: str
    valid_from: datetime
    valid_until: datetime
    state: PassState


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
