"""SQL of entries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.entries.intake import Intake
from backend.kit.db import Connection, affected, fetch_all

__all__ = [
    "EntryKey",
    "EntryRow",
    "OwnEntryKey",
    "OwnEntryRow",
    "delete_entries",
    "hold_doubles",
    "insert_doubles",
    "insert_entries",
    "list_entries",
    "list_own_entries",
]

# Cursors come back from outside: what the database could not take is refused where they are read.
_At = Annotated[datetime, Meta(tz=True)]
_Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class EntryKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a community's entries ended: the columns that they are ordered by."""

    at: _At
    gate_id: UUID
    store_epoch: _Number
    seq: _Number


class OwnEntryKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a person's entries ended."""

    at: _At
    community_id: UUID
    gate_id: UUID
    store_epoch: _Number
    seq: _Number


class EntryRow(msgspec.Struct, frozen=True):
    """An event of a gate, with the name that the register knows the subject by."""

    gate_id: UUID
    store_epoch: int
    seq: int
    kind: str
    at: datetime
    clock_wrong: bool
    received_at: datetime
    outcome: str | None
    reason: str | None
    subject_id: UUID | None
    name: str | None
    stale_for_s: float | None
    detail: str | None
    via: str | None


class OwnEntryRow(msgspec.Struct, frozen=True):
    """An event about the person who asks."""

    community_id: UUID
    gate_id: UUID
    store_epoch: int
    seq: int
    at: datetime
    clock_wrong: bool
    outcome: str | None
    reason: str | None
    via: str | None


async def insert_entries(
    conn: Connection, *, community_id: UUID, gate_id: UUID, events: Sequence[Intake], now: datetime
) -> frozenset[int]:
    """Keep the events of one store that were not kept before; the numbers of those."""
    new = await conn.fetch(
        """
        INSERT INTO entry (community_id, gate_id, received_at, store_epoch, seq, kind, at, clock_wrong, outcome,
                           reason, subject_id, stale_for_s, detail, via, credential)
        SELECT $1, $2, $3, e.*
        FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[], $8::boolean[], $9::text[],
                    $10::text[], $11::uuid[], $12::real[], $13::text[], $14::text[], $15::text[]) AS e
        ON CONFLICT DO NOTHING RETURNING seq
        """,
        community_id,
        gate_id,
        now,
        [e.store_epoch for e in events],
        [e.seq for e in events],
        [e.kind for e in events],
        [e.at for e in events],
        [e.clock_wrong for e in events],
        [e.outcome for e in events],
        [e.reason for e in events],
        [e.subject_id for e in events],
        [e.stale_for_s for e in events],
        [e.detail for e in events],
        [e.via for e in events],
        [e.credential for e in events],
    )
    return frozenset(row["seq"] for row in new)


async def hold_doubles(conn: Connection, *, community_id: UUID) -> None:
    """Let nobody else look for codes at two gates of the community until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('entry-doubles:' || $1::uuid, 0))", community_id)


async def insert_doubles(
    conn: Connection,
    *,
    community_id: UUID,
    gate_id: UUID,
    events: Sequence[Intake],
    within: timedelta,
    now: datetime,
) -> int:
    """Keep an alarm for each of the gate's events whose code has opened another gate within that time; how many.

    Each once: its number comes from the event's, in a store epoch that no gate's outbox has, 0. ``events`` have a
    credential and are kept already.
    """
    new = await conn.fetch(
        """
        INSERT INTO entry (community_id, gate_id, received_at, store_epoch, seq, kind, at, clock_wrong, detail)
        SELECT $1, $2, $3, 0, 1 + (hashtextextended(e.store_epoch || '/' || e.seq, 0) & 9223372036854775806), 'alarm',
            e.at, false, 'code-at-two-gates:' || e.credential
        FROM unnest($4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[]) AS e (store_epoch, seq, at, credential)
        WHERE EXISTS (
            SELECT FROM entry o
            WHERE o.community_id = $1 AND o.at BETWEEN e.at - $8::interval AND e.at + $8::interval
                AND o.gate_id <> $2 AND o.credential = e.credential AND o.outcome = 'allow'
        )
        ON CONFLICT DO NOTHING RETURNING seq
        """,
        community_id,
        gate_id,
        now,
        [e.store_epoch for e in events],
        [e.seq for e in events],
        [e.at for e in events],
        [e.credential for e in events],
        within,
    )
    return len(new)


async def list_entries(
    conn: Connection,
    *,
    community_id: UUID,
    gate_id: UUID | None,
    subject_id: UUID | None,
    kind: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    after: EntryKey | None,
    limit: int,
) -> list[EntryRow]:
    """The community's events, newest first, that fit all that is not ``None``; at most ``limit + 1``."""
    last = msgspec.structs.astuple(after) if after is not None else (None,) * 4
    return await fetch_all(
        conn,
        EntryRow,
        """
        -- The name for each row of the page: as a join it is looked up for everybody in the community first, since the
        -- planner takes the scope and the condition on the community for two restrictions and expects next to nobody.
        SELECT e.gate_id, e.store_epoch, e.seq, e.kind, e.at, e.clock_wrong, e.received_at, e.outcome, e.reason,
               e.subject_id, (
                   SELECT p.name FROM subject s JOIN person p ON p.person_id = s.person_id
                   WHERE s.community_id = e.community_id AND s.subject_id = e.subject_id
               ) AS name, e.stale_for_s, e.detail, e.via
        FROM entry e
        WHERE e.community_id = $1
            AND ($2::uuid IS NULL OR e.gate_id = $2)
            AND ($3::uuid IS NULL OR e.subject_id = $3)
            AND ($4::text IS NULL OR e.kind = $4)
            AND ($5::text IS NULL OR e.outcome = $5)
            AND ($6::timestamptz IS NULL OR e.at >= $6)
            AND ($7::timestamptz IS NULL OR e.at < $7)
            AND ($9::timestamptz IS NULL
                 OR (e.at, e.gate_id, e.store_epoch, e.seq) < ($9, $10::uuid, $11::bigint, $12::bigint))
        ORDER BY e.at DESC, e.gate_id DESC, e.store_epoch DESC, e.seq DESC
        LIMIT $8
        """,
        community_id, gate_id, subject_id, kind, outcome, since, until, limit + 1, *last,
    )  # fmt: skip


async def list_own_entries(
    conn: Connection, *, person_id: UUID, after: OwnEntryKey | None, limit: int
) -> list[OwnEntryRow]:
    """The person's own entries in every community that knows him, newest first; at most ``limit + 1``.

    Needs his own scope.
    """
    last = msgspec.structs.astuple(after) if after is not None else (None,) * 5
    return await fetch_all(
        conn,
        OwnEntryRow,
        """
        SELECT e.community_id, e.gate_id, e.store_epoch, e.seq, e.at, e.clock_wrong, e.outcome, e.reason,
               e.via
        FROM subject s
        JOIN entry e ON e.community_id = s.community_id AND e.subject_id = s.subject_id
        WHERE s.person_id = $1 AND e.kind = 'entry'
            AND ($3::timestamptz IS NULL OR (e.at, e.community_id, e.gate_id, e.store_epoch, e.seq)
                 < ($3, $4::uuid, $5::uuid, $6::bigint, $7::bigint))
        ORDER BY e.at DESC, e.community_id DESC, e.gate_id DESC, e.store_epoch DESC, e.seq DESC
        LIMIT $2
        """,
        person_id, limit + 1, *last,
    )  # fmt: skip


async def delete_entries(conn: Connection, *, community_id: UUID, before: datetime, denied: bool, limit: int) -> int:
    """Delete entries that happened before that time, at most ``limit``; how many. The worker's.

    Args:
        conn: a transaction in the community's scope.
        community_id: whose.
        before: with time zone.
        denied: those that were denied, or all the others.
        limit: at most so many.
    """
    return affected(
        await conn.execute(
            """
            DELETE FROM entry WHERE community_id = $1 AND (gate_id, store_epoch, seq) IN (
                SELECT gate_id, store_epoch, seq FROM entry
                WHERE community_id = $1 AND at < $2 AND (outcome IS NOT DISTINCT FROM 'deny') = $3
                ORDER BY at LIMIT $4
            )
            """,
            community_id, before, denied, limit,
        )
    )  # fmt: skip
