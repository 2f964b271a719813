import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from backend.kit.db import CommitUnknown, Database, DatabaseUnavailable, Scope, enter_community, fetch_one, savepoint
from tests.databases import DatabaseUrls


class _Settings(msgspec.Struct, frozen=True):
    community: str | None
    person: str | None
    platform: str | None


_READ = """
SELECT nullif(current_setting('doorward.community', true), '') AS community,
       nullif(current_setting('doorward.person', true), '') AS person,
       nullif(current_setting('doorward.platform', true), '') AS platform
"""


@pytest.fixture
async def db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.api, max_size=1)
    await database.open()
    yield database
    await database.close()


async def test_a_scope_ends_with_its_transaction(db: Database) -> None:
    community, person = uuid4(), uuid4()
    async with db.transaction(Scope(community_id=community, person_id=person, platform=True)) as conn:
        assert await fetch_one(conn, _Settings, _READ) == _Settings(str(community), str(person), "on")
    async with db.transaction(Scope()) as conn:
        assert await fetch_one(conn, _Settings, _READ) == _Settings(None, None, None)


async def test_a_scope_ends_with_a_transaction_that_failed(db: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with db.transaction(Scope(platform=True)) as conn:
            await conn.execute("SELECT 1/0")
    async with db.transaction(Scope()) as conn:
        assert await fetch_one(conn, _Settings, _READ) == _Settings(None, None, None)


async def test_what_raises_is_rolled_back(db: Database) -> None:
    async def fail_halfway() -> None:
        async with db.transaction(Scope(platform=True)) as conn:
            await conn.execute("INSERT INTO authority (name) VALUES ('A')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_halfway()
    async with db.transaction(Scope(platform=True)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM authority") == 0


async def test_a_savepoint_undoes_its_block_alone(db: Database) -> None:
    async with db.transaction(Scope(platform=True)) as conn:
        await conn.execute("INSERT INTO authority (name) VALUES ('kept')")
        with pytest.raises(asyncpg.CheckViolationError):
            async with savepoint(conn):
                await conn.execute("INSERT INTO authority (name) VALUES ('')")
    async with db.transaction(Scope(platform=True)) as conn:
        assert await conn.fetchval("SELECT name FROM authority") == "kept"


async def test_entering_a_community_adds_to_the_scope(db: Database) -> None:
    person, community = uuid4(), uuid4()
    async with db.transaction(Scope(person_id=person)) as conn:
        await enter_community(conn, community)
        assert await fetch_one(conn, _Settings, _READ) == _Settings(str(community), str(person), None)


async def test_a_read_only_transaction_writes_nothing(db: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            await conn.execute("INSERT INTO authority (name) VALUES ('A')")


async def test_a_pool_that_was_never_opened_is_unavailable(database_urls: DatabaseUrls) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with Database(database_urls.api).transaction(Scope()):
            pass


async def _cut_connections(urls: DatabaseUrls) -> None:
    admin = await asyncpg.connect(urls.superuser)
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE usename = 'doorward_api' AND datname = current_database()"
        )
    finally:
        await admin.close()


async def test_connections_cut_while_idle_are_replaced_unnoticed(db: Database, database_urls: DatabaseUrls) -> None:
    await _cut_connections(database_urls)
    async with db.transaction(Scope()) as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_connection_cut_within_a_transaction_is_unavailable(db: Database, database_urls: DatabaseUrls) -> None:
    async def write() -> None:
        async with db.transaction(Scope(platform=True)) as conn:
            await conn.execute("INSERT INTO authority (name) VALUES ('A')")
            await _cut_connections(database_urls)
            await conn.execute("INSERT INTO authority (name) VALUES ('B')")

    with pytest.raises(DatabaseUnavailable):
        await write()
    async with db.transaction(Scope(platform=True)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM authority") == 0


async def test_a_connection_cut_before_the_commit_says_that_the_outcome_is_unknown(
    db: Database, database_urls: DatabaseUrls
) -> None:
    async def write() -> None:
        async with db.transaction(Scope(platform=True)) as conn:
            await conn.execute("INSERT INTO authority (name) VALUES ('A')")
            await _cut_connections(database_urls)

    with pytest.raises(CommitUnknown):
        await write()


async def test_a_statement_that_is_cancelled_leaves_a_clean_connection(db: Database) -> None:
    async def slow() -> None:
        async with db.transaction(Scope(platform=True)) as conn:
            await conn.execute("INSERT INTO authority (name) VALUES ('A')")
            await conn.execute("SET LOCAL statement_timeout = '50ms'")
            await conn.execute("SELECT pg_sleep(5)")

    with pytest.raises(DatabaseUnavailable):
        await slow()
    async with db.transaction(Scope()) as conn:
        assert await fetch_one(conn, _Settings, _READ) == _Settings(None, None, None)
    async with db.transaction(Scope(platform=True)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM authority") == 0


async def test_one_of_two_that_wait_for_each_other_is_asked_to_try_again(database_urls: DatabaseUrls) -> None:
    database = Database(database_urls.api, max_size=2)
    await database.open()
    both_hold_one = asyncio.Barrier(2)

    async def take(first: int, second: int) -> None:
        async with database.transaction(Scope()) as conn:
            await conn.execute("SELECT pg_advisory_xact_lock($1)", first)
            await both_hold_one.wait()
            await conn.execute("SELECT pg_advisory_xact_lock($1)", second)

    try:
        results = await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True)
    finally:
        await database.close()
    assert sorted(type(result).__name__ for result in results) == ["DatabaseUnavailable", "NoneType"]


async def test_a_caller_who_hangs_up_leaves_a_clean_connection(db: Database) -> None:
    async def slow() -> None:
        async with db.transaction(Scope(platform=True)) as conn:
            await conn.execute("SELECT pg_sleep(5)")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.transaction(Scope()) as conn:
        assert await fetch_one(conn, _Settings, _READ) == _Settings(None, None, None)
