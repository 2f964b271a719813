"""The write-ahead log of the roster's file: what a sequence of pages adds to it, and what is left in it."""

from pathlib import Path

import msgspec

from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import SyncPage
from tests.gate_sdk.conftest import OpenGate

_PEOPLE, _PAGE = 600, 20


def test_log_of_a_long_sequence_is_no_longer_than_a_page_of_it(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    backend.roster.page_size = _PAGE
    for number in range(_PEOPLE):
        backend.add_person(syn.template(number))
    log = gate_dir / "roster.db-wal"
    sizes: list[int] = []

    def measured(page: SyncPage) -> SyncPage:
        sizes.append(log.stat().st_size)
        return page

    backend.rewrite = measured
    gate = open_gate(recognition=None)
    assert gate.start(wait=60)
    assert len(sizes) >= _PEOPLE // _PAGE
    assert max(sizes) < 200_000


def test_nothing_of_a_sequence_that_was_given_up_lives_on_in_the_log(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    backend.roster.page_size = _PAGE
    for number in range(3 * _PAGE):
        backend.add_person(syn.template(number))
    gate = open_gate(recognition=None)

    def lost(page: SyncPage) -> SyncPage:
        return page if page.head is None else msgspec.structs.replace(page, next="both")

    backend.rewrite = lost
    assert not gate.start(wait=1)
    gate._loop.stop()
    gate._transport.abort()
    assert gate._loop.join(60)
    gate._store.drop_staged()
    assert gate._store.staging is None
    assert (gate_dir / "roster.db-wal").stat().st_size == 0
