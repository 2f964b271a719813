"""SQL of grants, credentials and the roster's head. The roster itself is written by triggers only."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access.windows import GrantState, Presence, Window
from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one
from gate_sdk.wire import GrantKind

__all__ = [
    "CredentialRow",
    "GrantRow",
    "RosterVersion",
    "access_tick",
    "delete_credentials",
    "delete_ended_grants",
    "delete_idle_subjects",
    "delete_restriction",
    "end_grants_of_source",
    "forget_removals",
    "get_credential",
    "get_roster_version",
    "insert_grants",
    "insert_restriction",
    "list_due_communities",
    "list_grants_of_source",
    "list_kinds",
    "roster_hold",
    "update_window",
    "upsert_credential",
]


class RosterVersion(msgspec.Struct, frozen=True):
    """How far a community's roster has come: versions count its changes within an epoch, without gaps."""

    epoch: int
    version: int


class GrantRow(msgspec.Struct, frozen=True):
    """A grant, as its window is moved."""

    grant_id: UUID
    kind: str


class CredentialRow(msgspec.Struct, frozen=True):
    """Which template stands for a subject; ``next_template_id`` is one by another model pack beside it."""

    template_id: UUID
    activated_at: datetime
    next_template_id: UUID | None = None


class NewGrantRow(msgspec.Struct, frozen=True):
    """A grant to be inserted, its presence and state already decided."""

    subject_id: UUID
    kind: GrantKind
    source: str
    source_id: UUID
    window: Window
    presence: Presence
    state: GrantState
    door_groups: tuple[UUID, ...] | None = None
    ask_first: bool = False


class _Id(msgspec.Struct, frozen=True):
    id: UUID


class _Kind(msgspec.Struct, frozen=True):
    kind: str


async def roster_hold(conn: Connection) -> None:
    """Take the roster of the community in scope until the transaction ends; see the migration."""
    await conn.execute("SELECT roster_hold()")


async def insert_grants(
    conn: Connection, *, community_id: UUID, grants: Sequence[NewGrantRow], now: datetime
) -> list[UUID]:
    """Many grants in one statement, so that the roster is projected once; their ids in the order given."""
    rows = await fetch_all(
        conn,
        _Id,
        """
        WITH given AS (
            SELECT gen_random_uuid() AS grant_id, g.*
            FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::timestamptz[],
                        $8::timestamptz[], $9::timestamptz[], $10::text[], $12::text[], $13::boolean[])
                WITH ORDINALITY AS g (subject_id, kind, source, source_id, valid_from, valid_until,
                                      present_from, present_until, state, door_groups, ask_first, position)
        ), inserted AS (
            INSERT INTO access_grant (community_id, grant_id, subject_id, kind, source, source_id, valid_from,
                                      valid_until, present_from, present_until, state, door_groups, ask_first,
                                      created_at, ended_at)
            SELECT $1, grant_id, subject_id, kind, source, source_id, valid_from, valid_until, present_from,
                   present_until, state, door_groups::uuid[], ask_first, $11,
                   CASE WHEN state = 'ended' THEN $11::timestamptz END
            FROM given
        )
        SELECT grant_id AS id FROM given ORDER BY position
        """,
        community_id,
        [g.subject_id for g in grants],
        [g.kind.value for g in grants],
        [g.source for g in grants],
        [g.source_id for g in grants],
        [g.window.begin for g in grants],
        [g.window.until for g in grants],
        [g.presence.begin for g in grants],
        [g.presence.until for g in grants],
        [g.state for g in grants],
        now,
        # An array of arrays would have to be as wide everywhere.
        [None if g.door_groups is None else "{" + ",".join(map(str, g.door_groups)) + "}" for g in grants],
        [g.ask_first for g in grants],
    )
    return [row.id for row in rows]


async def list_grants_of_source(
    conn: Connection, *, community_id: UUID, source: str, source_id: UUID
) -> list[GrantRow]:
    """What rests on that source and has not ended."""
    return await fetch_all(
        conn,
        GrantRow,
        """
        SELECT grant_id, kind
        FROM access_grant
        WHERE community_id = $1 AND source = $2 AND source_id = $3 AND state <> 'ended'
        ORDER BY grant_id
        """,
        community_id, source, source_id,
    )  # fmt: skip


async def update_window(
    conn: Connection, *, community_id: UUID, grant_id: UUID, window: Window, presence: Presence, state: GrantState,
    now: datetime,
) -> None:  # fmt: skip
    """Move a grant's window."""
    await conn.execute(
        """
        UPDATE access_grant SET valid_from = $3, valid_until = $4, present_from = $5, present_until = $6, state = $7,
            ended_at = CASE WHEN $7 = 'ended' THEN $8::timestamptz END
        WHERE community_id = $1 AND grant_id = $2
        """,
        community_id, grant_id, window.begin, window.until, presence.begin, presence.until, state, now,
    )  # fmt: skip


async def end_grants_of_source(
    conn: Connection, *, community_id: UUID, source: str, source_id: UUID, now: datetime
) -> int:
    """End what rests on that source; how many."""
    ended = await conn.fetch(
        """
        UPDATE access_grant SET state = 'ended', ended_at = $4
        WHERE community_id = $1 AND source = $2 AND source_id = $3 AND state <> 'ended'
        RETURNING grant_id
        """,
        community_id, source, source_id, now,
    )  # fmt: skip
    return len(ended)


async def list_kinds(conn: Connection, *, community_id: UUID, subject_id: UUID) -> list[GrantKind]:
    """The kinds of the subject's grants that have not ended."""
    rows = await fetch_all(
        conn,
        _Kind,
        """
        SELECT DISTINCT kind FROM access_grant
        WHERE community_id = $1 AND subject_id = $2 AND state <> 'ended'
        """,
        community_id, subject_id,
    )  # fmt: skip
    return [GrantKind(row.kind) for row in rows]


async def upsert_credential(
    conn: Connection, *, community_id: UUID, subject_id: UUID, template_id: UUID, pack: str, template_sha256: bytes,
    now: datetime,
) -> None:  # fmt: skip
    """Which template stands for the subject from now on, and none beside it."""
    await conn.execute(
        """
        INSERT INTO face_credential (community_id, subject_id, template_id, pack, template_sha256, activated_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (community_id, subject_id) DO UPDATE SET template_id = excluded.template_id,
            pack = excluded.pack, template_sha256 = excluded.template_sha256, activated_at = excluded.activated_at,
            next_template_id = NULL, next_pack = NULL, next_sha256 = NULL
        """,
        community_id, subject_id, template_id, pack, template_sha256, now,
    )  # fmt: skip


async def get_credential(conn: Connection, *, community_id: UUID, subject_id: UUID) -> CredentialRow | None:
    """The subject's credential, if a face of his is active."""
    return await fetch_one(
        conn,
        CredentialRow,
        """
        SELECT template_id, activated_at, next_template_id
        FROM face_credential WHERE community_id = $1 AND subject_id = $2
        """,
        community_id, subject_id,
    )  # fmt: skip


async def delete_credentials(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """No template stands for any of the subjects any more."""
    await conn.execute(
        "DELETE FROM face_credential WHERE community_id = $1 AND subject_id = ANY ($2)", community_id, subject_ids
    )


async def delete_idle_subjects(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Forget those of the subjects whose grants have all ended, with them. The roster remembers the removals.

    Their grants first: one statement for all of them, where the subjects' deletion would take one each.
    """
    idle = await fetch_all(
        conn,
        _Id,
        """
        SELECT s.subject_id AS id FROM subject s WHERE s.community_id = $1 AND s.subject_id = ANY ($2) AND NOT EXISTS (
            SELECT FROM access_grant g
            WHERE g.community_id = $1 AND g.subject_id = s.subject_id AND g.state <> 'ended'
        )
        """,
        community_id, subject_ids,
    )  # fmt: skip
    ids = [row.id for row in idle]
    await conn.execute("DELETE FROM access_grant WHERE community_id = $1 AND subject_id = ANY ($2)", community_id, ids)
    await conn.execute("DELETE FROM subject WHERE community_id = $1 AND subject_id = ANY ($2)", community_id, ids)


async def get_roster_version(conn: Connection, *, community_id: UUID) -> RosterVersion:
    """The roster's head.

    Raises:
        LookupError: the community has none, or is not in scope.
    """
    return await require_one(
        conn, RosterVersion, "SELECT epoch, version FROM roster_head WHERE community_id = $1", community_id
    )


async def access_tick(conn: Connection, *, community_id: UUID, at: datetime, limit: int) -> int:
    """Move the community's grants whose time has come, at most ``limit``; how many."""
    moved: int = await conn.fetchval("SELECT access_tick($1, $2, $3)", community_id, at, limit)
    return moved


async def list_due_communities(conn: Connection, *, at: datetime) -> list[UUID]:
    """Communities in which a grant's time has come. Needs the platform scope and the worker's role."""
    rows = await fetch_all(
        conn,
        _Id,
        """
        SELECT community_id AS id FROM access_grant WHERE state = 'scheduled' AND present_from <= $1
        UNION
        SELECT community_id FROM access_grant
        WHERE state <> 'ended' AND present_until IS NOT NULL AND present_until <= $1
        """,
        at,
    )
    return [row.id for row in rows]


async def forget_removals(conn: Connection, *, before: datetime, now: datetime, limit: int) -> int:
    """Forget who was removed from the roster of the community in scope before that time; how many. The worker's.

    A removal that a gate may not have heard of is kept, whatever ``before`` says.
    """
    forgotten: int = await conn.fetchval("SELECT roster_forget($1, $2, $3)", before, now, limit)
    return forgotten


async def delete_ended_grants(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete grants that ended before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM access_grant WHERE community_id = $1 AND grant_id IN (
                SELECT grant_id FROM access_grant
                WHERE community_id = $1 AND state = 'ended' AND ended_at < $2 ORDER BY ended_at LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip


async def insert_restriction(conn: Connection, *, community_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Leave the subject's face out of use. Repeating is harmless."""
    await conn.execute(
        """
        INSERT INTO face_restriction (community_id, subject_id, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
        """,
        community_id, subject_id, now,
    )  # fmt: skip


async def delete_restriction(conn: Connection, *, community_id: UUID, subject_id: UUID) -> None:
    """Let the subject's face be used again. Repeating is harmless."""
    await conn.execute(
        "DELETE FROM face_restriction WHERE community_id = $1 AND subject_id = $2", community_id, subject_id
    )
