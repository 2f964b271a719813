"""SQL of authorities and communities."""

from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "CapturePolicy",
    "CommunityRow",
    "get_community",
    "get_community_for_update",
    "insert_authority",
    "insert_community",
    "list_communities",
    "update_community",
]

CapturePolicy = Literal["guided", "photos"]


class CommunityRow(msgspec.Struct, frozen=True):
    """A community and what its gates are told to decide by. Leases in seconds.

    ``handler`` is who processes its people's data, by name and contact.
    """

    community_id: UUID
    name: str
    time_zone: str
    capture_policy: CapturePolicy
    fpir: float
    standing_lease_s: int
    visiting_lease_s: int
    handler: str | None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_authority(conn: Connection, *, name: str) -> UUID:
    """A new authority. Needs the platform scope."""
    row = await require_one(conn, _Id, "INSERT INTO authority (name) VALUES ($1) RETURNING authority_id AS id", name)
    return row.id


async def insert_community(
    conn: Connection,
    *,
    community_id: UUID,
    authority_id: UUID,
    name: str,
    time_zone: str,
    capture_policy: str,
    handler: str | None = None,
) -> CommunityRow:
    """A new community with an empty roster at epoch 1, version 0. Needs the scope of ``community_id``."""
    row = await require_one(
        conn,
        CommunityRow,
        """
        INSERT INTO community (community_id, authority_id, name, time_zone, capture_policy, handler)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING community_id, name, time_zone, capture_policy, fpir, standing_lease_s, visiting_lease_s, handler
        """,
        community_id, authority_id, name, time_zone, capture_policy, handler,
    )  # fmt: skip
    await conn.execute("INSERT INTO roster_head (community_id) VALUES ($1)", community_id)
    return row


async def get_community(conn: Connection, *, community_id: UUID) -> CommunityRow | None:
    """One community."""
    return await fetch_one(
        conn,
        CommunityRow,
        """
        SELECT community_id, name, time_zone, capture_policy, fpir, standing_lease_s, visiting_lease_s, handler
        FROM community WHERE community_id = $1
        """,
        community_id,
    )


async def get_community_for_update(conn: Connection, *, community_id: UUID) -> CommunityRow | None:
    """One community, locked against other edits; gates and households go on meanwhile."""
    return await fetch_one(
        conn,
        CommunityRow,
        """
        SELECT community_id, name, time_zone, capture_policy, fpir, standing_lease_s, visiting_lease_s, handler
        FROM community WHERE community_id = $1 FOR NO KEY UPDATE
        """,
        community_id,
    )


async def list_communities(
    conn: Connection,
    *,
    authority_id: UUID,
    ids: tuple[UUID, ...] | None,
    after: tuple[str, UUID] | None = None,
    limit: int | None = None,
) -> list[CommunityRow]:
    """An authority's communities by name, after (name, community_id); only those in ``ids`` where that is given."""
    name, last = after or (None, None)
    return await fetch_all(
        conn,
        CommunityRow,
        """
        SELECT community_id, name, time_zone, capture_policy, fpir, standing_lease_s, visiting_lease_s, handler
        FROM community
        WHERE authority_id = $1 AND ($2::uuid[] IS NULL OR community_id = ANY ($2))
            AND ($3::text IS NULL OR (name, community_id) > ($3, $4::uuid))
        ORDER BY name, community_id LIMIT $5
        """,
        authority_id, ids, name, last, limit,
    )  # fmt: skip


async def update_community(
    conn: Connection,
    *,
    community_id: UUID,
    name: str | None,
    time_zone: str | None,
    capture_policy: str | None,
    standing_lease_s: int | None,
    visiting_lease_s: int | None,
    handler: str | None,
) -> CommunityRow | None:
    """Change what is not ``None``."""
    return await fetch_one(
        conn,
        CommunityRow,
        """
        UPDATE community SET
            name = coalesce($2, name),
            time_zone = coalesce($3, time_zone),
            capture_policy = coalesce($4, capture_policy),
            standing_lease_s = coalesce($5, standing_lease_s),
            visiting_lease_s = coalesce($6, visiting_lease_s),
            handler = coalesce($7, handler)
        WHERE community_id = $1
        RETURNING community_id, name, time_zone, capture_policy, fpir, standing_lease_s, visiting_lease_s, handler
        """,
        community_id, name, time_zone, capture_policy, standing_lease_s, visiting_lease_s, handler,
    )  # fmt: skip
