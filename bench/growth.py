"""How the database grows with people: the same questions at ten and at a hundred times as many.

Not part of `make bench`, as it fills a database with 1,330,000 people: ``python -m bench --only growth`` takes some
minutes and 6 GB of disk. Communities keep their size, as they do in life; there are more of them.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from backend.access import service as access
from backend.embedded.passwords import KEYS, OWNER, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.rebuild import rebuild_gallery
from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.db import Database, Scope
from backend.migrate import migrate
from bench.measure import Figure, Tell, Times
from bench.recognition import unit_vectors
from bench.seed import Community, seed
from gate_sdk.face import DEFAULT_PACK

SECTION = "growth"
_COMMUNITY = 2_254
_PEOPLE = (13_300, 133_000, 1_330_000)
_TIMES = 100

Question = Callable[[Community], Awaitable[object]]


def run(tell: Tell, people: tuple[int, ...] = _PEOPLE) -> Iterator[Figure]:
    """Fill to each of the sizes in turn and ask at each."""
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as folder:
        wrapper = FileKeyWrapper(Path(folder) / "master.key")
        with EmbeddedPostgres(Path(folder) / "postgres") as postgres:
            migrate(postgres.url(OWNER), postgres.url(KEYS, KEY_DATABASE))
            yield from asyncio.run(_measure(postgres, wrapper, people, tell))


async def _measure(
    postgres: EmbeddedPostgres, wrapper: FileKeyWrapper, people: tuple[int, ...], tell: Tell
) -> list[Figure]:
    db, key_db = Database(postgres.url("doorward_worker")), Database(postgres.url(KEYS, KEY_DATABASE))
    await db.open()
    await key_db.open()
    try:
        communities: list[Community] = []
        figures: list[Figure] = []
        first: dict[str, float] = {}
        for total in people:
            wanted = max(1, round(total / _COMMUNITY)) - len(communities)
            tell(f"filling up to {total:,} people")
            communities += await seed(postgres, wrapper, [_COMMUNITY] * wanted)
            asked = random.Random(1).choices(communities, k=min(10, len(communities)))
            for community in asked:
                await rebuild_gallery(db, Keys(key_db, wrapper), community_id=community.community_id)
            await _settle(postgres)
            tell(f"asking at {total:,} people")
            for name, question in _questions(db).items():
                times = await _time(question, asked)
                first.setdefault(name, times.median_ms)
                figures.append(
                    Figure(
                        section=SECTION, name=f"{name}, {total:,} people in {len(communities)} communities",
                        value=times.median_ms, unit="ms", detail=f"p99 {times.p99_ms:.2f} ms",
                        beside=f"with {people[0]:,}", ratio=times.median_ms / first[name],
                    )
                )  # fmt: skip
        tell("weighing tables")
        return [*figures, *await _sizes(postgres, len(communities) * _COMMUNITY)]
    finally:
        await key_db.close()
        await db.close()


def _questions(db: Database) -> dict[str, Question]:
    probe = unit_vectors(1, 128, seed=5).tolist()

    async def nearest(community: Community) -> None:
        scope = Scope(community_id=community.community_id)
        async with db.transaction(scope, read_only=True) as conn:
            await gallery.nearest(
                conn, community_id=community.community_id, pack=DEFAULT_PACK, besides=community.subjects[0],
                probes=probe,
            )  # fmt: skip

    async def take_off(community: Community) -> None:
        subject = random.choice(community.subjects)
        async with db.transaction(Scope(community_id=community.community_id)) as conn:
            await access.drop_credentials(conn, community_id=community.community_id, subject_ids=[subject])

    async def due(_: Community) -> None:
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            await access.due_communities(conn, at=datetime.now(UTC))

    return {
        "the nearest faces of a community": nearest,
        "a face taken off the gates, to its commit": take_off,
        "which communities have something due": due,
    }


async def _time(question: Question, asked: list[Community]) -> Times:
    seconds = []
    for turn in range(_TIMES + 10):
        begin = time.perf_counter()
        await question(asked[turn % len(asked)])
        seconds.append(time.perf_counter() - begin)
    return Times.of(seconds[10:])


async def _settle(postgres: EmbeddedPostgres) -> None:
    """What autovacuum does in a quiet hour, at once: without statistics a plan says nothing."""
    conn = await asyncpg.connect(postgres.url(SUPERUSER))
    try:
        await conn.execute("VACUUM ANALYZE")
    finally:
        await conn.close()


async def _sizes(postgres: EmbeddedPostgres, people: int) -> list[Figure]:
    figures = []
    for name, url in (("data", postgres.url(SUPERUSER)), ("keys", postgres.url(KEYS, KEY_DATABASE))):
        conn = await asyncpg.connect(url)
        try:
            rows = await conn.fetch(
                """
                SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
                WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT relispartition
                ORDER BY bytes DESC LIMIT 7
                """
            )
        finally:
            await conn.close()
        figures += [
            Figure(section=SECTION, name=f"{name}: {row['name']}", value=row["bytes"] / people, unit="bytes a person")
            for row in rows
            if row["bytes"] > people
        ]
    return figures
