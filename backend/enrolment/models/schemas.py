"""A change of models as staff see it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from backend.enrolment.models.repository import ChangeRow, ProgressRow

__all__ = ["ModelChange", "NewModelChange"]

Pack = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$", description="Id of an installed model pack")]
Days = Annotated[int, Meta(ge=7, le=30, description="After which the change ends, ready or not")]


class NewModelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change to, and how long people have to renew their faces."""

    to_pack: Pack
    days: Days = 30


class ModelChange(msgspec.Struct, frozen=True):
    """A change of models.

    Of the ``people`` whose face is active, ``renewed`` have a template of the new pack, ``from_photographs`` will get
    one of the photographs that they let be kept, and ``asked_to_renew`` have to take new ones before ``ends_at``; after
    that they use their QR codes.
    """

    to_pack: str
    state: Literal["running", "ending", "ended", "called_off"]
    begun_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    people: int
    renewed: int
    from_photographs: int
    asked_to_renew: int

    @classmethod
    def of(cls, row: ChangeRow, progress: ProgressRow) -> "ModelChange":
        """From the rows."""
        state: Literal["running", "ending", "ended", "called_off"]
        if row.cancelled:
            state = "called_off"
        elif row.state in ("running", "ended"):
            state = "running" if row.state == "running" else "ended"
        else:
            state = "ending"
        return cls(
            to_pack=row.to_pack,
            state=state,
            begun_at=row.begun_at,
            ends_at=row.ends_at,
            ended_at=row.ended_at,
            people=progress.people,
            renewed=progress.renewed,
            from_photographs=progress.from_photographs,
            asked_to_renew=max(0, progress.people - progress.renewed - progress.from_photographs),
        )
