"""The API as the single box runs it: what people wait for."""

from collections.abc import Iterator

from bench.box import BenchBox
from bench.measure import Figure, Tell
from bench.photos import phones_at_once, photo_check
from bench.reads import reads

SECTION = "server"
_PHONES = 20


def run(tell: Tell) -> Iterator[Figure]:
    """A photograph's check, and lists under row-level security."""
    tell("starting database, API and worker")
    with BenchBox() as box:
        community_id = box.manager.create_community("Bench")
        home, *homes = (box.household(community_id, one) for one in box.manager.create_homes(community_id, 1 + _PHONES))
        yield photo_check(home, SECTION, tell)
        yield from phones_at_once(homes, box.url, SECTION, tell)
        yield from reads(box, home, SECTION, tell)
