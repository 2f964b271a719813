"""Rotation: wrapping keys get new versions and a new master key, while people enrol and processes are killed."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.keys import rotation
from backend.keys.errors import KeyMissing, KeyServiceUnavailable, WrappingRefused
from backend.keys.kms import AwsKmsKeyWrapper
from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper, MovingKeyWrapper
from backend.kit.db import Database, Scope
from tests.backend.keys.kms_server import KeyService
from tests.databases import DatabaseUrls

PATIENCE_S = 60.0


def kms(service: KeyService) -> AwsKmsKeyWrapper:
    return AwsKmsKeyWrapper(
        service.new_key(), endpoint_url=service.url, region="x", access_key_id="t", secret_access_key="t", attempts=1
    )


async def people(keys: Keys, owner_id: UUID, count: int) -> dict[UUID, bytes]:
    return {
        person: await keys.ensure_person_key(person, owner_id=owner_id) for person in (uuid4() for _ in range(count))
    }


async def versions(key_db: Database, owner_id: UUID) -> tuple[list[int], dict[int, int]]:
    """The owner's versions, and how many people each wraps."""
    async with key_db.transaction(Scope(), read_only=True) as conn:
        own = await conn.fetch("SELECT version FROM wrapping_key WHERE owner_id = $1 ORDER BY version", owner_id)
        wrapped = await conn.fetch(
            "SELECT owner_version, count(*) AS n FROM person_key WHERE owner_id = $1 GROUP BY owner_version", owner_id
        )
    return [row["version"] for row in own], {row["owner_version"]: row["n"] for row in wrapped}


async def test_a_rotation_keeps_every_persons_key_and_destroys_the_old_version(keys: Keys, key_db: Database) -> None:
    here, there = uuid4(), uuid4()
    before = await people(keys, here, 25)
    await people(keys, there, 2)
    assert await rotation.begin_rotation(keys, owner_id=here) == 2
    assert await rotation.continue_rotation(keys, owner_id=here, batch=10) == 25
    assert await versions(key_db, here) == ([2], {2: 25})
    assert await versions(key_db, there) == ([1], {1: 2})
    assert await keys.person_keys(list(before)) == before


async def test_a_rotation_under_way_is_not_begun_again(keys: Keys) -> None:
    here = uuid4()
    await people(keys, here, 3)
    assert await rotation.begin_rotation(keys, owner_id=here) == 2
    assert await rotation.begin_rotation(keys, owner_id=here) == 2
    assert await rotation.continue_rotations(keys) == 3
    assert await rotation.continue_rotations(keys) == 0
    assert await rotation.begin_rotation(keys, owner_id=here) == 3


async def test_an_owner_without_a_key_has_nothing_to_rotate(keys: Keys) -> None:
    with pytest.raises(KeyMissing):
        await rotation.begin_rotation(keys, owner_id=uuid4())
    with pytest.raises(KeyMissing):
        await rotation.continue_rotation(keys, owner_id=uuid4())


async def test_people_enrol_and_are_erased_while_it_runs(keys: Keys, key_db: Database, tmp_path: Path) -> None:
    here = uuid4()
    before = await people(keys, here, 60)
    gone = list(before)[::7]
    api = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    await api.person_keys(list(before))
    since: dict[UUID, bytes] = {}

    async def enrol() -> None:
        for _ in range(40):
            since.update(await people(api, here, 1))

    async def erase() -> None:
        for person in gone:
            await api.destroy_person_key(person)

    async def rotate() -> None:
        for _ in range(3):
            await rotation.begin_rotation(keys, owner_id=here)
            await asyncio.gather(
                rotation.continue_rotation(keys, owner_id=here, batch=5), rotation.continue_rotations(keys)
            )

    await asyncio.gather(enrol(), erase(), rotate())
    await rotation.continue_rotations(keys)
    left = {person: key for person, key in (before | since).items() if person not in gone}
    assert await versions(key_db, here) == ([4], {4: len(left)})
    for reader in (keys, api):
        assert await reader.person_keys([*before, *since]) == left


async def test_a_process_that_knew_the_old_version_reads_the_new_one(
    keys: Keys, key_db: Database, tmp_path: Path
) -> None:
    here = uuid4()
    before = await people(keys, here, 2)
    other = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    assert await other.person_keys(list(before)) == before
    await rotation.begin_rotation(keys, owner_id=here)
    await rotation.continue_rotation(keys, owner_id=here)
    assert await other.person_keys(list(before)) == before
    assert len(await people(other, here, 1)) == 1


# Lines of a program that goes on with a rotation, or with a change of the master key, as the command does.
ROTATE = """
import asyncio, sys
from pathlib import Path
from backend.keys import rotation
from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper, MovingKeyWrapper
from backend.kit.db import Database

async def main():
    db = Database(sys.argv[1])
    await db.open()
    old = FileKeyWrapper(Path(sys.argv[2]))
    if sys.argv[3:]:
        moving = MovingKeyWrapper(FileKeyWrapper(Path(sys.argv[3])), previous=old)
        await rotation.rewrap(Keys(db, moving), moving)
    else:
        keys = Keys(db, old)
        for owner_id in await rotation.list_owners(keys):
            await rotation.continue_rotation(keys, owner_id=owner_id, batch=10)

asyncio.run(main())
"""


async def killed_at(lock: str, *values: object, urls: DatabaseUrls, arguments: list[str]) -> None:
    """Run the program until it waits for that row, and kill it there."""
    path = os.pathsep.join(path for path in sys.path if path)
    conn = await asyncpg.connect(urls.keys)
    try:
        async with conn.transaction():
            await conn.execute(lock, *values)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ROTATE, *arguments, env={**os.environ, "PYTHONPATH": path}
            )
            try:
                await until(lambda: somebody_waits(urls.keys), process)
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
    finally:
        await conn.close()


async def until(condition: Callable[[], Awaitable[bool]], process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            assert process.returncode is None
            await asyncio.sleep(0.05)


async def somebody_waits(url: str) -> bool:
    conn = await asyncpg.connect(url)
    try:
        return bool(
            await conn.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND"
                " wait_event_type = 'Lock')"
            )
        )
    finally:
        await conn.close()


@pytest.mark.parametrize("place", [0, 15, 29])
async def test_a_rotation_killed_in_the_middle_is_gone_on_with(
    keys: Keys, key_db: Database, database_urls: DatabaseUrls, tmp_path: Path, place: int
) -> None:
    here = uuid4()
    before = await people(keys, here, 30)
    await rotation.begin_rotation(keys, owner_id=here)
    await killed_at(
        "SELECT FROM person_key WHERE person_id = $1 FOR UPDATE",
        sorted(before)[place],
        urls=database_urls,
        arguments=[database_urls.keys, str(tmp_path / "master.key")],
    )
    own, wrapped = await versions(key_db, here)
    assert own == [1, 2]
    assert wrapped.get(2, 0) == place // 10 * 10
    assert await keys.person_keys(list(before)) == before
    # As the worker does every minute.
    assert await rotation.continue_rotations(keys) == 30 - place // 10 * 10
    assert await versions(key_db, here) == ([2], {2: 30})
    assert await keys.person_keys(list(before)) == before


async def opened(keys: Keys, here: UUID, person: UUID) -> tuple[object, ...]:
    return (
        await keys.person_key(person),
        await keys.pepper(),
        await keys.jwt_keys(),
        await keys.head_keys(here),
    )


async def test_everything_moves_from_a_file_to_the_key_service(
    keys: Keys, key_db: Database, tmp_path: Path, service: KeyService
) -> None:
    here, person = uuid4(), uuid4()
    await keys.ensure_person_key(person, owner_id=here)
    before = await opened(keys, here, person)
    file, new = FileKeyWrapper(tmp_path / "master.key"), kms(service)
    moving = MovingKeyWrapper(new, previous=file)
    both = Keys(key_db, moving)
    assert await opened(both, here, person) == before
    assert await rotation.rewrap(both, moving) == rotation.Rewrapped(done=4, already=0)
    assert await rotation.rewrap(both, moving) == rotation.Rewrapped(done=0, already=4)
    assert await opened(Keys(key_db, new), here, person) == before
    with pytest.raises(WrappingRefused):
        await Keys(key_db, file).pepper()
    await moving.close()


async def test_a_change_of_the_master_key_killed_in_the_middle_is_repeated(
    keys: Keys, key_db: Database, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    here, person = uuid4(), uuid4()
    await keys.ensure_person_key(person, owner_id=here)
    before = await opened(keys, here, person)
    old, new = tmp_path / "master.key", tmp_path / "new.key"
    await killed_at(
        "SELECT FROM secret WHERE name = $1 FOR UPDATE",
        "pepper",
        urls=database_urls,
        arguments=[database_urls.keys, str(old), str(new)],
    )
    moving = MovingKeyWrapper(FileKeyWrapper(new), previous=FileKeyWrapper(old))
    assert await opened(Keys(key_db, moving), here, person) == before
    again = await rotation.rewrap(Keys(key_db, moving), moving)
    assert again.done + again.already == 4
    assert again.done >= 1
    assert again.already >= 1
    assert await opened(Keys(key_db, FileKeyWrapper(new)), here, person) == before


async def test_a_key_that_neither_master_key_opens_stops_the_change_and_names_it(
    keys: Keys, key_db: Database, tmp_path: Path
) -> None:
    await keys.pepper()
    moving = MovingKeyWrapper(FileKeyWrapper(tmp_path / "new.key"), previous=FileKeyWrapper(tmp_path / "wrong.key"))
    with pytest.raises(WrappingRefused, match="secret/pepper"):
        await rotation.rewrap(Keys(key_db, moving), moving)


async def test_signing_goes_on_while_the_key_service_is_away(key_db: Database, service: KeyService) -> None:
    keys = Keys(key_db, kms(service), held_s=0.0)
    here, person = uuid4(), uuid4()
    signing = await keys.head_keys(here)
    await keys.ensure_person_key(person, owner_id=here)
    service.broken = (500, "KMSInternalException")
    assert await keys.head_keys(here) == signing
    with pytest.raises(KeyServiceUnavailable):
        await keys.person_key(person)
    service.broken = None
    await keys.person_key(person)
    await keys.close()
