"""What a process holds of keys, and for how long."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from backend.keys.cache import KeyCache
from backend.keys.errors import KeyDestroyed
from backend.keys.kms import AwsKmsKeyWrapper
from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.db import Database, Scope
from tests.backend.keys.kms_server import KeyService


async def test_a_held_key_goes_when_its_time_is_over() -> None:
    now = [0.0]
    cache: KeyCache[str, bytes] = KeyCache(seconds=10, monotonic=lambda: now[0])
    cache.put("a", b"1")
    now[0] = 9.9
    cache.put("b", b"2")
    assert (cache.get("a"), cache.get("b"), len(cache)) == (b"1", b"2", 2)
    now[0] = 10.0
    assert (cache.get("a"), cache.get("b"), len(cache)) == (None, b"2", 1)
    cache.clear()


async def test_a_held_key_goes_from_a_process_that_asks_for_nothing_more() -> None:
    cache: KeyCache[str, bytes] = KeyCache(seconds=0.05)
    cache.put("a", b"1")
    async with asyncio.timeout(120):
        while cache._held:  # noqa: ASYNC110 - the loop's own timer lets it go
            await asyncio.sleep(0.01)


async def test_no_more_keys_are_held_than_are_allowed() -> None:
    cache: KeyCache[int, bytes] = KeyCache(most=3)
    for number in range(10):
        cache.put(number, b"")
    assert [number for number in range(10) if cache.get(number) is not None] == [7, 8, 9]
    cache.discard(8)
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0


async def test_the_key_service_is_asked_once_for_a_community(key_db: Database, service: KeyService) -> None:
    wrapper = AwsKmsKeyWrapper(
        service.new_key(), endpoint_url=service.url, region="x", access_key_id="t", secret_access_key="t"
    )
    writer = Keys(key_db, wrapper)
    communities = [uuid4() for _ in range(3)]
    people = [uuid4() for _ in range(30)]
    for number, person in enumerate(people):
        await writer.ensure_person_key(person, owner_id=communities[number % 3])
    asked = service.calls["Decrypt"]
    assert asked == 3
    reader = Keys(key_db, wrapper)
    assert len(await reader.person_keys(people)) == 30
    await reader.person_keys(people)
    assert service.calls["Decrypt"] == asked + 3
    await reader.close()


async def test_a_destroyed_key_is_held_by_no_process(key_db: Database, tmp_path: Path) -> None:
    one, other = (Keys(key_db, FileKeyWrapper(tmp_path / "master.key")) for _ in range(2))
    person = uuid4()
    key = await one.ensure_person_key(person, owner_id=uuid4())
    assert await other.person_key(person) == key
    await one.destroy_person_key(person)
    for keys in (one, other):
        assert await keys.person_keys([person]) == {}
        with pytest.raises(KeyDestroyed):
            await keys.person_key(person)
        held = [value for cache in (keys._owners, keys._signing) for _, value in cache._held.values()]
        assert key not in held


async def test_a_key_made_while_it_is_destroyed_is_not_there_afterwards(key_db: Database, tmp_path: Path) -> None:
    keys = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    owner = uuid4()
    await keys.ensure_person_key(uuid4(), owner_id=owner)
    people = [uuid4() for _ in range(25)]
    await asyncio.gather(
        *(keys.ensure_person_key(person, owner_id=owner) for person in people),
        *(keys.destroy_person_key(person) for person in people),
        return_exceptions=True,
    )
    assert await keys.person_keys(people) == {}
    async with key_db.transaction(Scope(), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM key_tombstone") == 25


async def test_every_destruction_is_remembered_when_a_person_comes_back(key_db: Database, tmp_path: Path) -> None:
    keys = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    person, owner = uuid4(), uuid4()
    for _ in range(2):
        await keys.ensure_person_key(person, owner_id=owner)
        at = await keys.destroy_person_key(person)
        assert await keys.destroy_person_key(person) == at
        await keys.readmit(person)
    last = await keys.ensure_person_key(person, owner_id=owner)
    tombstones = await keys.tombstones()
    assert [row.person_id for row in tombstones] == [person, person]
    # An older key than the last tombstone would go; his newest stays.
    assert await keys.bury(tombstones) == 0
    assert await keys.person_key(person) == last
