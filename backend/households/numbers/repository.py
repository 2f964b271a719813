"""SQL of register numbers."""

from uuid import UUID

from backend.kit.db import Connection, affected

__all__ = ["set_of_member", "set_of_tenancy"]


async def set_of_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID, number: str | None) -> bool:
    """Number a tenancy that goes on; whether there is one.

    Raises:
        asyncpg.UniqueViolationError: another that goes on has the number.
    """
    status = await conn.execute(
        "UPDATE tenancy SET register_number = $3 WHERE community_id = $1 AND tenancy_id = $2 AND ended_at IS NULL",
        community_id, tenancy_id, number,
    )  # fmt: skip
    return affected(status) == 1


async def set_of_member(conn: Connection, *, community_id: UUID, member_id: UUID, number: str | None) -> bool:
    """Number a member who has not left; whether there is one.

    Raises:
        asyncpg.UniqueViolationError: another who has not left has the number.
    """
    status = await conn.execute(
        "UPDATE member SET register_number = $3 WHERE community_id = $1 AND member_id = $2 AND state <> 'ended'",
        community_id, member_id, number,
    )  # fmt: skip
    return affected(status) == 1
