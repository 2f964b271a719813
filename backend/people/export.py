"""What is kept of people, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person and his pseudonyms, by table. In his own scope."""
    return {
        "person": await fetch_dicts(conn, "SELECT * FROM person WHERE person_id = $1", person_id),
        "subject": await fetch_dicts(conn, "SELECT * FROM subject WHERE person_id = $1", person_id),
    }
