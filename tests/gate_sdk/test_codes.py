"""QR codes at the gate, and what people try with them."""

import logging
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import Decision, GateClient, Outcome, Reason, Via
from gate_sdk._codes.desk import SECOND_FACTOR_S
from gate_sdk._database import open_readonly
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend, Phone, always
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import (
    CardCode,
    GrantKind,
    PhoneCode,
    Policy,
    RosterGrant,
    VisitorCode,
    encode_phone,
    encode_visitor,
    parse_code,
    phone_statement,
    sign_visitor,
    step_at,
)
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.test_time import cut_off

MINUTE, HOUR = 60_000_000, 3_600_000_000
ALLOWED = (Outcome.ALLOW, Reason.MATCHED)


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


@pytest.fixture
def phone(backend: FakeBackend) -> Phone:
    """The phone of a resident who has no face on the roster."""
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    return phone


def started(open_gate: OpenGate, clock: HandClock) -> GateClient:
    gate = open_gate(clock=clock)
    assert gate.start(wait=5)
    return gate


def said(decision: Decision) -> tuple[Outcome, Reason]:
    return decision.outcome, decision.reason


def denied(decision: Decision) -> Reason:
    assert decision.outcome is Outcome.DENY
    return decision.reason


def synced(gate: GateClient, backend: FakeBackend) -> None:
    assert backend.wait_for(lambda: any(at.version == backend.roster.version for at in backend.acknowledged.values()))
    # Acknowledged with the next poll, so the gate has it.
    assert gate.status().version == backend.roster.version


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_a_resident_without_a_face_enters_by_his_phone(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock, algorithm: str
) -> None:
    phone = Phone(backend.roster.community, algorithm)  # type: ignore[arg-type]  # pytest passes plain strings
    subject = backend.add_person()
    backend.add_phone(subject, phone)
    gate = started(open_gate, clock)
    decision = gate.decide_qr(phone.code(clock.wall_us))
    assert said(decision) == ALLOWED
    assert (decision.subject, decision.via, decision.allowed) == (subject, Via.QR, True)
    assert decision.event is not None
    assert backend.wait_for(lambda: len(backend.events) == 1)
    (event,) = backend.events.values()
    assert (event.via, event.subject, event.credential) == (Via.QR, subject, f"key:{phone.key.id.hex()}")


def test_a_screenshot_of_a_residents_code_is_stale_a_minute_later(
    phone: Phone, open_gate: OpenGate, clock: HandClock
) -> None:
    gate = started(open_gate, clock)
    screenshot = phone.code(clock.wall_us)
    clock.pass_(61)
    assert denied(gate.decide_qr(screenshot)) is Reason.CODE_EXPIRED


def test_a_code_is_good_once_at_a_gate_also_after_a_power_cut(
    phone: Phone, open_gate: OpenGate, clock: HandClock
) -> None:
    text = phone.code(clock.wall_us)
    gate = started(open_gate, clock)
    assert gate.decide_qr(text).allowed
    assert denied(gate.decide_qr(text)) is Reason.CODE_REPLAYED
    again = started(open_gate, clock)
    assert denied(again.decide_qr(text)) is Reason.CODE_REPLAYED
    clock.pass_(30)
    assert denied(again.decide_qr(phone.code(clock.wall_us - 30_000_000))) is Reason.CODE_REPLAYED
    assert again.decide_qr(phone.code(clock.wall_us)).allowed


def test_another_gate_takes_the_same_code_only_within_its_time(
    backend: FakeBackend, phone: Phone, open_gate: OpenGate, clock: HandClock, tmp_path: Path
) -> None:
    text = phone.code(clock.wall_us)
    assert started(open_gate, clock).decide_qr(text).allowed
    GateClient.provision(
        "https://fake.test", backend.claim(), data_dir=tmp_path / "b", transport=backend.transport
    ).close()
    with GateClient(tmp_path / "b", transport=backend.transport, clock=clock) as other:
        assert other.start(wait=5)
        # The documented rule: gates do not ask each other about residents, and both events name the key.
        assert other.decide_qr(text).allowed
        clock.pass_(61)
        assert denied(other.decide_qr(text)) is Reason.CODE_EXPIRED
        assert backend.wait_for(lambda: len(backend.events) >= 3)
    assert len({event.credential for event in backend.events.values() if event.outcome is Outcome.ALLOW}) == 1


@pytest.mark.parametrize("seconds", [-30, 30])
def test_the_phones_clock_may_be_one_step_off(
    phone: Phone, open_gate: OpenGate, clock: HandClock, seconds: int
) -> None:
    gate = started(open_gate, clock)
    assert gate.decide_qr(phone.code(clock.wall_us + seconds * 1_000_000)).allowed


@pytest.mark.parametrize("seconds", [-61, 61])
def test_a_phone_whose_clock_is_wrong_is_told_so(
    phone: Phone, open_gate: OpenGate, clock: HandClock, seconds: int
) -> None:
    decision = started(open_gate, clock).decide_qr(phone.code(clock.wall_us + seconds * 1_000_000))
    assert denied(decision) is Reason.CODE_EXPIRED
    assert decision.subject is not None


def test_a_gate_whose_clock_was_set_back_goes_by_the_server(
    phone: Phone, open_gate: OpenGate, clock: HandClock
) -> None:
    gate = started(open_gate, clock)
    server = clock.wall_us
    clock.wall_us -= 10 * MINUTE
    assert gate.decide_qr(phone.code(server)).allowed


def test_a_forged_code(backend: FakeBackend, phone: Phone, open_gate: OpenGate, clock: HandClock) -> None:
    gate = started(open_gate, clock)
    step = step_at(clock.wall_us)
    made_up = Ed25519PrivateKey.generate().sign(phone_statement(backend.roster.community, phone.key.id, step))
    forged = gate.decide_qr(encode_phone(PhoneCode(phone.key.id, step, made_up)))
    assert denied(forged) is Reason.CODE_FORGED
    # Whoever made it up is nobody: nothing is kept of the one whose key id he copied.
    assert forged.subject is None
    genuine = parse_code(phone.code(clock.wall_us))
    assert isinstance(genuine, PhoneCode)
    moved = msgspec.structs.replace(genuine, step=genuine.step + 1)
    assert denied(gate.decide_qr(encode_phone(moved))) is Reason.CODE_FORGED


def test_a_code_of_another_community(backend: FakeBackend, phone: Phone, open_gate: OpenGate, clock: HandClock) -> None:
    gate = started(open_gate, clock)
    other = FakeBackend(now_us=lambda: clock.wall_us)
    stranger = Phone(other.roster.community)
    assert denied(gate.decide_qr(stranger.code(clock.wall_us))) is Reason.CODE_UNKNOWN
    # Even where somebody uses one key in two communities, what he signs for one is nothing in the other.
    phone.community = other.roster.community
    assert denied(gate.decide_qr(phone.code(clock.wall_us))) is Reason.CODE_FORGED
    guest = other.add_person()
    token = other.issue_token(guest, clock.wall_us - HOUR, clock.wall_us + HOUR)
    assert denied(gate.decide_qr(token)) is Reason.CODE_FORGED


def test_the_key_of_a_phone_that_was_revoked(
    backend: FakeBackend, phone: Phone, open_gate: OpenGate, clock: HandClock
) -> None:
    subject = next(iter(backend.roster.people))
    tablet = Phone(backend.roster.community, "ed25519")
    backend.add_phone(subject, tablet)
    gate = started(open_gate, clock)
    backend.revoke_phone(subject, phone)
    synced(gate, backend)
    assert denied(gate.decide_qr(phone.code(clock.wall_us))) is Reason.CODE_UNKNOWN
    assert gate.decide_qr(tablet.code(clock.wall_us)).allowed


def test_a_stolen_gate_store_forges_no_code(
    backend: FakeBackend, phone: Phone, open_gate: OpenGate, clock: HandClock, gate_dir: Path
) -> None:
    subject = next(iter(backend.roster.people))
    card = parse_code(backend.issue_card(subject, "493817"))
    assert isinstance(card, CardCode)
    token = backend.issue_token(subject, clock.wall_us, clock.wall_us + HOUR)
    gate = started(open_gate, clock)
    gate.decide_qr(phone.code(clock.wall_us))
    gate.close()
    stolen = b""
    for name in ("roster", "codes", "outbox"):
        key = FileKeyProvider(gate_dir / "keys").load(name)
        if key is None or not (gate_dir / f"{name}.db").exists():
            continue
        connection = open_readonly(gate_dir / f"{name}.db", key)
        for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                stolen += b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
        connection.close()
    # Everything that could be shown at a gate: neither the card's secret nor the PIN nor a signature is in there.
    signature = parse_code(token)
    assert isinstance(signature, VisitorCode)
    for secret in (card.secret, card.secret.hex().encode(), b"493817", signature.signature, token.encode()):
        assert secret not in stolen
    assert phone.key.id in stolen or phone.key.id.hex().encode() in stolen


class TestVisitors:
    @pytest.fixture
    def guest(self, backend: FakeBackend, clock: HandClock) -> object:
        now = clock.wall_us
        return backend.add_person(grants=(RosterGrant(GrantKind.GUEST, now - HOUR, now + 48 * HOUR),))

    def token(self, backend: FakeBackend, clock: HandClock, guest: object, *, uses: int = 0) -> str:
        now = clock.wall_us
        return backend.issue_token(guest, now - HOUR, now + 48 * HOUR, uses=uses)  # type: ignore[arg-type]  # the fixture's id

    def test_a_guests_token(self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock) -> None:
        text = self.token(backend, clock, guest)
        gate = started(open_gate, clock)
        decision = gate.decide_qr(text)
        assert said(decision) == ALLOWED
        assert decision.subject == guest
        clock.pass_(49 * 3600)
        assert denied(gate.decide_qr(text)) is Reason.OUTSIDE_WINDOW

    def test_an_altered_window(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        code = parse_code(self.token(backend, clock, guest, uses=1))
        assert isinstance(code, VisitorCode)
        gate = started(open_gate, clock)
        for change in ({"until_s": code.until_s + 86400}, {"uses": 0}, {"since_s": 2**32 - 1}, {"token_id": bytes(8)}):
            altered = encode_visitor(msgspec.structs.replace(code, **change))
            assert denied(gate.decide_qr(altered)) is Reason.CODE_FORGED

    def test_a_token_signed_by_somebody_else(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        code = parse_code(self.token(backend, clock, guest))
        assert isinstance(code, VisitorCode)
        forged = sign_visitor(code, community=backend.roster.community, key=Ed25519PrivateKey.generate())
        assert denied(started(open_gate, clock).decide_qr(encode_visitor(forged))) is Reason.CODE_FORGED

    def test_a_token_is_good_only_while_its_person_may_enter(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        text = self.token(backend, clock, guest)
        later = clock.wall_us + 2 * HOUR
        backend.set_grants(guest, (RosterGrant(GrantKind.GUEST, later, later + HOUR),))  # type: ignore[arg-type]  # the fixture's id
        gate = started(open_gate, clock)
        assert denied(gate.decide_qr(text)) is Reason.OUTSIDE_WINDOW

    def test_a_cancelled_pass_at_once_at_a_gate_that_is_connected(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        text = self.token(backend, clock, guest)
        gate = started(open_gate, clock)
        clock.pass_(2)
        backend.cancel_tokens(guest)  # type: ignore[arg-type]  # the fixture's id
        synced(gate, backend)
        assert denied(gate.decide_qr(text)) is Reason.CODE_UNKNOWN

    def test_a_cancelled_pass_at_an_offline_gate_ends_with_the_lease(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        backend.roster.policy = Policy(visiting_lease_s=3600, standing_lease_s=24 * 3600)
        text = self.token(backend, clock, guest)
        gate = started(open_gate, clock)
        cut_off(gate)
        backend.cancel_tokens(guest)  # type: ignore[arg-type]  # the fixture's id
        # Nobody can tell the gate; the code goes on after the face's lease, and not after the code's.
        clock.pass_(2 * 3600)
        assert gate.decide_qr(text).allowed
        clock.pass_(22 * 3600)
        assert denied(gate.decide_qr(text)) is Reason.LEASE_EXPIRED

    def test_a_pass_made_while_the_gate_was_offline(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        gate = started(open_gate, clock)
        cut_off(gate)
        clock.pass_(60)
        text = self.token(backend, clock, guest)
        decision = gate.decide_qr(text)
        assert said(decision) == ALLOWED
        assert decision.subject is None
        assert decision.credential is not None

    def test_a_pass_for_one_time_is_counted_across_gates(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock, tmp_path: Path
    ) -> None:
        text = self.token(backend, clock, guest, uses=1)
        gate = started(open_gate, clock)
        asked = gate.decide_qr(text)
        assert said(asked) == (Outcome.NEEDS_APPROVAL, Reason.USE_UNCOUNTED)
        assert asked.event is None
        first = gate.resolve(asked, 5)
        assert said(first) == ALLOWED
        assert first.subject == guest
        assert denied(gate.decide_qr(text)) is Reason.CODE_USED_UP
        GateClient.provision(
            "https://fake.test", backend.claim(), data_dir=tmp_path / "b", transport=backend.transport
        ).close()
        # The second person on one link, at another gate.
        with GateClient(tmp_path / "b", transport=backend.transport, clock=clock) as other:
            assert other.start(wait=5)
            assert denied(other.resolve(other.decide_qr(text), 5)) is Reason.CODE_USED_UP

    def test_without_a_network_each_gate_counts_for_itself(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        text = self.token(backend, clock, guest, uses=2)
        gate = started(open_gate, clock)
        backend.partition()
        assert gate.resolve(gate.decide_qr(text), 2).allowed
        again = open_gate(clock=clock)
        assert again.resolve(again.decide_qr(text), 2).allowed
        assert denied(again.decide_qr(text)) is Reason.CODE_USED_UP
        backend.partition(on=False)
        assert again.start(wait=5)
        # What was let in meanwhile is counted when it is told, once.
        assert backend.wait_for(lambda: len(backend.events) >= 3)
        uses = {event.use for event in backend.events.values() if event.outcome is Outcome.ALLOW}
        assert len(uses) == 2
        assert None not in uses

    def test_a_question_that_waited_too_long_is_refused(
        self, backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
    ) -> None:
        gate = started(open_gate, clock)
        asked = gate.decide_qr(self.token(backend, clock, guest, uses=1))
        clock.pass_(600)
        assert denied(gate.resolve(asked, 1)) is Reason.USE_UNCOUNTED


class TestCards:
    def test_a_card_with_its_pin(self, backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
        subject = backend.add_person()
        card = backend.issue_card(subject, "493817")
        gate = started(open_gate, clock)
        asked = gate.decide_qr(card)
        assert said(asked) == (Outcome.NEEDS_SECOND_FACTOR, Reason.PIN_NEEDED)
        assert asked.event is None
        decision = gate.resolve(asked, 1, pin="493817")
        assert said(decision) == ALLOWED
        assert (decision.subject, decision.via) == (subject, Via.CARD)
        assert gate.decide_qr(card, pin="493817").allowed

    def test_guessing_the_pin_of_a_found_card(
        self, backend: FakeBackend, open_gate: OpenGate, clock: HandClock
    ) -> None:
        card = backend.issue_card(backend.add_person(), "493817")
        gate = started(open_gate, clock)
        for guess in ("000000", "000001", "000002"):
            assert denied(gate.decide_qr(card, pin=guess)) is Reason.PIN_WRONG
        assert denied(gate.decide_qr(card, pin="493817")) is Reason.PIN_LOCKED
        # Pulling the plug does not help.
        again = open_gate(clock=clock)
        assert again.start(wait=5)
        assert denied(again.decide_qr(card, pin="493817")) is Reason.PIN_LOCKED
        clock.pass_(31)
        assert denied(again.decide_qr(card, pin="000003")) is Reason.PIN_WRONG
        clock.pass_(31)
        assert denied(again.decide_qr(card)) is Reason.PIN_LOCKED
        clock.pass_(30)
        assert again.decide_qr(card, pin="493817").allowed
        assert denied(again.decide_qr(card, pin="000000")) is Reason.PIN_WRONG
        assert again.decide_qr(card, pin="493817").allowed
        assert backend.wait_for(lambda: any(e.detail and "pin-guessing" in e.detail for e in backend.events.values()))

    def test_a_cards_secret_is_in_no_log_and_no_decision(
        self, backend: FakeBackend, open_gate: OpenGate, clock: HandClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        card = backend.issue_card(backend.add_person(), "493817")
        code = parse_code(card)
        assert isinstance(code, CardCode)
        with caplog.at_level(logging.DEBUG):
            decision = started(open_gate, clock).decide_qr(card, pin="493817")
        for told in (caplog.text, repr(decision), repr(code)):
            assert code.secret.hex() not in told
            assert repr(code.secret) not in told

    def test_a_made_up_card(self, open_gate: OpenGate, clock: HandClock) -> None:
        other = FakeBackend()
        card = other.issue_card(other.add_person(), "493817")
        gate = started(open_gate, clock)
        assert denied(gate.decide_qr(card, pin="493817")) is Reason.CODE_UNKNOWN


class TestSecondFactor:
    def test_look_alikes_are_told_apart_by_their_phones(
        self, backend: FakeBackend, open_gate: OpenGate, clock: HandClock
    ) -> None:
        twin = syn.like(syn.person(1), 0.99)
        one, two = backend.add_person(syn.template(1)), backend.add_person(syn.template(twin))
        third = backend.add_person()
        phones = {}
        for subject in (one, two, third):
            phones[subject] = Phone(backend.roster.community)
            backend.add_phone(subject, phones[subject])
        gate = started(open_gate, clock)
        asked = gate.decide(syn.frame(1))
        assert said(asked) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS)
        # A neighbour's code says nothing of which twin it is; and it is not used up.
        neighbours = phones[third].code(clock.wall_us)
        assert denied(gate.resolve(asked, 1, code=neighbours)) is Reason.AMBIGUOUS
        assert gate.decide_qr(neighbours).allowed
        decision = gate.resolve(asked, 1, code=phones[two].code(clock.wall_us))
        assert said(decision) == ALLOWED
        assert decision.subject == two

    def test_marked_look_alikes_show_their_phones_where_others_pass_by_the_lead_of_their_face(
        self, backend: FakeBackend, open_gate: OpenGate, clock: HandClock
    ) -> None:
        one = backend.add_person(syn.template(1))
        two = backend.add_person(syn.template(syn.like(syn.person(1), 0.92)))
        phone = Phone(backend.roster.community)
        backend.add_phone(one, phone)
        gate = started(open_gate, clock)
        assert gate.decide(syn.frame(1)).allowed
        for subject in (one, two):
            backend.mark_lookalike(subject)
        gate.close()
        gate = started(open_gate, clock)
        asked = gate.decide(syn.frame(1))
        assert said(asked) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS)
        assert asked.subject is None
        decision = gate.resolve(asked, 1, code=phone.code(clock.wall_us))
        assert (decision.allowed, decision.subject) == (True, one)

    def test_the_second_factor_comes_too_late(
        self, backend: FakeBackend, open_gate: OpenGate, clock: HandClock
    ) -> None:
        one = backend.add_person(syn.template(1))
        backend.add_person(syn.template(syn.like(syn.person(1), 0.99)))
        phone = Phone(backend.roster.community)
        backend.add_phone(one, phone)
        gate = started(open_gate, clock)
        asked = gate.decide(syn.frame(1))
        clock.pass_(SECOND_FACTOR_S + 1)
        assert denied(gate.resolve(asked, 1, code=phone.code(clock.wall_us))) is Reason.AMBIGUOUS
        assert denied(gate.resolve(asked, 1)) is Reason.AMBIGUOUS


def test_before_the_first_roster_no_code_opens(phone: Phone, open_gate: OpenGate, clock: HandClock) -> None:
    gate = open_gate(clock=clock)
    assert denied(gate.decide_qr(phone.code(clock.wall_us))) is Reason.NOT_READY


@pytest.mark.parametrize("text", ["", "WIFI:S:cafe;;", "DW1:", "DW1:0", "x" * 5000, "DW1:" + "Z" * 116])
def test_other_peoples_codes_are_refused_and_not_reported(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock, text: str
) -> None:
    backend.add_person(grants=(always(),))
    decision = started(open_gate, clock).decide_qr(text)
    assert denied(decision) is Reason.CODE_UNREADABLE
    assert decision.event is None


def test_a_full_or_broken_disk_neither_shuts_people_out_nor_lets_a_screenshot_in(
    phone: Phone, open_gate: OpenGate, clock: HandClock, gate_dir: Path
) -> None:
    gate = started(open_gate, clock)
    (gate_dir / "codes.db").mkdir()
    text = phone.code(clock.wall_us)
    assert gate.decide_qr(text).allowed
    assert denied(gate.decide_qr(text)) is Reason.CODE_REPLAYED
    (gate_dir / "codes.db").rmdir()


def test_a_residents_code_outlasts_the_faces_lease_until_the_roster_is_wiped(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    subject = backend.add_person(syn.template(1))
    phone = Phone(backend.roster.community)
    backend.add_phone(subject, phone)
    gate = started(open_gate, clock)
    cut_off(gate)
    clock.pass_(73 * 3600)
    assert denied(gate.decide(syn.frame(1))) is Reason.LEASE_EXPIRED
    assert gate.decide_qr(phone.code(clock.wall_us)).allowed
    clock.pass_(96 * 3600)
    assert denied(gate.decide_qr(phone.code(clock.wall_us))) is Reason.LEASE_EXPIRED
