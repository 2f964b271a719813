"""Responses about the codes of passes."""

from datetime import datetime

import msgspec

__all__ = ["PassCode"]


class PassCode(msgspec.Struct, frozen=True):
    """The text of a pass's QR code, when it is good, and how often (0: as often as wanted)."""

    code: str
    valid_from: datetime
    valid_until: datetime
    uses: int

    def __repr__(self) -> str:
        """Hides what opens gates."""
        return "PassCode()"
