import os
from pathlib import Path
from uuid import uuid4

import pytest

from backend.keys.errors import KeyDestroyed, KeyMissing, WrappingRefused
from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.crypto import SealBroken, open_sealed, seal
from backend.kit.db import Database, Scope


async def test_a_persons_key_is_made_once_and_found_again(keys: Keys, key_db: Database, tmp_path: Path) -> None:
    person, community = uuid4(), uuid4()
    made = await keys.ensure_person_key(person, owner_id=community)
    again = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    assert await again.person_key(person) == made
    assert await again.ensure_person_key(person, owner_id=community) == made
    assert await again.person_keys([person, uuid4()]) == {person: made}


async def test_two_people_of_one_community_have_different_keys(keys: Keys) -> None:
    community = uuid4()
    one, other = uuid4(), uuid4()
    assert await keys.ensure_person_key(one, owner_id=community) != await keys.ensure_person_key(
        other, owner_id=community
    )


async def test_a_destroyed_key_stays_destroyed(keys: Keys) -> None:
    person, community = uuid4(), uuid4()
    await keys.ensure_person_key(person, owner_id=community)
    first = await keys.destroy_person_key(person)
    assert await keys.destroy_person_key(person) == first
    with pytest.raises(KeyDestroyed):
        await keys.person_key(person)
    with pytest.raises(KeyDestroyed):
        await keys.ensure_person_key(person, owner_id=community)


async def test_a_key_that_never_was(keys: Keys) -> None:
    with pytest.raises(KeyMissing):
        await keys.person_key(uuid4())


async def test_no_key_lies_in_the_clear_in_the_key_store(keys: Keys, key_db: Database) -> None:
    person, community = uuid4(), uuid4()
    clear = [await keys.ensure_person_key(person, owner_id=community), await keys.pepper()]
    clear += [key.seed for key in await keys.jwt_keys()]
    async with key_db.transaction(Scope(), read_only=True) as conn:
        stored = [
            bytes(row["wrapped"])
            for table in ("wrapping_key", "person_key", "signing_key", "secret")
            for row in await conn.fetch(f"SELECT wrapped FROM {table}")
        ]
    assert len(stored) == 4
    assert not [(c, s) for c in clear for s in stored if c in s]


async def test_another_master_key_opens_nothing(keys: Keys, key_db: Database, tmp_path: Path) -> None:
    person = uuid4()
    await keys.ensure_person_key(person, owner_id=uuid4())
    stranger = Keys(key_db, FileKeyWrapper(tmp_path / "other.key"))
    with pytest.raises(WrappingRefused):
        await stranger.person_key(person)


async def test_a_wrapped_key_moved_to_another_person_does_not_open(keys: Keys, key_db: Database) -> None:
    community, one, other = uuid4(), uuid4(), uuid4()
    await keys.ensure_person_key(one, owner_id=community)
    await keys.ensure_person_key(other, owner_id=community)
    async with key_db.transaction(Scope()) as conn:
        await conn.execute(
            "UPDATE person_key p SET wrapped = o.wrapped FROM person_key o WHERE o.person_id = $1 AND p.person_id = $2",
            one,
            other,
        )
    with pytest.raises(SealBroken):
        await keys.person_key(other)


async def test_signing_keys_are_per_community_and_kept(keys: Keys, key_db: Database, tmp_path: Path) -> None:
    here, there = uuid4(), uuid4()
    (mine,) = await keys.head_keys(here)
    (theirs,) = await keys.head_keys(there)
    assert mine.public_key != theirs.public_key
    again = Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))
    assert await again.head_keys(here) == (mine,)
    assert mine.private.public_key().public_bytes_raw() == mine.public_key


def test_the_master_keys_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    FileKeyWrapper(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(WrappingRefused, match="0600"):
        FileKeyWrapper(path)


def test_a_cut_off_master_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(os.urandom(31))
    path.chmod(0o600)
    with pytest.raises(WrappingRefused, match="31 bytes"):
        FileKeyWrapper(path)


def test_a_seal_holds_its_place() -> None:
    key = os.urandom(32)
    sealed = seal(key, b"face", bound_to="photo/a/1")
    assert open_sealed(key, sealed, bound_to="photo/a/1") == b"face"
    for broken in (sealed[:-1], sealed[:5], b"", bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(SealBroken):
            open_sealed(key, broken, bound_to="photo/a/1")
    with pytest.raises(SealBroken):
        open_sealed(key, sealed, bound_to="photo/b/1")
