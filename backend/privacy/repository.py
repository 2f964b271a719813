"""SQL of erasures: what is to be erased of whom and why, and which are due. How far each has come: see progress."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "ErasureRow",
    "Existed",
    "Extent",
    "Reason",
    "Role",
    "StepName",
    "UnusedRow",
    "delete_job_log",
    "enqueue",
    "enter_person",
    "enter_platform",
    "get_erasure",
    "has_employment",
    "insert_erasure",
    "insert_place",
    "insert_steps",
    "list_due",
    "list_erasures_in_community",
    "list_erasures_of_person",
    "list_unused_faces",
    "lock_person",
]

Reason = Literal[
    "tenancy_ended",
    "member_left",
    "consent_withdrawn",
    "photos_withdrawn",
    "unused",
    "account_deleted",
    "consent_lapsed",
    "invitation_withdrawn",
    "courier_joined",
]
Extent = Literal["everything", "community", "photos"]
StepName = Literal["grants", "credentials", "templates", "photos", "key", "person", "gates"]
#: What somebody may still be whose rights ended elsewhere.
Role = Literal["resident", "staff", "guest", "courier", "guardian"]


class Existed(msgspec.Struct, frozen=True):
    """How many things of a kind there were when an erasure began; ``versions`` where they tell something."""

    kind: Literal["template", "photograph", "key", "pseudonym", "membership", "account", "employment", "consent"]
    count: int
    versions: tuple[str, ...] = ()


class ErasureRow(msgspec.Struct, frozen=True):
    """An erasure; ``last_error`` is the name of what the last attempt failed with, never a message.

    ``existed`` is JSON, a list of :class:`Existed`. ``kept_roles`` is what the person still was when the rest went.
    """

    erasure_id: UUID
    person_id: UUID
    reason: Reason
    extent: Extent
    started_at: datetime
    attempts: int
    last_error: str | None
    completed_at: datetime | None
    existed: str
    kept_roles: list[Role]


class UnusedRow(msgspec.Struct, frozen=True):
    """A person whose face no right to enter needs any more."""

    person_id: UUID


async def enter_person(conn: Connection, *, person_id: UUID) -> None:
    """Add the person to the transaction's scope, after the caller has shown that the erasure is his to begin."""
    await conn.execute(f"SET LOCAL doorward.person = '{UUID(int=person_id.int)}'")


async def enter_platform(conn: Connection) -> None:
    """Add the platform to the transaction's scope: for accounts, links and what else no person's scope may change."""
    await conn.execute("SET LOCAL doorward.platform = 'on'")


async def lock_person(conn: Connection, *, person_id: UUID) -> None:
    """Have decisions about one person's data follow each other until the transaction ends.

    Two communities that end his rights at the same moment would otherwise each see the other's still standing, and
    neither would erase what they share.
    """
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('erasure ' || $1::text, 0))", str(person_id))


async def has_employment(conn: Connection, *, person_id: UUID) -> bool:
    """Whether the person is a courier who has said yes to a company. Needs his scope."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM courier_employment WHERE person_id = $1 AND accepted_at IS NOT NULL)", person_id
    )
    return found


async def insert_erasure(
    conn: Connection, *, person_id: UUID, reason: Reason, extent: Extent, existed: Sequence[Existed], now: datetime
) -> ErasureRow:
    """A new erasure. Needs the person's scope."""
    return await require_one(
        conn,
        ErasureRow,
        """
        INSERT INTO erasure (person_id, reason, extent, started_at, next_attempt_at, existed)
        VALUES ($1, $2, $3, $4, $4, $5)
        RETURNING erasure_id, person_id, reason, extent, started_at, attempts, last_error, completed_at, existed,
            kept_roles
        """,
        person_id, reason, extent, now, msgspec.json.encode(existed).decode(),
    )  # fmt: skip


async def insert_steps(
    conn: Connection, *, erasure_id: UUID, steps: Sequence[tuple[StepName, datetime | None]]
) -> None:
    """The erasure's steps in their order, some of them done."""
    await conn.execute(
        """
        INSERT INTO erasure_step (erasure_id, position, name, done_at)
        SELECT $1, ord, name, done_at
        FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS step (name, done_at, ord)
        """,
        erasure_id, [name for name, _ in steps], [done_at for _, done_at in steps],
    )  # fmt: skip


async def insert_place(
    conn: Connection, *, community_id: UUID, erasure_id: UUID, person_id: UUID, subject_id: UUID
) -> None:
    """A community whose gates have to let go of the person. Needs the person's scope."""
    await conn.execute(
        "INSERT INTO erasure_place (community_id, erasure_id, person_id, subject_id) VALUES ($1, $2, $3, $4)",
        community_id, erasure_id, person_id, subject_id,
    )  # fmt: skip


async def enqueue(conn: Connection, *, entrypoint: str, erasure_id: UUID) -> None:
    """Have the worker run the job once this transaction commits, unless it waits or runs already."""
    await conn.execute(
        "SELECT jobs.enqueue($1, $2, $3)", entrypoint, str(erasure_id).encode(), f"{entrypoint}/{erasure_id}"
    )


async def delete_job_log(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete what is logged of jobs before that time, at most ``limit`` lines; how many. The worker's."""
    status: str = await conn.execute(
        """
        DELETE FROM jobs.pgqueuer_log WHERE id IN (
            SELECT id FROM jobs.pgqueuer_log WHERE created < $1 ORDER BY created LIMIT $2
        )
        """,
        before, limit,
    )  # fmt: skip
    return affected(status)


async def get_erasure(conn: Connection, *, erasure_id: UUID, person_id: UUID | None = None) -> ErasureRow | None:
    """One erasure that the scope sees; only that person's where one is named."""
    return await fetch_one(
        conn,
        ErasureRow,
        """
        SELECT erasure_id, person_id, reason, extent, started_at, attempts, last_error, completed_at, existed,
            kept_roles
        FROM erasure WHERE erasure_id = $1 AND ($2::uuid IS NULL OR person_id = $2)
        """,
        erasure_id, person_id,
    )  # fmt: skip


async def list_erasures_of_person(conn: Connection, *, person_id: UUID) -> list[ErasureRow]:
    """The person's erasures, the newest first. Needs his scope."""
    return await fetch_all(
        conn,
        ErasureRow,
        """
        SELECT erasure_id, person_id, reason, extent, started_at, attempts, last_error, completed_at, existed,
            kept_roles
        FROM erasure WHERE person_id = $1 ORDER BY started_at DESC, erasure_id LIMIT 200
        """,
        person_id,
    )


async def list_erasures_in_community(
    conn: Connection, *, community_id: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> list[ErasureRow]:
    """The erasures that the community's gates have to acknowledge, the newest first."""
    at, erasure_id = before or (None, None)
    return await fetch_all(
        conn,
        ErasureRow,
        """
        SELECT e.erasure_id, e.person_id, e.reason, e.extent, e.started_at, e.attempts, e.last_error,
            e.completed_at, e.existed, e.kept_roles
        FROM erasure e JOIN erasure_place p USING (erasure_id)
        WHERE p.community_id = $1 AND ($2::timestamptz IS NULL OR (e.started_at, e.erasure_id) < ($2, $3::uuid))
        ORDER BY e.started_at DESC, e.erasure_id DESC LIMIT $4
        """,
        community_id, at, erasure_id, limit,
    )  # fmt: skip


async def list_due(conn: Connection, *, at: datetime, limit: int) -> list[ErasureRow]:
    """Unfinished erasures whose next attempt has come, the longest waiting first. Needs the platform scope."""
    return await fetch_all(
        conn,
        ErasureRow,
        """
        SELECT erasure_id, person_id, reason, extent, started_at, attempts, last_error, completed_at, existed,
            kept_roles
        FROM erasure WHERE completed_at IS NULL AND next_attempt_at <= $1
        ORDER BY next_attempt_at LIMIT $2
        """,
        at, limit,
    )  # fmt: skip


async def list_unused_faces(
    conn: Connection,
    *,
    at: datetime,
    grace: timedelta,
    courier_grace: timedelta,
    person_id: UUID | None = None,
    limit: int,
) -> list[UnusedRow]:
    """People (or the one named) with a template and no right to enter anywhere, now or to come, for over the grace.

    The worker's, in the platform scope. ``courier_grace`` is for whoever is or has been a courier, or has never had a
    right: who visited between two shifts loses by that nothing that he works with;
    a courier for whom no company speaks any more has as many days from then on as the authority of his companies says
    (the shortest, where there are several), and never more than that.
    A community may shorten its guests' ``grace``: a pass of its own then counts as ended so much earlier.
    An erasure that only waits for a legal hold's end, which may be months, keeps nobody from being among them.
    """
    return await fetch_all(
        conn,
        UnusedRow,
        """
        SELECT f.person_id
        FROM (SELECT person_id, max(made_at) AS made_at FROM template GROUP BY person_id) f
        LEFT JOIN LATERAL (
            SELECT max(g.ended_at - CASE WHEN g.kind = 'guest' AND q.grace_hours IS NOT NULL
                    THEN $2::interval - make_interval(hours => q.grace_hours) ELSE interval '0' END) AS ended_at,
                bool_or(g.state <> 'ended') AS standing, bool_or(g.kind = 'courier') AS courier
            FROM subject s JOIN access_grant g USING (community_id, subject_id)
                LEFT JOIN guest_policy q USING (community_id)
            WHERE s.person_id = f.person_id
        ) r ON true
        LEFT JOIN LATERAL (
            -- A company that let him go has forgotten him; the link that it sent still says when.
            SELECT max(w.left_at) AS left_at, bool_or(w.standing) AS employed, min(a.courier_face_days) AS days
            FROM (
                SELECT e.partner_id, e.left_at, e.left_at IS NULL AND (e.accepted_at IS NOT NULL
                    OR coalesce(e.link_sent_at, e.created_at) > $1::timestamptz - $3::interval) AS standing
                FROM courier_employment e WHERE e.person_id = f.person_id
                UNION ALL
                SELECT l.inviting_partner_id, l.closed_at, false FROM visitor_link l
                WHERE l.person_id = f.person_id AND l.kind = 'courier'
            ) w JOIN partner p USING (partner_id) JOIN authority a USING (authority_id)
        ) c ON true
        WHERE NOT coalesce(r.standing, false) AND ($5::uuid IS NULL OR f.person_id = $5)
            AND (
                greatest(f.made_at, r.ended_at) <= $1::timestamptz
                    - CASE WHEN coalesce(r.courier, true) OR c.employed THEN $3::interval ELSE $2::interval END
                OR NOT c.employed AND greatest(f.made_at, r.ended_at, c.left_at)
                    <= $1::timestamptz - make_interval(days => c.days)
            )
            AND NOT EXISTS (SELECT FROM erasure e WHERE e.person_id = f.person_id
                AND e.extent = 'everything' AND e.completed_at IS NULL
                AND EXISTS (SELECT FROM erasure_step t WHERE t.erasure_id = e.erasure_id AND t.done_at IS NULL))
        ORDER BY f.person_id LIMIT $4
        """,
        at, grace, courier_grace, limit, person_id,
    )  # fmt: skip
