"""What is kept of couriers, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person as a courier, his shifts, and the deliveries that he brought or expected, by table; no hashes.

    Who expected what he brought is left out, and so is who brought what he expected. In his own scope and the
    platform's.
    """
    return {
        "courier": await fetch_dicts(
            conn, "SELECT courier_id, person_id, created_at FROM courier WHERE person_id = $1", person_id
        ),
        "courier_employment": await fetch_dicts(
            conn,
            """
            SELECT e.*, p.name AS partner_name
            FROM courier_employment e LEFT JOIN partner p USING (partner_id) WHERE e.person_id = $1
            """,
            person_id,
        ),
        "courier_suspension": await fetch_dicts(
            conn, "SELECT * FROM courier_suspension WHERE person_id = $1", person_id
        ),
        "partner_event": await fetch_dicts(
            conn,
            """
            SELECT partner_id, event_id, kind, at, told_at, worker_id, person_id, about_community_id, gate_id,
                gate_name, outcome, reason
            FROM partner_event WHERE person_id = $1 ORDER BY told_at, event_id
            """,
            person_id,
        ),
        "courier_shift": await fetch_dicts(
            conn,
            """
            -- Not one scan with OR, which no index serves.
            SELECT s.* FROM courier_employment JOIN courier_shift s USING (partner_id, worker_id) WHERE person_id = $1
            UNION
            SELECT s.* FROM subject JOIN courier_shift s USING (community_id, subject_id) WHERE person_id = $1
            ORDER BY starts_at
            """,
            person_id,
        ),
        "delivery": await fetch_dicts(
            conn,
            """
            SELECT d.community_id, d.delivery_id, d.partner_id, d.order_ref, d.expected_from, d.expected_until,
                d.worker_id, d.asserted_from, d.asserted_until, d.valid_from, d.valid_until, d.ended_at, d.created_at,
                d.ask_first,
                CASE WHEN d.host_person_id = $1 THEN d.home_id END AS home_id,
                CASE WHEN d.host_person_id = $1 THEN d.host_person_id END AS host_person_id,
                CASE WHEN s.subject_id IS NOT NULL THEN d.subject_id END AS subject_id
            FROM (
                SELECT d.* FROM delivery d WHERE d.host_person_id = $1
                UNION
                SELECT d.* FROM courier_employment JOIN delivery d USING (partner_id, worker_id) WHERE person_id = $1
                UNION
                SELECT d.* FROM subject JOIN delivery d USING (community_id, subject_id) WHERE person_id = $1
            ) d
            LEFT JOIN subject s
                ON s.community_id = d.community_id AND s.subject_id = d.subject_id AND s.person_id = $1
            ORDER BY d.expected_from
            """,
            person_id,
        ),
    }
