"""The audit trail: written with its action or not at all, never changed, and it shows if it was."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.accounts.repository import lock
from backend.audit.chain import GENESIS, Fault, entry_hash, first_fault
from backend.audit.checking import Checked, check_chain
from backend.audit.repository import get_head, list_after
from backend.audit.service import record
from backend.kit.auth import StaffRole
from backend.kit.db import Connection, Database, Scope, savepoint
from backend.kit.pagination import encode_cursor
from tests.backend.world import World
from tests.databases import DatabaseUrls


@pytest.fixture
def db(world: World) -> Database:
    return world.resources.db


async def write(db: Database, community_id: UUID, *targets: str, reason: str | None = None) -> None:
    async with db.transaction(Scope(community_id=community_id)) as conn:
        for target in targets:
            await record(
                conn, community_id=community_id, actor="system", action="test.write", target=target, reason=reason
            )


async def checked(conn: Connection, chain: UUID) -> Checked:
    return await check_chain(conn, chain=chain, kept=(), keys={})


async def test_entries_are_chained_and_verify(db: Database) -> None:
    community = uuid4()
    await write(db, community, "a:1", "a:2", reason="门口重新登记, \"quoted\" 'text'\n🙂")
    await write(db, community, "a:3")
    async with db.transaction(Scope(community_id=community), read_only=True) as conn:
        report = await checked(conn, community)
        rows = await list_after(conn, community_id=community, seq=0, limit=10)
        head = await get_head(conn, community_id=community)
    assert (report.length, report.findings) == (3, ())
    assert [row.target for row in rows] == ["a:1", "a:2", "a:3"]
    assert rows[0].previous_hash == GENESIS
    # Python and the database hash the same bytes.
    assert rows[0].hash == entry_hash(GENESIS, community, rows[0])
    assert head is not None
    assert rows[2].hash == head.hash


async def test_what_is_rolled_back_leaves_no_entry_and_no_gap(db: Database) -> None:
    community = uuid4()
    await write(db, community, "a:1")
    async with db.transaction(Scope(community_id=community)) as conn:
        with pytest.raises(LookupError):
            await _record_and_fail(conn, community)
    await write(db, community, "a:2")
    async with db.transaction(Scope(community_id=community), read_only=True) as conn:
        rows = await list_after(conn, community_id=community, seq=0, limit=10)
        assert (await checked(conn, community)).findings == ()
    assert [(row.seq, row.target) for row in rows] == [(1, "a:1"), (2, "a:2")]


async def test_an_empty_chain_verifies(db: Database) -> None:
    async with db.transaction(Scope(community_id=uuid4()), read_only=True) as conn:
        report = await checked(conn, uuid4())
    assert (report.length, report.findings) == (0, ())


async def test_many_writers_at_once_make_one_chain(db: Database) -> None:
    community = uuid4()
    await asyncio.gather(*(write(db, community, f"a:{n}", f"b:{n}") for n in range(20)))
    async with db.transaction(Scope(community_id=community), read_only=True) as conn:
        report = await checked(conn, community)
    assert (report.length, report.findings) == (40, ())


async def test_two_transactions_that_record_in_opposite_orders_do_not_wait_for_each_other(db: Database) -> None:
    """One records and then takes another lock, the other one the reverse; and both write two chains, crosswise."""
    community, other_lock = uuid4(), uuid4().bytes
    recorded, locked = asyncio.Event(), asyncio.Event()

    async def record_first() -> None:
        async with db.transaction(Scope(community_id=community)) as conn:
            for chain in (community, None):
                await record(conn, community_id=chain, actor="system", action="test.write", target="a:first")
            recorded.set()
            await locked.wait()
            await lock(conn, other_lock)

    async def lock_first() -> None:
        async with db.transaction(Scope(community_id=community)) as conn:
            await recorded.wait()
            await lock(conn, other_lock)
            locked.set()
            for chain in (None, community):
                await record(conn, community_id=chain, actor="system", action="test.write", target="a:second")

    await asyncio.wait_for(asyncio.gather(record_first(), lock_first()), timeout=60)
    async with db.transaction(Scope(community_id=community), read_only=True) as conn:
        assert (await checked(conn, community)).length == 2


async def test_no_role_rewrites_the_trail(db: Database, database_urls: DatabaseUrls) -> None:
    await write(db, uuid4(), "a:1")
    for statement in ("UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"):
        for role in ("api", "worker", "audit", "owner"):
            await _refused(getattr(database_urls, role), statement)


async def test_nothing_is_chained_but_by_the_chain_itself(database_urls: DatabaseUrls) -> None:
    for statement in (
        "INSERT INTO audit_entry SELECT * FROM audit_entry",
        "UPDATE audit_head SET seq = 0",
        "INSERT INTO audit_head (community_id) VALUES (gen_random_uuid())",
        "DELETE FROM audit_intent",
        "INSERT INTO audit_intent (at, actor, action, target) VALUES ('2001-01-01', 'system', 'x', 'x')",
    ):
        for role in ("api", "worker", "audit"):
            await _refused(getattr(database_urls, role), statement)


async def test_nobody_records_in_another_community(db: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(Scope(community_id=uuid4())) as conn:
            await record(conn, community_id=uuid4(), actor="system", action="test.write", target="a:1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(Scope()) as conn:
            await record(conn, community_id=None, actor="system", action="test.write", target="a:1")


async def test_nobody_reads_another_communitys_trail(db: Database) -> None:
    mine, other = uuid4(), uuid4()
    await write(db, mine, "a:1")
    for scope in (Scope(community_id=other), Scope(person_id=mine), Scope()):
        async with db.transaction(scope, read_only=True) as conn:
            assert await list_after(conn, community_id=mine, seq=0, limit=10) == []


async def test_what_is_no_entry_is_refused(db: Database) -> None:
    for fields in (
        {"actor": "Somebody"},
        {"actor": "staff:+12025550100"},
        {"action": "Did something"},
        {"target": "a name"},
        {"target": ""},
        {"reason": ""},
        {"reason": "x" * 501},
    ):
        entry = {"actor": "system", "action": "test.write", "target": "a:1", **fields}
        with pytest.raises(asyncpg.CheckViolationError):
            async with db.transaction(Scope(platform=True)) as conn:
                await record(conn, community_id=None, **entry)


async def test_what_was_changed_behind_the_trails_back_shows(db: Database, database_urls: DatabaseUrls) -> None:
    for tampering in (
        "UPDATE audit_entry SET actor = 'staff:nobody' WHERE seq = 2 AND community_id = $1",
        "UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE seq = 2 AND community_id = $1",
        "UPDATE audit_entry SET reason = NULL WHERE seq = 2 AND community_id = $1",
        "DELETE FROM audit_entry WHERE seq = 2 AND community_id = $1",
        "UPDATE audit_entry SET hash = sha256('x') WHERE seq = 2 AND community_id = $1",
    ):
        community = uuid4()
        await write(db, community, "a:1", "a:2", "a:3", reason="because")
        await _as_superuser(database_urls, tampering, community)
        async with db.transaction(Scope(community_id=community), read_only=True) as conn:
            assert (await checked(conn, community)).findings[0].startswith("entry 2: ")


async def test_a_trail_cut_off_at_its_end_shows(db: Database, database_urls: DatabaseUrls) -> None:
    community = uuid4()
    await write(db, community, "a:1", "a:2", "a:3")
    await _as_superuser(database_urls, "DELETE FROM audit_entry WHERE seq = 3 AND community_id = $1", community)
    async with db.transaction(Scope(community_id=community), read_only=True) as conn:
        assert (await checked(conn, community)).findings[0].startswith("entry 3: ")


def _broken_at(fault: Fault | None) -> int | None:
    return None if fault is None else fault.seq


async def test_verifying_begins_where_it_is_told(db: Database) -> None:
    community = uuid4()
    await write(db, community, "a:1", "a:2", "a:3")
    async with db.transaction(Scope(community_id=community), read_only=True) as conn:
        rows = await list_after(conn, community_id=community, seq=0, limit=10)
    assert first_fault(community, rows[1:], after_seq=1, after_hash=rows[0].hash) is None
    assert _broken_at(first_fault(community, rows[1:], after_seq=0, after_hash=rows[0].hash)) == 1
    assert _broken_at(first_fault(community, rows[1:], after_seq=1, after_hash=GENESIS)) == 2
    assert _broken_at(first_fault(uuid4(), rows, after_seq=0, after_hash=GENESIS)) == 1


async def test_staff_page_through_the_trail_newest_first(world: World, db: Database) -> None:
    admin = await world.administrator()
    community = await world.community(admin)
    await write(db, community, *(f"a:{n}" for n in range(5)))
    path = f"/staff/v1/communities/{community}/audit"
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await admin.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200
        seen += [entry["target"] for entry in page.json()["entries"] if entry["target"].startswith("a:")]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
        await write(db, community, "b:later")
    assert seen == ["a:4", "a:3", "a:2", "a:1", "a:0"]


async def test_a_bad_page_is_refused(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin)
    for params in (
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"cursor": "!"},
        {"cursor": encode_cursor([0])},
        {"cursor": encode_cursor([2**63])},
        {"cursor": encode_cursor({"seq": 1})},
        {"cursor": "A" * 201},
    ):
        refused = await admin.get(f"/staff/v1/communities/{community}/audit", params=params)
        assert refused.status_code == 400, params


async def test_who_may_not_read_the_trail(world: World) -> None:
    here, there = await world.administrator("Here"), await world.administrator("There")
    community = await world.community(here)
    path = f"/staff/v1/communities/{community}/audit"
    desk = await world.staff(here, StaffRole.FRONT_DESK, community_id=community)
    assert (await desk.get(path)).status_code == 403
    assert (await there.get(path)).status_code == 404
    assert (await world.api.get(path)).status_code == 401


async def _record_and_fail(conn: Connection, community_id: UUID) -> None:
    async with savepoint(conn):
        await record(conn, community_id=community_id, actor="system", action="test.write", target="a:lost")
        raise LookupError


async def _refused(url: str, statement: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("SET doorward.platform = 'on'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(statement)
    finally:
        await conn.close()


async def _as_superuser(urls: DatabaseUrls, statement: str, community_id: UUID) -> None:
    """What somebody with the whole server could do."""
    conn = await asyncpg.connect(urls.superuser)
    try:
        await conn.execute("SET session_replication_role = replica")
        assert await conn.execute(statement, community_id) in ("UPDATE 1", "DELETE 1")
    finally:
        await conn.close()
