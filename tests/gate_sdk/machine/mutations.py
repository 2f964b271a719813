"""The written list of faults that are planted, one at a time, to see whether the machine finds them.

Each is a small change of the SDK or of the server, such as a mistake in a line or two would make.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
import pytest

from gate_sdk import _identity, _trust
from gate_sdk._cache import floor, repository, rules, store
from gate_sdk._cache.index import Roster
from gate_sdk._cache.rules import Row
from gate_sdk._clock import TrustedTime
from gate_sdk._codes.index import CodeIndex
from gate_sdk._outbox import repository as events
from gate_sdk._outbox.store import Outbox
from gate_sdk._sync import engine
from gate_sdk._sync.engine import SyncEngine
from gate_sdk.face.gallery import Gallery
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import Head, PageKind, RosterGrant, SignedHead, SyncItem, SyncPage
from tests.gate_sdk.machine.network import Killed

__all__ = ["MUTATIONS"]

Plant = Callable[[pytest.MonkeyPatch], None]
MUTATIONS: dict[str, Plant] = {}


def planted(description: str) -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        MUTATIONS[description] = plant
        return plant

    return add


@planted("a head's age is not compared with the newest believed")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_not_behind", lambda *_: None)


@planted("a head's community is not compared")
def _(patch: pytest.MonkeyPatch) -> None:
    def accept(signed: SignedHead, *, community: bytes, **more: Any) -> Head:
        mine = msgspec.msgpack.decode(signed.head, type=Head).community.bytes
        return rules.accept_head(signed, community=mine, **more)

    patch.setattr(engine, "accept_head", accept)


@planted("a head's signature is not checked")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "verify_head", lambda signed, _keys: msgspec.msgpack.decode(signed.head, type=Head))
    patch.setattr(store, "verify_head", lambda signed, _keys: msgspec.msgpack.decode(signed.head, type=Head))


@planted("a key that was replaced signs for ever")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_trust.Trust, "require_current", lambda *_: None)


@planted("the server's new key is not written down")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_identity, "keep_trust", lambda *_: None)


@planted("the digest is not checked")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "check_whole", lambda *_: None)


@planted("a template's hash is not checked")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "check_template", lambda *_: None)


@planted("a removal in a delta is passed over")
def _(patch: pytest.MonkeyPatch) -> None:
    def changed(self: Roster, head: Head, changes: Mapping[bytes, Row | None], *more: Any) -> Roster:
        return real(self, head, {subject: row for subject, row in changes.items() if row is not None}, *more)

    real = Roster.changed
    patch.setattr(Roster, "changed", changed)


@planted("who has left stays in the gallery")
def _(patch: pytest.MonkeyPatch) -> None:
    real = Gallery.changed

    def changed(self: Gallery[UUID], _gone: object, subjects: Any, templates: Any) -> Gallery[UUID]:
        return real(self, subjects, subjects, templates)

    patch.setattr(Gallery, "changed", changed)


@planted("a phone that was taken back stays in the index")
def _(patch: pytest.MonkeyPatch) -> None:
    real = CodeIndex.changed
    patch.setattr(CodeIndex, "changed", lambda self, _before, after: real(self, (), after))


@planted("a gate names what it has in memory, not what is on its disk")
def _(patch: pytest.MonkeyPatch) -> None:
    real = SyncEngine._publish

    def publish(self: SyncEngine, fresh: Roster) -> None:
        real(self, fresh)
        self._store.head = fresh.head or self._store.head

    patch.setattr(SyncEngine, "_publish", publish)


@planted("head and entries are committed one after the other")
def _(patch: pytest.MonkeyPatch) -> None:
    real = repository.write_head

    def write(connection: Any, *more: Any) -> None:
        real(connection, *more)
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")

    def merge(connection: Any, kind: PageKind) -> None:
        # What was to come first comes last: the order of the two in `RosterStore.commit`.
        waiting.append((connection, kind))

    def seen(connection: Any, at_us: int) -> None:
        while waiting:
            after(*waiting.pop())
        before(connection, at_us)

    waiting: list[tuple[Any, PageKind]] = []
    after, before = repository.merge_staged, repository.write_seen_us
    patch.setattr(repository, "merge_staged", merge)
    patch.setattr(repository, "write_seen_us", _or_killed(seen))
    patch.setattr(repository, "write_head", write)


def _or_killed(call: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
    """Ends the process at every fifth call: the machine's own cuts are at other places."""
    calls = 0

    def ending(connection: Any, at_us: int) -> None:
        nonlocal calls
        calls += 1
        if calls % 5 == 0:
            raise Killed
        call(connection, at_us)

    return ending


@planted("after a mismatch the gate does not begin anew")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SyncEngine, "_restart", lambda _self: None)


@planted("the newest head is forgotten with a damaged file")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(floor.FloorFile, "load", lambda _self: None)


@planted("what has ended is not wiped")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Roster, "without_ended", lambda *_: None)


@planted("a clock that was set back is believed")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrustedTime, "now_us", lambda self: self.wall_us())


@planted("a grant's end is not looked at")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RosterGrant, "covers", lambda self, at_us: self.from_us <= at_us)


@planted("events are forgotten when they are sent")
def _(patch: pytest.MonkeyPatch) -> None:
    real = Outbox.oldest

    def oldest(self: Outbox, limit: int) -> Any:
        found = real(self, limit)
        if found and self._connection is not None:
            events.delete_through(self._connection, found[-1].seq)
        return found

    patch.setattr(Outbox, "oldest", oldest)


@planted("numbers begin anew once the outbox is empty")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "last_seq", lambda connection: connection.execute("SELECT max(seq) FROM event").get or 0)


@planted("the outbox takes another identity at every start")
def _(patch: pytest.MonkeyPatch) -> None:
    def fresh(connection: Any, number: int) -> int:
        connection.execute("INSERT OR REPLACE INTO state (name, value) VALUES ('store_epoch', ?)", (number,))
        return number

    patch.setattr(events, "store_epoch", fresh)


@planted("a revoked gate keeps its roster")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store.RosterStore, "erase", lambda _self: None)


@planted("the server leaves removals out of its deltas")
def _(patch: pytest.MonkeyPatch) -> None:
    real = FakeRoster.delta

    def delta(self: FakeRoster, after: int) -> SyncPage:
        page = real(self, after)
        return msgspec.structs.replace(page, items=tuple(item for item in page.items if item.body is not None))

    patch.setattr(FakeRoster, "delta", delta)


@planted("the server loses the last entry of every page but the last")
def _(patch: pytest.MonkeyPatch) -> None:
    real = FakeRoster._page

    def page(self: FakeRoster, kind: PageKind, items: list[SyncItem], *more: Any) -> SyncPage:
        made = real(self, kind, items, *more)
        return made if made.next is None else msgspec.structs.replace(made, items=made.items[:-1])

    patch.setattr(FakeRoster, "_page", page)


@planted("the server changes an entry without counting its version up")
def _(patch: pytest.MonkeyPatch) -> None:
    real = FakeRoster.change

    def change(self: FakeRoster, subject: UUID, **fields: object) -> Any:
        version = self.version
        made = real(self, subject, **fields)
        self.version = version
        return made

    patch.setattr(FakeRoster, "change", change)
