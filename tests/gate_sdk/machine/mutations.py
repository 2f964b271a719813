"""The written list of faults that are planted, one at a time, to see that the machine finds each.

Each is a small change of the SDK or of the server, such as a mistake in a line or two would make.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
import pytest

from gate_sdk import _decide, _identity, _trust
from gate_sdk._cache import floor, rules, store
from gate_sdk._cache.index import Roster
from gate_sdk._cache.rules import Row
from gate_sdk._clock import TrustedTime
from gate_sdk._codes.index import CodeIndex
from gate_sdk._codes.store import CodeStore
from gate_sdk._outbox import repository as events
from gate_sdk._outbox.store import Outbox
from gate_sdk._sync import engine
from gate_sdk._sync.engine import SyncEngine
from gate_sdk.errors import RosterRefusedError
from gate_sdk.face.gallery import Gallery
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import Head, PageKind, RosterGrant, SignedHead, SyncItem, SyncPage

__all__ = ["MUTATIONS", "Mutation"]

Plant = Callable[[pytest.MonkeyPatch], None]

OLDER, OLDER_VERSION = "an older head than before", "an older version than before"
UNSIGNED, ENTRIES = "a head that the server never signed", "not the server's entries"
REFUSED, RESTLESS = "an honest network's roster was refused", "it comes to no rest"
LOST, WAITING = "an event was lost", "events wait for no reason"
ALLOWED, DENIED = "let in who may not pass", "kept out who may pass"
ENDED, STALE = "kept after the last grant had ended", "a decision that is wrong about how old its roster is"


class Mutation(msgspec.Struct, frozen=True):
    """One fault, and by which of the things that must be true the machine may find it, by how they say so."""

    plant: Plant
    seen: tuple[str, ...]


MUTATIONS: dict[str, Mutation] = {}


def planted(description: str, *seen: str) -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        MUTATIONS[description] = Mutation(plant, seen)
        return plant

    return add


@planted("a head's age is not compared with the newest believed", OLDER, OLDER_VERSION)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_not_behind", lambda *_: None)


@planted("a head's community is not compared", UNSIGNED)
def _(patch: pytest.MonkeyPatch) -> None:
    def accept(signed: SignedHead, *, community: bytes, **more: Any) -> Head:
        mine = msgspec.msgpack.decode(signed.head, type=Head).community.bytes
        return rules.accept_head(signed, community=mine, **more)

    patch.setattr(engine, "accept_head", accept)


@planted("a head's signature is not checked", UNSIGNED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "verify_head", lambda signed, _keys: msgspec.msgpack.decode(signed.head, type=Head))
    patch.setattr(store, "verify_head", lambda signed, _keys: msgspec.msgpack.decode(signed.head, type=Head))


@planted("a key that was replaced signs for ever", UNSIGNED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_trust.Trust, "require_current", lambda *_: None)


@planted("the server's new key is not written down", "a kill damaged a file")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_identity, "keep_trust", lambda *_: None)


@planted("the digest is not checked", ENTRIES)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "check_whole", lambda *_: None)


@planted("a template's hash is not checked", "not the server's template")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "check_template", lambda *_: None)


@planted("a removal in a delta is passed over", REFUSED, RESTLESS)
def _(patch: pytest.MonkeyPatch) -> None:
    def changed(self: Roster, head: Head, changes: Mapping[bytes, Row | None], *more: Any) -> Roster:
        return real(self, head, {subject: row for subject, row in changes.items() if row is not None}, *more)

    real = Roster.changed
    patch.setattr(Roster, "changed", changed)


@planted("who has left stays in the gallery", "the gallery is not the roster's")
def _(patch: pytest.MonkeyPatch) -> None:
    real = Gallery.changed

    def changed(self: Gallery[UUID], _gone: object, subjects: Any, templates: Any) -> Gallery[UUID]:
        return real(self, subjects, subjects, templates)

    patch.setattr(Gallery, "changed", changed)


@planted("a phone that was taken back stays in the index", "codes of others than are on the roster")
def _(patch: pytest.MonkeyPatch) -> None:
    real = CodeIndex.changed
    patch.setattr(CodeIndex, "changed", lambda self, _before, after: real(self, (), after))


@planted(
    "a gate names what it has in memory, not what is on its disk",
    "it named another version than its disk holds",
    "it named a roster that is not on its disk",
)
def _(patch: pytest.MonkeyPatch) -> None:
    real = SyncEngine._publish

    def publish(self: SyncEngine, fresh: Roster) -> None:
        real(self, fresh)
        self._store.head = fresh.head or self._store.head

    patch.setattr(SyncEngine, "_publish", publish)


@planted(
    "after a mismatch the gate does not begin anew",
    "told that its roster is not the server's, it names it again",
    RESTLESS,
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SyncEngine, "_restart", lambda _self: None)


@planted("what was begun is gone on with after its head was refused", RESTLESS)
def _(patch: pytest.MonkeyPatch) -> None:
    real = store.RosterStore.drop_staged

    def drop_staged(self: store.RosterStore) -> None:
        if not isinstance(sys.exc_info()[1], RosterRefusedError):
            real(self)

    patch.setattr(store.RosterStore, "drop_staged", drop_staged)


@planted("the newest head is forgotten with a damaged file", OLDER, OLDER_VERSION)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(floor.FloorFile, "load", lambda _self: None)


@planted("what has ended is not wiped from memory", ENDED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Roster, "without_ended", lambda *_: None)


@planted("what has ended is not wiped from the disk", ENDED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store.RosterStore, "wipe_ended", lambda *_: False)


@planted("a roster is kept however long the server is silent", "kept after the server was silent for too long")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "roster_overdue", lambda *_: False)


@planted("a lease is not looked at", ALLOWED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_decide, "leased", lambda *_, **_more: True)


@planted("a phone's code opens as often as it is shown", ALLOWED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CodeStore, "last_step", lambda *_: None)


@planted("a clock that was set back is believed", ALLOWED, DENIED, STALE)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrustedTime, "now_us", lambda self: self.wall_us())


@planted("a grant's end is not looked at", ALLOWED)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RosterGrant, "covers", lambda self, at_us: self.from_us <= at_us)


@planted("events are forgotten when they are sent", LOST, WAITING)
def _(patch: pytest.MonkeyPatch) -> None:
    real = Outbox.oldest

    def oldest(self: Outbox, limit: int) -> Any:
        found = real(self, limit)
        if found and self._connection is not None:
            events.delete_through(self._connection, found[-1].seq)
        return found

    patch.setattr(Outbox, "oldest", oldest)


@planted("numbers begin anew once the outbox is empty", "a number was given twice", LOST)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "last_seq", lambda connection: connection.execute("SELECT max(seq) FROM event").get or 0)


@planted("the outbox takes another identity at every start", "the outbox is another than before", RESTLESS)
def _(patch: pytest.MonkeyPatch) -> None:
    def fresh(connection: Any, number: int) -> int:
        connection.execute("INSERT OR REPLACE INTO state (name, value) VALUES ('store_epoch', ?)", (number,))
        return number

    patch.setattr(events, "store_epoch", fresh)


@planted("a revoked gate keeps its roster", "a revoked gate kept something")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store.RosterStore, "erase", lambda _self: None)


@planted("the server leaves removals out of its deltas", REFUSED, RESTLESS)
def _(patch: pytest.MonkeyPatch) -> None:
    real = FakeRoster.delta

    def delta(self: FakeRoster, after: int) -> SyncPage:
        page = real(self, after)
        return msgspec.structs.replace(page, items=tuple(item for item in page.items if item.body is not None))

    patch.setattr(FakeRoster, "delta", delta)


@planted("the server loses the last entry of every page but the last", REFUSED, RESTLESS)
def _(patch: pytest.MonkeyPatch) -> None:
    real = FakeRoster._page

    def page(self: FakeRoster, kind: PageKind, items: list[SyncItem], *more: Any) -> SyncPage:
        made = real(self, kind, items, *more)
        return made if made.next is None else msgspec.structs.replace(made, items=made.items[:-1])

    patch.setattr(FakeRoster, "_page", page)


@planted("the server changes an entry without counting its version up", ENTRIES, REFUSED, RESTLESS)
def _(patch: pytest.MonkeyPatch) -> None:
    real = FakeRoster.change

    def change(self: FakeRoster, subject: UUID, **fields: object) -> Any:
        version = self.version
        made = real(self, subject, **fields)
        self.version = version
        return made

    patch.setattr(FakeRoster, "change", change)
