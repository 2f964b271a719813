"""SQL of requests about one's data."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "Kind",
    "RequestRow",
    "State",
    "count_since",
    "decide",
    "delete_old_requests",
    "get_request",
    "insert_request",
    "list_in_community",
    "list_of_person",
    "lock_request",
]

Kind = Literal["access", "correction", "restriction", "objection", "erasure"]
State = Literal["open", "granted", "refused", "lifted"]


class RequestRow(msgspec.Struct, frozen=True):
    """A request. ``about_community_id`` is None where it is about everything that is kept of the person."""

    request_id: UUID
    person_id: UUID
    about_community_id: UUID | None
    kind: Kind
    session_id: UUID | None
    text: str | None
    name: str | None
    opened_at: datetime
    due_at: datetime
    state: State
    decided_at: datetime | None
    answer: str | None
    export_until: datetime | None
    # The guardian who asked, where it was not the person himself.
    asked_by: UUID | None = None


async def insert_request(
    conn: Connection,
    *,
    person_id: UUID,
    community_id: UUID | None,
    kind: Kind,
    surface: str,
    session_id: UUID | None,
    text: str | None,
    name: str | None,
    due_at: datetime,
    state: State,
    export_until: datetime | None,
    asked_by: UUID | None = None,
    now: datetime,
) -> RequestRow:
    """A new request, decided at once unless it is open. Needs the person's scope."""
    return await require_one(
        conn,
        RequestRow,
        """
        INSERT INTO subject_request (person_id, about_community_id, kind, surface, session_id, text, name, opened_at,
            due_at, state, decided_at, export_until, asked_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $10::text <> 'open' THEN $8::timestamptz END, $11,
            $12)
        RETURNING request_id, person_id, about_community_id, kind, session_id, text, name, opened_at, due_at, state,
            decided_at, answer, export_until, asked_by
        """,
        person_id, community_id, kind, surface, session_id, text, name, now, due_at, state, export_until,
        asked_by,
    )  # fmt: skip


async def count_since(conn: Connection, *, person_id: UUID, since: datetime) -> int:
    """How many requests the person has made since then. Needs his scope."""
    count: int = await conn.fetchval(
        "SELECT count(*) FROM subject_request WHERE person_id = $1 AND opened_at > $2", person_id, since
    )
    return count


async def get_request(conn: Connection, *, request_id: UUID, person_id: UUID) -> RequestRow | None:
    """The person's own request. Needs his scope."""
    return await fetch_one(
        conn,
        RequestRow,
        """
        SELECT request_id, person_id, about_community_id, kind, session_id, text, name, opened_at, due_at,
            state, decided_at, answer, export_until, asked_by
        FROM subject_request WHERE request_id = $1 AND person_id = $2
        """,
        request_id,
        person_id,
    )


async def lock_request(
    conn: Connection, *, request_id: UUID, person_id: UUID | None = None, community_id: UUID | None = None
) -> RequestRow | None:
    """A request of the person, or one about the community, locked."""
    return await fetch_one(
        conn,
        RequestRow,
        """
        SELECT request_id, person_id, about_community_id, kind, session_id, text, name, opened_at, due_at, state,
            decided_at, answer, export_until, asked_by
        FROM subject_request
        WHERE request_id = $1 AND (person_id = $2 OR about_community_id = $3) FOR UPDATE
        """,
        request_id, person_id, community_id,
    )  # fmt: skip


async def list_of_person(conn: Connection, *, person_id: UUID) -> list[RequestRow]:
    """The person's requests, the newest first. Needs his scope."""
    return await fetch_all(
        conn,
        RequestRow,
        """
        SELECT request_id, person_id, about_community_id, kind, session_id, text, name, opened_at, due_at,
            state, decided_at, answer, export_until, asked_by
        FROM subject_request WHERE person_id = $1 ORDER BY opened_at DESC, request_id LIMIT 200
        """,
        person_id,
    )


async def list_in_community(
    conn: Connection, *, community_id: UUID, only_open: bool, after: tuple[datetime, UUID] | None, limit: int
) -> list[RequestRow]:
    """Requests about the community, those that are due first at the head. Needs its scope."""
    due_at, request_id = after or (None, None)
    return await fetch_all(
        conn,
        RequestRow,
        """
        SELECT request_id, person_id, about_community_id, kind, session_id, text, name, opened_at, due_at, state,
            decided_at, answer, export_until, asked_by
        FROM subject_request
        WHERE about_community_id = $1 AND (state = 'open' OR NOT $2)
            AND ($3::timestamptz IS NULL OR (due_at, request_id) > ($3, $4::uuid))
        ORDER BY due_at, request_id LIMIT $5
        """,
        community_id, only_open, due_at, request_id, limit,
    )  # fmt: skip


async def decide(
    conn: Connection, *, request_id: UUID, state: State, answer: str | None, staff_id: UUID | None, now: datetime
) -> RequestRow:
    """What became of a request that is locked."""
    return await require_one(
        conn,
        RequestRow,
        """
        UPDATE subject_request SET state = $2, answer = $3, decided_by = $4, decided_at = $5
        WHERE request_id = $1
        RETURNING request_id, person_id, about_community_id, kind, session_id, text, name, opened_at, due_at, state,
            decided_at, answer, export_until, asked_by
        """,
        request_id, state, answer, staff_id, now,
    )  # fmt: skip


async def delete_old_requests(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete requests that were decided before that time, at most ``limit``; how many. Platform scope."""
    return affected(
        await conn.execute(
            """
            DELETE FROM subject_request WHERE request_id IN (
                SELECT request_id FROM subject_request
                WHERE state <> 'open' AND decided_at < $1 ORDER BY decided_at LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip
