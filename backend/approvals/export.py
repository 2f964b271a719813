"""What is kept of questions to homes, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, enter_community, fetch_dicts
from backend.people import repository as people

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """What was asked about the person, and about those whom he invited, without the other's ids.

    In his own scope; his communities are entered one by one.
    """
    found: list[dict[str, object]] = []
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        found += await fetch_dicts(
            conn,
            """
            SELECT a.community_id, a.approval_id, a.gate_id, a.approach_id, a.source, a.source_id, a.asked_at,
                a.expires_at, a.outcome, a.answered_at,
                CASE WHEN a.subject_id = $3 THEN a.subject_id END AS subject_id,
                CASE WHEN a.subject_id <> $3 THEN a.home_id END AS home_id
            FROM approval a
            LEFT JOIN guest_pass p ON a.source = 'pass' AND p.community_id = $1 AND p.pass_id = a.source_id
            LEFT JOIN delivery d ON a.source = 'delivery' AND d.community_id = $1 AND d.delivery_id = a.source_id
            WHERE a.community_id = $1
                AND (a.subject_id = $3 OR p.host_person_id = $2 OR d.host_person_id = $2)
            ORDER BY a.asked_at
            """,
            subject.community_id, person_id, subject.subject_id,
        )  # fmt: skip
    return {"approval": found}
