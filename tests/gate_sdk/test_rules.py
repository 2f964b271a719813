"""What a gate believes and decides; nothing here opens a file or a socket."""

import hashlib
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gate_sdk import DigestMismatchError, HeadExpiredError, RollbackError, WrongCommunityError, WrongSignatureError
from gate_sdk._cache.rules import (
    Floor,
    Row,
    accept_head,
    check_item,
    check_whole,
    clock_was_ahead,
    expires_at_us,
    merged,
    roster_overdue,
)
from gate_sdk._decide import AMBIGUITY_MARGIN, LOOKALIKE_MARGIN, MIN_FACE_PX, decide, threshold
from gate_sdk._recognition import Candidate
from gate_sdk._sync.backoff import MOST_S, delay
from gate_sdk.wire import (
    GrantKind,
    Head,
    Outcome,
    PageKind,
    Policy,
    Reading,
    Reason,
    RosterEntry,
    RosterGrant,
    SignedHead,
    SyncItem,
    TemplateRef,
    entry_hash,
    roster_digest,
    sign_head,
)

KEY = Ed25519PrivateKey.generate()
OURS = uuid4()
TRUSTED = {"k": KEY.public_key().public_bytes_raw()}
HOUR = 3_600_000_000
NOW = 1_800_000_000_000_000


def head(**changes: object) -> Head:
    plain = Head(
        community=OURS, epoch=3, version=10, count=0, digest=roster_digest([]), issued_at_us=NOW, policy=Policy()
    )
    return msgspec.structs.replace(plain, **changes)


FLOOR = Floor.of(head())


def accept(
    candidate: Head,
    *,
    floor: Floor | None = FLOOR,
    kind: PageKind = PageKind.DELTA,
    key: Ed25519PrivateKey = KEY,
    wall_us: int = NOW,
) -> Head:
    return accept_head(
        sign_head(candidate, key=key, kid="k"),
        keys=TRUSTED,
        community=OURS.bytes,
        floor=floor,
        kind=kind,
        wall_us=wall_us,
    )


class TestHead:
    def test_same_version_issued_later_extends_the_lease(self) -> None:
        assert accept(head(issued_at_us=NOW + 1)).issued_at_us == NOW + 1

    def test_next_version(self) -> None:
        assert accept(head(version=11, digest=b"\x01" * 32)).version == 11

    def test_first_head_of_a_fresh_gate(self) -> None:
        assert accept(head(), floor=None).epoch == 3

    def test_version_rollback(self) -> None:
        with pytest.raises(RollbackError):
            accept(head(version=9, issued_at_us=NOW + 1))

    def test_replay_of_an_older_head_of_the_same_version(self) -> None:
        with pytest.raises(RollbackError):
            accept(head(issued_at_us=NOW - 1))

    def test_newer_version_dated_before_an_older_one(self) -> None:
        with pytest.raises(RollbackError):
            accept(head(version=11, issued_at_us=NOW - 1))

    def test_two_rosters_under_one_version(self) -> None:
        with pytest.raises(DigestMismatchError):
            accept(head(digest=b"\x01" * 32, issued_at_us=NOW + 1))

    def test_new_epoch_is_a_signed_reset(self) -> None:
        assert accept(head(epoch=4, version=1, issued_at_us=NOW + 1), kind=PageKind.SNAPSHOT).version == 1

    def test_new_epoch_without_a_snapshot(self) -> None:
        with pytest.raises(RollbackError):
            accept(head(epoch=4, version=11, issued_at_us=NOW + 1))

    @pytest.mark.parametrize("epoch", [2, 4])
    def test_other_epoch_played_back(self, epoch: int) -> None:
        with pytest.raises(RollbackError):
            accept(head(epoch=epoch, version=99, issued_at_us=NOW), kind=PageKind.SNAPSHOT)

    def test_expired_head(self) -> None:
        week = Policy().wipe_after_s * 1_000_000
        assert accept(head(), floor=None, wall_us=NOW + week - 1).version == 10
        with pytest.raises(HeadExpiredError):
            accept(head(), floor=None, wall_us=NOW + week)

    def test_head_from_what_a_slow_clock_takes_for_the_future(self) -> None:
        assert accept(head(), wall_us=0).version == 10

    def test_other_community(self) -> None:
        with pytest.raises(WrongCommunityError):
            accept(head(community=uuid4()))

    def test_foreign_signature(self) -> None:
        with pytest.raises(WrongSignatureError):
            accept(head(), key=Ed25519PrivateKey.generate())

    @pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\x00" * 63])
    def test_malformed_signature(self, signature: bytes) -> None:
        signed = SignedHead(head=msgspec.msgpack.encode(head()), kid="k", signature=signature)
        with pytest.raises(WrongSignatureError):
            accept_head(signed, keys=TRUSTED, community=OURS.bytes, floor=None, kind=PageKind.SNAPSHOT, wall_us=NOW)

    @given(version=st.integers(0, 20), issued=st.integers(-5, 5), epoch=st.integers(2, 4))
    def test_no_accepted_head_is_behind_the_floor(self, version: int, issued: int, epoch: int) -> None:
        candidate = head(epoch=epoch, version=version, issued_at_us=NOW + issued)
        try:
            believed = accept(candidate, kind=PageKind.SNAPSHOT)
        except RollbackError:
            return
        assert believed.issued_at_us >= NOW
        assert believed.epoch != 3 or believed.version >= 10


def item(subject: UUID, template: bytes | None = b"T", *, named: bytes | None = b"T") -> SyncItem:
    ref = None if named is None else TemplateRef(pack="p", sha256=hashlib.sha256(named).hexdigest())
    body = msgspec.json.encode(RosterEntry(subject=subject, grants=(), template=ref))
    return SyncItem(subject=subject.bytes, version=1, body=body, template=template)


class TestItems:
    def test_sound_entry(self) -> None:
        subject = uuid4()
        row = check_item(item(subject))
        assert row is not None
        assert row.subject == subject.bytes
        assert row.hash == entry_hash(row.body or b"")

    def test_removal(self) -> None:
        assert check_item(SyncItem(subject=uuid4().bytes, version=2, body=None, template=None)) is None

    def test_swapped_template(self) -> None:
        with pytest.raises(DigestMismatchError):
            check_item(item(uuid4(), b"other"))

    def test_template_that_the_server_lost_leaves_the_entry(self) -> None:
        lost = check_item(item(uuid4(), None))
        assert lost is not None
        assert lost.template is None

    def test_template_that_nobody_named(self) -> None:
        with pytest.raises(DigestMismatchError):
            check_item(item(uuid4(), b"T", named=None))

    def test_entry_under_another_subject(self) -> None:
        with pytest.raises(DigestMismatchError):
            check_item(msgspec.structs.replace(item(uuid4()), subject=uuid4().bytes))

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"subject":"x","grants":[]}'])
    def test_malformed_body(self, body: bytes) -> None:
        with pytest.raises(msgspec.DecodeError):
            check_item(SyncItem(subject=uuid4().bytes, version=1, body=body, template=None))

    def test_short_subject(self) -> None:
        with pytest.raises(DigestMismatchError):
            check_item(SyncItem(subject=b"short", version=1, body=None, template=None))


def row(subject: UUID) -> Row:
    made = check_item(item(subject))
    assert made is not None
    return made


def pairs(*rows: Row) -> list[tuple[bytes, bytes]]:
    return [(one.subject, one.hash) for one in rows]


class TestWhole:
    def test_missing_and_surplus_entries(self) -> None:
        one, two = row(uuid4()), row(uuid4())
        whole = head(count=2, digest=roster_digest([(one.subject, one.hash), (two.subject, two.hash)]))
        check_whole(pairs(two, one), whole)
        for wrong in ([one], [one, two, row(uuid4())], [one, row(uuid4())]):
            with pytest.raises(DigestMismatchError):
                check_whole(pairs(*wrong), whole)

    def test_snapshot_replaces_and_delta_changes(self) -> None:
        one, two, three = row(uuid4()), row(uuid4()), row(uuid4())
        changes: dict[bytes, Row | None] = {one.subject: None, three.subject: three}
        assert set(merged([one, two], changes, PageKind.DELTA)) == {two.subject, three.subject}
        assert set(merged([one, two], changes, PageKind.SNAPSHOT)) == {three.subject}

    def test_silence_wipes_after_the_policy_s_time(self) -> None:
        week = Policy().wipe_after_s * 1_000_000
        assert not roster_overdue(head(), NOW + week - 1)
        assert roster_overdue(head(), NOW + week)

    def test_end_of_the_last_grant(self) -> None:
        def entry(*ends: int | None) -> RosterEntry:
            grants = tuple(RosterGrant(GrantKind.GUEST, 0, end) for end in ends)
            return RosterEntry(subject=OURS, grants=grants)

        assert expires_at_us(Reading(entry(5, 9), 0)) == 9
        assert expires_at_us(Reading(entry(5, None), 0)) is None
        assert expires_at_us(Reading(entry(), 0)) == 0

    def test_clock_that_was_ahead_shows_when_the_server_speaks(self) -> None:
        assert clock_was_ahead([NOW + HOUR], NOW)
        assert not clock_was_ahead([NOW - HOUR, NOW + 1_000_000], NOW)


WHO = uuid4()


def entry(*grants: RosterGrant) -> RosterEntry:
    return RosterEntry(subject=WHO, grants=grants)


def verdict(
    who: RosterEntry, *, at: int = NOW, score: float = 0.8, margin: float = 0.4, bar: float = 0.5
) -> tuple[Outcome, Reason, UUID | None]:
    result = decide(Candidate(WHO, score, margin), who, head(), now_us=at, threshold=bar)
    return result.outcome, result.reason, result.subject


RESIDENT = RosterGrant(GrantKind.RESIDENT, 0)
GUEST = RosterGrant(GrantKind.GUEST, NOW - HOUR, NOW + 9 * HOUR)


class TestDecide:
    def test_resident(self) -> None:
        assert verdict(entry(RESIDENT)) == (Outcome.ALLOW, Reason.MATCHED, WHO)

    @pytest.mark.parametrize("score", [0.499, -1.0, float("nan")])
    def test_below_the_threshold_is_a_stranger_of_whom_nothing_is_kept(self, score: float) -> None:
        assert verdict(entry(RESIDENT), score=score) == (Outcome.DENY, Reason.UNKNOWN, None)

    @pytest.mark.parametrize("margin", [0.0, AMBIGUITY_MARGIN - 0.001, float("nan")])
    def test_look_alikes_need_a_second_factor(self, margin: float) -> None:
        assert verdict(entry(RESIDENT), margin=margin) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS, None)

    @pytest.mark.parametrize("margin", [AMBIGUITY_MARGIN, LOOKALIKE_MARGIN - 0.001])
    def test_whom_the_roster_calls_a_look_alike_needs_the_larger_margin(self, margin: float) -> None:
        alike = RosterEntry(subject=WHO, grants=(RESIDENT,), lookalike=True)
        assert verdict(entry(RESIDENT), margin=margin)[0] is Outcome.ALLOW
        assert verdict(alike, margin=margin) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS, None)
        assert verdict(alike, margin=LOOKALIKE_MARGIN) == (Outcome.ALLOW, Reason.MATCHED, WHO)

    @pytest.mark.parametrize("at", [NOW - HOUR - 1, NOW + 9 * HOUR])
    def test_guest_outside_of_his_window(self, at: int) -> None:
        assert verdict(entry(GUEST), at=at) == (Outcome.DENY, Reason.OUTSIDE_WINDOW, WHO)

    def test_expired_lease_denies_the_visitor_but_not_the_resident(self) -> None:
        later = NOW + Policy().visiting_lease_s * 1_000_000
        assert verdict(entry(GUEST), at=later - 1)[0] is Outcome.ALLOW
        assert verdict(entry(GUEST), at=later) == (Outcome.DENY, Reason.LEASE_EXPIRED, WHO)
        assert verdict(entry(RESIDENT), at=later)[0] is Outcome.ALLOW
        assert verdict(entry(GUEST, RESIDENT), at=later)[0] is Outcome.ALLOW
        end = NOW + Policy().standing_lease_s * 1_000_000
        assert verdict(entry(RESIDENT), at=end) == (Outcome.DENY, Reason.LEASE_EXPIRED, WHO)

    def test_nobody_on_the_roster(self) -> None:
        assert decide(None, None, head(), now_us=NOW, threshold=0.5).reason is Reason.UNKNOWN

    def test_threshold_follows_the_community_but_never_under_the_floor(self) -> None:
        fitted = head(policy=Policy(threshold=0.62))
        low = head(policy=Policy(threshold=0.2))
        assert threshold(head(), calibrated=0.57, floor=0.5) == 0.57
        assert threshold(fitted, calibrated=0.57, floor=0.5) == 0.62
        assert threshold(low, calibrated=0.57, floor=0.5) == 0.5

    def test_threshold_of_the_community_goes_for_its_pack_and_rises_with_the_frames(self) -> None:
        fitted = head(policy=Policy(threshold=0.62, threshold_pack="one"))
        assert threshold(fitted, calibrated=0.57, floor=0.5, pack="one", increment=0.03) == pytest.approx(0.65)
        assert threshold(fitted, calibrated=0.57, floor=0.5, pack="two", increment=0.03) == 0.57
        assert threshold(fitted, calibrated=0.57, floor=0.5, pack="one", increment=0.9) == 0.95


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_back_off_is_bounded_and_never_busy(failures: int, chance: float) -> None:
    assert 0.1 <= delay(failures, chance) <= MOST_S


def test_back_off_keeps_what_the_server_asked_for() -> None:
    assert 30.0 <= delay(1, 0.5, asked_s=30.0) <= 31.0
    assert delay(1, 0.0, asked_s=1e9) <= 600.0


def test_faces_count_from_sixty_pixels_as_the_documents_for_vendors_say() -> None:
    assert MIN_FACE_PX == 60
