"""The encrypted file of what a gate remembers of codes. A screenshot must not work again after a power cut."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw

from gate_sdk._codes import repository
from gate_sdk._codes.repository import Attempts
from gate_sdk._codes.rules import back_off_us
from gate_sdk._database import checkpoint, delete_files, is_damage, open_database, transaction
from gate_sdk.errors import StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import step_at

__all__ = ["CodeStore"]

_log = logging.getLogger("gate_sdk")
# A row is some 40 bytes; the log is emptied after so many commits, outside of nobody's way.
_CHECKPOINT = 200
_DAY_US = 86_400_000_000


class _tolerant:  # noqa: N801 - used like the functions of contextlib; a class, so that mypy sees it may swallow
    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if not isinstance(error, StorageError | OSError):
            return False
        _log.error("%s; what it should hold waits in memory", error)
        return True


class CodeStore:
    """Opened with the first code: a gate at which nobody shows one has no such file. Safe for several threads."""

    def __init__(self, directory: Path, keys: KeyProvider) -> None:
        self._path = directory / "codes.db"
        self._keys = keys
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._commits = 0
        # What the disk would not take: a full disk must not keep people outside, nor let a screenshot in.
        self._steps: dict[bytes, int] = {}
        self._uses: dict[bytes, int] = {}
        self._attempts: dict[bytes, Attempts] = {}
        #: Whether the file had to be replaced: what it remembered is lost.
        self.replaced = False

    def last_step(self, key_id: bytes) -> int | None:
        """The step of the key's last code that opened this gate."""
        kept = self._steps.get(key_id)
        with _tolerant(), self._using() as connection:
            stored = repository.read_step(connection, key_id)
            return stored if kept is None else max(kept, stored or 0)
        return kept

    def keep_step(self, key_id: bytes, step: int, *, now_us: int) -> None:
        """Remember that a code of that step opened this gate; on the disk before the gate opens."""
        with _tolerant(), self._using() as connection, self._changing(connection, now_us):
            repository.write_step(connection, key_id, step)
            return
        self._steps[key_id] = step

    def uses(self, token_id: bytes) -> int:
        """How often this gate has let the token in."""
        kept = self._uses.get(token_id, 0)
        with _tolerant(), self._using() as connection:
            return kept + repository.read_uses(connection, token_id)
        return kept

    def keep_use(self, token_id: bytes, until_us: int, *, now_us: int) -> None:
        """Count one more use here."""
        with _tolerant(), self._using() as connection, self._changing(connection, now_us):
            repository.write_use(connection, token_id, until_us)
            return
        self._uses[token_id] = self._uses.get(token_id, 0) + 1

    def attempts(self, card_hash: bytes) -> Attempts:
        """Wrong PINs of the card in a row."""
        kept = self._attempts.get(card_hash)
        if kept is not None:
            return kept
        with _tolerant(), self._using() as connection:
            return repository.read_attempts(connection, card_hash)
        return Attempts()

    def begin_pin(self, card_hash: bytes, *, now_us: int) -> Attempts:
        """Count an attempt as wrong before it is looked at: pulling the plug between the two gains no guess."""
        return self.begin_wait(card_hash, self.attempts(card_hash).failures + 1, now_us=now_us)

    def begin_wait(self, card_hash: bytes, failures: int, *, now_us: int) -> Attempts:
        """Have the card wait from now on for as long as so many wrong PINs ask for."""
        attempts = Attempts(failures=failures, until_us=now_us + back_off_us(failures))
        self._write_attempts(card_hash, attempts, now_us)
        return attempts

    def right_pin(self, card_hash: bytes, *, now_us: int) -> None:
        """Forget the wrong ones."""
        self._write_attempts(card_hash, Attempts(), now_us)

    def _write_attempts(self, card_hash: bytes, attempts: Attempts, now_us: int) -> None:
        with _tolerant(), self._using() as connection, self._changing(connection, now_us):
            repository.write_attempts(connection, card_hash, attempts)
            self._attempts.pop(card_hash, None)
            return
        self._attempts[card_hash] = attempts

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _using(self) -> Iterator[apsw.Connection]:
        with self._lock:
            try:
                yield self._connection or self._open()
            except apsw.Error as error:
                if is_damage(error):
                    # Replaced with the next code.
                    self._disconnect()
                raise StorageError(f"the codes' file: {type(error).__name__}") from error

    @contextlib.contextmanager
    def _changing(self, connection: apsw.Connection, now_us: int) -> Iterator[None]:
        with transaction(connection):
            yield
        self._commits += 1
        if self._commits >= _CHECKPOINT:
            self._commits = 0
            with contextlib.suppress(apsw.Error):
                with transaction(connection):
                    # A day more than a clock would accept: clocks are also set.
                    before_us = now_us - _DAY_US
                    repository.forget_old(connection, before_step=step_at(before_us), before_us=before_us)
                checkpoint(connection)

    def _open(self) -> apsw.Connection:
        key = self._keys.load("codes")
        if key is not None:
            try:
                self._connection = open_database(self._path, key, repository.SCHEMA)
            except apsw.Error as error:
                if not is_damage(error):
                    raise
                _log.error("the codes' file is damaged or its key is wrong: starting from an empty one")
            else:
                return self._connection
        self.replaced = key is not None or self._path.exists()
        delete_files(self._path)
        self._connection = open_database(self._path, self._keys.create("codes"), repository.SCHEMA)
        return self._connection
