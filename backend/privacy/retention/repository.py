"""SQL of retention: what communities have set, how far enforcement is, and what spans several nouns."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all

__all__ = [
    "PLATFORM",
    "RunRow",
    "SettingRow",
    "delete_idle_subjects",
    "delete_old_erasures",
    "delete_old_receipts",
    "list_communities",
    "list_idle_people",
    "list_runs",
    "list_settings",
    "note_enforced",
    "note_removed",
    "put_setting",
]

#: Under which runs stand that belong to no community.
PLATFORM = UUID(int=0)


class SettingRow(msgspec.Struct, frozen=True):
    """A community's own number of days."""

    rule: str
    days: int


class RunRow(msgspec.Struct, frozen=True):
    """How far a rule is enforced: ``enforced_at`` is when nothing over its time was left."""

    rule: str
    removed: int
    enforced_at: datetime | None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def list_communities(conn: Connection) -> list[UUID]:
    """Every community. Any scope."""
    return [row.id for row in await fetch_all(conn, _Id, "SELECT community_id AS id FROM community ORDER BY 1")]


async def list_settings(conn: Connection, *, community_id: UUID) -> list[SettingRow]:
    """What the community has set."""
    return await fetch_all(
        conn, SettingRow, "SELECT rule, days FROM retention_setting WHERE community_id = $1", community_id
    )


async def put_setting(
    conn: Connection, *, community_id: UUID, rule: str, days: int, staff_id: UUID, now: datetime
) -> None:
    """Set a rule's days for the community."""
    await conn.execute(
        """
        INSERT INTO retention_setting (community_id, rule, days, set_at, set_by) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (community_id, rule)
        DO UPDATE SET days = excluded.days, set_at = excluded.set_at, set_by = excluded.set_by
        """,
        community_id, rule, days, now, staff_id,
    )  # fmt: skip


async def list_runs(conn: Connection, *, community_id: UUID) -> list[RunRow]:
    """How far each rule is enforced in the community, or on the platform."""
    return await fetch_all(
        conn,
        RunRow,
        "SELECT rule, removed, enforced_at FROM retention_run WHERE community_id = $1",
        community_id,
    )


async def note_removed(conn: Connection, *, community_id: UUID, rule: str, removed: int, now: datetime) -> None:
    """Count what this transaction removes."""
    await conn.execute(
        """
        INSERT INTO retention_run AS r (community_id, rule, removed, removed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (community_id, rule)
        DO UPDATE SET removed = r.removed + excluded.removed, removed_at = excluded.removed_at
        """,
        community_id, rule, removed, now,
    )  # fmt: skip


async def note_enforced(conn: Connection, *, community_id: UUID, rule: str, now: datetime) -> None:
    """Nothing over the rule's time is left."""
    await conn.execute(
        """
        INSERT INTO retention_run (community_id, rule, enforced_at) VALUES ($1, $2, $3)
        ON CONFLICT (community_id, rule) DO UPDATE SET enforced_at = excluded.enforced_at
        """,
        community_id, rule, now,
    )  # fmt: skip


async def delete_old_receipts(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete gates' receipts older than that, at most ``limit``; how many.

    Not a gate's newest one, which answers for every erasure to come that changes nothing in the roster; nor the first
    one at or after the version of an erasure, which proves that the gate has let go.
    """
    return affected(
        await conn.execute(
            """
            DELETE FROM roster_receipt WHERE community_id = $1 AND (gate_id, epoch, version) IN (
                SELECT r.gate_id, r.epoch, r.version FROM roster_receipt r
                WHERE r.community_id = $1 AND r.confirmed_at < $2
                    AND EXISTS (
                        SELECT FROM roster_receipt later
                        WHERE later.community_id = $1 AND later.gate_id = r.gate_id
                            AND (later.epoch, later.version) > (r.epoch, r.version)
                    )
                    AND NOT EXISTS (
                        SELECT FROM erasure_place p
                        WHERE p.community_id = $1 AND (p.roster_epoch, p.roster_version) <= (r.epoch, r.version)
                            AND NOT EXISTS (
                                SELECT FROM roster_receipt first
                                WHERE first.community_id = $1 AND first.gate_id = r.gate_id
                                    AND (first.epoch, first.version) < (r.epoch, r.version)
                                    AND (first.epoch, first.version) >= (p.roster_epoch, p.roster_version)
                            )
                    )
                LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip


async def delete_idle_subjects(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Forget pseudonyms made before that time which nothing in the community names, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM subject WHERE community_id = $1 AND subject_id IN (
                SELECT s.subject_id FROM subject s
                WHERE s.community_id = $1 AND s.created_at < $2
                    AND NOT EXISTS (SELECT FROM access_grant o
                        WHERE o.community_id = $1 AND o.subject_id = s.subject_id)
                    AND NOT EXISTS (SELECT FROM face_credential o
                        WHERE o.community_id = $1 AND o.subject_id = s.subject_id)
                    AND NOT EXISTS (SELECT FROM entry o WHERE o.community_id = $1 AND o.subject_id = s.subject_id)
                    AND NOT EXISTS (SELECT FROM guest_pass o WHERE o.community_id = $1 AND o.subject_id = s.subject_id)
                    AND NOT EXISTS (SELECT FROM courier_shift o
                        WHERE o.community_id = $1 AND o.subject_id = s.subject_id)
                    AND NOT EXISTS (SELECT FROM delivery o WHERE o.community_id = $1 AND o.subject_id = s.subject_id)
                    AND NOT EXISTS (SELECT FROM face_review o
                        WHERE o.community_id = $1 AND o.subject_id = s.subject_id AND o.state = 'pending')
                    AND NOT EXISTS (SELECT FROM member o
                        WHERE o.community_id = $1 AND o.person_id = s.person_id AND o.state <> 'ended')
                    AND NOT EXISTS (SELECT FROM erasure_place o JOIN erasure e USING (erasure_id)
                        JOIN erasure_step t USING (erasure_id)
                        WHERE o.community_id = $1 AND o.subject_id = s.subject_id AND e.completed_at IS NULL
                            AND t.done_at IS NULL)
                ORDER BY s.subject_id LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip


async def list_idle_people(conn: Connection, *, before: datetime, limit: int) -> list[UUID]:
    """People known since before that time to whom nothing refers. The worker's, in the platform scope."""
    return [
        row.id
        for row in await fetch_all(
            conn,
            _Id,
            """
            SELECT p.person_id AS id FROM person p
            WHERE p.created_at < $1
                AND NOT EXISTS (SELECT FROM account o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM subject o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM member o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM visitor_link o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM courier o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM courier_employment o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM consent o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM enrolment o WHERE o.person_id = p.person_id)
                AND NOT EXISTS (SELECT FROM erasure o JOIN erasure_step t USING (erasure_id)
                    WHERE o.person_id = p.person_id AND o.completed_at IS NULL AND t.done_at IS NULL)
            ORDER BY p.person_id LIMIT $2
            """,
            before, limit,
        )
    ]  # fmt: skip


async def delete_old_erasures(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete the records of erasures completed before that time, at most ``limit``; how many. Platform scope."""
    return affected(
        await conn.execute(
            """
            DELETE FROM erasure WHERE erasure_id IN (
                SELECT erasure_id FROM erasure WHERE completed_at < $1 ORDER BY completed_at LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip
