"""The roster's encrypted file: opened, replaced when it is damaged, written in whole steps."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import apsw
import msgspec

from gate_sdk._cache import repository
from gate_sdk._cache.floor import FloorFile
from gate_sdk._cache.repository import Staging
from gate_sdk._cache.rules import Floor, Row, check_plan, check_stored, check_whole, newest
from gate_sdk._database import (
    checkpoint,
    delete_files,
    is_damage,
    is_unwritable,
    open_database,
    open_unwritable,
    transaction,
)
from gate_sdk.errors import DigestMismatchError, StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import BadSignature, Head, PageKind, Plan, SignedHead, verify_head

__all__ = ["RosterDamagedError", "RosterStore"]

_log = logging.getLogger("gate_sdk")


class RosterDamagedError(Exception):
    """The roster's file is not readable any more; never leaves the SDK."""


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        if is_damage(error):
            raise RosterDamagedError(type(error).__name__) from error
        raise StorageError(f"the roster's file: {type(error).__name__}") from error


class RosterStore:
    """Holds the connection; used by one thread at a time."""

    def __init__(self, directory: Path, keys: KeyProvider, trusted: Mapping[str, bytes]) -> None:
        self._path = directory / "roster.db"
        self._keys = keys
        self._trusted = dict(trusted)
        self._connection: apsw.Connection | None = None
        self.head: Head | None = None
        #: The plan of that head, as bytes and read.
        self.plan_body: bytes | None = None
        self.plan: Plan | None = None
        #: The newest head ever believed; nothing older may follow, also where the file is lost.
        self.floor: Floor | None = None
        self._floor_file = FloorFile(directory, keys)
        self.staging: Staging | None = None
        self.seen_us = 0
        #: Whether the file had to be replaced when it was opened.
        self.replaced = False
        #: Whether the disk takes nothing: what was on it is decided by all the same.
        self.unwritable = False

    def open(self) -> list[Row]:
        """Open the file, verify all of it, and return its rows; a damaged one is replaced by an empty one.

        A disk that refuses is no reason not to start, or the gate's program would be started again for ever: then
        there is no file, and every round tries for one.
        """
        self.floor = self._floor_file.load()
        try:
            try:
                return self._load()
            except RosterDamagedError as error:
                _log.error("the roster's file is damaged or its key is wrong (%s): starting from an empty one", error)
            self.replaced = True
            self.replace()
        except StorageError as error:
            _log.error("the roster has no file (%s)", error)
        return []

    def _load(self) -> list[Row]:
        key = self._keys.load("roster")
        if key is None:
            if self._path.exists():
                raise RosterDamagedError("no key")
            key = self._keys.create("roster")
        try:
            with _storage():
                self._connection = self._connected(key)
                signed = repository.read_head(self._connection)
                rows = repository.read_rows(self._connection)
                body = repository.read_plan(self._connection)
                self.staging = repository.read_staging(self._connection)
                self.seen_us = repository.read_seen_us(self._connection)
            self.head = None if signed is None else verify_head(signed, self._trusted)
            for row in rows:
                check_stored(row)
            if self.head is not None:
                check_whole(((row.subject, row.hash) for row in rows), self.head)
                self.floor = newest(self.floor, Floor.of(self.head))
                self.plan, _ = check_plan(self.head, body)
                self.plan_body = None if self.plan is None else body
        except (BadSignature, DigestMismatchError, msgspec.DecodeError, RosterDamagedError) as error:
            self.close()
            raise RosterDamagedError(type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        return rows

    def _connected(self, key: bytes) -> apsw.Connection:
        self.unwritable = False
        try:
            connection = open_database(self._path, key, repository.SCHEMA)
            repository.upgrade(connection)
        except apsw.Error as error:
            if not is_unwritable(error) or not self._path.exists():
                raise
            connection = open_unwritable(self._path, key)
        else:
            return connection
        _log.error("the disk takes nothing: deciding by the roster that is on it")
        self.unwritable = True
        return connection

    def mend(self) -> list[Row] | None:
        """Have a file that can be written, where there is none; its rows if it was opened now, ``None`` if it was open.

        Raises:
            StorageError: the disk still refuses.
        """
        if self._connection is not None and not self.unwritable:
            return None
        self.close()
        try:
            return self._load()
        except RosterDamagedError:
            self.replace()
            return []

    def replace(self) -> None:
        """Destroy the key and the file, and begin an empty one. The floor stays: nothing older may follow.

        Raises:
            StorageError: an empty one cannot be written either.
        """
        self.destroy()
        try:
            with _storage():
                self._connection = open_database(self._path, self._keys.create("roster"), repository.SCHEMA)
        except RosterDamagedError as error:
            raise StorageError("an empty roster cannot be written") from error

    def raise_floor(self, floor: Floor) -> None:
        """Believe nothing older than that from now on; on the disk too, if it takes it."""
        self.floor = newest(self.floor, floor)
        try:
            if self.floor is not None:
                self._floor_file.keep(self.floor)
        except StorageError as error:
            # The roster's own head says the same, until that is damaged too.
            _log.error("the floor is not written down (%s)", error)

    def erase(self) -> None:
        """Destroy the roster and what is remembered of it: this gate is none any more."""
        try:
            self.destroy()
        finally:
            self.floor = None
            self._floor_file.erase()

    def destroy(self) -> None:
        """Destroy the key, then the file: from here on nothing of the roster can be read again."""
        self.close()
        self.head = self.staging = self.plan = self.plan_body = None
        self.seen_us = 0
        try:
            self._keys.destroy("roster")
        finally:
            delete_files(self._path)

    def rows(self) -> list[Row]:
        """The whole roster as kept."""
        with _storage():
            return repository.read_rows(self._open)

    def staged(self) -> dict[bytes, Row | None]:
        """What is staged of an unfinished sequence."""
        with _storage():
            return repository.read_staged(self._open)

    def stage(self, items: list[tuple[bytes, int, Row | None]], staging: Staging) -> None:
        """Keep one page; a later process goes on behind it."""
        with _storage(), transaction(self._open):
            repository.add_staged(self._open, items, staging)
        self.staging = staging
        self._empty_log()

    def drop_staged(self) -> None:
        """Forget an unfinished sequence."""
        if self.staging is not None:
            with _storage(), transaction(self._open):
                repository.clear_staged(self._open)
            self.staging = None
            self._empty_log()

    def _empty_log(self) -> None:
        # With each page, or the log of a sequence becomes many times its size; and templates that were given up would
        # live on in it. The page is kept already: what cannot be moved now is moved with the next.
        with contextlib.suppress(apsw.Error):
            checkpoint(self._open, wait=False)

    def commit(
        self,
        items: list[tuple[bytes, int, Row | None]],
        kind: PageKind,
        signed: SignedHead,
        head: Head,
        plan_body: bytes | None,
        plan: Plan | None,
    ) -> None:
        """Apply what is staged and the last page together with their head and its plan: all of it or nothing."""
        with _storage():
            with transaction(self._open):
                repository.add_staged(self._open, items, None)
                repository.merge_staged(self._open, kind)
                repository.write_head(self._open, signed, plan_body)
                repository.write_seen_us(self._open, head.issued_at_us)
            # Decisions go by it only after this: a revoked person's must not wait for somebody's look at the file.
            checkpoint(self._open, wait=False)
        self.head, self.staging, self.seen_us = head, None, head.issued_at_us
        self.plan_body, self.plan = plan_body, plan

    def commit_head(self, signed: SignedHead, head: Head, plan_body: bytes | None, plan: Plan | None) -> None:
        """Keep a later head over the same entries, with its plan: the lease goes on."""
        with _storage():
            with transaction(self._open):
                repository.write_head(self._open, signed, plan_body)
                repository.write_seen_us(self._open, head.issued_at_us)
            checkpoint(self._open, wait=False)
        self.head, self.seen_us = head, head.issued_at_us
        self.plan_body, self.plan = plan_body, plan

    def wipe_ended(self, now_us: int) -> bool:
        """Wipe the templates of those whose grants have all ended; whether there were any."""
        with _storage():
            with transaction(self._open):
                wiped = repository.wipe_ended(self._open, now_us)
            if wiped:
                checkpoint(self._open)
        return wiped > 0

    def wiped(self) -> list[int]:
        """When the grants of the wiped rows ended, microseconds since the epoch."""
        with _storage():
            return repository.read_wiped(self._open)

    def keep_seen(self, at_us: int) -> None:
        """Keep the latest time known to have passed."""
        with _storage(), transaction(self._open):
            repository.write_seen_us(self._open, at_us)
        self.seen_us = at_us

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def is_open(self) -> bool:
        """Whether there is a file, if only for reading."""
        return self._connection is not None

    @property
    def _open(self) -> apsw.Connection:
        if self._connection is None:
            raise StorageError("the roster's file is closed")
        return self._connection
