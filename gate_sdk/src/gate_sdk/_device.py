"""A gate's directory, opened: who it is, its lock, its roster, its outbox, and what it remembers besides."""

from __future__ import annotations

from pathlib import Path

from gate_sdk import _identity
from gate_sdk._cache.rules import Row
from gate_sdk._cache.store import RosterStore
from gate_sdk._codes.store import CodeStore
from gate_sdk._files import DirectoryLock
from gate_sdk._frames.store import FrameStore
from gate_sdk._identity import Identity
from gate_sdk._outbox.store import Outbox
from gate_sdk._trust import Trust
from gate_sdk.keys import KeyProvider

__all__ = ["Device"]


class Device:
    """What one process holds of ``directory`` until it closes it."""

    def __init__(self, directory: Path, keys: KeyProvider, identity: Identity) -> None:
        """Take the lock and open the files.

        Raises:
            DataDirBusyError: another process uses the directory.
            StorageError: the directory is gone.
        """
        self._directory = directory
        self._keys = keys
        self.identity = identity
        self._lock = DirectoryLock(directory)
        self._lock.acquire()
        self.store = RosterStore(directory, keys, identity.trust.raw)
        self.outbox = Outbox(directory, keys)
        self.codes = CodeStore(directory, keys)
        self.frames = FrameStore(directory, keys)
        try:
            self.outbox.open()
            self.rows: list[Row] = self.store.open()
        except BaseException:
            self.close()
            raise

    @property
    def held(self) -> bool:
        """Whether this process holds the directory."""
        return self._lock.held

    @property
    def replaced(self) -> list[str]:
        """Codes of the alarms for the files that could not be read any more when they were opened."""
        files = ((self.store.replaced, "roster-damaged"), (self.outbox.replaced, "outbox-damaged"))
        return [code for replaced, code in files if replaced]

    def keep_trust(self, trust: Trust) -> None:
        """Write down the community's keys as they are known now.

        Raises:
            StorageError: the disk took nothing.
        """
        _identity.keep_trust(self._directory, self._keys, trust)

    def erase(self) -> None:
        """Erase who this gate was, but for the events that nobody has taken yet: it was revoked."""
        # Before the mark is set by which the next start knows that this gate is none any more.
        try:
            self.frames.wipe()
        finally:
            _identity.erase(self._directory, self._keys)

    def close(self) -> None:
        """Close the files, and let others have the directory."""
        self.store.close()
        self.outbox.close()
        self.codes.close()
        self.frames.close()
        self._lock.release()
