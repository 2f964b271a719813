"""What is kept of passes, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, enter_community, fetch_dicts
from backend.people import repository as people

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The passes that the person gave, and those that he came with, without the other's ids.

    In his own scope; his communities are entered one by one.
    """
    found: list[dict[str, object]] = []
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        found += await fetch_dicts(
            conn,
            """
            SELECT community_id, pass_id, guest_name, kind, valid_from, valid_until, accepted_at, ended_at, ended_by,
                created_at, uses, door_groups, grace_minutes, recurrence, except_dates, first_until, ask_first,
                link_sent_at,
                CASE WHEN host_person_id = $2 THEN home_id END AS home_id,
                CASE WHEN host_person_id = $2 THEN host_person_id END AS host_person_id,
                CASE WHEN subject_id = $3 THEN subject_id END AS subject_id
            FROM guest_pass WHERE community_id = $1 AND (host_person_id = $2 OR subject_id = $3)
            ORDER BY valid_from
            """,
            subject.community_id, person_id, subject.subject_id,
        )  # fmt: skip
    return {"guest_pass": found}
