"""The newest head ever believed, kept apart from the roster: damaging or wiping that must never allow a replay."""

import logging
from pathlib import Path

import msgspec

from gate_sdk._cache.rules import Floor
from gate_sdk._files import remove, write_atomic
from gate_sdk._seal import open_sealed, seal
from gate_sdk.errors import DeviceKeyUnreadableError, StorageError
from gate_sdk.keys import KeyProvider

__all__ = ["FloorFile"]

_log = logging.getLogger("gate_sdk")
_NAME = "floor.sealed"
_PURPOSE = b"doorward/floor/v1"
# Heads that only extend the lease come twice a minute and change nothing of who is on the roster. A flash memory is
# spared by writing one of them in ten minutes, which is what a replay within a version could take off the lease.
_EVERY_US = 600_000_000


class FloorFile:
    """A small file sealed under the key ``device``. One thread at a time."""

    def __init__(self, directory: Path, keys: KeyProvider) -> None:
        self._path = directory / _NAME
        self._keys = keys
        self._kept: Floor | None = None

    def load(self) -> Floor | None:
        """What was kept; ``None`` where nothing was, or it is not readable any more."""
        try:
            content = open_sealed(self._keys.load("device"), self._path.read_bytes(), _PURPOSE)
            self._kept = msgspec.msgpack.decode(content, type=Floor)
        except FileNotFoundError:
            return None
        except (DeviceKeyUnreadableError, StorageError, msgspec.DecodeError, OSError) as error:
            _log.error("the floor's file cannot be read (%s)", type(error).__name__)
        return self._kept

    def keep(self, floor: Floor) -> None:
        """Write it down, where it says more than what is there.

        Raises:
            StorageError: the disk took nothing.
        """
        kept = self._kept
        if kept is not None and floor.issued_at_us - kept.issued_at_us < _EVERY_US and _same(floor, kept):
            return
        key = self._keys.load("device")
        if key is None:
            raise StorageError("the key provider has no key named 'device'")
        write_atomic(self._path, seal(key, msgspec.msgpack.encode(floor), _PURPOSE))
        self._kept = floor

    def erase(self) -> None:
        """Remove it: this gate is none any more."""
        remove(self._path)


def _same(one: Floor, other: Floor) -> bool:
    return (one.epoch, one.version, one.plan_revision) == (other.epoch, other.version, other.plan_revision)
