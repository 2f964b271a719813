"""A gate that is older than its server: what it does not understand opens nothing, stops nobody else, and is said."""

import msgspec
import pytest

from gate_sdk import Reason
from gate_sdk._decide import admit
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import (
    DoorRules,
    EmergencyMode,
    GrantKind,
    KindHours,
    Outcome,
    Plan,
    RosterEntry,
    decode_plan,
    encode_plan,
    read_entry,
    read_plan,
)
from tests.gate_sdk.conftest import OpenGate

ENCODE = msgspec.json.encode
KNOWN = b'{"kind":"resident","from_us":0}'
LATER = (
    b'{"kind":"robot","from_us":0}',
    b'{"kind":"resident","from_us":0,"weather":"dry"}',
    b'{"kind":"resident","from_us":"dawn"}',
)


def rewritten(monkeypatch: pytest.MonkeyPatch, before: bytes, after: bytes) -> None:
    """Have the fake server write entries as a later one does."""

    class Later:
        @staticmethod
        def encode(value: object) -> bytes:
            body = ENCODE(value)
            return body.replace(before, after) if isinstance(value, RosterEntry) else body

    monkeypatch.setattr("gate_sdk.testing.roster.msgspec.json", Later)


@pytest.mark.parametrize("later", LATER)
def test_grant_of_a_later_kind_or_with_a_later_field_opens_nothing_and_stops_nobody(
    backend: FakeBackend, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch, later: bytes
) -> None:
    backend.add_person(syn.template(1))
    with monkeypatch.context() as patch:
        rewritten(patch, KNOWN, later)
        backend.add_person(syn.template(2))
        rewritten(patch, KNOWN, KNOWN + b"," + later)
        both = backend.add_person(syn.template(3))
    gate = open_gate()
    assert gate.start(wait=60)
    decisions = [gate.decide(syn.frame(number)) for number in (1, 2, 3)]
    assert [one.reason for one in decisions] == [Reason.MATCHED, Reason.OUTSIDE_WINDOW, Reason.MATCHED]
    assert decisions[2].subject == both
    assert gate.status().last_error is None
    assert backend.wait_for(lambda: "not-understood:2" in {event.detail for event in backend.events.values()})
    gate._engine.tick()
    # Not wiped as if it had ended: the gate may be updated before the entry changes again.
    assert gate.status().matchable == 3


def test_key_or_card_of_a_later_form_is_passed_over() -> None:
    body = (
        b'{"subject":"0190b5a2-3c4d-7e5f-8a9b-0c1d2e3f4a5b","grants":[' + KNOWN + b'],"card":{"form":"iris"},'
        b'"keys":[{"id":"AAAAAAAAAAA=","curve":"later"}],"aura":{"colour":"blue"}}'
    )
    reading = read_entry(body)
    assert (reading.skipped, reading.entry.keys, reading.entry.card) == (2, (), None)
    assert reading.entry.grants[0].kind is GrantKind.RESIDENT
    with pytest.raises(msgspec.ValidationError):
        read_entry(b'{"subject":"nobody","grants":[]}')


def plan_of(backend: FakeBackend) -> Plan:
    backend.declare(EmergencyMode.LOCKDOWN, admits=(GrantKind.STAFF,))
    backend.set_hours(GrantKind.GUEST, (0, 10))
    assert backend.roster.plan_body is not None
    return decode_plan(backend.roster.plan_body)


@pytest.mark.parametrize(
    "before,after,skipped,locked",
    [(b"lockdown", b"flooding", 1, False), (b"staff", b"robot", 1, True), (b"guest", b"robot", 1, True)],
)
def test_words_of_a_later_plan_are_passed_over(
    backend: FakeBackend, before: bytes, after: bytes, skipped: int, *, locked: bool
) -> None:
    plan = plan_of(backend)
    body = encode_plan(plan)
    assert before in body
    wording = bytes([0xA0 + len(before)]) + before, bytes([0xA0 + len(after)]) + after
    read, passed = read_plan(body.replace(*wording))
    assert passed == skipped
    rules: DoorRules = read.elsewhere
    # A lockdown stays one for everybody, whoever else a later server admits to it.
    assert bool(rules.emergencies) == locked
    assert rules.hours == ((KindHours(GrantKind.GUEST, (0, 10)),) if after != b"robot" or before == b"staff" else ())
    assert read_plan(body) == (plan, 0)


def test_newer_entry_read_by_a_decision(backend: FakeBackend) -> None:
    roster: FakeRoster = backend.roster
    subject = backend.add_person(syn.template(1))
    body = roster.people[subject].body.replace(KNOWN, LATER[0])
    verdict = admit(read_entry(body).entry, roster.head(), now_us=roster.now_us(), by_code=False)
    assert verdict.outcome is Outcome.DENY
