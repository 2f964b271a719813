"""What a backup says of itself, so that a cut-off, changed or expired one is not restored."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from backend.upkeep.errors import BackupRefused

__all__ = ["NAME", "Manifest", "describe", "expires_at", "read"]

#: Written last: a folder without it is no backup.
NAME = "manifest.json"
_READ_BYTES = 1 << 20


class Manifest(msgspec.Struct, frozen=True):
    """``files`` are paths below the folder with their SHA-256. Backups of keys have an end."""

    kind: Literal["data", "keys"]
    made_at: datetime
    expires_at: datetime | None
    files: dict[str, str]


def describe(folder: Path, *, kind: Literal["data", "keys"], made_at: datetime, expires_at: datetime | None) -> None:
    """Make a backup of a folder whose files are complete."""
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = Manifest(kind=kind, made_at=made_at, expires_at=expires_at, files=files)
    fresh = folder / f".{NAME}"
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    fresh.rename(folder / NAME)


def read(folder: Path, *, kind: Literal["data", "keys"], now: datetime) -> Manifest:
    """A backup's manifest, once every file was compared with it.

    Raises:
        BackupRefused: it is no whole backup of that kind, or it has expired.
    """
    try:
        manifest = msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise BackupRefused(f"{folder} is no backup, or one that was cut off: it has no {NAME}") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BackupRefused(f"{folder / NAME} cannot be read: {error}") from None
    if manifest.kind != kind:
        raise BackupRefused(f"{folder} is a backup of {manifest.kind}, where one of {kind} is needed")
    if manifest.expires_at is not None and manifest.expires_at <= now:
        raise BackupRefused(
            f"{folder} expired at {manifest.expires_at:%Y-%m-%d %H:%M} UTC: certificates of erasure promise that its "
            "keys are gone. Delete it."
        )
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise BackupRefused(f"{path} is missing or was changed since the backup was made")
    return manifest


def expires_at(folder: Path) -> datetime | None:
    """When the backup's end comes; None for one that has none, and for whatever is no backup."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest).expires_at
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()
