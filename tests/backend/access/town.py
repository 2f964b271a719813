"""Communities and subjects for tests of grants and rosters, without HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from backend.access import service as access
from backend.access.service import NewGrant, RosterVersion
from backend.communities import repository as communities
from backend.kit.db import Connection, Database, Scope
from backend.people import repository as people
from gate_sdk.wire import GrantKind, RosterEntry, decode_entry

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


class Row(msgspec.Struct, frozen=True):
    subject_id: UUID
    version: int
    body: bytes | None
    entry_hash: bytes | None


class Town:
    def __init__(self, db: Database) -> None:
        self.db = db

    async def community(self) -> UUID:
        community_id = uuid4()
        async with self.db.transaction(Scope(community_id=community_id, platform=True)) as conn:
            authority_id = await communities.insert_authority(conn, name="Authority")
            await communities.insert_community(
                conn,
                community_id=community_id,
                authority_id=authority_id,
                name="Garden Court",
                time_zone="Asia/Shanghai",
                capture_policy="photos",
            )
        return community_id

    async def person(self) -> UUID:
        async with self.db.transaction(Scope(platform=True)) as conn:
            return (await people.insert_person(conn)).person_id

    async def subject(self, community_id: UUID, person_id: UUID | None = None) -> UUID:
        person = person_id or await self.person()
        async with self.db.transaction(Scope(community_id=community_id)) as conn:
            return await people.ensure_subject(conn, community_id=community_id, person_id=person)

    async def subjects(self, community_id: UUID, count: int) -> list[UUID]:
        async with self.db.transaction(Scope(community_id=community_id, platform=True)) as conn:
            rows = await conn.fetch(
                """
                WITH people AS (INSERT INTO person SELECT FROM generate_series(1, $2) RETURNING person_id)
                INSERT INTO subject (community_id, person_id) SELECT $1, person_id FROM people RETURNING subject_id
                """,
                community_id, count,
            )  # fmt: skip
            return [row["subject_id"] for row in rows]

    async def admit(self, community_id: UUID, subject_id: UUID, **changed: object) -> UUID:
        async with self.db.transaction(Scope(community_id=community_id)) as conn:
            return await give(conn, community_id, subject_id, **changed)

    async def version(self, community_id: UUID) -> RosterVersion:
        async with self.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
            return await access.roster_version(conn, community_id=community_id)

    async def roster(self, community_id: UUID) -> list[Row]:
        """All rows in the order of their versions."""
        async with self.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
            rows = await conn.fetch(
                "SELECT subject_id, version, body, entry_hash FROM roster WHERE community_id = $1 ORDER BY version",
                community_id,
            )
        return [Row(**row) for row in rows]

    async def entry(self, community_id: UUID, subject_id: UUID) -> RosterEntry | None:
        for row in await self.roster(community_id):
            if row.subject_id == subject_id and row.body is not None:
                return decode_entry(row.body)
        return None

    async def tick(self, community_id: UUID, at: datetime, limit: int = 500) -> int:
        async with self.db.transaction(Scope(community_id=community_id)) as conn:
            return await access.tick(conn, community_id=community_id, at=at, limit=limit)


def new_grant(subject_id: UUID, **changed: object) -> NewGrant:
    """A resident's, for a day from now on, unless changed."""
    plain = NewGrant(subject_id, GrantKind.RESIDENT, "member", uuid4(), NOW, NOW + timedelta(days=1))
    return msgspec.structs.replace(plain, **changed)


async def give(conn: Connection, community_id: UUID, subject_id: UUID, **changed: object) -> UUID:
    """:func:`new_grant`, made in the caller's transaction."""
    (grant_id,) = await access.grant_many(
        conn, community_id=community_id, grants=[new_grant(subject_id, **changed)], now=NOW
    )
    return grant_id
