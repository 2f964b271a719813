"""SQL of what companies are told of their couriers' comings."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.kit.db import Connection, affected

__all__ = ["insert_comings"]


async def insert_comings(
    conn: Connection, *, community_id: UUID, gate_id: UUID, store_epoch: int, seqs: Sequence[int], now: datetime
) -> int:
    """Tell the companies whose shift or delivery an entry falls into, each once; how many were told.

    Told by the grant, which remembers whom it was for and when it ended: a shift forgets its courier as soon as he
    says no, and a gate may report what happened before that. In the community's scope.
    """
    return affected(
        await conn.execute(
            """
            INSERT INTO partner_event (partner_id, event_id, kind, at, told_at, worker_id, person_id,
                                       about_community_id, gate_id, gate_name, outcome)
            SELECT DISTINCT w.partner_id,
                -- Delivered twice, it is the same event.
                md5(concat_ws('/', w.partner_id, w.worker_id, e.gate_id, e.store_epoch, e.seq))::uuid,
                'courier.entry', e.at, $5::timestamptz, w.worker_id, s.person_id, e.community_id, e.gate_id, t.name,
                e.outcome
            FROM entry e
            JOIN access_grant g ON g.community_id = e.community_id AND g.subject_id = e.subject_id
                AND g.kind = 'courier' AND g.valid_from <= e.at AND g.valid_until > e.at
                -- Ended by its time or before: what came later is not the company's to know.
                AND (g.ended_at IS NULL OR g.ended_at > e.at)
            JOIN subject s ON s.community_id = e.community_id AND s.subject_id = e.subject_id
            JOIN gate t ON t.community_id = e.community_id AND t.gate_id = e.gate_id
            CROSS JOIN LATERAL (
                SELECT c.partner_id, c.worker_id FROM courier_shift c
                WHERE g.source = 'shift' AND c.community_id = g.community_id AND c.shift_id = g.source_id
                UNION ALL
                -- A delivery changes hands: only of whoever brings it now is it known who that is.
                SELECT d.partner_id, d.worker_id FROM delivery d
                WHERE g.source = 'delivery' AND d.community_id = g.community_id AND d.delivery_id = g.source_id
                    AND d.subject_id = g.subject_id
            ) w
            WHERE e.community_id = $1 AND e.gate_id = $2 AND e.store_epoch = $3 AND e.seq = ANY($4::bigint[])
                -- Where the gate's clock was wrong nobody knows whose time it was in.
                AND e.kind = 'entry' AND NOT e.clock_wrong
            ON CONFLICT DO NOTHING
            """,
            community_id, gate_id, store_epoch, list(seqs), now,
        )
    )  # fmt: skip
