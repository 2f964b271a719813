"""SQL of questions to homes, and of the rights that they are about."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.approvals.rules import Answer
from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "CHANNEL",
    "ApprovalRow",
    "OpenRow",
    "RightRow",
    "announce",
    "close_others",
    "count_asked",
    "delete_old_approvals",
    "find_asked",
    "find_right",
    "insert_approval",
    "list_open",
    "lock_approval",
    "set_answer",
    "still_stands",
]

#: On which the gates' requests that wait hear of answers; its payload is the community.
CHANNEL = "approval"


class RightRow(msgspec.Struct, frozen=True):
    """By whose leave somebody may come: the pass or delivery, and its home."""

    source: Literal["pass", "delivery"]
    source_id: UUID
    home_id: UUID


class ApprovalRow(msgspec.Struct, frozen=True):
    """A question. ``outcome`` is None until somebody of the home has given one."""

    approval_id: UUID
    gate_id: UUID
    subject_id: UUID
    home_id: UUID
    source: Literal["pass", "delivery"]
    source_id: UUID
    expires_at: datetime
    outcome: Answer | None


class OpenRow(msgspec.Struct, frozen=True):
    """A question as the home sees it; ``guest_name`` is what the host called him, ``order_ref`` what a courier brings.

    Both are None where the pass or delivery is not there any more, or is the other of the two.
    """

    approval_id: UUID
    gate: str
    source: Literal["pass", "delivery"]
    source_id: UUID
    guest_name: str | None
    order_ref: str | None
    asked_at: datetime
    expires_at: datetime
    outcome: Answer | None


async def find_right(
    conn: Connection, *, community_id: UUID, subject_id: UUID, earliest: datetime, latest: datetime
) -> RightRow | None:
    """On what right the subject may come at some time of [earliest, latest] where a home is to be asked.

    Of several, that which ends first.
    """
    return await fetch_one(
        conn,
        RightRow,
        """
        SELECT g.source, g.source_id, coalesce(p.home_id, d.home_id) AS home_id
        FROM access_grant g
        LEFT JOIN guest_pass p ON g.source = 'pass' AND p.community_id = $1 AND p.pass_id = g.source_id
        LEFT JOIN delivery d ON g.source = 'delivery' AND d.community_id = $1 AND d.delivery_id = g.source_id
        WHERE g.community_id = $1 AND g.subject_id = $2 AND g.state = 'present' AND g.ask_first
            AND g.valid_from <= $4 AND g.valid_until > $3 AND coalesce(p.home_id, d.home_id) IS NOT NULL
        ORDER BY g.valid_until, g.grant_id LIMIT 1
        """,
        community_id, subject_id, earliest, latest,
    )  # fmt: skip


async def still_stands(conn: Connection, *, community_id: UUID, row: ApprovalRow) -> bool:
    """Whether the right that the question is about has not been taken away meanwhile."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM access_grant WHERE community_id = $1 AND source = $2 AND source_id = $3 AND state = 'present'
        )
        """,
        community_id, row.source, row.source_id,
    )  # fmt: skip
    return found


async def insert_approval(
    conn: Connection,
    *,
    community_id: UUID,
    gate_id: UUID,
    approach_id: UUID,
    subject_id: UUID,
    right: RightRow,
    asked_at: datetime,
    expires_at: datetime,
) -> ApprovalRow | None:
    """A new question; None where the gate has asked it before."""
    return await fetch_one(
        conn,
        ApprovalRow,
        """
        INSERT INTO approval (community_id, gate_id, approach_id, subject_id, home_id, source, source_id, asked_at,
            expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT ON CONSTRAINT approval_approach DO NOTHING
        RETURNING approval_id, gate_id, subject_id, home_id, source, source_id, expires_at, outcome
        """,
        community_id, gate_id, approach_id, subject_id, right.home_id, right.source, right.source_id, asked_at,
        expires_at,
    )  # fmt: skip


async def find_asked(
    conn: Connection, *, community_id: UUID, gate_id: UUID, approach_id: UUID, subject_id: UUID
) -> ApprovalRow | None:
    """What the gate has asked about this approach of this subject."""
    return await fetch_one(
        conn,
        ApprovalRow,
        """
        SELECT approval_id, gate_id, subject_id, home_id, source, source_id, expires_at, outcome
        FROM approval WHERE community_id = $1 AND gate_id = $2 AND approach_id = $3 AND subject_id = $4
        """,
        community_id, gate_id, approach_id, subject_id,
    )  # fmt: skip


async def close_others(conn: Connection, *, community_id: UUID, row: ApprovalRow, now: datetime) -> int:
    """Close what the gate asked about the subject before and got no answer to; how many those were."""
    return affected(
        await conn.execute(
            """
            UPDATE approval SET expires_at = $5
            WHERE community_id = $1 AND gate_id = $2 AND subject_id = $3 AND approval_id <> $4 AND outcome IS NULL
                AND expires_at > $5
            """,
            community_id, row.gate_id, row.subject_id, row.approval_id, now,
        )
    )  # fmt: skip


async def count_asked(conn: Connection, *, community_id: UUID, right: RightRow, since: datetime) -> int:
    """How often a home was asked about that pass or delivery since then."""
    count: int = await conn.fetchval(
        """
        SELECT count(*) FROM approval WHERE community_id = $1 AND source = $2 AND source_id = $3 AND asked_at > $4
        """,
        community_id, right.source, right.source_id, since,
    )  # fmt: skip
    return count


async def list_open(
    conn: Connection, *, community_id: UUID, home_id: UUID, now: datetime, limit: int, approval_id: UUID | None = None
) -> list[OpenRow]:
    """What the home is being asked, oldest first; with ``approval_id`` that one alone, also answered or over."""
    return await fetch_all(
        conn,
        OpenRow,
        """
        SELECT a.approval_id, g.name AS gate, a.source, a.source_id, p.guest_name, d.order_ref, a.asked_at,
            a.expires_at, a.outcome
        FROM approval a
        JOIN gate g ON g.community_id = $1 AND g.gate_id = a.gate_id
        LEFT JOIN guest_pass p ON a.source = 'pass' AND p.community_id = $1 AND p.pass_id = a.source_id
        LEFT JOIN delivery d ON a.source = 'delivery' AND d.community_id = $1 AND d.delivery_id = a.source_id
        WHERE a.community_id = $1 AND a.home_id = $2
            AND (a.approval_id = $5 OR ($5 IS NULL AND a.outcome IS NULL AND a.expires_at > $3))
        ORDER BY a.asked_at, a.approval_id LIMIT $4
        """,
        community_id, home_id, now, limit, approval_id,
    )  # fmt: skip


async def lock_approval(
    conn: Connection, *, community_id: UUID, home_id: UUID, approval_id: UUID
) -> ApprovalRow | None:
    """A question to the home, locked."""
    return await fetch_one(
        conn,
        ApprovalRow,
        """
        SELECT approval_id, gate_id, subject_id, home_id, source, source_id, expires_at, outcome
        FROM approval WHERE community_id = $1 AND home_id = $2 AND approval_id = $3 FOR UPDATE
        """,
        community_id, home_id, approval_id,
    )  # fmt: skip


async def set_answer(conn: Connection, *, community_id: UUID, approval_id: UUID, answer: Answer, now: datetime) -> None:
    """Keep the home's answer."""
    await conn.execute(
        "UPDATE approval SET outcome = $3, answered_at = $4 WHERE community_id = $1 AND approval_id = $2",
        community_id, approval_id, answer, now,
    )  # fmt: skip


async def announce(conn: Connection, *, community_id: UUID) -> None:
    """Wake the requests that wait for answers of the community's homes, once this transaction commits."""
    await conn.execute("SELECT pg_notify($1, $2)", CHANNEL, str(community_id))


async def delete_old_approvals(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete questions whose time was up before then, at most ``limit``; how many. The worker's."""
    return affected(
        await conn.execute(
            """
            DELETE FROM approval WHERE community_id = $1 AND approval_id IN (
                SELECT approval_id FROM approval
                WHERE community_id = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip
