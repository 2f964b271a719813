"""What must be true of a gate whatever happens, held against what the machine itself has written down."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from uuid import UUID

from gate_sdk import Decision
from gate_sdk.testing import Phone
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import Outcome, Reason, decode_entry, step_at
from tests.gate_sdk.machine.gates import Gate
from tests.gate_sdk.machine.model import Known, Roster, may_pass
from tests.gate_sdk.machine.network import STRANGER

__all__ = ["check", "check_decisions", "check_rest", "check_told"]

_person = functools.cache(syn.person)
_MOMENT_US = 1_000_000


def check(gate: Gate) -> None:
    """Its roster is one that the server had, all of it, and never an older one than before."""
    roster = gate.client._engine.roster
    if roster.head is None:
        assert not roster.hashes, "entries without a head"
        assert not roster.entries, "entries without a head"
        return
    assert gate.server.has_signed(roster.head), "a head that the server never signed"
    at = roster.head.epoch, roster.head.version
    truth = gate.server.history.get(at)
    assert truth is not None, "a roster that the server never had"
    hashes = {subject.bytes: hashlib.sha256(known.body).digest() for subject, known in truth.items()}
    assert roster.hashes == hashes, "not the server's entries"
    assert roster.head.issued_at_us >= gate.newest_us, "an older head than before"
    assert at[0] != gate.newest[0] or at >= gate.newest, "an older version than before"
    gate.newest_us, gate.newest = roster.head.issued_at_us, at
    assert set(roster.entries) <= set(truth), "somebody who is not on the server's roster"
    assert set(roster.templates) == set(roster.entries), "templates of others than are on the roster"
    for subject, known in truth.items():
        if subject not in roster.entries:
            assert known.leave.until_us is not None, "somebody is missing whose grant has no end"
            continue
        assert roster.entries[subject] == decode_entry(known.body), "not the server's entry"
        assert roster.templates[subject] == known.template, "not the server's template"
    _check_indexes(gate, truth)


def _check_indexes(gate: Gate, truth: Roster) -> None:
    roster = gate.client._engine.roster
    there = {subject: known for subject, known in truth.items() if subject in roster.entries}
    phones = {phone.key.id: subject for subject, known in there.items() for phone in known.phones}
    indexed = {key: subject for key, (subject, _) in roster.codes.phones.items()}
    assert indexed == phones, "codes of others than are on the roster"
    assert roster.galleries is not None
    for subject, face in gate.server.faces.items():
        found = [one.gallery.search(_person(face)) for one in roster.galleries]
        near = [one.subject for one in found if one is not None and one.score > 0.9]
        assert near == ([subject] if subject in there else []), "the gallery is not the roster's"


def check_rest(gate: Gate) -> None:
    """After a quiet moment it has the server's own roster, and the server knows that."""
    head = gate.client._engine.roster.head
    assert head is not None, "no roster after a quiet moment"
    assert (head.epoch, head.version) == gate.server.at, "behind the server after a quiet moment"
    assert gate.server.clock.wall_us - head.issued_at_us < 1000, "the lease does not go on"
    said = gate.server.backend.acknowledged[gate.gate_id]
    assert (said.epoch, said.version) == gate.server.at, "the purge was not acknowledged"


def check_told(gate: Gate) -> None:
    """After a quiet moment the server has counted every event, once."""
    assert gate.client._outbox.counts().pending == 0, "events wait for no reason"
    counted = {
        (epoch, number): event.detail or event.reason
        for (of, epoch, number), event in gate.server.backend.events.items()
        if of == gate.gate_id
    }
    for identity, said in gate.told.items():
        assert counted.get(identity) == said, "an event was lost"
    alarms = [said for said in counted.values() if said is not None and said.startswith("test:")]
    assert len(alarms) == len(set(alarms)), "an event was counted twice"


def check_decisions(gate: Gate, people: Iterable[UUID], phones: Iterable[Phone], *, quiet: bool = False) -> None:
    """It lets in by face and by code exactly whom its version of the roster lets in at this moment."""
    head = gate.client._engine.roster.head
    truth = {} if head is None else gate.server.history[head.epoch, head.version]
    for subject in people:
        expected = _expected(gate, subject, truth.get(subject), by_code=False, quiet=quiet)
        _check(gate, gate.client.decide(syn.frame(gate.server.faces[subject])), expected=expected)
    for phone in phones:
        for _ in ("shown", "photographed and shown"):
            _check_code(gate, phone, truth, quiet=quiet)
    stranger = gate.client.decide(syn.frame(STRANGER))
    _check(gate, stranger, expected=False)
    assert stranger.reason in {Reason.UNKNOWN, Reason.ROSTER_EMPTY, Reason.NOT_READY}, "a stranger was known"


def _check_code(gate: Gate, phone: Phone, truth: Roster, *, quiet: bool) -> None:
    early_us, late_us = gate.between
    owner = next((subject for subject, known in truth.items() if phone in known.phones), None)
    expected = None
    if owner is None or step_at(late_us) <= gate.opened_by.get(phone.key.id, 0):
        expected = False
    elif late_us - early_us <= _MOMENT_US:
        # The phone's clock is the server's. A gate that is behind it takes the code for one of another time.
        expected = _expected(gate, owner, truth[owner], by_code=True, quiet=quiet)
    decision = gate.client.decide_qr(phone.code(late_us))
    _check(gate, decision, expected=expected)
    if decision.allowed:
        gate.opened_by[phone.key.id] = step_at(late_us)


def _expected(gate: Gate, subject: UUID, known: Known | None, *, by_code: bool, quiet: bool) -> bool | None:
    roster = gate.client._engine.roster
    if known is None or roster.head is None:
        return False
    expected = may_pass(known.leave, roster.head.issued_at_us, gate.between, by_code=by_code)
    # Forgotten at his grant's end; then came a head that somebody had held back, by which it is earlier again.
    early = expected and subject not in roster.entries and known.leave.until_us is not None
    return None if early and not quiet else expected


def _check(gate: Gate, decision: Decision, *, expected: bool | None) -> None:
    gate.decided(decision)
    assert expected is not True or decision.allowed, f"kept out who may pass: {decision.reason}"
    assert expected is not False or not decision.allowed, "let in who may not pass"
    assert decision.allowed or decision.outcome is Outcome.DENY, f"neither let in nor kept out: {decision.reason}"
    head = gate.client._engine.roster.head
    if head is None:
        assert decision.stale_for is None, "a decision by no roster says how old it is"
        return
    assert decision.stale_for is not None, "a decision that does not say how old its roster is"
    early, late = ((at_us - head.issued_at_us) / 1e6 for at_us in gate.between)
    assert early <= decision.stale_for <= late, "a decision that is wrong about how old its roster is"
