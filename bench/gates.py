"""Gates with the real SDK and the real server: what people at the door wait for."""

from collections.abc import Iterator

from bench.box import BenchBox
from bench.doorway import doorway
from bench.guest import Guest
from bench.large_gate import large_gate
from bench.measure import Figure, Tell
from bench.revocation import revocations
from bench.rush import rush
from gate_sdk import GateClient

SECTION = "gates"
_LARGE = 10_000
_MEAN = 2_254
# The community of the revocations and that of the import are of the mean size. The others' gates wait in their polls,
# and how many people they would open to makes no difference to that.
_OTHERS = 57
_SMALL = 40


def run(tell: Tell) -> Iterator[Figure]:
    """One doorway, a large community's gate, all gates of the programme."""
    tell("starting database, API and worker")
    with BenchBox() as box:
        yield from _doorway(box, tell)
        sizes = [_LARGE, _MEAN, _MEAN, *[_SMALL] * _OTHERS]
        tell(f"putting {sum(sizes):,} people into {len(sizes)} communities")
        large, *programme = box.people(sizes)
        yield from large_gate(box, str(large.community_id), _LARGE, SECTION, tell)
        yield from revocations(box, programme, SECTION, tell)
        yield from rush(box, programme, SECTION, tell)


def _doorway(box: BenchBox, tell: Tell) -> Iterator[Figure]:
    tell("enrolling a guest")
    community_id = box.manager.create_community("Bench")
    (home_id,) = box.manager.create_homes(community_id, 1)
    guest = Guest(box, box.household(community_id, home_id), box.folder / "photos")
    claim = box.manager.create_gate(community_id, "Doorway")
    with GateClient.provision(box.url, claim["claim_code"], data_dir=box.folder / "gate") as client:
        yield from doorway(client, guest, SECTION, tell)
