"""Requests and responses about whom a community does not admit."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.visitors.blocks.repository import BlockReason, BlockRow

__all__ = ["Block", "BlockPage", "NewBlock"]

Days = Annotated[int, Meta(ge=1, le=366, description="How long; it ends by itself")]
Number = Annotated[str, Meta(min_length=4, max_length=32)]


class NewBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom not to admit, by his telephone number, which is not kept; why, and for how many days."""

    phone: Number
    reason: BlockReason
    days: Days

    def __repr__(self) -> str:
        """Hides the number."""
        return "NewBlock()"


class Block(msgspec.Struct, frozen=True):
    """That somebody is not admitted. Whom, nobody can read."""

    block_id: UUID
    reason: BlockReason
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: BlockRow) -> "Block":
        """From the database's row."""
        return cls(row.block_id, row.reason, row.created_at, row.expires_at)


class BlockPage(msgspec.Struct, frozen=True):
    """The blocks that stand, newest first."""

    blocks: tuple[Block, ...]
    next_cursor: str | None
