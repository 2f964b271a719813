"""A community's heads get another signing key."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from backend.keys.errors import KeyMissing
from backend.keys.service import Keys
from backend.keys.signing import succession
from backend.keys.signing.succession import ANNOUNCED, server_keys, signing_at
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.db import Database
from gate_sdk.wire import verify_endorsed
from tests.backend.upkeep.test_key_commands import run
from tests.databases import DatabaseUrls

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


async def test_the_present_key_signs_until_every_process_knows_of_the_new_one(
    keys: Keys, key_db: Database, tmp_path: Path
) -> None:
    here = uuid4()
    (first,) = await keys.head_keys(here)
    other_process = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    held = await other_process.head_keys(here)
    fresh = await succession.announce(keys, community_id=here, now=NOW)
    known = await keys.head_keys(here)
    assert [key.kid for key in known] == [fresh.kid, first.kid]
    before, after = NOW + ANNOUNCED - timedelta(seconds=1), NOW + ANNOUNCED
    assert signing_at(known, before).kid == signing_at(held, before).kid == first.kid
    assert signing_at(known, after) == fresh
    # Longer than what was read before the announcement is held, and some more for clocks.
    assert timedelta(seconds=900) < ANNOUNCED <= timedelta(minutes=30)


async def test_gates_find_whose_place_each_key_takes(keys: Keys) -> None:
    here = uuid4()
    (first,) = await keys.head_keys(here)
    second = await succession.announce(keys, community_id=here, now=NOW)
    third = await succession.announce(keys, community_id=here, now=NOW + timedelta(days=365))
    public = server_keys(await keys.head_keys(here))
    assert [key.kid for key in public] == [third.kid, second.kid, first.kid]
    trusted = {first.kid: first.public_key, second.kid: second.public_key}
    verify_endorsed(public[0], community=here, keys=trusted)
    verify_endorsed(public[1], community=here, keys={first.kid: first.public_key})
    assert public[2].by is None


async def test_announcing_again_or_twice_at_once_makes_one_key(keys: Keys, key_db: Database, tmp_path: Path) -> None:
    here = uuid4()
    await keys.head_keys(here)
    processes = [Keys(key_db, FileKeyWrapper(tmp_path / "master.key")) for _ in range(3)]
    fresh = await asyncio.gather(*(succession.announce(one, community_id=here, now=NOW) for one in processes))
    again = await succession.announce(keys, community_id=here, now=NOW + timedelta(minutes=1))
    assert {key.kid for key in (*fresh, again)} == {again.kid}
    assert len(await processes[0].head_keys(here)) == 2


async def test_a_community_that_never_signed_anything(keys: Keys) -> None:
    with pytest.raises(KeyMissing):
        await succession.announce(keys, community_id=uuid4(), now=NOW)


async def test_the_command_refuses_a_community_without_gates_in_one_line(
    keys: Keys, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    await keys.pepper()
    arguments = ["rotate-community", "--community", str(uuid4())]
    refused = run(arguments, database_urls, tmp_path, DOORWARD_WORKER_DATABASE_URL=database_urls.worker)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1), refused.stderr
