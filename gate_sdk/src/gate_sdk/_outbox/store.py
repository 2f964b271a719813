"""The outbox's encrypted file.

Appending happens in the thread that decides and ends with an fsync, about half a millisecond on an SSD and a few on an
SD card. A writer thread would hide that, but between the opened gate and the written record a pulled plug would then
lose an entry; so a decision that was returned is on the disk. Delivery runs in its own thread, at least once, and the
server counts each (gate, store epoch, sequence) once.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgspec

from gate_sdk._database import checkpoint, is_damage, open_database, transaction
from gate_sdk._outbox import repository
from gate_sdk._outbox.repository import Counts, Removed
from gate_sdk.errors import GateClosedError, GateError, StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import EventKind, EventReceipt, GateEvent

__all__ = ["MAX_AGE_US", "MAX_BYTES", "MAX_EVENTS", "Outbox"]

_log = logging.getLogger("gate_sdk")
# Ten days of a mean community's comings and goings (2,254 people, four a day), longer than any roster outlives
# silence; about 20 MB.
MAX_EVENTS = 100_000
MAX_BYTES = 32 * 1024 * 1024
# An admission that nobody has asked for in a month. Denials and alarms do not age: they go for want of room only.
MAX_AGE_US = 30 * 86_400_000_000
# Making room a thousand at a time, or a tenth where a small disk is full, keeps the work off most decisions.
_EVICT = 1_000
_ROOM = 2
# Held in memory while the disk takes nothing.
_BACKLOG = 10_000
# An appended event costs two pages of the log until it is checkpointed: so often the delivering thread does that, and
# so often the deciding one, where nothing delivers.
_CHECKPOINT, _CHECKPOINT_AT_LAST = 500, 5_000


class Outbox:
    """Safe for several threads."""

    def __init__(
        self, directory: Path, keys: KeyProvider, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._path = directory / "outbox.db"
        self._keys = keys
        self._max = max_events
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._closed = False
        self._backlog: deque[GateEvent] = deque()
        self._lost = 0
        self._unchecked = 0
        self._last = 0
        self._count = 0
        self._size = 0
        self.store_epoch = 0
        #: Whether an older file could not be read and was set aside when this one was opened.
        self.replaced = False
        self._untold = False
        #: Set whenever there is something to deliver.
        self.wake = threading.Event()

    def open(self) -> None:
        """Open or create the file. One that cannot be read is set aside, never deleted: it may hold events.

        Where the disk refuses, events wait in memory, and the file is tried again with each: a program that cannot be
        started for want of an outbox would be started for ever, with the gate shut.
        """
        try:
            self._open_or_replace()
        except (apsw.Error, GateError, OSError) as error:
            _log.error("the outbox has no file (%s); events wait in memory", type(error).__name__)
        # Told by whoever opens it, with the roster's.
        self._untold = False
        if self._count:
            self.wake.set()

    def _open_or_replace(self) -> None:
        key = self._keys.load("outbox")
        if self._path.exists() and (key is None or self._path.stat().st_size == 0):
            # Empty is how a power cut leaves a file of which only the name had reached the disk.
            self._set_aside()
        key = key or self._keys.create("outbox")
        try:
            self._open(key)
        except apsw.Error as error:
            if not is_damage(error):
                raise
            self._set_aside()
            self._open(key)

    def _open(self, key: bytes) -> None:
        connection = open_database(self._path, key, repository.SCHEMA)
        try:
            with transaction(connection):
                self.store_epoch = repository.store_epoch(connection, secrets.randbits(53))
            self._last = repository.last_seq(connection)
            held = repository.read_all_pages(connection)
        except BaseException:
            connection.close()
            raise
        self._count, self._size = held.count, held.size
        self._connection = connection

    def _set_aside(self) -> None:
        aside = f"outbox.damaged-{time.time_ns()}.db"
        _log.error("the outbox cannot be read and is kept as %s", aside)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(self._path.with_name(aside + suffix))
        self.replaced = self._untold = True

    def append(self, event: GateEvent) -> int | None:
        """Write an event to the disk, durably, and give it its identity.

        Args:
            event: its ``store_epoch`` and ``seq`` are set here.

        Returns:
            The sequence number; ``None`` when the disk took nothing. Then the event waits in memory and is written
            with the next one that succeeds: a full disk must not keep people outside.
        """
        with self._lock:
            if self._closed:
                raise GateClosedError
            try:
                seq = self._append(event)
            except (apsw.Error, GateError, OSError) as error:
                self._keep(event)
                _log.error("the outbox took nothing (%s); %d events wait in memory", type(error).__name__, self.waiting)
                return None
        self.wake.set()
        return seq

    def _append(self, event: GateEvent) -> int:
        if self._connection is None:
            self._open_or_replace()
        try:
            self._flush()
            seq = self._insert(event)
            self._tell_damage(event.at_us)
            return seq
        except apsw.Error as error:
            if not is_damage(error):
                raise
        self._replace()
        seq = self._insert(event)
        self._tell_damage(event.at_us)
        return seq

    def _replace(self) -> None:
        self._disconnect()
        self._set_aside()
        self._open_or_replace()

    def _tell_damage(self, at_us: int) -> None:
        if self._untold:
            self._untold = False
            self._insert(GateEvent(store_epoch=0, seq=0, kind=EventKind.ALARM, at_us=at_us, detail="outbox-damaged"))

    def _keep(self, event: GateEvent) -> None:
        if len(self._backlog) == _BACKLOG:
            # What least needs telling goes first, as on the disk.
            self._backlog.remove(min(self._backlog, key=repository.rank))
            self._lost += 1
        self._backlog.append(event)

    @property
    def waiting(self) -> int:
        """Events in memory that the disk would not take."""
        return len(self._backlog)

    def _flush(self) -> None:
        while self._backlog:
            self._insert(self._backlog[0])
            self._backlog.popleft()

    def _insert(self, event: GateEvent) -> int:
        connection = self._connected
        if self._count >= self._max or self._size >= self._max_bytes:
            self._make_room(connection, event.at_us)
        try:
            size = repository.insert(connection, self._numbered(event))
        except apsw.FullError:
            self._make_room(connection, event.at_us)
            size = repository.insert(connection, self._numbered(event))
        self._last += 1
        self._count += 1
        self._size += size
        self._unchecked += 1
        if self._unchecked >= _CHECKPOINT_AT_LAST:
            self._checkpoint(connection)
        return self._last

    def _numbered(self, event: GateEvent) -> GateEvent:
        return msgspec.structs.replace(event, store_epoch=self.store_epoch, seq=self._last + 1)

    def _checkpoint(self, connection: apsw.Connection) -> None:
        # What it comes after is committed: raising here would have an event written, or a batch delivered, twice.
        # Counted anew also where nothing could be moved: the next try comes as much later.
        self._unchecked = 0
        with contextlib.suppress(apsw.Error):
            checkpoint(connection, wait=False)

    def _make_room(self, connection: apsw.Connection, at_us: int) -> None:
        # At least room for the event, and for the alarm that says what became of the others.
        count = max(_ROOM, min(_EVICT, self._count // 10))
        self._drop(connection, at_us, lambda: repository.evict(connection, count, least=_ROOM))

    def expire(self, now_us: int) -> None:
        """Drop admissions that have waited for longer than :data:`MAX_AGE_US`, and say so in an alarm.

        Raises:
            StorageError: the disk refuses.
        """
        with self._lock, _storage():
            if self._connection is not None:
                connection, before_us = self._connection, now_us - MAX_AGE_US
                self._drop(connection, now_us, lambda: repository.expire(connection, before_us, _EVICT))

    def _drop(self, connection: apsw.Connection, at_us: int, drop: Callable[[], Removed]) -> None:
        """Drop events and write the alarm that says how many, both or neither."""
        with transaction(connection):
            dropped = drop()
            if not dropped.count:
                return
            alarm = GateEvent(
                store_epoch=0, seq=0, kind=EventKind.ALARM, at_us=at_us, detail=f"events-dropped:{dropped.count}"
            )
            size = repository.insert(connection, self._numbered(alarm))
        self._last += 1
        self._count += 1 - dropped.count
        self._size += size - dropped.size
        self._checkpoint(connection)
        _log.error("the outbox had no room or use for %d events: dropped, admissions first", dropped.count)

    def oldest(self, limit: int) -> list[GateEvent]:
        """The oldest undelivered events, at most ``limit``, in order of their numbers."""
        with self._lock, _storage():
            if self._connection is None and not self._closed:
                self._open_or_replace()
            try:
                with contextlib.suppress(apsw.FullError):
                    self._flush()
                if self._unchecked >= _CHECKPOINT:
                    self._checkpoint(self._connected)
                return repository.oldest(self._connected, limit)
            except apsw.Error as error:
                if not is_damage(error):
                    raise
            # New events may go on being written behind what cannot be read; nothing would be delivered any more.
            self._replace()
            return []

    def acknowledge(self, receipt: EventReceipt, sent: list[GateEvent]) -> int:
        """Forget what the server has committed, and never more than was sent; return how many."""
        if receipt.store_epoch != self.store_epoch or not sent:
            return 0
        with self._lock, _storage():
            connection = self._connected
            with transaction(connection):
                deleted = repository.delete_through(connection, min(receipt.seq, sent[-1].seq))
            self._count -= deleted.count
            self._size -= deleted.size
            self._checkpoint(connection)
            return deleted.count

    def refuse(self, events: list[GateEvent]) -> None:
        """Set events apart that the server will not take."""
        with self._lock, _storage(), transaction(self._connected):
            repository.mark_refused(self._connected, [event.seq for event in events])

    def counts(self) -> Counts:
        """How many events wait, were refused, were dropped."""
        with self._lock:
            if self._connection is None:
                return Counts(pending=self.waiting, refused=0, dropped=self._lost)
            # Not all counted anew: decisions wait for this lock, and counting a full outbox takes a tenth of a second.
            refused = dropped = 0
            with contextlib.suppress(apsw.Error):
                # A file that is broken is replaced by whoever needs its events, and keeps no status from being told.
                refused, dropped = repository.read_refused(self._connection), repository.read_dropped(self._connection)
            return Counts(pending=self._count - refused + self.waiting, refused=refused, dropped=dropped + self._lost)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                with contextlib.suppress(apsw.Error):
                    self._flush()
                self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def _connected(self) -> apsw.Connection:
        if self._connection is None:
            raise StorageError("the outbox is closed")
        return self._connection


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise StorageError(f"the outbox: {type(error).__name__}") from error
