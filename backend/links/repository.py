"""SQL of links and their sessions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_one, require_one

__all__ = [
    "LinkRow",
    "SessionRow",
    "close_links",
    "count_sessions",
    "delete_old_links",
    "extend_links",
    "get_session",
    "hold_link",
    "insert_courier_links",
    "insert_link",
    "insert_session",
    "lock_link",
    "lock_link_of_session",
    "prove_session",
    "set_person",
    "withdraw_link",
]


class LinkRow(msgspec.Struct, frozen=True):
    """A link. ``held_by`` is the session that accepted."""

    link_id: UUID
    kind: str
    invitation_id: UUID
    inviting_community_id: UUID | None
    person_id: UUID | None
    expires_at: datetime
    held_by: UUID | None
    closed_at: datetime | None


class SessionRow(msgspec.Struct, frozen=True):
    """A session and the state of its link.

    ``withdrawn`` where a guest has withdrawn on it, or the person is gone.
    ``newest`` where no later link of his has been answered.
    ``unproven`` where the link leads to somebody who has an account, and this phone has not logged in to it.
    """

    session_id: UUID
    kind: str
    invitation_id: UUID
    inviting_community_id: UUID | None
    inviting_partner_id: UUID | None
    person_id: UUID | None
    expires_at: datetime
    held_by: UUID | None
    closed_at: datetime | None
    withdrawn: bool
    newest: bool
    unproven: bool


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_link(
    conn: Connection,
    *,
    token_hash: bytes,
    kind: str,
    invitation_id: UUID,
    community_id: UUID | None,
    partner_id: UUID | None,
    person_id: UUID | None,
    expires_at: datetime,
) -> UUID:
    """A new link; its id. Needs the inviting community's scope or the platform's."""
    row = await require_one(
        conn,
        _Id,
        """
        INSERT INTO visitor_link (token_hash, kind, invitation_id, inviting_community_id, inviting_partner_id,
                                  person_id, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING link_id AS id
        """,
        token_hash, kind, invitation_id, community_id, partner_id, person_id, expires_at,
    )  # fmt: skip
    return row.id


async def lock_link(conn: Connection, *, token_hash: bytes) -> LinkRow | None:
    """The link of a token, locked: two phones that open it at once get the same person. Needs the platform scope."""
    return await fetch_one(
        conn,
        LinkRow,
        """
        SELECT link_id, kind, invitation_id, inviting_community_id, person_id, expires_at, held_by, closed_at
        FROM visitor_link WHERE token_hash = $1 FOR UPDATE
        """,
        token_hash,
    )


async def lock_link_of_session(conn: Connection, *, session_id: UUID) -> LinkRow | None:
    """The link of a session, locked. Needs the platform scope."""
    return await fetch_one(
        conn,
        LinkRow,
        """
        SELECT l.link_id, l.kind, l.invitation_id, l.inviting_community_id, l.person_id, l.expires_at,
            l.held_by, l.closed_at
        FROM visitor_session s JOIN visitor_link l USING (link_id) WHERE s.session_id = $1 FOR UPDATE OF l
        """,
        session_id,
    )


async def set_person(conn: Connection, *, link_id: UUID, person_id: UUID) -> None:
    """Say who opened the link. Needs the platform scope."""
    await conn.execute("UPDATE visitor_link SET person_id = $2 WHERE link_id = $1", link_id, person_id)


async def hold_link(conn: Connection, *, link_id: UUID, session_id: UUID) -> None:
    """Give the link to the session that accepts. Needs the platform scope."""
    await conn.execute("UPDATE visitor_link SET held_by = $2 WHERE link_id = $1", link_id, session_id)


async def close_links(conn: Connection, *, invitation_id: UUID, partner_id: UUID | None, now: datetime) -> None:
    """Close every open link to this invitation; where ``partner_id`` is given, those that this company sent."""
    await conn.execute(
        """
        UPDATE visitor_link SET closed_at = $3
        WHERE invitation_id = $1 AND closed_at IS NULL AND ($2::uuid IS NULL OR inviting_partner_id = $2)
        """,
        invitation_id, partner_id, now,
    )  # fmt: skip


async def withdraw_link(conn: Connection, *, session_id: UUID, now: datetime) -> None:
    """Close the link of a session, which keeps it, and name who withdrew where nothing is deleted with him.

    Needs the platform scope.
    """
    await conn.execute(
        """
        UPDATE visitor_link SET closed_at = $2, held_by = $1, withdrawn_by = person_id, person_id = NULL
        WHERE link_id = (SELECT link_id FROM visitor_session WHERE session_id = $1) AND closed_at IS NULL
        """,
        session_id, now,
    )  # fmt: skip


async def extend_links(conn: Connection, *, invitation_id: UUID, partner_id: UUID | None, expires_at: datetime) -> None:
    """Let the open links to this invitation live until then; where ``partner_id`` is given, those of this company."""
    await conn.execute(
        """
        UPDATE visitor_link SET expires_at = $3
        WHERE invitation_id = $1 AND closed_at IS NULL AND ($2::uuid IS NULL OR inviting_partner_id = $2)
        """,
        invitation_id, partner_id, expires_at,
    )  # fmt: skip


async def count_sessions(conn: Connection, *, link_id: UUID) -> int:
    """How often the link was opened. Needs the platform scope."""
    count: int = await conn.fetchval("SELECT count(*) FROM visitor_session WHERE link_id = $1", link_id)
    return count


async def insert_session(conn: Connection, *, link_id: UUID, refresh_hash: bytes) -> UUID:
    """A new session; its id. Needs the platform scope."""
    row = await require_one(
        conn,
        _Id,
        "INSERT INTO visitor_session (link_id, refresh_hash) VALUES ($1, $2) RETURNING session_id AS id",
        link_id,
        refresh_hash,
    )
    return row.id


async def get_session(
    conn: Connection, *, session_id: UUID | None = None, refresh_hash: bytes | None = None
) -> SessionRow | None:
    """A session by its id or its refresh token's hash. Needs the platform scope."""
    return await fetch_one(
        conn,
        SessionRow,
        """
        SELECT s.session_id, l.kind, l.invitation_id, l.inviting_community_id, l.inviting_partner_id,
            coalesce(l.person_id, l.withdrawn_by) AS person_id, l.expires_at, l.held_by, l.closed_at,
            l.withdrawn_by IS NOT NULL AS withdrawn,
            NOT EXISTS (
                SELECT FROM visitor_link o
                WHERE o.person_id = l.person_id AND o.held_by IS NOT NULL
                    AND (o.created_at, o.link_id) > (l.created_at, l.link_id)
            ) AS newest,
            l.kind = 'courier' AND EXISTS (SELECT FROM account a WHERE a.person_id = l.person_id) AND NOT EXISTS (
                SELECT FROM session o JOIN account a USING (account_id)
                WHERE o.session_id = s.account_session AND o.ended_at IS NULL AND a.person_id = l.person_id
            ) AS unproven
        FROM visitor_session s JOIN visitor_link l USING (link_id)
        WHERE s.session_id = $1 OR s.refresh_hash = $2
        """,
        session_id, refresh_hash,
    )  # fmt: skip


async def prove_session(conn: Connection, *, session_id: UUID, account_session: UUID) -> None:
    """Remember by which log-in a courier has shown that the link's person is he. Needs the platform scope."""
    await conn.execute(
        "UPDATE visitor_session SET account_session = $2 WHERE session_id = $1", session_id, account_session
    )


async def delete_old_links(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete links that ended before that time with their sessions, at most ``limit``; how many. Platform scope.

    Whoever withdrew reads how far his erasure is until as long after its end. So does a courier, whose erasure begins
    days after the last company: of the links that he answered the latest stays till then. Where he has an account he
    reads it there, and it stays while there is a face, whose days count from the link's end.
    """
    return affected(
        await conn.execute(
            """
            DELETE FROM visitor_link WHERE link_id IN (
                SELECT link_id FROM visitor_link l
                WHERE least(expires_at, closed_at) < $1 AND NOT EXISTS (
                    SELECT FROM erasure e
                    WHERE e.person_id = l.withdrawn_by AND (e.completed_at IS NULL OR e.completed_at >= $1)
                ) AND NOT (
                    kind = 'courier' AND held_by IS NOT NULL AND person_id IS NOT NULL
                    AND (EXISTS (SELECT FROM template t WHERE t.person_id = l.person_id)
                        OR NOT EXISTS (SELECT FROM account a WHERE a.person_id = l.person_id))
                    AND NOT EXISTS (
                        SELECT FROM visitor_link o
                        WHERE o.person_id = l.person_id AND o.kind = 'courier' AND o.held_by IS NOT NULL
                            AND (least(o.expires_at, o.closed_at), o.link_id)
                                > (least(l.expires_at, l.closed_at), l.link_id)
                    )
                )
                LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip


async def insert_courier_links(
    conn: Connection,
    *,
    partner_id: UUID,
    links: Sequence[tuple[bytes, UUID, UUID]],
    expires_at: datetime,
    now: datetime,
) -> None:
    """A link for each of many couriers of a company (hash of its token, courier, person); earlier ones of it close.

    Needs the platform scope.
    """
    await conn.execute(
        """
        UPDATE visitor_link SET closed_at = $3
        WHERE invitation_id = ANY($1) AND inviting_partner_id = $2 AND closed_at IS NULL
        """,
        [courier_id for _, courier_id, _ in links], partner_id, now,
    )  # fmt: skip
    await conn.execute(
        """
        INSERT INTO visitor_link (token_hash, kind, invitation_id, inviting_partner_id, person_id, expires_at)
        SELECT token_hash, 'courier', courier_id, $1, person_id, $5
        FROM unnest($2::bytea[], $3::uuid[], $4::uuid[]) AS g (token_hash, courier_id, person_id)
        """,
        partner_id,
        [token_hash for token_hash, _, _ in links],
        [courier_id for _, courier_id, _ in links],
        [person_id for _, _, person_id in links],
        expires_at,
    )
