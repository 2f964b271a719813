"""SQL of minors, guardianships and refusals."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "Basis",
    "GuardianRelation",
    "GuardianshipRow",
    "MinorRow",
    "delete_minors",
    "delete_refusals",
    "end_guardianship",
    "end_guardianships",
    "get_guardianship",
    "get_minor",
    "has_refusal",
    "insert_guardianship",
    "list_guarded",
    "list_guardians",
    "list_minors_of_person",
    "put_minor",
    "put_refusal",
    "set_answered",
    "set_person",
]

Basis = Literal["document", "register"]
GuardianRelation = Literal["mother", "father", "parent", "grandparent", "sibling", "other"]


class MinorRow(msgspec.Struct, frozen=True):
    """A member under age. ``time_zone`` is his community's; ``person_id`` None until he has joined."""

    community_id: UUID
    member_id: UUID
    person_id: UUID | None
    birth_date: date
    basis: Basis
    confirmed_by: UUID
    asked_at: datetime | None
    answered_at: datetime | None
    settled_at: datetime | None
    reminded_at: datetime | None
    time_zone: str


class GuardianshipRow(msgspec.Struct, frozen=True):
    """Somebody who acts, or acted, for a child."""

    community_id: UUID
    guardianship_id: UUID
    member_id: UUID
    person_id: UUID | None
    guardian_id: UUID
    relation: GuardianRelation
    basis: Literal["register", "staff"]
    began_at: datetime
    ended_at: datetime | None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def put_minor(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    person_id: UUID | None,
    birth_date: date,
    basis: Basis,
    staff_id: UUID,
    now: datetime,
) -> None:
    """The member's birth date, in place of another; what was asked because of that one is forgotten."""
    await conn.execute(
        """
        INSERT INTO minor (community_id, member_id, person_id, birth_date, basis, confirmed_by, confirmed_at, look_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        ON CONFLICT (community_id, member_id) DO UPDATE
        SET birth_date = excluded.birth_date, basis = excluded.basis, confirmed_by = excluded.confirmed_by,
            confirmed_at = excluded.confirmed_at, asked_at = NULL, told_at = NULL, answered_at = NULL,
            settled_at = NULL, look_at = excluded.look_at
        """,
        community_id, member_id, person_id, birth_date, basis, staff_id, now,
    )  # fmt: skip


async def get_minor(conn: Connection, *, community_id: UUID, member_id: UUID) -> MinorRow | None:
    """The member, if he is under age."""
    return await fetch_one(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.community_id = $1 AND m.member_id = $2
        """,
        community_id, member_id,
    )  # fmt: skip


async def list_minors_of_person(conn: Connection, *, person_id: UUID) -> list[MinorRow]:
    """The person as a minor, once for each register that knows him as one. His scope, or a guardian's of his."""
    return await fetch_all(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.person_id = $1 ORDER BY m.birth_date DESC
        """,
        person_id,
    )


async def set_person(conn: Connection, *, community_id: UUID, member_id: UUID, person_id: UUID) -> None:
    """The member has joined, and is this person."""
    for statement in (
        "UPDATE minor SET person_id = $3 WHERE community_id = $1 AND member_id = $2",
        "UPDATE guardianship SET person_id = $3 WHERE community_id = $1 AND member_id = $2",
    ):
        await conn.execute(statement, community_id, member_id, person_id)


async def set_answered(conn: Connection, *, person_id: UUID, now: datetime) -> None:
    """The person has decided for himself. Needs his scope."""
    await conn.execute("UPDATE minor SET answered_at = $2 WHERE person_id = $1 AND answered_at IS NULL", person_id, now)


async def delete_minors(conn: Connection, *, community_id: UUID, member_ids: Sequence[UUID]) -> int:
    """Forget these members' birth dates; how many there were."""
    return affected(
        await conn.execute(
            "DELETE FROM minor WHERE community_id = $1 AND member_id = ANY ($2)", community_id, list(member_ids)
        )
    )


async def insert_guardianship(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    person_id: UUID | None,
    guardian_id: UUID,
    relation: GuardianRelation,
    basis: Literal["register", "staff"],
    staff_id: UUID,
    now: datetime,
) -> UUID:
    """Somebody acts for the child from now on; repeating it puts the relation right."""
    row = await require_one(
        conn,
        _Id,
        """
        INSERT INTO guardianship (community_id, member_id, person_id, guardian_id, relation, basis, recorded_by,
            began_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (community_id, member_id, guardian_id) WHERE ended_at IS NULL
        DO UPDATE SET person_id = excluded.person_id
        RETURNING guardianship_id AS id
        """,
        community_id, member_id, person_id, guardian_id, relation, basis, staff_id, now,
    )  # fmt: skip
    return row.id


async def get_guardianship(conn: Connection, *, community_id: UUID, guardianship_id: UUID) -> GuardianshipRow | None:
    """One guardianship, locked."""
    return await fetch_one(
        conn,
        GuardianshipRow,
        """
        SELECT community_id, guardianship_id, member_id, person_id, guardian_id, relation, basis, began_at,
            ended_at
        FROM guardianship WHERE community_id = $1 AND guardianship_id = $2 FOR UPDATE
        """,
        community_id, guardianship_id,
    )  # fmt: skip


async def list_guardians(
    conn: Connection,
    *,
    community_id: UUID | None = None,
    member_id: UUID | None = None,
    person_id: UUID | None = None,
    standing: bool = True,
) -> list[GuardianshipRow]:
    """Who acts for the member (in his community's scope), or for the person (in his); with those of before if asked."""
    if person_id is not None:
        return await fetch_all(
            conn,
            GuardianshipRow,
            """
            SELECT community_id, guardianship_id, member_id, person_id, guardian_id, relation, basis, began_at,
                ended_at
            FROM guardianship WHERE person_id = $1 AND (ended_at IS NULL OR NOT $2)
            ORDER BY began_at, guardianship_id
            """,
            person_id, standing,
        )  # fmt: skip
    return await fetch_all(
        conn,
        GuardianshipRow,
        """
        SELECT community_id, guardianship_id, member_id, person_id, guardian_id, relation, basis, began_at, ended_at
        FROM guardianship WHERE community_id = $1 AND member_id = $2 AND (ended_at IS NULL OR NOT $3)
        ORDER BY began_at, guardianship_id
        """,
        community_id, member_id, standing,
    )  # fmt: skip


async def list_guarded(conn: Connection, *, guardian_id: UUID, person_id: UUID | None = None) -> list[GuardianshipRow]:
    """The children for whom somebody acts (or the one named), in whatever community. Needs his scope."""
    return await fetch_all(
        conn,
        GuardianshipRow,
        """
        SELECT community_id, guardianship_id, member_id, person_id, guardian_id, relation, basis, began_at, ended_at
        FROM guardianship
        WHERE guardian_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR person_id = $2)
        ORDER BY began_at, guardianship_id LIMIT 100
        """,
        guardian_id, person_id,
    )  # fmt: skip


async def end_guardianship(conn: Connection, *, community_id: UUID, guardianship_id: UUID, now: datetime) -> None:
    """He acts for the child no more, and his refusals go."""
    await conn.execute(
        """
        UPDATE guardianship SET ended_at = $3
        WHERE community_id = $1 AND guardianship_id = $2 AND ended_at IS NULL
        """,
        community_id, guardianship_id, now,
    )  # fmt: skip
    await delete_refusals(conn, community_id=community_id, guardianship_id=guardianship_id)


async def end_guardianships(conn: Connection, *, community_id: UUID, member_ids: Sequence[UUID], now: datetime) -> None:
    """Nobody acts for these members any more."""
    await conn.execute(
        """
        UPDATE guardianship SET ended_at = $3
        WHERE community_id = $1 AND member_id = ANY ($2) AND ended_at IS NULL
        """,
        community_id, list(member_ids), now,
    )  # fmt: skip


async def put_refusal(
    conn: Connection, *, guardianship: GuardianshipRow, person_id: UUID, purpose: str, now: datetime
) -> None:
    """The guardian says no. Needs the child's scope."""
    await conn.execute(
        """
        INSERT INTO guardian_refusal (community_id, guardianship_id, purpose, person_id, refused_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        """,
        guardianship.community_id, guardianship.guardianship_id, purpose, person_id, now,
    )  # fmt: skip


async def delete_refusals(
    conn: Connection, *, community_id: UUID, guardianship_id: UUID, purpose: str | None = None
) -> None:
    """The guardian's no, to one purpose or to all, stands no more."""
    await conn.execute(
        """
        DELETE FROM guardian_refusal
        WHERE community_id = $1 AND guardianship_id = $2 AND ($3::text IS NULL OR purpose = $3)
        """,
        community_id, guardianship_id, purpose,
    )  # fmt: skip


async def has_refusal(conn: Connection, *, person_id: UUID, purpose: str) -> bool:
    """Whether a guardian's no stands. Needs the child's scope."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM guardian_refusal r JOIN guardianship g USING (community_id, guardianship_id)
            WHERE r.person_id = $1 AND r.purpose = $2 AND g.ended_at IS NULL
        )
        """,
        person_id, purpose,
    )  # fmt: skip
    return found
