"""SQL of who has a card."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = ["CardRow", "list_cards"]


class CardRow(msgspec.Struct, frozen=True):
    """A member with a card."""

    member_id: UUID
    name: str
    issued_at: datetime


async def list_cards(
    conn: Connection, *, community_id: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> list[CardRow]:
    """The community's cards with their members, the newest first, those before (issued_at, member_id).

    Whoever lives in two homes stands there twice.
    """
    issued_at, last = before or (None, None)
    return await fetch_all(
        conn,
        CardRow,
        """
        SELECT m.member_id, m.name, c.issued_at
        FROM pin_card c
        JOIN subject s ON s.community_id = c.community_id AND s.subject_id = c.subject_id
        JOIN member m ON m.community_id = c.community_id AND m.person_id = s.person_id AND m.state = 'active'
        WHERE c.community_id = $1
            AND ($2::timestamptz IS NULL OR (c.issued_at, m.member_id) < ($2, $3::uuid))
        ORDER BY c.issued_at DESC, m.member_id DESC LIMIT $4
        """,
        community_id, issued_at, last, limit,
    )  # fmt: skip
