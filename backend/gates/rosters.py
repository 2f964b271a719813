"""SQL of reading the roster, for sync. Nothing here writes."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = ["HeadRow", "RosterRow", "digest", "get_head", "get_plan", "list_changes", "list_entries", "list_in_service"]


class HeadRow(msgspec.Struct, frozen=True):
    """A community's roster version and what its head tells gates to decide by. Leases in seconds.

    ``forgotten_version`` is the newest removal that the roster no longer remembers. ``frame_hours`` is how long
    pictures of denied approaches are kept, until ``frames_until``, where the community has turned that on.
    ``plan_revision`` and ``plan_sha256`` are of the plan of its doors, where there is one. ``threshold`` is the
    community's own for the pack of most of its people, where there is one, ``more_thresholds`` those for others.
    """

    epoch: int
    version: int
    forgotten_version: int
    fpir: float
    standing_lease_s: int
    visiting_lease_s: int
    wipe_after_s: int
    plan_revision: int | None
    plan_sha256: bytes | None
    frame_hours: int | None
    frames_until: datetime | None
    threshold: float | None
    threshold_pack: str | None
    more_packs: list[str] | None = None
    more_thresholds: list[float] | None = None


class RosterRow(msgspec.Struct, frozen=True):
    """One subject's state; without ``body`` it is to be removed."""

    subject_id: UUID
    version: int
    body: bytes | None


class DigestRow(msgspec.Struct, frozen=True):
    """How many entries the roster has, and the SHA-256 over their subjects and hashes."""

    count: int
    digest: bytes


class _Body(msgspec.Struct, frozen=True):
    body: bytes


class _GateId(msgspec.Struct, frozen=True):
    gate_id: UUID


async def get_head(conn: Connection, *, community_id: UUID) -> HeadRow | None:
    """The community's head, unsigned."""
    return await fetch_one(
        conn,
        HeadRow,
        """
        SELECT h.epoch, h.version, h.forgotten_version, c.fpir, c.standing_lease_s, c.visiting_lease_s, c.wipe_after_s,
            p.revision AS plan_revision, p.sha256 AS plan_sha256, f.hours AS frame_hours, f.ends_at AS frames_until,
            t.packs[1] AS threshold_pack, t.thresholds[1] AS threshold,
            t.packs[2:] AS more_packs, t.thresholds[2:] AS more_thresholds
        FROM roster_head h JOIN community c USING (community_id)
        LEFT JOIN denied_frame_policy f USING (community_id)
        LEFT JOIN door_plan p ON p.community_id = h.community_id AND p.revision > 0
        LEFT JOIN LATERAL (
            SELECT array_agg(pack ORDER BY gallery_size DESC, pack) AS packs,
                array_agg(threshold ORDER BY gallery_size DESC, pack) AS thresholds
            FROM community_threshold WHERE community_id = $1
        ) t ON true
        WHERE h.community_id = $1
        """,
        community_id,
    )


async def get_plan(conn: Connection, *, community_id: UUID) -> bytes:
    """The bytes of the community's plan, which the head of the same snapshot names."""
    row = await require_one(
        conn, _Body, "SELECT body FROM door_plan WHERE community_id = $1 AND revision > 0", community_id
    )
    return row.body


async def digest(conn: Connection, *, community_id: UUID) -> DigestRow:
    """The digest as :func:`gate_sdk.wire.roster_digest` defines it. PostgreSQL orders uuids by their bytes too."""
    return await require_one(
        conn,
        DigestRow,
        """
        SELECT count(*) AS count,
            sha256(
                coalesce(string_agg(uuid_send(subject_id) || entry_hash, ''::bytea ORDER BY subject_id), ''::bytea)
            ) AS digest
        FROM roster WHERE community_id = $1 AND body IS NOT NULL
        """,
        community_id,
    )


async def list_changes(conn: Connection, *, community_id: UUID, since: int, limit: int) -> list[RosterRow]:
    """What changed after version ``since``, in the order of the versions, removals included."""
    return await fetch_all(
        conn,
        RosterRow,
        """
        SELECT subject_id, version, body FROM roster
        WHERE community_id = $1 AND version > $2 ORDER BY version LIMIT $3
        """,
        community_id, since, limit,
    )  # fmt: skip


async def list_entries(conn: Connection, *, community_id: UUID, after: UUID, limit: int) -> list[RosterRow]:
    """What stands in the roster, in the order of the subjects, beginning after ``after``."""
    return await fetch_all(
        conn,
        RosterRow,
        """
        SELECT subject_id, version, body FROM roster
        WHERE community_id = $1 AND subject_id > $2 AND body IS NOT NULL ORDER BY subject_id LIMIT $3
        """,
        community_id, after, limit,
    )  # fmt: skip


async def list_in_service(conn: Connection, *, community_id: UUID) -> frozenset[UUID]:
    """The community's gates that may be told anything."""
    rows = await fetch_all(
        conn, _GateId, "SELECT gate_id FROM gate WHERE community_id = $1 AND revoked_at IS NULL", community_id
    )
    return frozenset(row.gate_id for row in rows)
