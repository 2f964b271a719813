"""Counting the uses of a visitor's token across a community's gates (MessagePack)."""

from uuid import UUID

import msgspec

__all__ = ["UseAnswer", "UseClaim"]


class UseClaim(msgspec.Struct, frozen=True):
    """A gate asks for one use. ``token_id`` has 8 bytes; ``use`` is random, so that a repeated question counts once."""

    token_id: bytes
    use: UUID


class UseAnswer(msgspec.Struct, frozen=True):
    """Whether it is granted, and how many are left after it."""

    allowed: bool
    left: int
