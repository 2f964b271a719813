"""Requests and responses about cards."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

__all__ = ["Card", "CardKey", "CardPage", "IssuedCard", "NewCard"]

Pin = Annotated[str, Meta(min_length=4, max_length=12, pattern="^[0-9]+$", description="What the holder wants")]


class NewCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card to be issued; without ``pin`` one of six digits is made."""

    pin: Pin | None = None


class IssuedCard(msgspec.Struct, frozen=True):
    """What is printed (``code``, the text of a QR code; ``svg``, drawn) and what is told (``pin``). Shown this once."""

    member_id: UUID
    code: str
    svg: str
    pin: str

    def __repr__(self) -> str:
        """Hides what opens gates."""
        return f"IssuedCard(member_id={self.member_id})"


class Card(msgspec.Struct, frozen=True):
    """A card that opens gates, and who has it. Neither code nor PIN can be shown again."""

    member_id: UUID
    name: str
    issued_at: datetime


class CardKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of cards ends."""

    issued_at: Annotated[datetime, Meta(tz=True)]
    member_id: UUID


class CardPage(msgspec.Struct, frozen=True):
    """Cards, the newest first."""

    cards: tuple[Card, ...]
    next_cursor: str | None
