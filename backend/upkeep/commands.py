"""The operator's commands, between the command line and the work."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import msgspec

from backend.audit import service as audit
from backend.embedded.objects import DirectoryObjectStore
from backend.embedded.postgres import EmbeddedPostgres
from backend.health.watermark import level_marks
from backend.keys import rotation
from backend.keys.errors import KeyMissing
from backend.keys.rotation import Rewrapped
from backend.keys.service import SigningKey
from backend.keys.signing import succession
from backend.keys.signing import tokens as token_keys
from backend.keys.wrapping import MovingKeyWrapper
from backend.kit.clock import utc_now
from backend.kit.db import Database, Scope
from backend.resources import database_of, open_data, open_keys, open_objects, open_resources
from backend.settings import Settings, SettingsRefused
from backend.upkeep import manifest
from backend.upkeep import restore as restoring
from backend.upkeep.anew import Anew, Loaded, begin_anew, known_ends
from backend.upkeep.backup import BackedUp
from backend.upkeep.backup import back_up as _back_up
from backend.upkeep.errors import BackupRefused, RestoreRefused, UpkeepFailed
from backend.upkeep.repository import EndRow
from backend.upkeep.restore import Restored

__all__ = ["after_restore", "back_up", "restore", "rewrap", "rotate", "rotate_community", "rotate_tokens"]


async def rotate(settings: Settings, *, community_id: UUID | None) -> int:
    """Rotate one community's wrapping key, or every one; how many people's keys were wrapped anew.

    Cut off, it is gone on with by the worker.

    Raises:
        UpkeepFailed: that community has no key.
        SettingsRefused, KeyServiceUnavailable: the key store cannot be opened.
    """
    count = 0
    async with open_keys(settings) as keys:
        owners = await rotation.list_owners(keys) if community_id is None else [community_id]
        try:
            # All of them first, so that a worker knows of every one should this process end.
            for owner_id in owners:
                await rotation.begin_rotation(keys, owner_id=owner_id)
            for owner_id in owners:
                count += await rotation.continue_rotation(keys, owner_id=owner_id)
        except KeyMissing:
            raise UpkeepFailed("that community has no key: nobody has enrolled in it yet") from None
    return count


async def rotate_community(settings: Settings, *, community_id: UUID | None, now: datetime) -> dict[UUID, SigningKey]:
    """Announce another key for one community's heads, or every one's; which key it is, by community.

    Raises:
        UpkeepFailed: nothing was ever signed for that community.
        SettingsRefused, KeyServiceUnavailable: a store cannot be opened.
    """
    announced = {}
    async with open_resources(settings, process="worker") as resources:
        keys = resources.keys
        communities = await succession.list_signers(keys) if community_id is None else [community_id]
        for each in communities:
            try:
                announced[each] = await succession.announce(keys, community_id=each, now=now)
            except KeyMissing:
                raise UpkeepFailed("nothing was ever signed for that community: it has no gate yet") from None
            async with resources.db.transaction(Scope(community_id=each)) as conn:
                await audit.record(
                    conn,
                    community_id=each,
                    actor="system",
                    action="keys.rotate",
                    target=f"key:{announced[each].kid}",
                )
    return announced


async def rotate_tokens(settings: Settings, *, now: datetime) -> tuple[str, datetime]:
    """Announce another key for access tokens: its id, and when it begins to sign.

    Raises:
        SettingsRefused, KeyServiceUnavailable: a store cannot be opened.
    """
    async with open_resources(settings, process="worker") as resources:
        kid, begins = await token_keys.announce(resources.keys, now=now)
        async with resources.db.transaction(Scope(platform=True)) as conn:
            await audit.record(conn, community_id=None, actor="system", action="keys.rotate", target=f"key:{kid}")
    return kid, begins


async def rewrap(settings: Settings) -> Rewrapped:
    """Move everything from the previous master key to the present one.

    Raises:
        UpkeepFailed: no previous master key is named.
        WrappingRefused: neither opens one of the keys.
        SettingsRefused, KeyServiceUnavailable: the key store cannot be opened.
    """
    async with open_keys(settings) as keys:
        if not isinstance(keys.wrapper, MovingKeyWrapper):
            raise UpkeepFailed(
                "name the master key before with DOORWARD_PREVIOUS_KEY_FILE or DOORWARD_PREVIOUS_KMS_KEY_ID, here and "
                "for every process that runs"
            )
        return await rotation.rewrap(keys, keys.wrapper)


def back_up(settings: Settings, *, to: Path, keys: Path | None) -> BackedUp:
    """Back up the single box, running or not, into ``to/data/TIME`` and ``keys/TIME``.

    Raises:
        UpkeepFailed: the box has a database of its own; or as `backup.back_up`.
        DataDirectoryBusy, PostgresFailed: the box's database cannot be reached.
    """
    place = _place(settings)
    running = EmbeddedPostgres.running(place)
    postgres = running or EmbeddedPostgres(place)
    if running is None:
        if not (place / "cluster").exists():
            raise UpkeepFailed(f"there is no box in {place.parent}: name its directory with --data-dir")
        postgres.start()
    try:
        objects = _objects(settings)
        return asyncio.run(
            _back_up(
                postgres,
                None if objects is None else DirectoryObjectStore(objects),
                data=to / "data",
                keys=keys or to / "keys",
                now=utc_now(),
            )
        )
    finally:
        if running is None:
            postgres.stop()


def restore(settings: Settings, *, data: Path, keys: Path | None) -> Restored:
    """Restore the single box, which must not run.

    Raises:
        UpkeepFailed: as `restore.restore`.
        DataDirectoryBusy: the box runs.
    """
    with EmbeddedPostgres(_place(settings)) as postgres:
        return asyncio.run(
            restoring.restore(
                postgres,
                settings,
                data=_newest(data, "data"),
                keys=None if keys is None else _newest(keys, "keys"),
                objects=_objects(settings),
                now=utc_now(),
            )
        )


async def after_restore(settings: Settings, *, before: str | None, now: datetime) -> Anew:
    """Make databases of one's own fit to serve after one of them was set back. Nothing may be served from them.

    Args:
        settings: with the addresses of both databases as they are now.
        before: address of the data as they were before, where they can still be read; the worker's log-in is added
            where it names none.
        now: UTC.

    Raises:
        SettingsRefused, KeyServiceUnavailable: a store cannot be opened.
        SchemaBehind: a migration that this release needs was not applied.
        OSError, asyncpg.PostgresError: a database cannot be reached.
    """
    if settings.migration_database_url is None:
        raise SettingsRefused(
            "DOORWARD_MIGRATION_DATABASE_URL is needed: the planner's statistics are the owner's to gather"
        )
    async with AsyncExitStack() as opened:
        owner = Database(settings.migration_database_url, max_size=1)
        opened.push_async_callback(owner.close)
        await owner.open()
        loaded = Loaded(
            owner=owner,
            api=await opened.enter_async_context(open_data(settings, process="api")),
            worker=await opened.enter_async_context(open_data(settings, process="worker")),
        )
        keys = await opened.enter_async_context(open_keys(settings))
        done = await begin_anew(loaded, keys, open_objects(settings), await _ends_before(settings, before), now=now)
        await level_marks(loaded.worker, keys.db)
        return done


async def _ends_before(settings: Settings, address: str | None) -> list[EndRow]:
    if address is None:
        return []
    field = "database_url" if settings.worker_database_url is None else "worker_database_url"
    url = _with_login(address, of=getattr(settings, field) or "")
    database = database_of(msgspec.structs.replace(settings, **{field: url}), process="worker")
    try:
        await database.open()
        return await known_ends(database)
    finally:
        await database.close()


def _with_login(address: str, *, of: str) -> str:
    """The address with another's user and password where it has none: passwords stand in no list of processes."""
    parts = urlsplit(address)
    if "@" in parts.netloc:
        return address
    login, at, _ = urlsplit(of).netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{parts.netloc}"))


def _place(settings: Settings) -> Path:
    if settings.database_url is not None or settings.api_database_url is not None or settings.data_dir is None:
        raise UpkeepFailed("this is for the single box; back up a database of your own as docs/runbook.md says")
    return settings.data_dir / "postgres"


def _objects(settings: Settings) -> Path | None:
    if settings.s3_bucket is not None:
        return None
    if settings.data_dir is None:
        raise RestoreRefused("DOORWARD_DATA_DIR is not set")
    return settings.objects_dir or settings.data_dir / "objects"


def _newest(folder: Path, kind: str) -> Path:
    """The backup that a folder is, or the newest of those in it."""
    if (folder / manifest.NAME).exists():
        return folder
    for parent in (folder / kind, folder):
        found = sorted(path.parent for path in parent.glob(f"*/{manifest.NAME}"))
        if found:
            return found[-1]
    raise BackupRefused(f"there is no backup of {kind} in {folder}")
