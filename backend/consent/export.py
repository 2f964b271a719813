"""What is kept of consents, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """What the person agreed to and took back, by table. In his own scope."""
    return {
        "consent": await fetch_dicts(conn, "SELECT * FROM consent WHERE person_id = $1 ORDER BY given_at", person_id),
        "consent_hold": await fetch_dicts(conn, "SELECT * FROM consent_hold WHERE person_id = $1", person_id),
    }
