"""Restoring a single box from a backup, so that nobody comes back who was erased since.

Everything is prepared beside what is there, and then put in its place by renaming: cut off before that, nothing has
happened; cut off in it, the box does not start until the restore is run again.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from backend.embedded.datadir import restore_mark
from backend.embedded.objects import DirectoryObjectStore
from backend.embedded.passwords import KEYS, OWNER, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import DATABASE, KEY_DATABASE
from backend.health.watermark import level_marks
from backend.keys.repository import TombstoneRow
from backend.kit.db import Database, Scope
from backend.migrate import migrate
from backend.resources import open_keys
from backend.settings import Settings
from backend.upkeep import manifest, pgtools, repository
from backend.upkeep.anew import Loaded, begin_anew, known_ends
from backend.upkeep.backup import DATA_DUMP, KEYS_DUMP, OBJECTS, copy_objects
from backend.upkeep.errors import RestoreRefused
from backend.upkeep.repository import EndRow

__all__ = ["Restored", "restore"]

_NEW, _OLD = "_restored", "_before"


class Restored(msgspec.Struct, frozen=True):
    """What a restore did: keys destroyed again, people erased again, communities with a new epoch."""

    made_at: datetime
    keys_destroyed: int
    erased_again: int
    communities: int
    objects: int


class _Known(msgspec.Struct, frozen=True):
    """What only the system before knows: destroyed keys and what has ended. Kept while databases change places."""

    tombstones: list[TombstoneRow]
    ends: list[EndRow]


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
    known = await _known(postgres, restore_mark(folder))
    try:
        restored = await _prepare(postgres, settings, data, keys, objects, known, now)
    except BaseException:
        await _discard(postgres, objects)
        raise
    _write_mark(restore_mark(folder), known)
    await _swap(postgres, [DATABASE] if keys is None else [DATABASE, KEY_DATABASE])
    if objects is not None:
        _swap_folder(objects)
    # Not sooner: beside the data of before, which would serve on had this failed, the key store must not be ahead.
    await _level(postgres)
    restore_mark(folder).unlink()
    return msgspec.structs.replace(restored, made_at=made_at)


async def _prepare(
    postgres: EmbeddedPostgres,
    settings: Settings,
    data: Path,
    keys: Path | None,
    objects: Path | None,
    known: _Known,
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
            destroyed = await key_store.bury(known.tombstones)
        fresh = None if objects is None else DirectoryObjectStore(_beside(objects, _NEW))
        async with _loaded(postgres) as loaded:
            anew = await begin_anew(loaded, key_store, fresh, known.ends, now=now)
    return Restored(
        made_at=now,
        keys_destroyed=destroyed + anew.keys_destroyed,
        erased_again=anew.erased_again,
        communities=anew.communities,
        objects=copied,
    )


async def _discard(postgres: EmbeddedPostgres, objects: Path | None) -> None:
    """Leave nothing of a restore that failed before anything changed places."""
    await _execute(
        postgres, *(f"DROP DATABASE IF EXISTS {name}{_NEW} WITH (FORCE)" for name in (DATABASE, KEY_DATABASE))
    )
    if objects is not None:
        shutil.rmtree(_beside(objects, _NEW), ignore_errors=True)


async def _known(postgres: EmbeddedPostgres, mark: Path) -> _Known:
    """Everything that anything here knows: key stores and data, those of a restore that was cut off included."""
    known = _read_mark(mark)
    for name in (KEY_DATABASE, KEY_DATABASE + _OLD):
        async with _superuser(postgres, name) as database:
            if database is None:
                continue
            async with database.transaction(Scope(), read_only=True) as conn:
                known.tombstones.extend(await repository.list_tombstones(conn))
    for name in (DATABASE, DATABASE + _OLD):
        known.tombstones.extend(await _destroyed(postgres, name))
        async with _superuser(postgres, name) as database:
            if database is not None:
                known.ends.extend(await known_ends(database))
    return known


async def _destroyed(postgres: EmbeddedPostgres, name: str) -> list[TombstoneRow]:
    """Whose keys were destroyed, as the data say."""
    async with _superuser(postgres, name) as database:
        if database is None:
            return []
        async with database.transaction(Scope(), read_only=True) as conn:
            return await repository.list_destroyed(conn) if await repository.has_data(conn) else []


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


@asynccontextmanager
async def _loaded(postgres: EmbeddedPostgres) -> AsyncIterator[Loaded]:
    async with AsyncExitStack() as opened:
        databases = []
        for role in (OWNER, "doorward_api", "doorward_worker"):
            database = Database(postgres.url(role, DATABASE + _NEW), max_size=2)
            opened.push_async_callback(database.close)
            await database.open()
            databases.append(database)
        yield Loaded(*databases)


async def _level(postgres: EmbeddedPostgres) -> None:
    """Let both databases, in their places now, say that they are of one moment."""
    data, keys = Database(postgres.url("doorward_worker"), max_size=1), Database(postgres.url(KEYS, KEY_DATABASE))
    try:
        await data.open()
        await keys.open()
        await level_marks(data, keys)
    finally:
        await data.close()
        await keys.close()


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


def _read_mark(path: Path) -> _Known:
    return msgspec.json.decode(path.read_bytes(), type=_Known) if path.exists() else _Known([], [])


def _write_mark(path: Path, mark: _Known) -> None:
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
