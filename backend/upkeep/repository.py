"""SQL on restored databases: what came back that must not serve as it is. In the platform's scope, as the worker."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.keys.repository import TombstoneRow
from backend.kit.db import Connection, fetch_all

__all__ = [
    "EndRow",
    "FaceRow",
    "delete_claims",
    "delete_log_ins",
    "gather_statistics",
    "has_data",
    "has_keys",
    "list_communities",
    "list_destroyed",
    "list_ends",
    "list_faces",
    "list_standing",
    "list_tombstones",
    "new_epoch",
    "skip_event_numbers",
]


#: Seconds for what goes through a whole table, or through all of them.
_LONG_S = 3600


class FaceRow(msgspec.Struct, frozen=True):
    """A person of whose face there is ciphertext, and when the newest of it was made."""

    person_id: UUID
    newest_at: datetime


class EndRow(msgspec.Struct, frozen=True):
    """Something that ends for good: a tenancy, a membership, a gate's service."""

    kind: Literal["tenancy", "member", "gate"]
    community_id: UUID
    thing_id: UUID


class _Community(msgspec.Struct, frozen=True):
    community_id: UUID


async def list_communities(conn: Connection) -> list[UUID]:
    """Every community."""
    rows = await fetch_all(conn, _Community, "SELECT community_id FROM community ORDER BY community_id")
    return [row.community_id for row in rows]


async def new_epoch(conn: Connection) -> int:
    """Begin a new roster epoch for the community in scope; answers it."""
    epoch: int = await conn.fetchval("SELECT roster_new_epoch()")
    return epoch


async def list_destroyed(conn: Connection) -> list[TombstoneRow]:
    """Whose key an erasure has destroyed, as the data say."""
    return await fetch_all(
        conn,
        TombstoneRow,
        """
        SELECT e.person_id, s.done_at AS destroyed_at FROM erasure e JOIN erasure_step s USING (erasure_id)
        WHERE s.name = 'key' AND s.done_at IS NOT NULL
        """,
    )


async def list_ends(conn: Connection) -> list[EndRow]:
    """What has ended; tenancies first, since their members end with them."""
    return await fetch_all(
        conn,
        EndRow,
        """
        SELECT kind, community_id, thing_id FROM (
            SELECT 1 AS rank, 'tenancy' AS kind, community_id, tenancy_id AS thing_id FROM tenancy
            WHERE ended_at IS NOT NULL
            UNION ALL SELECT 2, 'member', community_id, member_id FROM member WHERE ended_at IS NOT NULL
            UNION ALL SELECT 3, 'gate', community_id, gate_id FROM gate WHERE revoked_at IS NOT NULL
        ) thing ORDER BY rank, community_id, thing_id
        """,
    )


async def list_standing(conn: Connection, *, things: Sequence[EndRow]) -> list[EndRow]:
    """Those of the things that have not ended here, in the order in which they are given."""
    return await fetch_all(
        conn,
        EndRow,
        """
        SELECT g.kind, g.community_id, g.thing_id
        FROM unnest($1::text[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS g (kind, community_id, thing_id, place)
        WHERE CASE g.kind
            WHEN 'tenancy' THEN EXISTS (
                SELECT FROM tenancy t
                WHERE t.community_id = g.community_id AND t.tenancy_id = g.thing_id AND t.ended_at IS NULL)
            WHEN 'member' THEN EXISTS (
                SELECT FROM member m
                WHERE m.community_id = g.community_id AND m.member_id = g.thing_id AND m.ended_at IS NULL)
            ELSE EXISTS (
                SELECT FROM gate
                WHERE gate.community_id = g.community_id AND gate.gate_id = g.thing_id AND gate.revoked_at IS NULL)
        END
        ORDER BY g.place
        """,
        [thing.kind for thing in things],
        [thing.community_id for thing in things],
        [thing.thing_id for thing in things],
    )


async def list_faces(conn: Connection, *, beyond: UUID, limit: int) -> list[FaceRow]:
    """The next people of whose faces there is ciphertext, by their ids."""
    return await fetch_all(
        conn,
        FaceRow,
        """
        SELECT person_id, max(at) AS newest_at FROM (
            SELECT person_id, taken_at AS at FROM enrolment_photo WHERE person_id > $1
            UNION ALL SELECT person_id, made_at FROM template WHERE person_id > $1
        ) face GROUP BY person_id ORDER BY person_id LIMIT $2
        """,
        beyond,
        limit,
    )


async def gather_statistics(conn: Connection) -> None:
    """Tell the planner what the tables hold, which a dump does not.

    The first minute after a restore is when every gate fetches its whole roster anew: plans made for empty tables
    would let them wait.
    """
    await conn.execute("ANALYZE", timeout=_LONG_S)


async def delete_log_ins(conn: Connection) -> None:
    """End every log-in, and forget the codes that are not used yet: some were ended or used after the backup."""
    await conn.execute("DELETE FROM session", timeout=_LONG_S)
    await conn.execute("DELETE FROM login_challenge", timeout=_LONG_S)


async def delete_claims(conn: Connection) -> None:
    """Void the claim codes of the community's gates that are not used yet: some were used after the backup."""
    await conn.execute("DELETE FROM gate_claim WHERE used_at IS NULL")


async def skip_event_numbers(conn: Connection) -> None:
    """Number companies' events beyond whatever they have read of what the backup does not remember.

    Who goes on from a number that was given out after the backup would miss all that get it anew. Seconds since 1970:
    nobody is told of more than one event a second for years, and restoring twice never gives a number twice.
    """
    await conn.execute(
        "UPDATE partner_event_head SET seq = greatest(seq + 1, extract(epoch FROM clock_timestamp())::bigint)"
    )


async def list_tombstones(conn: Connection) -> list[TombstoneRow]:
    """Every destruction that this key store knows; of one that was never used, none."""
    if await conn.fetchval("SELECT to_regclass('key_tombstone')") is None:
        return []
    return await fetch_all(conn, TombstoneRow, "SELECT person_id, destroyed_at FROM key_tombstone")


async def has_data(conn: Connection) -> bool:
    """Whether this is a data database that was migrated."""
    found: bool = await conn.fetchval("SELECT to_regclass('erasure_step') IS NOT NULL")
    return found


async def has_keys(conn: Connection) -> bool:
    """Whether this is a key store with something in it."""
    if await conn.fetchval("SELECT to_regclass('secret')") is None:
        return False
    found: bool = await conn.fetchval("SELECT EXISTS (SELECT FROM secret)")
    return found
