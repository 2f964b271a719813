"""From what a gate says happened to what is kept of it. Pure."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from backend.entries.errors import BatchInvalid
from gate_sdk.wire import MAX_BATCH, GateEvent

__all__ = ["CLOCK_AHEAD", "EARLIEST", "Intake", "check_batch", "intake"]

# A gate's clock never runs behind the newest head, so what lies ahead of ours by more than this is wrong.
CLOCK_AHEAD = timedelta(minutes=5)
# Devices without a battery-backed clock wake up in 1970 or in their firmware's year.
EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_BIGINT = 2**63 - 1
_MOST_DETAIL = 500
_CREDENTIAL = re.compile("(key|token|card):[0-9a-f]{16}")
# No roster is older than the longest time after which a gate wipes it; a year leaves room for every policy.
_MOST_STALE_S = 366 * 86400.0


class Intake(msgspec.Struct, frozen=True):
    """One event as it is kept."""

    store_epoch: int
    seq: int
    kind: str
    at: datetime
    clock_wrong: bool
    outcome: str | None
    reason: str | None
    subject_id: UUID | None
    stale_for_s: float | None
    detail: str | None
    via: str | None
    credential: str | None


def check_batch(events: Sequence[GateEvent]) -> None:
    """Refuse a batch whose receipt could not be true.

    Numbers may be missing: a full outbox drops what matters least.

    Raises:
        BatchInvalid: empty, too large, of several stores, out of order, or numbers that no store gives out.
    """
    if not 1 <= len(events) <= MAX_BATCH:
        raise BatchInvalid(f"A batch has 1 to {MAX_BATCH} events.")
    if any(event.store_epoch != events[0].store_epoch for event in events):
        raise BatchInvalid("All events of a batch are of one store epoch.")
    if not 0 <= events[0].store_epoch <= _MOST_BIGINT:
        raise BatchInvalid("A store epoch has at most 63 bits.")
    before = 0
    for event in events:
        if not before < event.seq <= _MOST_BIGINT:
            raise BatchInvalid("Sequence numbers rise, from 1 on.")
        before = event.seq


def intake(event: GateEvent, *, now: datetime) -> Intake:
    """What is kept of an event. A time that cannot be is replaced by ``now`` and marked: the event is not lost."""
    at = _time(event.at_us, now)
    return Intake(
        store_epoch=event.store_epoch,
        seq=event.seq,
        kind=event.kind.value,
        at=now if at is None else at,
        clock_wrong=at is None,
        outcome=None if event.outcome is None else event.outcome.value,
        reason=None if event.reason is None else event.reason.value,
        subject_id=event.subject,
        stale_for_s=_bounded(event.stale_for_s, 0.0, _MOST_STALE_S),
        detail=_plain(event.detail),
        via=None if event.via is None else event.via.value,
        credential=event.credential if event.credential and _CREDENTIAL.fullmatch(event.credential) else None,
    )


def _time(at_us: int, now: datetime) -> datetime | None:
    try:
        at = _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return None
    return at if EARLIEST <= at <= now + CLOCK_AHEAD else None


def _bounded(value: float | None, least: float, most: float) -> float | None:
    return None if value is None or math.isnan(value) else min(most, max(least, value))


def _plain(text: str | None) -> str | None:
    return None if text is None else "".join(c for c in text if c.isprintable())[:_MOST_DETAIL]
