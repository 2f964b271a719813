"""A community changes its models: for a while people have templates of two packs, and nobody is refused for it."""

import json
from pathlib import Path
from uuid import uuid4

import apsw
import msgspec
import numpy as np
import pytest

from gate_sdk import Outcome, Reason
from gate_sdk._cache.repository import upgrade
from gate_sdk._compare import best
from gate_sdk._database import open_database
from gate_sdk._decide import threshold
from gate_sdk._packs import Packs
from gate_sdk._recognition import Candidate, Recognition
from gate_sdk.errors import RecognitionMissingError
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.http import Request, Response
from gate_sdk.wire import Head, Policy
from tests.gate_sdk.conftest import OpenGate
from tests.gate_sdk.test_sync import States

NEXT = "synthetic-2"


def _both() -> tuple[Recognition, Recognition]:
    return syn.SyntheticRecognition(), syn.SyntheticRecognition(NEXT)


def test_templates_of_two_packs_say_nothing_to_each_other() -> None:
    assert syn.template(1) != syn.template(1, pack=NEXT)
    old, new = (np.frombuffer(syn.template(1, pack=pack), "<f2").astype(np.float32) for pack in (syn.PACK, NEXT))
    assert abs(float(old @ new)) < 0.5


def test_a_gate_with_the_old_pack_only_goes_on_as_before(backend: FakeBackend, open_gate: OpenGate) -> None:
    subject = backend.add_person(syn.template(1))
    backend.renew(subject, syn.template(1, pack=NEXT), pack=NEXT)
    gate = open_gate()
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).subject == subject


def test_a_gate_with_the_new_pack_only_knows_whoever_was_renewed(backend: FakeBackend, open_gate: OpenGate) -> None:
    renewed, waiting = backend.add_person(syn.template(1)), backend.add_person(syn.template(2))
    backend.renew(renewed, syn.template(1, pack=NEXT), pack=NEXT)
    gate = open_gate(recognition=syn.SyntheticRecognition(NEXT))
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).subject == renewed
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    assert waiting in gate._engine.roster.entries


def test_a_gate_with_both_packs_refuses_nobody_who_has_not_been_renewed(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    people = {number: backend.add_person(syn.template(number)) for number in range(1, 7)}
    for number in (1, 2, 3):
        backend.renew(people[number], syn.template(number, pack=NEXT), pack=NEXT)
    gate = open_gate(recognition=_both())
    gate.start(wait=60)
    assert {number: gate.decide(syn.frame(number)).subject for number in people} == people
    assert gate.decide(syn.frame(99)).reason is Reason.UNKNOWN
    assert gate.status().matchable == len(people)


def test_observe_lets_in_by_either_pack_while_people_are_being_renewed(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    renewed, waiting = backend.add_person(syn.template(1)), backend.add_person(syn.template(2))
    states = States()
    gate = open_gate(recognition=_both(), on_state=states)
    gate.start(wait=60)
    backend.renew(renewed, syn.template(1, pack=NEXT), pack=NEXT)
    assert states.wait_version(3)
    seen = []
    for person, begins in ((1, 100.0), (2, 110.0)):
        for frame in range(6):
            decision = gate.observe(syn.frame(person), begins + frame / 15)
            if decision is not None:
                seen.append((decision.outcome, decision.subject))
        gate.observe(syn.empty_frame(), begins + 5)
    assert seen == [(Outcome.ALLOW, renewed), (Outcome.ALLOW, waiting)]


def test_the_change_happens_while_somebody_stands_at_the_gate(backend: FakeBackend, open_gate: OpenGate) -> None:
    subject = backend.add_person(syn.template(1))
    states = States()
    gate = open_gate(recognition=_both(), on_state=states)
    gate.start(wait=60)
    assert gate.observe(syn.frame(1), 100.0) is None
    backend.renew(subject, syn.template(1, pack=NEXT), pack=NEXT)
    assert states.wait_version(2)
    decisions = [gate.observe(syn.frame(1), 100.0 + frame / 15) for frame in range(1, 8)]
    assert [one.subject for one in decisions if one is not None] == [subject]


def test_when_the_change_ends_no_template_of_the_old_pack_is_left_on_the_gate(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    renewed, left_behind = backend.add_person(syn.template(1)), backend.add_person(syn.template(2))
    backend.renew(renewed, syn.template(1, pack=NEXT), pack=NEXT)
    states = States()
    gate = open_gate(recognition=_both(), on_state=states)
    gate.start(wait=60)
    backend.end_change(NEXT)
    assert states.wait_version(5)
    assert gate.decide(syn.frame(1)).subject == renewed
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    assert left_behind in gate._engine.roster.entries
    gate.close()
    assert set(_kept(gate_dir)) == {
        (renewed.bytes, syn.template(1, pack=NEXT), None),
        (left_behind.bytes, None, None),
    }


def test_both_templates_outlive_a_restart_and_end_with_their_grants(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    subject = backend.add_person(syn.template(1))
    backend.renew(subject, syn.template(1, pack=NEXT), pack=NEXT)
    gate = open_gate()
    gate.start(wait=60)
    gate.close()
    assert _kept(gate_dir) == [(subject.bytes, syn.template(1), syn.template(1, pack=NEXT))]
    backend.partition()
    gate = open_gate(recognition=syn.SyntheticRecognition(NEXT))
    assert gate.decide(syn.frame(1)).subject == subject
    gate.close()
    backend.partition(on=False)
    backend.revoke(subject)
    open_gate().start(wait=60)
    assert _kept(gate_dir) == []


def test_a_next_template_that_is_not_the_one_named_is_refused(backend: FakeBackend, open_gate: OpenGate) -> None:
    subject = backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    backend.rewrite = lambda page: msgspec.structs.replace(
        page, next_templates={subject.bytes: syn.template(7, pack=NEXT)}
    )
    backend.renew(subject, syn.template(1, pack=NEXT), pack=NEXT)
    assert backend.wait_for(lambda: backend.requests["sync"] >= 4)
    assert gate.status().version == 1
    backend.rewrite = None


def test_a_roster_file_of_an_older_sdk_is_read_on(backend: FakeBackend, open_gate: OpenGate, gate_dir: Path) -> None:
    subject = backend.add_person(syn.template(1))
    open_gate().start(wait=60)
    open_gate().close()
    key = FileKeyProvider(gate_dir / "keys").load("roster")
    assert key is not None
    connection = open_database(gate_dir / "roster.db", key, "SELECT 1")
    for table in ("entry", "staged"):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN next_template")
    connection.close()
    backend.partition()
    assert open_gate().decide(syn.frame(1)).subject == subject


def test_upgrading_twice_changes_nothing() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE entry (subject BLOB); CREATE TABLE staged (subject BLOB)")
    upgrade(connection)
    upgrade(connection)
    assert [column[1] for column in connection.execute("PRAGMA table_info(entry)")] == ["subject", "next_template"]


def _head(policy: Policy) -> Head:
    return Head(community=uuid4(), epoch=1, version=1, count=0, digest=b"", issued_at_us=0, policy=policy)


def test_thresholds_are_each_packs_own() -> None:
    policy = Policy(threshold=0.61, threshold_pack="old", thresholds={"new": 0.72})
    asked = {pack: threshold(_head(policy), calibrated=0.55, floor=0.5, pack=pack) for pack in ("old", "new", "third")}
    assert asked == {"old": 0.61, "new": 0.72, "third": 0.55}


def test_candidates_of_two_packs_are_compared_by_how_far_they_lie_above_their_own_thresholds() -> None:
    low, high = uuid4(), uuid4()
    strict = (Candidate(low, score=0.80, margin=0.5), 0.78)
    mild = (Candidate(high, score=0.70, margin=0.4), 0.50)
    chosen = best([strict, mild])
    assert chosen is not None
    candidate, bar = chosen
    assert (candidate.subject, candidate.score, bar, candidate.runner_up) == (high, 0.70, 0.50, low)
    assert candidate.margin == pytest.approx(0.18)
    assert best([]) is None


def test_two_who_are_alike_by_different_packs_need_the_second_factor(backend: FakeBackend, open_gate: OpenGate) -> None:
    one = backend.add_person(syn.template(1))
    backend.add_person(syn.template(syn.like(syn.person(1), 0.98)))
    backend.renew(one, syn.template(1, pack=NEXT), pack=NEXT)
    gate = open_gate(recognition=_both())
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).outcome is Outcome.NEEDS_SECOND_FACTOR


def test_where_the_first_pack_is_gone_one_that_people_have_templates_of_will_do() -> None:
    def load(pack: str | None) -> Recognition:
        if pack != NEXT:
            raise RecognitionMissingError(f"no pack {pack}")
        return syn.SyntheticRecognition(NEXT)

    assert Packs.open((), syn.PACK, frozenset({NEXT}), load).first.pack == NEXT
    with pytest.raises(RecognitionMissingError, match=syn.PACK):
        Packs.open((), syn.PACK, frozenset(), load)


def test_a_pack_installed_on_a_running_gate_is_found_with_the_next_roster() -> None:
    installed: set[str] = set()

    def load(pack: str | None) -> Recognition:
        if pack not in installed:
            raise RecognitionMissingError(f"no pack {pack}")
        return syn.SyntheticRecognition(NEXT)

    packs = Packs(syn.SyntheticRecognition(), load=load)
    assert set(packs.of({syn.PACK, NEXT})) == {syn.PACK}
    installed.add(NEXT)
    assert set(packs.of({syn.PACK, NEXT})) == {syn.PACK, NEXT}


def test_no_gate_takes_templates_from_its_own_camera(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """See docs/adr/0019: whatever is seen at a gate, its roster stays what the server signed, and nothing is sent."""
    subject = backend.add_person(syn.template(1))
    sent: list[bytes] = []
    handle = backend.handle

    def noted(request: Request) -> Response:
        sent.append(request.body)
        return handle(request)

    monkeypatch.setattr(backend, "handle", noted)
    gate = open_gate(recognition=_both())
    gate.start(wait=60)
    before = _kept(gate_dir)
    probe = syn.like(syn.person(1), 0.9)
    for frame in range(6):
        gate.observe(syn.frame(probe), 100.0 + frame / 15)
    assert gate.decide(syn.frame(probe)).subject == subject
    assert backend.wait_for(lambda: len(backend.events) == 2)
    gate.close()
    assert _kept(gate_dir) == before == [(subject.bytes, syn.template(1), None)]
    seen = [probe.tobytes(), probe.astype("<f2").tobytes(), json.dumps(probe.tolist())[1:40].encode()]
    assert any(sent)
    outbox = b"".join(path.read_bytes() for path in gate_dir.rglob("*") if path.is_file())
    assert not any(vector[:16] in body for vector in seen for body in [*sent, outbox])


def _kept(gate_dir: Path) -> list[tuple[bytes, bytes | None, bytes | None]]:
    key = FileKeyProvider(gate_dir / "keys").load("roster")
    assert key is not None
    connection = open_database(gate_dir / "roster.db", key, "SELECT 1")
    try:
        return list(connection.execute("SELECT subject, template, next_template FROM entry ORDER BY subject"))
    finally:
        connection.close()
