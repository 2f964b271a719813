"""The order of versions, and who waits for whom."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.access import service as access
from backend.kit.db import Connection, Database, Scope
from gate_sdk.wire import GrantKind
from tests.backend.access.town import NOW, Town, give, new_grant
from tests.backend.ending import end_subject
from tests.databases import DatabaseUrls

HOUR = timedelta(hours=1)


async def test_who_commits_late_gets_the_later_version(db: Database, town: Town, community_id: UUID) -> None:
    """The reader in between must not step over a change that was begun before and commits after."""
    early, late = await town.subject(community_id), await town.subject(community_id)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await give(conn, community_id, late)
            begun.set()
            await go_on.wait()

    async def quick() -> None:
        await begun.wait()
        await town.admit(community_id, early)

    slow_task, quick_task = asyncio.create_task(slow()), asyncio.create_task(quick())
    await begun.wait()
    await _until_waiting(db, community_id)
    # Nobody sees anything of either: no version has been given out that could be stepped over.
    assert (await town.version(community_id)).version == 0
    assert await town.roster(community_id) == []
    go_on.set()
    await asyncio.gather(slow_task, quick_task)
    assert [(row.subject_id, row.version) for row in await town.roster(community_id)] == [(late, 1), (early, 2)]


async def test_a_rollback_leaves_no_gap(db: Database, town: Town, community_id: UUID) -> None:
    first, second = await town.subject(community_id), await town.subject(community_id)
    await town.admit(community_id, first)
    with pytest.raises(RuntimeError):
        await _fail_after(db, community_id, second)
    await town.admit(community_id, second)
    assert [row.version for row in await town.roster(community_id)] == [1, 2]
    assert (await town.version(community_id)).version == 2


async def test_a_rolled_back_savepoint_gives_its_versions_back(db: Database, town: Town, community_id: UUID) -> None:
    first, second = await town.subject(community_id), await town.subject(community_id)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await conn.execute("SAVEPOINT before")
        await give(conn, community_id, first)
        await conn.execute("ROLLBACK TO SAVEPOINT before")
        await give(conn, community_id, second)
    (row,) = await town.roster(community_id)
    assert (row.subject_id, row.version) == (second, 1)


async def test_every_reader_sees_a_head_that_fits_its_rows(db: Database, town: Town, community_id: UUID) -> None:
    """Many writers, and readers beside them: no gap, no row above the head, no version seen later under an old head."""
    subjects = await town.subjects(community_id, 12)
    done = asyncio.Event()
    dice = random.Random(5)

    async def write(subject: UUID) -> None:
        for _ in range(6):
            source = uuid4()
            await town.admit(community_id, subject, source_id=source)
            await asyncio.sleep(dice.random() / 200)
            async with db.transaction(Scope(community_id=community_id)) as conn:
                await access.end_grants(
                    conn, community_id=community_id, source="member", source_id=source, now=NOW + HOUR
                )

    async def read() -> list[tuple[int, dict[UUID, int]]]:
        seen = []
        while not done.is_set():
            async with db.transaction(
                Scope(community_id=community_id), isolation="REPEATABLE READ", read_only=True
            ) as conn:
                head = await access.roster_version(conn, community_id=community_id)
                rows = await conn.fetch("SELECT subject_id, version FROM roster")
            seen.append((head.version, {row["subject_id"]: row["version"] for row in rows}))
            await asyncio.sleep(0)
        return seen

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(subject) for subject in subjects))
    done.set()
    states = await reader

    head = (await town.version(community_id)).version
    # Each of the twelve came and went six times, and nothing else was counted.
    assert head == 12 * 6 * 2
    for (version, rows), (later, after) in itertools.pairwise(states):
        assert max(rows.values(), default=0) == version
        assert version <= later
        for subject, at in after.items():
            # Whatever differs from the earlier state was given a version that it had not seen.
            assert at == rows.get(subject) or at > version


async def test_one_community_s_long_transaction_delays_no_other(db: Database, town: Town, community_id: UUID) -> None:
    elsewhere = await town.community()
    ours, theirs = await town.subject(community_id), await town.subject(elsewhere)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await give(conn, community_id, ours)
        await asyncio.wait_for(town.admit(elsewhere, theirs), 5)
        async with db.transaction(Scope(community_id=elsewhere)) as other:
            await asyncio.wait_for(end_subject(other, community_id=elsewhere, subject_id=theirs, now=NOW + HOUR), 5)
        assert (await town.version(elsewhere)).version == 2


async def test_a_second_community_in_one_transaction_is_refused(db: Database, town: Town, community_id: UUID) -> None:
    """Two transactions that took two rosters in turn could wait for each other for ever."""
    elsewhere = await town.community()
    ours, theirs = await town.subject(community_id), await town.subject(elsewhere)

    async def both() -> None:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await give(conn, community_id, ours)
            await conn.execute(Scope(community_id=elsewhere).settings())
            await give(conn, elsewhere, theirs)

    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="one community per transaction"):
        await both()
    assert await town.roster(community_id) == []


async def test_grants_and_ticks_interleaved_never_deadlock(
    db: Database, worker_db: Database, town: Town, community_id: UUID
) -> None:
    subjects = await town.subjects(community_id, 10)

    async def slice_(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(8):
            source = uuid4()
            a, b = dice.sample(subjects, 2)
            steps = [
                _come(community_id, a, source),
                _credential(community_id, b),
                _come(community_id, b, source),
            ]
            await _in_turn(db, community_id, steps, dice)
            await _in_turn(db, community_id, [_credential(community_id, a), _go(community_id, source)], dice)

    async def ticker(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(20):
            await _in_turn(worker_db, community_id, [_tick(community_id), _tick(community_id)], dice)

    # A deadlock would be raised as asyncpg.DeadlockDetectedError.
    await asyncio.wait_for(asyncio.gather(*(slice_(n) for n in range(5)), ticker(8), ticker(9)), 60)
    rows = await town.roster(community_id)
    assert max(row.version for row in rows) == (await town.version(community_id)).version


async def test_ending_a_source_sees_what_was_granted_while_it_waited(
    db: Database, town: Town, community_id: UUID
) -> None:
    """A tenancy that ends while another member joins it must not leave him inside."""
    source = uuid4()
    first, second = await town.subject(community_id), await town.subject(community_id)
    await town.admit(community_id, first, source_id=source)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def join() -> None:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await give(conn, community_id, second, source_id=source)
            begun.set()
            await go_on.wait()

    async def end() -> int:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            return await access.end_grants(
                conn, community_id=community_id, source="member", source_id=source, now=NOW + HOUR
            )

    joining = asyncio.create_task(join())
    await begun.wait()
    ending = asyncio.create_task(end())
    await _until_waiting(db, community_id)
    go_on.set()
    await joining
    assert await ending == 2
    assert all(row.body is None for row in await town.roster(community_id))


async def test_ten_thousand_grants_in_chunks(db: Database, town: Town, community_id: UUID) -> None:
    subjects = await town.subjects(community_id, 10_000)
    interloper = await town.subject(community_id)
    for start in range(0, len(subjects), 500):
        grants = [new_grant(subject) for subject in subjects[start : start + 500]]
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await access.grant_many(conn, community_id=community_id, grants=grants, now=NOW)
        if start == 5000:
            # Between two chunks another change gets its turn.
            await town.admit(community_id, interloper)
    rows = await town.roster(community_id)
    assert [row.version for row in rows] == list(range(1, 10_002))
    assert rows[5500].subject_id == interloper


async def test_news_is_told_once_a_transaction_and_only_at_its_commit(
    db: Database, town: Town, community_id: UUID, database_urls: DatabaseUrls
) -> None:
    heard: list[str] = []
    subjects = await town.subjects(community_id, 3)
    listener = await asyncpg.connect(database_urls.api)
    try:
        await listener.add_listener("roster", lambda *args: heard.append(args[3]))
        async with db.transaction(Scope(community_id=community_id)) as conn:
            for subject in subjects:
                await give(conn, community_id, subject)
            await listener.execute("SELECT 1")
            assert heard == []
        await listener.execute("SELECT 1")
        assert heard == [str(community_id)]
        with pytest.raises(RuntimeError):
            await _fail_after(db, community_id, subjects[0])
        await listener.execute("SELECT 1")
        assert heard == [str(community_id)]
    finally:
        await listener.close()


async def test_nobody_but_the_triggers_writes_the_roster(db: Database, town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject)
    for statement in (
        "UPDATE roster_head SET version = 99",
        "UPDATE roster SET version = 99",
        "DELETE FROM roster",
        "INSERT INTO roster (community_id, subject_id, version) VALUES (scope_community(), gen_random_uuid(), 5)",
        "INSERT INTO roster_head (community_id, version) VALUES (scope_community(), 5)",
        "SELECT roster_project(scope_community(), ARRAY[]::uuid[])",
        "SELECT roster_new_epoch()",
        f"UPDATE access_grant SET subject_id = '{uuid4()}'",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(Scope(community_id=community_id)) as conn:
                await conn.execute(statement)
    assert (await town.version(community_id)).version == 1


async def test_a_new_epoch_is_later_than_any_before(worker_db: Database, town: Town, community_id: UUID) -> None:
    before = await town.version(community_id)
    epochs = []
    for _ in range(2):
        async with worker_db.transaction(Scope(community_id=community_id)) as conn:
            epochs.append(await conn.fetchval("SELECT roster_new_epoch()"))
    assert before.epoch < epochs[0] < epochs[1]
    assert (await town.version(community_id)).epoch == epochs[1]


Step = Callable[[Connection], Awaitable[object]]


def _come(community_id: UUID, subject: UUID, source: UUID) -> Step:
    return lambda conn: give(
        conn, community_id, subject, kind=GrantKind.COURIER, source="shift", source_id=source,
        valid_from=NOW + HOUR, valid_until=NOW + 2 * HOUR,
    )  # fmt: skip


def _go(community_id: UUID, source: UUID) -> Step:
    return lambda conn: access.end_grants(conn, community_id=community_id, source="shift", source_id=source, now=NOW)


def _tick(community_id: UUID) -> Step:
    return lambda conn: access.tick(conn, community_id=community_id, at=NOW + HOUR, limit=4)


def _credential(community_id: UUID, subject: UUID) -> Step:
    return lambda conn: access.set_credential(
        conn, community_id=community_id, subject_id=subject, template_id=uuid4(), pack="pack",
        template_sha256=uuid4().bytes * 2, now=NOW,
    )  # fmt: skip


async def _in_turn(database: Database, community_id: UUID, steps: Sequence[Step], dice: random.Random) -> None:
    """All steps in one transaction, with pauses in between."""
    async with database.transaction(Scope(community_id=community_id)) as conn:
        for step in steps:
            await step(conn)
            await asyncio.sleep(dice.random() / 500)


async def _fail_after(db: Database, community_id: UUID, subject_id: UUID) -> None:
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await give(conn, community_id, subject_id)
        raise RuntimeError


async def _until_waiting(db: Database, community_id: UUID) -> None:
    """Until some transaction of this database waits for a lock."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        while not await conn.fetchval(  # noqa: ASYNC110 - the one that waits is in the database
            """
            SELECT EXISTS (
                SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                WHERE NOT l.granted AND a.datname = current_database()
            )
            """
        ):
            await asyncio.sleep(0.01)
