"""A look into a gate's files from another process; changes nothing and takes no lock."""

import time
from pathlib import Path

import apsw
import msgspec

from gate_sdk import _identity
from gate_sdk._cache import repository as roster
from gate_sdk._database import open_readonly
from gate_sdk._outbox import repository as outbox
from gate_sdk._outbox.repository import Counts
from gate_sdk._status import GateState, GateStatus, with_head
from gate_sdk._version import VERSION
from gate_sdk.errors import NotProvisionedError, StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import BadSignature, GateEvent, verify_head

__all__ = ["inspect", "waiting_events"]


def inspect(directory: Path, keys: KeyProvider) -> GateStatus:
    """The gate's state as its files tell it; ``state`` is ``revoked``, or ``closed`` for want of a better source.

    Raises:
        NotProvisionedError: no gate in ``directory``.
        DeviceKeyUnreadableError: the identity does not open with these keys.
    """
    counts = _counts(directory, keys)
    status = GateStatus(
        state=GateState.CLOSED,
        gate_id=None,
        community_id=None,
        name="",
        url="",
        sdk=VERSION,
        pending=counts.pending,
        refused=counts.refused,
        dropped=counts.dropped,
    )
    if _identity.is_revoked(directory):
        return msgspec.structs.replace(status, state=GateState.REVOKED)
    identity = _identity.load(directory, keys)
    status = msgspec.structs.replace(
        status,
        gate_id=identity.gate_id,
        community_id=identity.community_id,
        name=identity.name,
        url=identity.url,
        pack=identity.pack,
    )
    key = keys.load("roster")
    if key is None or not (directory / "roster.db").exists():
        return status
    try:
        connection = open_readonly(directory / "roster.db", key)
        try:
            signed = roster.read_head(connection)
            count = roster.count_entries(connection)
        finally:
            connection.close()
        head = None if signed is None else verify_head(signed, identity.trust.raw)
    except (apsw.Error, BadSignature) as error:
        return msgspec.structs.replace(status, last_error=f"roster-unreadable: {type(error).__name__}")
    if head is None:
        return status
    now_us = time.time_ns() // 1_000
    behind = now_us < head.issued_at_us - 1_000_000
    return with_head(msgspec.structs.replace(status, count=count, clock_behind=behind), head, now_us)


def _outbox(directory: Path, keys: KeyProvider) -> apsw.Connection | None:
    key = keys.load("outbox")
    if key is None or not (directory / "outbox.db").exists():
        return None
    try:
        return open_readonly(directory / "outbox.db", key)
    except apsw.Error as error:
        raise StorageError(f"the outbox: {type(error).__name__}") from error


def _counts(directory: Path, keys: KeyProvider) -> Counts:
    connection = _outbox(directory, keys)
    if connection is None:
        return Counts(pending=0, refused=0, dropped=0)
    try:
        return outbox.read_counts(connection)
    finally:
        connection.close()


def waiting_events(directory: Path, keys: KeyProvider, limit: int) -> list[GateEvent]:
    """The oldest undelivered events, at most ``limit``.

    Raises:
        NotProvisionedError: no gate in ``directory``, nor one that was revoked.
        StorageError: the outbox cannot be read.
    """
    if not _identity.is_revoked(directory) and not (directory / "identity.sealed").exists():
        raise NotProvisionedError(f"{directory} holds no gate")
    connection = _outbox(directory, keys)
    if connection is None:
        return []
    try:
        return outbox.oldest(connection, limit)
    finally:
        connection.close()
