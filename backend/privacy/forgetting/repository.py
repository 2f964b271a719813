"""SQL of forgetting a person: what he still is, what there was of him, and the places where his name stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one
from backend.people.repository import SubjectRow

__all__ = [
    "BLANK",
    "AccountRow",
    "InventoryRow",
    "RolesRow",
    "blank_member_names",
    "blank_pass_names",
    "find_roles",
    "keep_consent_proof",
    "leave_links",
    "list_accounts",
    "list_communities_with_old_names",
    "list_staff",
    "list_subjects_of_people",
    "list_unused_people",
    "list_wards",
    "session_begun_at",
    "take_inventory",
]

#: Stands where a name stood, in columns that must not be empty.
BLANK = "—"


class RolesRow(msgspec.Struct, frozen=True):
    """What somebody is, by the rights and the words that stand."""

    person_id: UUID
    resident: bool
    staff: bool
    guest: bool
    courier: bool
    guardian: bool


class AccountRow(msgspec.Struct, frozen=True):
    """Somebody's number (E.164) and language."""

    person_id: UUID
    phone: str
    language: str


class InventoryRow(msgspec.Struct, frozen=True):
    """How many things of each kind there are of somebody; ``packs`` the model packs of his templates."""

    templates: int
    packs: list[str]
    photographs: int
    pseudonyms: int
    memberships: int
    accounts: int
    employments: int
    consents: int
    texts: list[str]


class _PersonId(msgspec.Struct, frozen=True):
    person_id: UUID


class _Begun(msgspec.Struct, frozen=True):
    created_at: datetime


class _CommunityId(msgspec.Struct, frozen=True):
    community_id: UUID


async def find_roles(
    conn: Connection, *, person_ids: Sequence[UUID], at: datetime, invited_for: timedelta
) -> list[RolesRow]:
    """What the people still are, in whatever community. The worker's, in the platform scope.

    ``invited_for`` is how long a company's word alone, to which somebody has said nothing, makes him one of its
    couriers.
    """
    return await fetch_all(
        conn,
        RolesRow,
        """
        SELECT p.person_id,
            'resident' = ANY (k.kinds)
                OR EXISTS (SELECT FROM member m WHERE m.person_id = p.person_id AND m.state = 'active') AS resident,
            'staff' = ANY (k.kinds) AS staff,
            'guest' = ANY (k.kinds)
                OR EXISTS (SELECT FROM visitor_link l WHERE l.person_id = p.person_id AND l.kind = 'guest'
                    AND l.closed_at IS NULL AND l.expires_at > $2) AS guest,
            'courier' = ANY (k.kinds)
                OR EXISTS (SELECT FROM courier_employment e WHERE e.person_id = p.person_id AND e.left_at IS NULL
                    AND (e.accepted_at IS NOT NULL
                        OR coalesce(e.link_sent_at, e.created_at) > $2 - $3::interval)) AS courier,
            EXISTS (SELECT FROM guardianship g WHERE g.guardian_id = p.person_id AND g.ended_at IS NULL) AS guardian
        FROM unnest($1::uuid[]) AS p (person_id)
        CROSS JOIN LATERAL (
            SELECT ARRAY(
                SELECT DISTINCT g.kind FROM subject s JOIN access_grant g USING (community_id, subject_id)
                WHERE s.person_id = p.person_id AND g.state <> 'ended'
            ) AS kinds
        ) k
        """,
        person_ids, at, invited_for,
    )  # fmt: skip


async def list_staff(conn: Connection, *, person_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the people whose accounts are also staff's. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn,
        _PersonId,
        "SELECT a.person_id FROM account a JOIN staff USING (account_id) WHERE a.person_id = ANY ($1)",
        person_ids,
    )
    return {row.person_id for row in rows}


async def list_subjects_of_people(conn: Connection, *, person_ids: Sequence[UUID]) -> list[SubjectRow]:
    """All pseudonyms of the people, by community. The worker's, in the platform scope."""
    return await fetch_all(
        conn,
        SubjectRow,
        "SELECT community_id, subject_id, person_id FROM subject WHERE person_id = ANY ($1) ORDER BY community_id",
        person_ids,
    )


async def list_accounts(conn: Connection, *, person_ids: Sequence[UUID]) -> list[AccountRow]:
    """The numbers and languages of those of the people who have an account. The platform's scope."""
    return await fetch_all(
        conn,
        AccountRow,
        "SELECT person_id, phone, language FROM account JOIN person USING (person_id) WHERE person_id = ANY ($1)",
        person_ids,
    )


async def list_wards(conn: Connection, *, person_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the people for whom somebody acts or acted. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn, _PersonId, "SELECT DISTINCT person_id FROM guardianship WHERE person_id = ANY ($1)", person_ids
    )
    return {row.person_id for row in rows}


async def take_inventory(conn: Connection, *, person_id: UUID) -> InventoryRow:
    """Count what there is of the person. Needs his scope, in which the database shows all of it."""
    return await require_one(
        conn,
        InventoryRow,
        """
        SELECT (SELECT count(*) FROM template WHERE person_id = $1) AS templates,
            ARRAY(SELECT DISTINCT pack FROM template WHERE person_id = $1 ORDER BY pack) AS packs,
            (SELECT count(*) FROM enrolment_photo WHERE person_id = $1) AS photographs,
            (SELECT count(*) FROM subject WHERE person_id = $1) AS pseudonyms,
            (SELECT count(*) FROM member WHERE person_id = $1) AS memberships,
            (SELECT count(*) FROM account WHERE person_id = $1) AS accounts,
            (SELECT count(*) FROM courier_employment WHERE person_id = $1) AS employments,
            (SELECT count(*) FROM consent WHERE person_id = $1) AS consents,
            ARRAY(SELECT DISTINCT purpose || '/' || version FROM consent WHERE person_id = $1 ORDER BY 1) AS texts
        """,
        person_id,
    )


async def blank_member_names(conn: Connection, *, community_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Take the people's names, and the tie to them, off the register's ended memberships. The community's scope."""
    await conn.execute(
        """
        UPDATE member SET name = $3, person_id = NULL
        WHERE community_id = $1 AND person_id = ANY ($2) AND state = 'ended'
        """,
        community_id, person_ids, BLANK,
    )  # fmt: skip


async def blank_pass_names(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Take the guests' names off passes that were over before that time, at most ``limit``; how many."""
    done: str = await conn.execute(
        """
        UPDATE guest_pass SET guest_name = $4 WHERE community_id = $1 AND pass_id IN (
            SELECT pass_id FROM guest_pass
            WHERE community_id = $1 AND guest_name <> '—' AND least(ended_at, valid_until) < $2 LIMIT $3
        )
        """,
        community_id, before, limit, BLANK,
    )  # fmt: skip
    return affected(done)


async def list_communities_with_old_names(conn: Connection, *, before: datetime) -> list[UUID]:
    """Communities with names on passes that were over before that time. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn,
        _CommunityId,
        "SELECT DISTINCT community_id FROM guest_pass WHERE guest_name <> '—' AND least(ended_at, valid_until) < $1",
        before,
    )
    return [row.community_id for row in rows]


async def keep_consent_proof(conn: Connection, *, person_id: UUID, erasure_id: UUID) -> None:
    """Keep that he had agreed, to which texts and when, apart from him. Needs his scope."""
    await conn.execute(
        """
        INSERT INTO consent_proof (consent_id, erasure_id, person_id, purpose, version, language, text_sha256, surface,
                                   given_at, withdrawn_at, given_by, guardian_relation)
        SELECT consent_id, $2, person_id, purpose, version, language, text_sha256, surface, given_at, withdrawn_at,
            given_by, guardian_relation
        FROM consent WHERE person_id = $1
        ON CONFLICT DO NOTHING
        """,
        person_id, erasure_id,
    )  # fmt: skip


async def leave_links(conn: Connection, *, person_id: UUID, now: datetime) -> None:
    """Let the phones that answered somebody's links read on how far his erasure is, when he himself is gone.

    Needs the platform scope. The links open nothing else any more, and go seven days after the erasure's end.
    """
    await conn.execute(
        """
        UPDATE visitor_link SET closed_at = coalesce(closed_at, $2), withdrawn_by = person_id, person_id = NULL
        WHERE person_id = $1 AND held_by IS NOT NULL
        """,
        person_id, now,
    )  # fmt: skip


async def list_unused_people(
    conn: Connection, *, at: datetime, grace: timedelta, courier_grace: timedelta, limit: int
) -> list[UUID]:
    """People who once had, or were once sent, a right to enter, and have been without any for over the grace.

    With or without a face. Whoever logged in and has joined nobody yet is not among them. The worker's, in the
    platform scope. ``courier_grace`` is for whoever has been a courier.
    """
    rows = await fetch_all(
        conn,
        _PersonId,
        """
        SELECT p.person_id
        FROM person p
        LEFT JOIN LATERAL (
            SELECT max(g.ended_at - CASE WHEN g.kind = 'guest' AND q.grace_hours IS NOT NULL
                    THEN $2::interval - make_interval(hours => q.grace_hours) ELSE interval '0' END) AS ended_at,
                bool_or(g.state <> 'ended') AS standing,
                bool_or(g.kind = 'courier') AS courier, count(*) AS subjects
            FROM subject s LEFT JOIN access_grant g USING (community_id, subject_id)
                LEFT JOIN guest_policy q USING (community_id)
            WHERE s.person_id = p.person_id
        ) r ON true
        LEFT JOIN LATERAL (
            SELECT max(least(l.closed_at, l.expires_at) - CASE WHEN q.grace_hours IS NOT NULL
                    THEN $2::interval - make_interval(hours => q.grace_hours) ELSE interval '0' END) AS over_at,
                bool_or(l.kind = 'courier') AS courier
            FROM visitor_link l
                LEFT JOIN guest_policy q ON q.community_id = l.inviting_community_id AND l.kind = 'guest'
            WHERE l.person_id = p.person_id
        ) l ON true
        WHERE NOT coalesce(r.standing, false) AND (r.subjects > 0 OR l.over_at IS NOT NULL)
            AND coalesce(greatest(r.ended_at, l.over_at), p.created_at)
                <= $1::timestamptz - CASE WHEN r.courier OR l.courier THEN $3::interval ELSE $2::interval END
            AND NOT EXISTS (SELECT FROM courier_employment e WHERE e.person_id = p.person_id AND e.left_at IS NULL
                AND (e.accepted_at IS NOT NULL
                    OR coalesce(e.link_sent_at, e.created_at) > $1::timestamptz - $3::interval))
            AND NOT EXISTS (SELECT FROM guardianship g WHERE g.guardian_id = p.person_id AND g.ended_at IS NULL)
            AND NOT EXISTS (SELECT FROM erasure e JOIN erasure_step t USING (erasure_id)
                WHERE e.person_id = p.person_id AND e.completed_at IS NULL AND t.done_at IS NULL)
        ORDER BY p.person_id LIMIT $4
        """,
        at, grace, courier_grace, limit,
    )  # fmt: skip
    return [row.person_id for row in rows]


async def session_begun_at(conn: Connection, *, session_id: UUID, person_id: UUID) -> datetime | None:
    """When the person logged in, where the session goes on. Needs the platform scope."""
    row = await fetch_one(
        conn,
        _Begun,
        """
        SELECT s.created_at FROM session s JOIN account a USING (account_id)
        WHERE s.session_id = $1 AND a.person_id = $2 AND s.ended_at IS NULL
        """,
        session_id, person_id,
    )  # fmt: skip
    return None if row is None else row.created_at
