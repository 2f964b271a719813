"""The community's server takes another key: the old one signs the new one, and nobody else can."""

from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import GateClient, Reason, WrongSignatureError, _identity
from gate_sdk._trust import Trust
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import ServerKey, SyncPage, endorse_key, sign_head
from tests.gate_sdk.conftest import OpenGate
from tests.gate_sdk.test_sync import States

COMMUNITY = uuid4()
MINUTE = 60_000_000


class Signer:
    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = Ed25519PrivateKey.generate()
        self.public = ServerKey(kid=kid, public_key=self.private.public_key().public_bytes_raw())

    def vouch(self, fresh: "Signer", from_us: int = 0) -> ServerKey:
        named = msgspec.structs.replace(fresh.public, from_us=from_us)
        return endorse_key(named, community=COMMUNITY, by=self.kid, key=self.private)


class TestTrust:
    def test_chain_is_followed_in_whatever_order_it_comes(self) -> None:
        one, two, three = Signer("1"), Signer("2"), Signer("3")
        trust = Trust(COMMUNITY, (one.public,)).extended([two.vouch(three, 20), one.vouch(two, 10), one.public])
        assert set(trust.raw) == {"1", "2", "3"}
        assert trust.extended([one.vouch(two, 10)]) is trust

    def test_key_that_nobody_trusted_vouches_for(self) -> None:
        trust = Trust(COMMUNITY, (Signer("1").public,))
        stranger = Signer("9")
        assert trust.extended([stranger.public, stranger.vouch(Signer("10")), Signer("1").vouch(stranger)]) is trust

    def test_vouched_for_in_another_community_or_at_another_time(self) -> None:
        one, two = Signer("1"), Signer("2")
        trust = Trust(COMMUNITY, (one.public,))
        elsewhere = endorse_key(two.public, community=uuid4(), by="1", key=one.private)
        moved = msgspec.structs.replace(one.vouch(two, 10), from_us=11)
        renamed = msgspec.structs.replace(one.vouch(two, 10), kid="3")
        for forged in (elsewhere, moved, renamed, msgspec.structs.replace(one.vouch(two), from_us=-1)):
            assert trust.extended([forged]) is trust

    def test_stolen_old_key_names_no_second_successor(self) -> None:
        one, two, thief = Signer("1"), Signer("2"), Signer("3")
        trust = Trust(COMMUNITY, (one.public,)).extended([one.vouch(two, 10)])
        assert trust.extended([one.vouch(thief, 20)]) is trust

    def test_id_that_is_taken_gets_no_other_key(self) -> None:
        one, two, other = Signer("1"), Signer("2"), Signer("1")
        trust = Trust(COMMUNITY, (one.public,)).extended([one.vouch(two, 10), two.vouch(other, 20)])
        assert trust.raw == {"1": one.public.public_key, "2": two.public.public_key}

    def test_replaced_key_signs_nothing_later_than_its_time(self) -> None:
        one, two = Signer("1"), Signer("2")
        trust = Trust(COMMUNITY, (one.public,)).extended([one.vouch(two, 1000 * MINUTE)])
        trust.require_current("1", 1004 * MINUTE)
        trust.require_current("2", 5000 * MINUTE)
        with pytest.raises(WrongSignatureError):
            trust.require_current("1", 1005 * MINUTE)

    def test_endless_chain_is_cut(self) -> None:
        signers = [Signer(str(number)) for number in range(80)]
        chain = [one.vouch(two, number) for number, (one, two) in enumerate(pairwise(signers))]
        assert len(Trust(COMMUNITY, (signers[0].public,)).extended(chain).keys) == 64


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def gate(backend: FakeBackend, open_gate: OpenGate, states: States) -> GateClient:
    backend.add_person(syn.template(1))
    gate = open_gate(on_state=states)
    assert gate.start(wait=60)
    return gate


def test_connected_gate_follows_a_rotation_and_keeps_it(
    backend: FakeBackend, gate: GateClient, states: States, open_gate: OpenGate, gate_dir: Path
) -> None:
    backend.rotate_key()
    added = backend.add_person(syn.template(2))
    assert states.wait_version(2)
    assert gate.decide(syn.frame(2)).subject == added
    gate.close()
    kept = _identity.load(gate_dir, FileKeyProvider(gate_dir / "keys"))
    assert [key.kid for key in kept.server_keys] == ["fake-1", "fake-2"]
    backend.partition()
    # The head on the disk is signed by the new key: it must not pass for damage.
    assert open_gate().decide(syn.frame(2)).subject == added


def test_gate_that_was_offline_through_three_rotations(
    backend: FakeBackend, gate: GateClient, states: States, open_gate: OpenGate
) -> None:
    gate.close()
    for _ in range(3):
        backend.rotate_key()
    added = backend.add_person(syn.template(2))
    again = open_gate(on_state=states)
    assert again.start(wait=60)
    assert again.decide(syn.frame(2)).subject == added
    assert all(one.last_error is None for one in states.all)


def test_new_key_that_the_old_one_did_not_sign(backend: FakeBackend, gate: GateClient, states: States) -> None:
    forger = Signer("forged")

    def forge(page: SyncPage) -> SyncPage:
        named = msgspec.structs.replace(forger.public, by="fake-1", signature=b"\x00" * 64)
        head = sign_head(backend.roster.head(), key=forger.private, kid="forged")
        return msgspec.structs.replace(page, head=head, keys=(*page.keys, named))

    backend.rewrite = forge
    backend.add_person(syn.template(2))
    assert states.wait_error("wrong-signature")
    assert gate.decide(syn.frame(1)).allowed
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    assert backend.wait_for(
        lambda: any(one.detail == "roster-refused:wrong-signature" for one in backend.events.values())
    )


def test_old_key_in_a_thief_s_hand_after_the_rotation(backend: FakeBackend, gate: GateClient, states: States) -> None:
    old_key, old_kid = backend.roster.key, backend.roster.kid
    backend.rotate_key()
    backend.add_person(syn.template(2))
    assert states.wait_version(2)

    def forge(page: SyncPage) -> SyncPage:
        later = msgspec.structs.replace(backend.roster.head(), issued_at_us=backend.roster.now_us() + 10 * MINUTE)
        return msgspec.structs.replace(page, head=sign_head(later, key=old_key, kid=old_kid))

    backend.rewrite = forge
    backend.add_person(syn.template(3))
    assert states.wait_error("wrong-signature")
    assert gate.decide(syn.frame(3)).reason is Reason.UNKNOWN


def test_visitor_s_token_of_before_the_rotation_still_opens(
    backend: FakeBackend, gate: GateClient, states: States
) -> None:
    now = backend.roster.now_us()
    subject = next(iter(backend.roster.people))
    token = backend.issue_token(subject, now - MINUTE, now + 60 * MINUTE)
    backend.rotate_key()
    backend.add_person(syn.template(2))
    later = backend.issue_token(subject, now - MINUTE, now + 60 * MINUTE)
    assert states.wait_version(4)
    assert gate.decide_qr(token).allowed
    assert gate.decide_qr(later).allowed
