"""SQL of how far erasures have come. What takes many is the worker's, in the platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all
from backend.privacy.repository import ErasureRow, Role, StepName

__all__ = [
    "Delay",
    "PlaceRow",
    "StepRow",
    "list_open",
    "list_places",
    "list_places_of",
    "list_steps",
    "list_steps_of",
    "lock_open",
    "set_acknowledged",
    "set_attempts",
    "set_completed",
    "set_detached",
    "set_kept_roles",
    "set_steps_done",
]


class StepRow(msgspec.Struct, frozen=True):
    """A step of an erasure."""

    erasure_id: UUID
    name: StepName
    done_at: datetime | None


class PlaceRow(msgspec.Struct, frozen=True):
    """A community whose gates have to acknowledge the roster of that epoch and version, or a later one."""

    community_id: UUID
    erasure_id: UUID
    subject_id: UUID
    roster_epoch: int | None
    roster_version: int | None
    detached_at: datetime | None
    acknowledged_at: datetime | None
    wipe_after_s: int | None


class Delay(msgspec.Struct, frozen=True):
    """When an erasure is looked at again; ``error`` is the name of what failed, None where it only waits."""

    next_attempt_at: datetime
    error: str | None = None


async def list_open(conn: Connection, *, erasure_ids: Sequence[UUID]) -> list[ErasureRow]:
    """Those of the erasures that are not complete."""
    return await fetch_all(
        conn,
        ErasureRow,
        """
        SELECT erasure_id, person_id, reason, extent, started_at, attempts, last_error, completed_at, existed,
            kept_roles
        FROM erasure WHERE erasure_id = ANY ($1) AND completed_at IS NULL
        """,
        erasure_ids,
    )


async def lock_open(conn: Connection, *, erasure_ids: Sequence[UUID]) -> list[ErasureRow]:
    """The same, kept from being completed by another until the transaction ends; in one order for everybody."""
    return await fetch_all(
        conn,
        ErasureRow,
        """
        SELECT erasure_id, person_id, reason, extent, started_at, attempts, last_error, completed_at, existed,
            kept_roles
        FROM erasure WHERE erasure_id = ANY ($1) AND completed_at IS NULL
        ORDER BY erasure_id FOR UPDATE
        """,
        erasure_ids,
    )


async def list_steps(conn: Connection, *, erasure_id: UUID) -> list[StepRow]:
    """The erasure's steps in their order."""
    return await fetch_all(
        conn,
        StepRow,
        "SELECT erasure_id, name, done_at FROM erasure_step WHERE erasure_id = $1 ORDER BY position",
        erasure_id,
    )


async def list_steps_of(conn: Connection, *, erasure_ids: Sequence[UUID]) -> dict[UUID, list[StepRow]]:
    """The steps of each, in their order."""
    rows = await fetch_all(
        conn,
        StepRow,
        "SELECT erasure_id, name, done_at FROM erasure_step WHERE erasure_id = ANY ($1) ORDER BY position",
        erasure_ids,
    )
    return {erasure_id: [row for row in rows if row.erasure_id == erasure_id] for erasure_id in erasure_ids}


async def list_places(conn: Connection, *, erasure_id: UUID) -> list[PlaceRow]:
    """The erasure's communities that the scope sees: to the person all of them, to a community its own."""
    return await fetch_all(
        conn,
        PlaceRow,
        """
        SELECT community_id, erasure_id, subject_id, roster_epoch, roster_version, detached_at, acknowledged_at,
            wipe_after_s
        FROM erasure_place WHERE erasure_id = $1 ORDER BY community_id
        """,
        erasure_id,
    )


async def list_places_of(conn: Connection, *, erasure_ids: Sequence[UUID]) -> list[PlaceRow]:
    """The communities of all of them, in the order of their ids."""
    return await fetch_all(
        conn,
        PlaceRow,
        """
        SELECT community_id, erasure_id, subject_id, roster_epoch, roster_version, detached_at, acknowledged_at,
            wipe_after_s
        FROM erasure_place WHERE erasure_id = ANY ($1) ORDER BY community_id
        """,
        erasure_ids,
    )


async def set_detached(
    conn: Connection, *, community_id: UUID, erasure_ids: Sequence[UUID], epoch: int, version: int, at: datetime
) -> None:
    """The community's roster names none of these people any more, from this version on."""
    await conn.execute(
        """
        UPDATE erasure_place p SET roster_epoch = $3, roster_version = $4, detached_at = $5,
            wipe_after_s = (SELECT c.wipe_after_s FROM community c WHERE c.community_id = p.community_id)
        WHERE community_id = $1 AND erasure_id = ANY ($2)
        """,
        community_id, erasure_ids, epoch, version, at,
    )  # fmt: skip


async def set_acknowledged(conn: Connection, *, settled: Sequence[tuple[PlaceRow, datetime]]) -> None:
    """Every gate of those communities has acknowledged, and when."""
    await conn.execute(
        """
        UPDATE erasure_place p SET acknowledged_at = s.at
        FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS s (community_id, erasure_id, at)
        WHERE p.community_id = s.community_id AND p.erasure_id = s.erasure_id
        """,
        [place.community_id for place, _ in settled], [place.erasure_id for place, _ in settled],
        [at for _, at in settled],
    )  # fmt: skip


async def set_steps_done(conn: Connection, *, erasure_ids: Sequence[UUID], name: StepName, at: datetime) -> None:
    """The step is done for all of them."""
    await conn.execute(
        "UPDATE erasure_step SET done_at = $3 WHERE erasure_id = ANY ($1) AND name = $2 AND done_at IS NULL",
        erasure_ids, name, at,
    )  # fmt: skip


async def set_kept_roles(conn: Connection, *, erasure_ids: Sequence[UUID], roles: Sequence[Role]) -> None:
    """What the people still are. Of whoever is gone it was written down before."""
    await conn.execute(
        """
        UPDATE erasure e SET kept_roles = $2
        WHERE erasure_id = ANY ($1) AND EXISTS (SELECT FROM person p WHERE p.person_id = e.person_id)
        """,
        erasure_ids, list(roles),
    )  # fmt: skip


async def set_attempts(conn: Connection, *, delays: Sequence[tuple[UUID, Delay]]) -> None:
    """Attempts did not come to the end; when the next are due. Failures in a row are counted, waiting ends the row."""
    await conn.execute(
        """
        UPDATE erasure e SET attempts = CASE WHEN d.error IS NULL THEN 0 ELSE e.attempts + 1 END,
            next_attempt_at = d.next_attempt_at, last_error = d.error
        FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS d (erasure_id, next_attempt_at, error)
        WHERE e.erasure_id = d.erasure_id AND e.completed_at IS NULL
        """,
        [erasure_id for erasure_id, _ in delays], [delay.next_attempt_at for _, delay in delays],
        [delay.error for _, delay in delays],
    )  # fmt: skip


async def set_completed(conn: Connection, *, erasure_ids: Sequence[UUID], at: datetime) -> None:
    """The erasures are complete."""
    await conn.execute(
        "UPDATE erasure SET completed_at = $2, last_error = NULL WHERE erasure_id = ANY ($1) AND completed_at IS NULL",
        erasure_ids, at,
    )  # fmt: skip
