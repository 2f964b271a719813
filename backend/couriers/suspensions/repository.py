"""SQL of couriers' suspensions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.kit.db import Connection, fetch_all, fetch_one
from backend.partners.events.kinds import EventKind, SuspensionReason

__all__ = [
    "EmployerRow",
    "SuspensionKey",
    "SuspensionRow",
    "delete_suspension",
    "find_courier_at",
    "get_suspension",
    "insert_suspension",
    "list_employers",
    "list_suspended",
    "list_suspensions",
    "list_told",
]


class SuspensionKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended."""

    suspended_at: Annotated[datetime, Meta(tz=True)]
    suspension_id: UUID


class SuspensionRow(msgspec.Struct, frozen=True):
    """A courier's suspension at a community; ``subject_id`` while the community has a pseudonym for him."""

    suspension_id: UUID
    person_id: UUID
    subject_id: UUID | None
    name: str | None
    reason: SuspensionReason
    suspended_at: datetime


class EmployerRow(msgspec.Struct, frozen=True):
    """A company and what it calls the courier."""

    partner_id: UUID
    worker_id: str


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def find_courier_at(conn: Connection, *, community_id: UUID, subject_id: UUID) -> UUID | None:
    """The person behind a courier's pseudonym at a community. Needs the scopes of the community and the platform."""
    person_id: UUID | None = await conn.fetchval(
        """
        SELECT s.person_id FROM subject s JOIN courier c USING (person_id)
        WHERE s.community_id = $1 AND s.subject_id = $2
        """,
        community_id, subject_id,
    )  # fmt: skip
    return person_id


async def insert_suspension(
    conn: Connection, *, community_id: UUID, person_id: UUID, reason: SuspensionReason, now: datetime
) -> bool:
    """Suspend him there; whether he was not before."""
    done = await conn.fetchval(
        """
        INSERT INTO courier_suspension (community_id, person_id, reason, suspended_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING true
        """,
        community_id, person_id, reason, now,
    )  # fmt: skip
    return done is not None


async def delete_suspension(conn: Connection, *, community_id: UUID, suspension_id: UUID) -> None:
    """Lift it."""
    await conn.execute(
        "DELETE FROM courier_suspension WHERE community_id = $1 AND suspension_id = $2", community_id, suspension_id
    )


async def get_suspension(
    conn: Connection, *, community_id: UUID, suspension_id: UUID | None = None, person_id: UUID | None = None
) -> SuspensionRow | None:
    """One of a community, by its id or by the courier."""
    return await fetch_one(
        conn,
        SuspensionRow,
        """
        SELECT cs.suspension_id, cs.person_id, s.subject_id, p.name, cs.reason, cs.suspended_at
        FROM courier_suspension cs
        LEFT JOIN subject s ON s.community_id = cs.community_id AND s.person_id = cs.person_id
        LEFT JOIN person p ON p.person_id = cs.person_id
        WHERE cs.community_id = $1 AND (cs.suspension_id = $2 OR cs.person_id = $3)
        """,
        community_id, suspension_id, person_id,
    )  # fmt: skip


async def list_suspensions(
    conn: Connection, *, community_id: UUID, after: SuspensionKey | None, limit: int
) -> list[SuspensionRow]:
    """A community's, the newest first, from after that key on."""
    return await fetch_all(
        conn,
        SuspensionRow,
        """
        SELECT cs.suspension_id, cs.person_id, s.subject_id, p.name, cs.reason, cs.suspended_at
        FROM courier_suspension cs
        LEFT JOIN subject s ON s.community_id = cs.community_id AND s.person_id = cs.person_id
        LEFT JOIN person p ON p.person_id = cs.person_id
        WHERE cs.community_id = $1
            AND ($2::timestamptz IS NULL OR (cs.suspended_at, cs.suspension_id) < ($2, $3::uuid))
        ORDER BY cs.suspended_at DESC, cs.suspension_id DESC LIMIT $4
        """,
        community_id,
        None if after is None else after.suspended_at,
        None if after is None else after.suspension_id,
        limit,
    )


async def list_suspended(conn: Connection, *, community_id: UUID, person_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these people who are suspended at the community."""
    rows = await fetch_all(
        conn,
        _Id,
        "SELECT person_id AS id FROM courier_suspension WHERE community_id = $1 AND person_id = ANY($2)",
        community_id, list(person_ids),
    )  # fmt: skip
    return {row.id for row in rows}


async def list_employers(conn: Connection, *, person_id: UUID) -> list[EmployerRow]:
    """The companies that the courier has said yes to. Needs the platform scope."""
    return await fetch_all(
        conn,
        EmployerRow,
        """
        SELECT partner_id, worker_id FROM courier_employment
        WHERE person_id = $1 AND accepted_at IS NOT NULL ORDER BY partner_id
        """,
        person_id,
    )


async def list_told(conn: Connection, *, community_id: UUID, person_id: UUID, since: datetime) -> list[EmployerRow]:
    """The companies that were told of his suspension at the community since then. Needs the platform scope."""
    return await fetch_all(
        conn,
        EmployerRow,
        """
        SELECT DISTINCT partner_id, worker_id FROM partner_event
        WHERE person_id = $1 AND about_community_id = $2 AND kind = $3 AND at >= $4
        """,
        person_id, community_id, EventKind.COURIER_SUSPENDED.value, since,
    )  # fmt: skip
