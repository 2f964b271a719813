"""SQL of giving a member an account."""

from uuid import UUID

from backend.kit.db import Connection

__all__ = ["is_blank", "set_phone"]


async def set_phone(conn: Connection, *, community_id: UUID, member_id: UUID, phone: str | None) -> None:
    """The number (E.164) that the member has to prove, or none any more."""
    await conn.execute(
        "UPDATE member SET phone = $3 WHERE community_id = $1 AND member_id = $2", community_id, member_id, phone
    )


async def is_blank(conn: Connection, *, person_id: UUID) -> bool:
    """Whether nobody knows the person, and he has said nothing. Needs his scope."""
    found: bool = await conn.fetchval(
        """
        SELECT NOT EXISTS (SELECT FROM subject WHERE person_id = $1)
            AND NOT EXISTS (SELECT FROM member WHERE person_id = $1)
            AND NOT EXISTS (SELECT FROM consent WHERE person_id = $1)
            AND NOT EXISTS (SELECT FROM erasure WHERE person_id = $1)
        """,
        person_id,
    )
    return found
