"""SQL of members and activation codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "MemberRow",
    "MemberState",
    "MembershipRow",
    "Relation",
    "count_open_members",
    "delete_old_members",
    "end_members",
    "get_home_of_person",
    "get_member",
    "get_member_for_update",
    "insert_member",
    "list_members",
    "list_members_in_state",
    "list_memberships",
    "list_people_of_home",
    "rename_members",
    "set_member_joined",
    "set_member_of_age",
    "set_member_state",
]

Relation = Literal["tenant", "spouse", "child", "parent", "sibling", "other"]
MemberState = Literal["proposed", "invited", "active", "ended"]


class MemberRow(msgspec.Struct, frozen=True):
    """Somebody of a household; ``person_id`` once he has joined, ``phone`` (E.164) until then."""

    community_id: UUID
    member_id: UUID
    tenancy_id: UUID
    person_id: UUID | None
    name: str
    relation: Relation
    phone: str | None
    state: MemberState
    created_at: datetime
    joined_at: datetime | None
    ended_at: datetime | None
    # He has none, and is somebody from the office's approval on.
    without_phone: bool = False
    # A child of the tenant's that staff know to be of age.
    of_age: bool = False


class MembershipRow(msgspec.Struct, frozen=True):
    """One of a person's own active memberships, in whatever community."""

    community_id: UUID
    member_id: UUID
    tenancy_id: UUID
    relation: Relation


async def get_home_of_person(
    conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID
) -> MembershipRow | None:
    """The person's active membership in a tenancy of the home that has not ended."""
    return await fetch_one(
        conn,
        MembershipRow,
        """
        SELECT m.community_id, member_id, tenancy_id, relation
        FROM member m JOIN tenancy t USING (community_id, tenancy_id)
        WHERE m.community_id = $1 AND t.home_id = $2 AND m.person_id = $3 AND m.state = 'active' AND t.ended_at IS NULL
        ORDER BY t.starts_at DESC LIMIT 1
        """,
        community_id, home_id, person_id,
    )  # fmt: skip


async def list_people_of_home(conn: Connection, *, community_id: UUID, home_id: UUID) -> list[UUID]:
    """The people of the home's present household who have joined; bounded by the home's limit."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT m.person_id FROM member m JOIN tenancy t USING (community_id, tenancy_id)
        WHERE m.community_id = $1 AND t.home_id = $2 AND t.ended_at IS NULL AND m.state = 'active'
            AND m.person_id IS NOT NULL
        ORDER BY m.person_id
        """,
        community_id, home_id,
    )  # fmt: skip
    return [row["person_id"] for row in rows]


async def insert_member(
    conn: Connection,
    *,
    community_id: UUID,
    tenancy_id: UUID,
    name: str,
    relation: Relation,
    phone: str | None,
    state: MemberState,
    without_phone: bool = False,
) -> MemberRow:
    """A new member."""
    return await require_one(
        conn,
        MemberRow,
        """
        INSERT INTO member (community_id, tenancy_id, name, relation, phone, state, without_phone)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING community_id, member_id, tenancy_id, person_id, name, relation, phone, state, created_at,
            joined_at, ended_at, without_phone, of_age
        """,
        community_id, tenancy_id, name, relation, phone, state, without_phone,
    )  # fmt: skip


async def get_member(conn: Connection, *, community_id: UUID, member_id: UUID) -> MemberRow | None:
    """One member."""
    return await fetch_one(
        conn,
        MemberRow,
        """
        SELECT community_id, member_id, tenancy_id, person_id, name, relation, phone, state, created_at,
            joined_at, ended_at, without_phone, of_age
        FROM member WHERE community_id = $1 AND member_id = $2
        """,
        community_id,
        member_id,
    )


async def get_member_for_update(conn: Connection, *, community_id: UUID, member_id: UUID) -> MemberRow | None:
    """One member, locked."""
    return await fetch_one(
        conn,
        MemberRow,
        """
        SELECT community_id, member_id, tenancy_id, person_id, name, relation, phone, state, created_at,
            joined_at, ended_at, without_phone, of_age
        FROM member WHERE community_id = $1 AND member_id = $2 FOR UPDATE
        """,
        community_id, member_id,
    )  # fmt: skip


async def count_open_members(conn: Connection, *, community_id: UUID, tenancy_id: UUID) -> int:
    """How many of the household are proposed, invited or active."""
    count: int = await conn.fetchval(
        "SELECT count(*) FROM member WHERE community_id = $1 AND tenancy_id = $2 AND state <> 'ended'",
        community_id,
        tenancy_id,
    )
    return count


async def list_members(conn: Connection, *, community_id: UUID, tenancy_ids: Sequence[UUID]) -> list[MemberRow]:
    """The members of these tenancies, the longest there first."""
    return await fetch_all(
        conn,
        MemberRow,
        """
        SELECT community_id, member_id, tenancy_id, person_id, name, relation, phone, state, created_at,
            joined_at, ended_at, without_phone, of_age
        FROM member WHERE community_id = $1 AND tenancy_id = ANY ($2) ORDER BY created_at, member_id
        """,
        community_id, list(tenancy_ids),
    )  # fmt: skip


async def list_members_in_state(
    conn: Connection, *, community_id: UUID, state: MemberState, after: tuple[datetime, UUID] | None, limit: int
) -> list[MemberRow]:
    """The community's members in that state, the longest waiting first, those after (created_at, member_id)."""
    created_at, last = after or (None, None)
    return await fetch_all(
        conn,
        MemberRow,
        """
        SELECT community_id, member_id, tenancy_id, person_id, name, relation, phone, state, created_at, joined_at,
            ended_at, without_phone, of_age
        FROM member
        WHERE community_id = $1 AND state = $2
            AND ($3::timestamptz IS NULL OR (created_at, member_id) > ($3, $4::uuid))
        ORDER BY created_at, member_id LIMIT $5
        """,
        community_id, state, created_at, last, limit,
    )  # fmt: skip


async def list_memberships(conn: Connection, *, person_id: UUID) -> list[MembershipRow]:
    """The person's active memberships in any community. Needs his scope."""
    return await fetch_all(
        conn,
        MembershipRow,
        """
        SELECT community_id, member_id, tenancy_id, relation FROM member
        WHERE person_id = $1 AND state = 'active' ORDER BY joined_at, member_id
        """,
        person_id,
    )


async def set_member_state(conn: Connection, *, community_id: UUID, member_id: UUID, state: MemberState) -> None:
    """Where the member stands now."""
    await conn.execute(
        "UPDATE member SET state = $3 WHERE community_id = $1 AND member_id = $2", community_id, member_id, state
    )


async def set_member_of_age(conn: Connection, *, community_id: UUID, member_id: UUID, of_age: bool) -> None:
    """Whether staff know that the tenant's child is of age."""
    await conn.execute(
        "UPDATE member SET of_age = $3 WHERE community_id = $1 AND member_id = $2", community_id, member_id, of_age
    )


async def set_member_joined(
    conn: Connection, *, community_id: UUID, member_id: UUID, person_id: UUID, at: datetime
) -> None:
    """The member is this person, who has come with his code; his number in the register is not needed any more."""
    await conn.execute(
        """
        UPDATE member SET state = 'active', person_id = $3, joined_at = $4, phone = NULL
        WHERE community_id = $1 AND member_id = $2
        """,
        community_id, member_id, person_id, at,
    )  # fmt: skip


async def end_members(conn: Connection, *, community_id: UUID, member_ids: Sequence[UUID], at: datetime) -> None:
    """These members have left; their phone numbers go."""
    await conn.execute(
        """
        UPDATE member SET state = 'ended', ended_at = $3, phone = NULL
        WHERE community_id = $1 AND member_id = ANY ($2) AND state <> 'ended'
        """,
        community_id, list(member_ids), at,
    )  # fmt: skip


async def delete_old_members(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete who left the register before that time, at most ``limit``, and tenancies without anybody; how many."""
    await conn.execute(
        """
        DELETE FROM activation WHERE community_id = $1 AND member_id IN (
            SELECT member_id FROM member WHERE community_id = $1 AND state = 'ended' AND ended_at < $2
        )
        """,
        community_id, before,
    )  # fmt: skip
    members = await conn.execute(
        """
        DELETE FROM member WHERE community_id = $1 AND member_id IN (
            SELECT member_id FROM member
            WHERE community_id = $1 AND state = 'ended' AND ended_at < $2 ORDER BY ended_at, member_id LIMIT $3
        )
        """,
        community_id, before, limit,
    )  # fmt: skip
    await conn.execute(
        """
        DELETE FROM tenancy t WHERE t.community_id = $1 AND t.ended_at < $2 AND NOT EXISTS (
            SELECT FROM member m WHERE m.community_id = $1 AND m.tenancy_id = t.tenancy_id
        )
        """,
        community_id, before,
    )  # fmt: skip
    return affected(members)


async def rename_members(conn: Connection, *, community_id: UUID, person_id: UUID, name: str) -> int:
    """Put the person's name right wherever he stands in the community's register; how often."""
    return affected(
        await conn.execute(
            "UPDATE member SET name = $3 WHERE community_id = $1 AND person_id = $2 AND state <> 'ended'",
            community_id, person_id, name,
        )
    )  # fmt: skip
