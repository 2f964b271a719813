"""What is kept of rights, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, enter_community, fetch_dicts
from backend.people import repository as people

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person's rights in every community, and what its gates are told of him, by table.

    In his own scope; his communities are entered one by one.
    """
    found: dict[str, list[dict[str, object]]] = {
        "access_grant": [], "face_credential": [], "face_restriction": [], "roster": [],
    }  # fmt: skip
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        key = subject.community_id, subject.subject_id
        found["access_grant"] += await fetch_dicts(
            conn, "SELECT * FROM access_grant WHERE community_id = $1 AND subject_id = $2 ORDER BY valid_from", *key
        )
        found["face_credential"] += await fetch_dicts(
            conn, "SELECT * FROM face_credential WHERE community_id = $1 AND subject_id = $2", *key
        )
        found["face_restriction"] += await fetch_dicts(
            conn, "SELECT * FROM face_restriction WHERE community_id = $1 AND subject_id = $2", *key
        )
        found["roster"] += await fetch_dicts(
            conn,
            """
            SELECT community_id, subject_id, version, convert_from(body, 'UTF8') AS body, changed_at
            FROM roster WHERE community_id = $1 AND subject_id = $2
            """,
            *key,
        )
    return found
