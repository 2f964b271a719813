"""SQL of gates, their claim codes, assertions and receipts."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "GateReceiptRow",
    "GateRow",
    "delete_expired_assertions",
    "delete_old_assertions",
    "find_gate",
    "get_gate",
    "insert_assertion",
    "insert_gate",
    "insert_receipt",
    "list_gates",
    "list_receipts",
    "lock_gate",
    "notify_roster",
    "update_acked_plan",
    "update_acknowledged",
    "update_device",
    "update_diverged",
    "update_door",
    "update_revoked",
    "update_seen",
]


class GateRow(msgspec.Struct, frozen=True):
    """A gate, its device and what it last acknowledged."""

    community_id: UUID
    gate_id: UUID
    name: str
    public_key: bytes | None
    sdk: str | None
    provisioned_at: datetime | None
    last_seen_at: datetime | None
    acked_epoch: int | None
    acked_version: int | None
    acked_at: datetime | None
    diverged_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None
    door_id: UUID | None = None
    acked_plan: int | None = None


class GateReceiptRow(msgspec.Struct, frozen=True):
    """When a gate first confirmed a state at or after some version; ``None`` while it has not."""

    gate_id: UUID
    name: str
    confirmed_at: datetime | None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_gate(conn: Connection, *, community_id: UUID, name: str, now: datetime) -> UUID:
    """A new gate without a device."""
    row = await require_one(
        conn,
        _Id,
        "INSERT INTO gate (community_id, name, created_at) VALUES ($1, $2, $3) RETURNING gate_id AS id",
        community_id, name, now,
    )  # fmt: skip
    return row.id


async def get_gate(conn: Connection, *, community_id: UUID, gate_id: UUID) -> GateRow | None:
    """One gate of the community."""
    return await fetch_one(
        conn,
        GateRow,
        """
        SELECT community_id, gate_id, name, public_key, sdk, provisioned_at, last_seen_at, acked_epoch,
            acked_version, acked_at, diverged_at, revoked_at, revoke_reason, door_id, acked_plan
        FROM gate WHERE community_id = $1 AND gate_id = $2
        """,
        community_id,
        gate_id,
    )


async def lock_gate(conn: Connection, *, community_id: UUID, gate_id: UUID) -> GateRow | None:
    """One gate of the community, kept as it is until the transaction ends."""
    return await fetch_one(
        conn,
        GateRow,
        """
        SELECT community_id, gate_id, name, public_key, sdk, provisioned_at, last_seen_at, acked_epoch,
            acked_version, acked_at, diverged_at, revoked_at, revoke_reason, door_id, acked_plan
        FROM gate WHERE community_id = $1 AND gate_id = $2 FOR UPDATE
        """,
        community_id,
        gate_id,
    )


async def find_gate(conn: Connection, *, gate_id: UUID) -> GateRow | None:
    """A gate of whatever community. Needs the platform scope."""
    return await fetch_one(
        conn,
        GateRow,
        """
        SELECT community_id, gate_id, name, public_key, sdk, provisioned_at, last_seen_at, acked_epoch,
            acked_version, acked_at, diverged_at, revoked_at, revoke_reason, door_id, acked_plan
        FROM gate WHERE gate_id = $1
        """,
        gate_id,
    )


async def list_gates(
    conn: Connection, *, community_id: UUID, after: tuple[bool, str, UUID] | None, limit: int
) -> list[GateRow]:
    """The community's gates by name, revoked ones last, those after (revoked, name, gate_id)."""
    revoked, name, last = after or (None, None, None)
    return await fetch_all(
        conn,
        GateRow,
        """
        SELECT community_id, gate_id, name, public_key, sdk, provisioned_at, last_seen_at, acked_epoch,
            acked_version, acked_at, diverged_at, revoked_at, revoke_reason, door_id, acked_plan
        FROM gate
        WHERE community_id = $1
            AND ($2::boolean IS NULL OR (revoked_at IS NOT NULL, name, gate_id) > ($2, $3::text, $4::uuid))
        ORDER BY revoked_at IS NOT NULL, name, gate_id LIMIT $5
        """,
        community_id, revoked, name, last, limit,
    )  # fmt: skip


async def update_device(
    conn: Connection, *, community_id: UUID, gate_id: UUID, public_key: bytes, sdk: str, packs: list[str], now: datetime
) -> None:
    """Another device stands in the gate's place; what the one before had acknowledged says nothing about it."""
    await conn.execute(
        """
        UPDATE gate SET public_key = $3, sdk = $4, packs = $5, provisioned_at = $6, last_seen_at = $6,
            acked_epoch = NULL, acked_version = NULL, acked_at = NULL, acked_plan = NULL
        WHERE community_id = $1 AND gate_id = $2
        """,
        community_id, gate_id, public_key, sdk, packs, now,
    )  # fmt: skip


async def update_revoked(conn: Connection, *, community_id: UUID, gate_id: UUID, reason: str, now: datetime) -> None:
    """The gate is out of service for good."""
    await conn.execute(
        "UPDATE gate SET revoked_at = $3, revoke_reason = $4 WHERE community_id = $1 AND gate_id = $2",
        community_id, gate_id, now, reason,
    )  # fmt: skip


async def insert_assertion(
    conn: Connection, *, community_id: UUID, gate_id: UUID, jti: str, expires_at: datetime
) -> bool:
    """Remember an assertion; False where it was seen before."""
    first = await conn.fetch(
        """
        INSERT INTO gate_assertion (community_id, gate_id, jti, expires_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING jti
        """,
        community_id, gate_id, jti, expires_at,
    )  # fmt: skip
    return bool(first)


async def delete_expired_assertions(conn: Connection, *, community_id: UUID, gate_id: UUID, now: datetime) -> None:
    """Forget the gate's assertions that are too old to be taken anyway."""
    await conn.execute(
        "DELETE FROM gate_assertion WHERE community_id = $1 AND gate_id = $2 AND expires_at < $3",
        community_id, gate_id, now,
    )  # fmt: skip


async def update_seen(conn: Connection, *, community_id: UUID, gate_id: UUID, now: datetime) -> None:
    """The gate asked for something."""
    await conn.execute(
        "UPDATE gate SET last_seen_at = $3 WHERE community_id = $1 AND gate_id = $2", community_id, gate_id, now
    )


async def update_acknowledged(
    conn: Connection, *, community_id: UUID, gate_id: UUID, epoch: int, version: int, now: datetime
) -> None:
    """What the gate's roster is."""
    await conn.execute(
        """
        UPDATE gate SET acked_epoch = $3, acked_version = $4, acked_at = $5, last_seen_at = $5
        WHERE community_id = $1 AND gate_id = $2
        """,
        community_id, gate_id, epoch, version, now,
    )  # fmt: skip


async def update_acked_plan(conn: Connection, *, community_id: UUID, gate_id: UUID, revision: int) -> None:
    """Which plan of the doors the gate goes by."""
    await conn.execute(
        "UPDATE gate SET acked_plan = $3 WHERE community_id = $1 AND gate_id = $2", community_id, gate_id, revision
    )


async def update_door(conn: Connection, *, community_id: UUID, gate_id: UUID, door_id: UUID | None) -> GateRow | None:
    """The gate stands at that door.

    Raises:
        asyncpg.ForeignKeyViolationError: there is no such door.
    """
    return await fetch_one(
        conn,
        GateRow,
        """
        UPDATE gate SET door_id = $3 WHERE community_id = $1 AND gate_id = $2
        RETURNING community_id, gate_id, name, public_key, sdk, provisioned_at, last_seen_at, acked_epoch,
            acked_version, acked_at, diverged_at, revoked_at, revoke_reason, door_id, acked_plan
        """,
        community_id, gate_id, door_id,
    )  # fmt: skip


async def update_diverged(conn: Connection, *, community_id: UUID, gate_id: UUID, version: int, now: datetime) -> None:
    """The gate's roster was not ours under the same version."""
    await conn.execute(
        """
        UPDATE gate SET diverged_at = $4, diverged_version = $3, last_seen_at = $4
        WHERE community_id = $1 AND gate_id = $2
        """,
        community_id, gate_id, version, now,
    )  # fmt: skip


async def insert_receipt(
    conn: Connection, *, community_id: UUID, gate_id: UUID, epoch: int, version: int, digest: bytes, verified: bool,
    now: datetime,
) -> None:  # fmt: skip
    """The first time that the gate confirmed this version; later ones change nothing."""
    await conn.execute(
        """
        INSERT INTO roster_receipt (community_id, gate_id, epoch, version, digest, verified, confirmed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """,
        community_id, gate_id, epoch, version, digest, verified, now,
    )  # fmt: skip


async def list_receipts(conn: Connection, *, community_id: UUID, epoch: int, version: int) -> list[GateReceiptRow]:
    """Per gate that is in service with a device, when it first confirmed a state at or after that version."""
    return await fetch_all(
        conn,
        GateReceiptRow,
        """
        SELECT g.gate_id, g.name, (
            SELECT min(r.confirmed_at) FROM roster_receipt r
            WHERE r.community_id = g.community_id AND r.gate_id = g.gate_id AND r.confirmed_at >= g.provisioned_at
                AND ((r.epoch = $2 AND r.version >= $3) OR r.epoch > $2)
        ) AS confirmed_at
        FROM gate g
        WHERE g.community_id = $1 AND g.revoked_at IS NULL AND g.provisioned_at IS NOT NULL
        ORDER BY g.name, g.gate_id
        """,
        community_id, epoch, version,
    )  # fmt: skip


async def notify_roster(conn: Connection, *, community_id: UUID) -> None:
    """Wake the community's waiting polls when this transaction commits."""
    await conn.execute("SELECT pg_notify('roster', $1)", str(community_id))


async def delete_old_assertions(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Forget assertions that have been too old to be taken since that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM gate_assertion WHERE community_id = $1 AND (gate_id, jti) IN (
                SELECT gate_id, jti FROM gate_assertion WHERE community_id = $1 AND expires_at < $2 LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip
