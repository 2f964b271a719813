"""What is kept of codes, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, enter_community, fetch_dicts
from backend.people import repository as people

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person's phones, tokens with their uses, and that he has a card; by table.

    In his own scope; his communities are entered one by one. Of cards and tokens nothing by which one could be tried.
    """
    found: dict[str, list[dict[str, object]]] = {
        "phone_key": [], "pin_card": [], "visitor_token": [], "visitor_token_use": [],
    }  # fmt: skip
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        key = subject.community_id, subject.subject_id
        found["phone_key"] += await fetch_dicts(
            conn,
            """
            SELECT community_id, subject_id, encode(key_id, 'hex') AS key_id, encode(public_key, 'hex') AS public_key,
                label, created_at
            FROM phone_key WHERE community_id = $1 AND subject_id = $2 ORDER BY created_at
            """,
            *key,
        )
        found["pin_card"] += await fetch_dicts(
            conn,
            "SELECT community_id, subject_id, issued_at FROM pin_card WHERE community_id = $1 AND subject_id = $2",
            *key,
        )
        found["visitor_token"] += await fetch_dicts(
            conn,
            """
            SELECT community_id, subject_id, pass_id, encode(token_id, 'hex') AS token_id, valid_from, valid_until,
                uses, issued_at
            FROM visitor_token WHERE community_id = $1 AND subject_id = $2 ORDER BY issued_at
            """,
            *key,
        )
        found["visitor_token_use"] += await fetch_dicts(
            conn,
            """
            SELECT u.community_id, encode(u.token_id, 'hex') AS token_id, u.gate_id, u.at
            FROM visitor_token_use u JOIN visitor_token t USING (community_id, token_id)
            WHERE t.community_id = $1 AND t.subject_id = $2 ORDER BY u.at
            """,
            *key,
        )
    return found
