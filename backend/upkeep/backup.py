"""Making backups of a single box: data and keys apart, in folders of their own.

A data backup holds ciphertext. The key store's backup opens it, and so is kept elsewhere, and no longer than
certificates of erasure promise. The master key is in neither: without it the key store's backup opens nothing.
"""

import shutil
from datetime import datetime
from pathlib import Path

import msgspec

from backend.embedded.datadir import make_private
from backend.embedded.objects import DirectoryObjectStore
from backend.embedded.passwords import SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import DATABASE, KEY_DATABASE
from backend.kit.storage import ObjectMissing, ObjectStore
from backend.privacy.rules import KEY_BACKUPS_EXPIRE
from backend.upkeep import manifest, pgtools
from backend.upkeep.errors import BackupRefused

__all__ = ["DATA_DUMP", "KEYS_DUMP", "OBJECTS", "BackedUp", "back_up", "copy_objects", "forget_expired"]

DATA_DUMP = "doorward.dump"
KEYS_DUMP = "doorward-keys.dump"
OBJECTS = "objects"


class BackedUp(msgspec.Struct, frozen=True):
    """A backup that was made: its two folders, and objects in it."""

    data: Path
    keys: Path
    objects: int
    keys_expire_at: datetime


async def back_up(
    postgres: EmbeddedPostgres, objects: ObjectStore | None, *, data: Path, keys: Path, now: datetime
) -> BackedUp:
    """Back up a running box into new folders named by the time, and delete the backups of keys that have expired.

    Args:
        postgres: the running server.
        objects: the box's own object store; None where a bucket holds them, which is backed up by its own means.
        data: parent of data backups.
        keys: parent of key store backups, on another disk if it can be.
        now: UTC.

    Raises:
        BackupRefused: there is a backup of this second already.
        DumpFailed: pg_dump failed.
        StorageUnavailable, StorageFull: an object could not be read or written.
    """
    forget_expired(keys, now=now)
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    data_folder, keys_folder = _new_folder(data / stamp), _new_folder(keys / stamp)
    # The data first: whoever enrols between the two is in the keys alone, and nobody is in the data without his key
    # but who was erased meanwhile.
    pgtools.dump(postgres.url(SUPERUSER, DATABASE), data_folder / DATA_DUMP)
    pgtools.dump(postgres.url(SUPERUSER, KEY_DATABASE), keys_folder / KEYS_DUMP)
    # After the rows that name them: an object that is deleted between the two was being erased.
    copied = 0 if objects is None else await copy_objects(objects, DirectoryObjectStore(data_folder / OBJECTS))
    shutil.rmtree(data_folder / OBJECTS / ".incoming", ignore_errors=True)
    manifest.describe(keys_folder, kind="keys", made_at=now, expires_at=now + KEY_BACKUPS_EXPIRE)
    manifest.describe(data_folder, kind="data", made_at=now, expires_at=None)
    return BackedUp(
        data=data_folder,
        keys=keys_folder,
        objects=copied,
        keys_expire_at=now + KEY_BACKUPS_EXPIRE,
    )


async def copy_objects(source: ObjectStore, target: ObjectStore) -> int:
    """Copy every object, as ciphertext; how many."""
    copied = 0
    async for key in source.list(""):
        try:
            await target.put(key, await source.get(key))
        except ObjectMissing:
            continue
        copied += 1
    return copied


def forget_expired(keys: Path, *, now: datetime) -> int:
    """Delete the backups of keys whose end has come; how many."""
    if not keys.is_dir():
        return 0
    expired = [folder for folder in keys.iterdir() if (end := manifest.expires_at(folder)) is not None and end <= now]
    for folder in expired:
        shutil.rmtree(folder)
    return len(expired)


def _new_folder(folder: Path) -> Path:
    if folder.exists():
        raise BackupRefused(f"{folder} is there already")
    make_private(folder)
    return folder
