"""Restoring a single box from a backup, so that nobody comes back who was erased since.

Everything is prepared beside what is there, and then put in its place by renaming: cut off before that, nothing has
happened; cut off in it, the box does not start until the restore is run again.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from backend.audit import service as audit
from backend.consent.service import Purpose
from backend.embedded.datadir import restore_mark
from backend.embedded.objects import DirectoryObjectStore
from backend.embedded.passwords import KEYS, OWNER, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import DATABASE, KEY_DATABASE
from backend.keys.repository import TombstoneRow
from backend.keys.service import Keys
from backend.kit.clock import utc_now
from backend.kit.db import Database, Scope
from backend.migrate import migrate
from backend.privacy import service as privacy
from backend.privacy.saga import Saga
from backend.resources import open_keys
from backend.settings import Settings
from backend.upkeep import manifest, pgtools, repository
from backend.upkeep.backup import DATA_DUMP, KEYS_DUMP, OBJECTS, copy_objects
from backend.upkeep.errors import RestoreRefused

__all__ = ["Restored", "restore"]

_NEW, _OLD = "_restored", "_before"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Restored(msgspec.Struct, frozen=True):
    """What a restore did: keys destroyed again, people whose faces are erased again, communities with a new epoch."""

    made_at: datetime
    keys_destroyed: int
    erased_again: int
    communities: int
    objects: int


class _Mark(msgspec.Struct, frozen=True):
    """Kept while databases change places: destructions that only the key store before them knew."""

    tombstones: list[TombstoneRow]


async def restore(
    postgres: EmbeddedPostgres,
    settings: Settings,
    *,
    data: Path,
    keys: Path | None,
    objects: Path | None,
    now: datetime,
) -> Restored:
    """Put a backup in the place of the box's data.

    Args:
        postgres: the box's server, running for this alone.
        settings: with the box's data directory and master key.
        data: a data backup.
        keys: a backup of the key store, where that is lost too; otherwise the present one stays.
        objects: the box's object directory; None where a bucket holds the objects, which stay as they are.
        now: UTC.

    Raises:
        BackupRefused: a backup is not whole, or expired.
        RestoreRefused: there would be no key store.
        SettingsRefused: the master key is not the key store's.
        DumpFailed: a dump does not load.
    """
    folder = settings.data_dir
    assert folder is not None
    made_at = manifest.read(data, kind="data", now=now).made_at
    if keys is not None:
        manifest.read(keys, kind="keys", now=now)
    if settings.kms_key_id is None and not (settings.key_file or folder / "master.key").exists():
        raise RestoreRefused("put the master key in its place first: without it the key store opens nothing")
    tombstones = await _tombstones(postgres, restore_mark(folder))
    try:
        restored = await _prepare(postgres, settings, data, keys, objects, tombstones, now)
    except BaseException:
        await _discard(postgres, objects)
        raise
    _write_mark(restore_mark(folder), _Mark(tombstones))
    await _swap(postgres, [DATABASE] if keys is None else [DATABASE, KEY_DATABASE])
    if objects is not None:
        _swap_folder(objects)
    restore_mark(folder).unlink()
    return msgspec.structs.replace(restored, made_at=made_at)


async def _prepare(
    postgres: EmbeddedPostgres,
    settings: Settings,
    data: Path,
    keys: Path | None,
    objects: Path | None,
    tombstones: list[TombstoneRow],
    now: datetime,
) -> Restored:
    """Make the restored system beside the present one, with nobody in it who was erased since."""
    await _load(postgres, DATABASE, data / DATA_DUMP, owner=OWNER)
    if keys is not None:
        await _load(postgres, KEY_DATABASE, keys / KEYS_DUMP, owner=KEYS)
    key_database = KEY_DATABASE + (_NEW if keys is not None else "")
    await _require_keys(postgres, key_database)
    migrate(postgres.url(OWNER, DATABASE + _NEW), postgres.url(KEYS, key_database))
    copied = 0
    if objects is not None:
        shutil.rmtree(_beside(objects, _NEW), ignore_errors=True)
        copied = await copy_objects(DirectoryObjectStore(data / OBJECTS), DirectoryObjectStore(_beside(objects, _NEW)))
    addressed = msgspec.structs.replace(settings, keys_database_url=postgres.url(KEYS, key_database))
    async with open_keys(addressed) as key_store:
        destroyed = 0
        if keys is not None:
            tombstones += await _tombstones_in_data(postgres, DATABASE + _NEW)
            destroyed = await key_store.bury(tombstones)
        communities = await _begin_anew(postgres)
        erased = await _erase_again(postgres, key_store, objects, now=now)
    return Restored(made_at=now, keys_destroyed=destroyed, erased_again=erased, communities=communities, objects=copied)


async def _discard(postgres: EmbeddedPostgres, objects: Path | None) -> None:
    """Leave nothing of a restore that failed before anything changed places."""
    await _execute(
        postgres, *(f"DROP DATABASE IF EXISTS {name}{_NEW} WITH (FORCE)" for name in (DATABASE, KEY_DATABASE))
    )
    if objects is not None:
        shutil.rmtree(_beside(objects, _NEW), ignore_errors=True)


async def _tombstones(postgres: EmbeddedPostgres, mark: Path) -> list[TombstoneRow]:
    """Every destruction that anything here knows: key stores and data, those of a restore that was cut off included."""
    found = _read_mark(mark).tombstones
    for name in (KEY_DATABASE, KEY_DATABASE + _OLD):
        async with _superuser(postgres, name) as database:
            if database is None:
                continue
            async with database.transaction(Scope(), read_only=True) as conn:
                if await conn.fetchval("SELECT to_regclass('key_tombstone') IS NOT NULL"):
                    rows = await conn.fetch("SELECT person_id, destroyed_at FROM key_tombstone")
                    found += [TombstoneRow(**row) for row in rows]
    for name in (DATABASE, DATABASE + _OLD):
        found += await _tombstones_in_data(postgres, name)
    return found


async def _tombstones_in_data(postgres: EmbeddedPostgres, name: str) -> list[TombstoneRow]:
    async with _superuser(postgres, name) as database:
        if database is None:
            return []
        async with database.transaction(Scope(), read_only=True) as conn:
            if not await conn.fetchval("SELECT to_regclass('erasure_step') IS NOT NULL"):
                return []
            rows = await repository.list_destroyed(conn)
            return [TombstoneRow(person_id=row.person_id, destroyed_at=row.destroyed_at) for row in rows]


async def _load(postgres: EmbeddedPostgres, name: str, source: Path, *, owner: str) -> None:
    """A database beside the present one, filled from the dump."""
    fresh = name + _NEW
    await _execute(
        postgres,
        f"DROP DATABASE IF EXISTS {fresh} WITH (FORCE)",
        f"CREATE DATABASE {fresh} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0",
        f"REVOKE ALL ON DATABASE {fresh} FROM PUBLIC",
    )
    if name == DATABASE:
        await _execute(postgres, f"GRANT CONNECT ON DATABASE {fresh} TO doorward_api, doorward_worker, doorward_audit")
    pgtools.load(postgres.url(SUPERUSER, fresh), source)


async def _require_keys(postgres: EmbeddedPostgres, name: str) -> None:
    async with _superuser(postgres, name) as database:
        if database is not None:
            async with database.transaction(Scope(), read_only=True) as conn:
                if await repository.has_keys(conn):
                    return
    raise RestoreRefused(
        "this box has no key store: with the data alone no photograph and no template can be opened. Name a backup of "
        "the keys with --keys, and put the master key in its place first"
    )


async def _erase_again(postgres: EmbeddedPostgres, keys: Keys, objects: Path | None, *, now: datetime) -> int:
    """Erase the faces that came back although their keys are gone, as far as no gate is needed; how many people's."""
    name = DATABASE + _NEW
    async with _superuser(postgres, name) as database:
        assert database is not None
        async with database.transaction(Scope(), read_only=True) as conn:
            faces = await repository.list_faces(conn)
    buried: dict[UUID, datetime] = {}
    for tombstone in await keys.tombstones():
        buried[tombstone.person_id] = max(tombstone.destroyed_at, buried.get(tombstone.person_id, _BEGINNING))
    held = await keys.person_keys([face.person_id for face in faces])
    gone = [
        face.person_id
        for face in faces
        if face.person_id not in held or buried.get(face.person_id, _BEGINNING) >= face.newest_at
    ]
    api, worker = Database(postgres.url("doorward_api", name)), Database(postgres.url("doorward_worker", name))
    store = None if objects is None else DirectoryObjectStore(_beside(objects, _NEW))
    try:
        await api.open()
        await worker.open()
        for person_id in gone:
            async with api.transaction(Scope(person_id=person_id)) as conn:
                erasure = await privacy.withdraw_consent(
                    conn, person_id=person_id, purpose=Purpose.FACE_ACCESS, now=now
                )
            # None: it was being erased when the backup was made, and the worker goes on with that.
            if erasure is not None and store is not None:
                await Saga(worker, keys, store, utc_now).resume(erasure.erasure_id)
    finally:
        await api.close()
        await worker.close()
    return len(gone)


async def _begin_anew(postgres: EmbeddedPostgres) -> int:
    """New epochs for gates, and no log-in of before; how many communities."""
    async with _superuser(postgres, DATABASE + _NEW) as database:
        assert database is not None
        async with database.transaction(Scope()) as conn:
            await repository.delete_log_ins(conn)
            communities = await repository.list_communities(conn)
    worker = Database(postgres.url("doorward_worker", DATABASE + _NEW), max_size=1)
    try:
        await worker.open()
        for community_id in communities:
            async with worker.transaction(Scope(community_id=community_id)) as conn:
                await repository.new_epoch(conn)
                await audit.record(
                    conn,
                    community_id=community_id,
                    actor="system",
                    action="backup.restore",
                    target=f"community:{community_id}",
                )
    finally:
        await worker.close()
    return len(communities)


async def _swap(postgres: EmbeddedPostgres, names: list[str]) -> None:
    """The restored databases take their places; those before them go. Safe to be run again after it was cut off."""
    for name in names:
        await _execute(postgres, f"DROP DATABASE IF EXISTS {name}{_OLD} WITH (FORCE)")
        if await _exists(postgres, name):
            await _execute(postgres, f"ALTER DATABASE {name} RENAME TO {name}{_OLD}")
        await _execute(
            postgres,
            f"ALTER DATABASE {name}{_NEW} RENAME TO {name}",
            f"DROP DATABASE IF EXISTS {name}{_OLD} WITH (FORCE)",
        )


def _swap_folder(folder: Path) -> None:
    old = _beside(folder, _OLD)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    _beside(folder, _NEW).rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


def _read_mark(path: Path) -> _Mark:
    return msgspec.json.decode(path.read_bytes(), type=_Mark) if path.exists() else _Mark([])


def _write_mark(path: Path, mark: _Mark) -> None:
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.encode(mark))
    fresh.rename(path)


async def _exists(postgres: EmbeddedPostgres, name: str) -> bool:
    conn = await asyncpg.connect(postgres.url(SUPERUSER, "postgres"))
    try:
        return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name))
    finally:
        await conn.close()


async def _execute(postgres: EmbeddedPostgres, *statements: str) -> None:
    """Statements on databases as such. Their names are our own constants."""
    conn = await asyncpg.connect(postgres.url(SUPERUSER, "postgres"))
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


@asynccontextmanager
async def _superuser(postgres: EmbeddedPostgres, name: str) -> AsyncIterator[Database | None]:
    """A database without row-level security; None where there is none of that name."""
    if not await _exists(postgres, name):
        yield None
        return
    database = Database(postgres.url(SUPERUSER, name), max_size=2)
    try:
        await database.open()
        yield database
    finally:
        await database.close()
