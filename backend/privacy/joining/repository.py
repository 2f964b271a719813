"""SQL of handing a courier's record from one person to another. All of it needs the platform scope."""

from uuid import UUID

from backend.kit.db import Connection

__all__ = ["hand_over", "has_account"]


async def has_account(conn: Connection, *, person_id: UUID) -> bool:
    """Whether the person may log in."""
    found: bool = await conn.fetchval("SELECT EXISTS (SELECT FROM account WHERE person_id = $1)", person_id)
    return found


async def hand_over(conn: Connection, *, courier_id: UUID, person_id: UUID) -> None:
    """Make the courier this person: with what companies say of him, his answers to them, and his links."""
    # Employments before links, as everybody takes them who needs both.
    await conn.execute("UPDATE courier_employment SET person_id = $2 WHERE courier_id = $1", courier_id, person_id)
    await conn.execute("UPDATE courier SET person_id = $2 WHERE courier_id = $1", courier_id, person_id)
    await conn.execute(
        "UPDATE visitor_link SET person_id = $2 WHERE invitation_id = $1 AND kind = 'courier'", courier_id, person_id
    )
