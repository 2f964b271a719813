"""What is kept of links, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The links that were sent to the person and their sessions, by table; no hashes. In the platform scope."""
    return {
        "visitor_link": await fetch_dicts(
            conn,
            """
            SELECT link_id, kind, invitation_id, inviting_community_id, inviting_partner_id, person_id, expires_at,
                held_by, closed_at, withdrawn_by, created_at
            FROM visitor_link WHERE person_id = $1 OR withdrawn_by = $1
            """,
            person_id,
        ),
        "visitor_session": await fetch_dicts(
            conn,
            """
            SELECT s.session_id, s.link_id, s.created_at
            FROM visitor_session s JOIN visitor_link l USING (link_id)
            WHERE l.person_id = $1 OR l.withdrawn_by = $1
            """,
            person_id,
        ),
    }
