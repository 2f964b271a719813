"""What is kept of entries, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person's own comings and refusals in every community. In his own scope."""
    return {
        "entry": await fetch_dicts(
            conn,
            """
            SELECT e.* FROM entry e JOIN subject s USING (community_id, subject_id)
            WHERE s.person_id = $1 ORDER BY e.at
            """,
            person_id,
        )
    }
