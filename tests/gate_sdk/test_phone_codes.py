"""Residents' changing codes at the gate, and what people try with them."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import GateClient, Outcome, Reason, Via
from gate_sdk._database import open_readonly
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend, Phone, always
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import (
    CardCode,
    PhoneCode,
    VisitorCode,
    encode_phone,
    parse_code,
    phone_statement,
    step_at,
)
from tests.gate_sdk.codes import ALLOWED, HOUR, MINUTE, denied, said, started, synced
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.test_time import cut_off


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


@pytest.fixture
def phone(backend: FakeBackend) -> Phone:
    """The phone of a resident who has no face on the roster."""
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    return phone


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
        assert other.start(wait=60)
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
