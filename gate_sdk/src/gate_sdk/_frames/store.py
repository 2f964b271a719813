"""The pictures' encrypted file, which is there only while the community has pictures kept.

It has a key of its own. Turning it off destroys that key first, so that whatever the flash memory still holds of the
file is noise, and then the file.
"""

import threading
from pathlib import Path

import apsw

from gate_sdk._database import checkpoint, delete_files, open_database, transaction
from gate_sdk._frames import repository
from gate_sdk.errors import GateError, StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import DeniedFrame, Head

__all__ = ["KEY_NAME", "MOST_FRAMES", "FrameStore", "keeps"]

KEY_NAME = "frames"
# Three megabytes. Somebody who stands before a cut-off gate all day must not fill the disk; the newest say most.
MOST_FRAMES = 200
_HOUR_US = 3_600_000_000


def keeps(head: Head | None, now_us: int) -> bool:
    """Whether a picture of a denial may be kept now.

    Not without a head, and not by one that is older than the pictures may become: the community may have turned it off.
    """
    if head is None or head.denied_frames is None or now_us >= head.denied_frames.until_us:
        return False
    return now_us < head.issued_at_us + head.denied_frames.hours * _HOUR_US


class FrameStore:
    """Safe for several threads."""

    def __init__(self, directory: Path, keys: KeyProvider) -> None:
        """Open nothing, and leave no trace, until a picture is to be kept."""
        self._path = directory / "frames.db"
        self._keys = keys
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None

    def add(self, frame: DeniedFrame, head: Head, now_us: int) -> None:
        """Keep a picture until its hours are over, if the head has pictures kept.

        Raises:
            StorageError: the disk took nothing; nothing is kept.
        """
        policy = head.denied_frames
        if policy is None or not keeps(head, now_us):
            return
        with self._lock, _Storage(self):
            connection = self._opened(create=True)
            if connection is None:
                return
            with transaction(connection):
                repository.insert(connection, frame, frame.at_us + policy.hours * _HOUR_US)
                repository.evict(connection, MOST_FRAMES)
            checkpoint(connection)

    def oldest(self, now_us: int) -> DeniedFrame | None:
        """The next picture to hand over."""
        with self._lock, _Storage(self):
            connection = self._opened(create=False)
            return None if connection is None else repository.oldest(connection, now_us)

    def forget(self, seq: int) -> None:
        """Forget a picture that was handed over or refused."""
        with self._lock, _Storage(self):
            connection = self._opened(create=False)
            if connection is not None:
                with transaction(connection):
                    repository.delete(connection, seq)
                checkpoint(connection)

    def pass_(self, head: Head | None, now_us: int) -> None:
        """Do what the passing of time asks for: forget what has ended, and everything where it was turned off.

        Raises:
            StorageError: the disk refuses; what is there stays encrypted, and is tried again.
        """
        if not keeps(head, now_us):
            self.wipe()
            return
        with self._lock, _Storage(self):
            connection = self._opened(create=False)
            if connection is not None and repository.delete_ended(connection, now_us):
                checkpoint(connection)

    def wipe(self) -> None:
        """Destroy the key and the file; harmless where there are none."""
        with self._lock:
            self._wipe()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disconnect()

    def _wipe(self) -> None:
        self._disconnect()
        if self._keys.load(KEY_NAME) is not None:
            self._keys.destroy(KEY_NAME)
        if self._path.exists():
            delete_files(self._path)

    def _opened(self, *, create: bool) -> apsw.Connection | None:
        if self._connection is None:
            if not self._path.exists() and not create:
                return None
            key = self._keys.load(KEY_NAME)
            if key is None or not self._path.exists():
                # A file without its key, or a key without its file: what a power cut left of a wipe.
                self._wipe()
                if not create:
                    return None
                key = self._keys.create(KEY_NAME)
            self._connection = open_database(self._path, key, repository.SCHEMA)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Storage:
    """What SQLite raises as ours. A file that cannot be read is wiped: a picture is never worth keeping it."""

    def __init__(self, store: FrameStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, apsw.Error):
            self._store._wipe()  # noqa: SLF001 - a part of it
            raise StorageError(f"the pictures: {type(error).__name__}") from error
        if isinstance(error, OSError) and not isinstance(error, GateError):
            raise StorageError("the pictures: the disk refuses") from error
