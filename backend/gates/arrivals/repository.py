"""SQL of arrivals: whom somebody who came in was expected by."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = ["ExpectedRow", "list_expected"]


class ExpectedRow(msgspec.Struct, frozen=True):
    """A pass or a delivery (``source``), who waits for it, and when its guest or courier came in."""

    source: str
    source_id: UUID
    person_id: UUID
    at: datetime


async def list_expected(
    conn: Connection, *, community_id: UUID, subjects: Sequence[UUID], at: Sequence[datetime]
) -> list[ExpectedRow]:
    """The passes and deliveries that these subjects came by at these times. The community's scope."""
    return await fetch_all(
        conn,
        ExpectedRow,
        """
        SELECT DISTINCT ON (g.source, g.source_id) g.source, g.source_id,
            coalesce(p.host_person_id, d.host_person_id) AS person_id, e.at
        FROM unnest($2::uuid[], $3::timestamptz[]) AS e (subject_id, at)
        JOIN access_grant g ON g.community_id = $1 AND g.subject_id = e.subject_id
            AND g.source IN ('pass', 'delivery') AND g.present_from <= e.at AND g.present_until > e.at
        LEFT JOIN guest_pass p ON g.source = 'pass' AND p.community_id = $1 AND p.pass_id = g.source_id
        LEFT JOIN delivery d ON g.source = 'delivery' AND d.community_id = $1 AND d.delivery_id = g.source_id
        WHERE coalesce(p.host_person_id, d.host_person_id) IS NOT NULL
        ORDER BY g.source, g.source_id, e.at
        """,
        community_id, list(subjects), list(at),
    )  # fmt: skip
