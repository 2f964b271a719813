"""What is kept of minors and guardians, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person as a minor and as a guardian, by table. In his own scope."""
    return {
        "minor": await fetch_dicts(conn, "SELECT * FROM minor WHERE person_id = $1", person_id),
        "guardianship": await fetch_dicts(
            conn, "SELECT * FROM guardianship WHERE person_id = $1 OR guardian_id = $1 ORDER BY began_at", person_id
        ),
        "guardian_refusal": await fetch_dicts(
            conn,
            """
            SELECT r.* FROM guardian_refusal r WHERE r.person_id = $1
            UNION
            SELECT r.* FROM guardianship g JOIN guardian_refusal r USING (community_id, guardianship_id)
            WHERE g.guardian_id = $1
            """,
            person_id,
        ),
    }
