"""What is kept of an event, and which batches are taken."""

import math
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from backend.entries.errors import BatchInvalid
from backend.entries.intake import CLOCK_AHEAD, EARLIEST, check_batch, intake
from gate_sdk.wire import EventKind, GateEvent, Outcome, Reason

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _event(**changed: object) -> GateEvent:
    plain = GateEvent(
        store_epoch=7,
        seq=1,
        kind=EventKind.ENTRY,
        at_us=_us(NOW),
        outcome=Outcome.ALLOW,
        reason=Reason.MATCHED,
        subject=uuid4(),
    )
    return msgspec.structs.replace(plain, **changed)


def test_what_happened_is_kept_as_it_was_said() -> None:
    event = _event(at_us=_us(NOW) - 1, stale_for_s=3.5, detail="x")
    kept = intake(event, now=NOW)
    assert kept.at == NOW - timedelta(microseconds=1)
    assert (kept.clock_wrong, kept.stale_for_s, kept.detail) == (False, 3.5, "x")
    assert (kept.outcome, kept.reason, kept.subject_id) == ("allow", "matched", event.subject)


@pytest.mark.parametrize(
    "at_us",
    [
        _us(NOW + CLOCK_AHEAD) + 1,
        _us(EARLIEST) - 1,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        2**64 - 1,
    ],
)
def test_a_time_that_cannot_be_is_replaced_and_marked(at_us: int) -> None:
    kept = intake(_event(at_us=at_us), now=NOW)
    assert (kept.at, kept.clock_wrong) == (NOW, True)


@pytest.mark.parametrize("at", [NOW + CLOCK_AHEAD, EARLIEST])
def test_a_time_at_the_limit_is_kept(at: datetime) -> None:
    kept = intake(_event(at_us=_us(at)), now=NOW)
    assert (kept.at, kept.clock_wrong) == (at, False)


@pytest.mark.parametrize("stale, kept", [(math.nan, None), (-5.0, 0.0), (1e300, 366 * 86400.0)])
def test_staleness_is_a_time(stale: float, kept: float | None) -> None:
    assert intake(_event(stale_for_s=stale), now=NOW).stale_for_s == kept


def test_detail_is_short_and_printable() -> None:
    assert intake(_event(detail="a\0\n\x7f" * 600), now=NOW).detail == "a" * 500


def test_numbers_may_be_missing_but_not_fall() -> None:
    check_batch([_event(seq=5), _event(seq=9)])


@pytest.mark.parametrize(
    "events",
    [
        [],
        [_event(seq=n) for n in range(1, 502)],
        [_event(seq=2), _event(seq=2)],
        [_event(seq=2), _event(seq=1)],
        [_event(seq=0)],
        [_event(seq=2**63)],
        [_event(store_epoch=-1)],
        [_event(store_epoch=2**63)],
        [_event(seq=1), _event(seq=2, store_epoch=8)],
    ],
)
def test_a_batch_that_no_receipt_could_be_true_for_is_refused(events: list[GateEvent]) -> None:
    with pytest.raises(BatchInvalid):
        check_batch(events)
