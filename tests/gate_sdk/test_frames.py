"""Pictures of denied approaches at a gate: none by default; turned on, few, sealed, handed over, wiped in time."""

import io
import time
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

from gate_sdk import GateClient, GateRevokedError, Outcome, Reason
from gate_sdk._frames.store import KEY_NAME, MOST_FRAMES, FrameStore
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import DeniedFrame, FramePolicy, GrantKind, Head, Policy, RosterGrant
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.gate_process import script

HOUR_US = 3_600_000_000
NOW_US = 1_800_000_000_000_000
JPEG_MAGIC = b"\xff\xd8\xff"


def turned_on(backend: FakeBackend, *, hours: int = 2) -> None:
    backend.keep_denied_frames(FramePolicy(hours=hours, until_us=backend.roster.now_us() + 30 * 24 * HOUR_US))


def head(*, hours: int | None = 2, issued_at_us: int = NOW_US, until_us: int = NOW_US + 90 * HOUR_US) -> Head:
    policy = None if hours is None else FramePolicy(hours=hours, until_us=until_us)
    return Head(
        community=UUID(int=1), epoch=1, version=1, count=0, digest=bytes(32), issued_at_us=issued_at_us,
        policy=Policy(), denied_frames=policy,
    )  # fmt: skip


def picture(seq: int, *, at_us: int = NOW_US) -> DeniedFrame:
    return DeniedFrame(store_epoch=1, seq=seq, at_us=at_us, reason=Reason.UNKNOWN, jpeg=JPEG_MAGIC + b"picture" * 40)


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "keys")


@pytest.fixture
def store(tmp_path: Path, keys: FileKeyProvider) -> FrameStore:
    return FrameStore(tmp_path, keys)


def traces(gate_dir: Path) -> list[str]:
    return sorted(path.name for path in gate_dir.rglob("*") if "frames" in path.name)


def bytes_of(gate_dir: Path) -> bytes:
    return b"".join(path.read_bytes() for path in gate_dir.rglob("*") if path.is_file())


def test_by_default_nothing_is_kept_or_sent(backend: FakeBackend, open_gate: OpenGate, gate_dir: Path) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    assert backend.wait_for(lambda: len(backend.events) == 1)
    gate.close()
    assert traces(gate_dir) == []
    assert backend.requests["denied-frames"] == 0


def test_a_stranger_s_picture_is_handed_over_and_forgotten(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    turned_on(backend)
    backend.add_person(syn.template(1))
    gate = open_gate()
    assert gate.start(wait=60)
    decision = gate.decide(syn.frame(2, width=60.0))
    assert backend.wait_for(lambda: len(backend.frames) == 1)
    ((_, _, seq), frame) = next(iter(backend.frames.items()))
    assert seq == decision.event
    assert frame.reason is Reason.UNKNOWN
    with Image.open(io.BytesIO(frame.jpeg)) as shown:
        assert shown.format == "JPEG"
        assert max(shown.size) <= 320
        assert not shown.getexif()
    gate.close()
    store = FrameStore(gate_dir, FileKeyProvider(gate_dir / "keys"))
    assert store.oldest(0) is None
    store.close()


def test_no_picture_of_who_is_let_in_or_known(backend: FakeBackend, open_gate: OpenGate, gate_dir: Path) -> None:
    turned_on(backend)
    backend.add_person(syn.template(1))
    ended = (RosterGrant(GrantKind.GUEST, 0, backend.roster.now_us() + 10 * HOUR_US),)
    backend.add_person(syn.template(2), (RosterGrant(GrantKind.GUEST, backend.roster.now_us() + HOUR_US),))
    backend.add_person(syn.template(3), ended)
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).allowed
    assert gate.decide(syn.frame(2)).reason is Reason.OUTSIDE_WINDOW
    assert gate.decide(syn.empty_frame()).reason is Reason.NO_FACE
    assert backend.wait_for(lambda: len(backend.events) == 2)
    gate.close()
    assert traces(gate_dir) == []
    assert backend.requests["denied-frames"] == 0


def test_of_look_alikes_only_once_they_are_refused(backend: FakeBackend, open_gate: OpenGate) -> None:
    turned_on(backend)
    vector = syn.person(1)
    backend.add_person(syn.template(vector))
    backend.add_person(syn.template(syn.like(vector, 0.97)))
    gate = open_gate()
    assert gate.start(wait=60)
    asked = gate.decide(syn.frame(vector))
    assert asked.outcome is Outcome.NEEDS_SECOND_FACTOR
    assert backend.wait_for(lambda: len(backend.events) == 1)
    assert not backend.frames
    refused = gate.resolve(asked, 0.1)
    assert refused.outcome is Outcome.DENY
    assert backend.wait_for(lambda: len(backend.frames) == 1)
    assert next(iter(backend.frames.values())).reason is Reason.AMBIGUOUS
    assert next(iter(backend.frames))[2] == refused.event


def cut_off(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> GateClient:
    """A gate without network that has refused somebody."""
    backend.roster.now_us = clock.now_us
    turned_on(backend)
    backend.add_person(syn.template(1))
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    backend.partition()
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    return gate


def test_what_waits_is_encrypted_and_goes_with_its_hours_without_network(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, clock: HandClock
) -> None:
    gate = cut_off(backend, open_gate, clock)
    assert traces(gate_dir)[:2] == ["frames.db", "frames.db-shm"] or "frames.db" in traces(gate_dir)
    assert JPEG_MAGIC not in bytes_of(gate_dir)
    assert b"JFIF" not in bytes_of(gate_dir)
    clock.pass_(2 * 3600)
    gate._engine.tick()
    assert traces(gate_dir) == []
    backend.partition(on=False)
    gate.close()
    assert not backend.frames


def test_what_waits_survives_a_restart(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, clock: HandClock
) -> None:
    cut_off(backend, open_gate, clock).close()
    assert "frames.db" in traces(gate_dir)
    backend.partition(on=False)
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    assert backend.wait_for(lambda: len(backend.frames) == 1)


def test_turning_it_off_wipes_the_file_and_its_key(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, clock: HandClock
) -> None:
    gate = cut_off(backend, open_gate, clock)
    gate.close()
    backend.keep_denied_frames(None)
    backend.partition(on=False)
    gate = open_gate(clock=clock)
    # Before the server's word it goes by the head that it has.
    backend.fail("denied-frames", 503, times=100)
    assert gate.start(wait=60)
    gate._engine.tick()
    assert traces(gate_dir) == []
    assert gate.decide(syn.frame(3)).reason is Reason.UNKNOWN
    assert traces(gate_dir) == []


def test_a_gate_that_waits_hears_at_once_that_it_is_turned_off(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    turned_on(backend)
    backend.add_person(syn.template(1))
    backend.fail("denied-frames", 503, times=100)
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    assert "frames.db" in traces(gate_dir)
    backend.keep_denied_frames(None)
    # Its poll would wait for 25 seconds.
    deadline = time.monotonic() + 20
    while traces(gate_dir):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_revoked_gate_keeps_none(backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, clock: HandClock) -> None:
    cut_off(backend, open_gate, clock).close()
    backend.revoke_gates()
    backend.partition(on=False)
    gate = open_gate(clock=clock)
    with pytest.raises(GateRevokedError):
        gate.start(wait=60)
    gate.close()
    assert traces(gate_dir) == []


def test_a_server_that_knows_no_such_route_is_not_asked_again(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, clock: HandClock
) -> None:
    cut_off(backend, open_gate, clock).close()
    backend.fail("denied-frames", 404)
    backend.partition(on=False)
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    assert backend.wait_for(lambda: backend.requests["denied-frames"] == 1)
    gate.close()
    store = FrameStore(gate_dir, FileKeyProvider(gate_dir / "keys"))
    assert store.oldest(0) is None
    store.close()


@pytest.mark.parametrize(
    "said",
    [
        head(hours=None),
        head(until_us=NOW_US),
        # A gate that has not heard for as long as pictures are kept may have missed that it was turned off.
        head(issued_at_us=NOW_US - 2 * HOUR_US),
    ],
    ids=["off", "ended", "silence"],
)
def test_nothing_is_kept_by_such_a_head(store: FrameStore, tmp_path: Path, said: Head) -> None:
    store.add(picture(1), said, NOW_US)
    assert traces(tmp_path) == []
    store.add(picture(1), head(), NOW_US)
    store.pass_(said, NOW_US)
    assert traces(tmp_path) == []


def test_the_newest_stay_when_there_are_too_many(store: FrameStore) -> None:
    for seq in range(1, MOST_FRAMES + 3):
        store.add(picture(seq), head(), NOW_US)
    kept = store.oldest(NOW_US)
    assert kept is not None
    assert kept.seq == 3
    store.close()


def test_what_a_power_cut_left_of_a_wipe_is_removed(store: FrameStore, keys: FileKeyProvider, tmp_path: Path) -> None:
    store.add(picture(1), head(), NOW_US)
    store.close()
    keys.destroy(KEY_NAME)
    assert store.oldest(NOW_US) is None
    assert traces(tmp_path) == []


def test_a_damaged_file_is_wiped(store: FrameStore, tmp_path: Path) -> None:
    store.add(picture(1), head(), NOW_US)
    store.close()
    (tmp_path / "frames.db").write_bytes(b"damaged" * 1000)
    with pytest.raises(Exception, match="the pictures"):
        store.oldest(NOW_US)
    assert traces(tmp_path) == []


# Keeps pictures without end and prints the number of each that was kept.
KEEP = """
import sys
from pathlib import Path
from gate_sdk._frames.store import FrameStore
from gate_sdk.keys import FileKeyProvider
from tests.gate_sdk.test_frames import NOW_US, head, picture
store = FrameStore(Path(sys.argv[1]), FileKeyProvider(Path(sys.argv[1]) / "keys"))
for seq in range(1, 150):
    store.add(picture(seq), head(), NOW_US)
    print(seq, flush=True)
while True:
    store.pass_(head(), NOW_US)
"""


def test_killed_amid_keeping_what_was_kept_is_there_once_and_sealed(tmp_path: Path, store: FrameStore) -> None:
    with script(KEEP, str(tmp_path)) as process:
        assert process.stdout is not None
        kept = [int(process.stdout.readline()) for _ in range(20)][-1]
        process.kill()
        process.wait()
    assert JPEG_MAGIC + b"picture" not in bytes_of(tmp_path)
    found = []
    while (frame := store.oldest(NOW_US)) is not None:
        found.append(frame.seq)
        store.forget(frame.seq)
    assert found[:kept] == list(range(1, kept + 1))
    store.pass_(None, NOW_US)
    assert traces(tmp_path) == []
