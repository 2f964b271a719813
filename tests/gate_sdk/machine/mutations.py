"""The written list of faults that are planted, one at a time, to see that a test finds each.

Each is a small change of the SDK or of the server, such as a mistake in a line or two would make.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
import pytest

from gate_sdk import _identity, _trust
from gate_sdk._cache import floor, rules, store
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

__all__ = ["MUTATIONS", "Mutation"]

Plant = Callable[[pytest.MonkeyPatch], None]


class Mutation(msgspec.Struct, frozen=True):
    """One fault. ``found_by`` names the test that finds it, below tests/gate_sdk; without one it is the machine."""

    plant: Plant
    found_by: str | None


MUTATIONS: dict[str, Mutation] = {}


def planted(description: str, *, found_by: str | None = None) -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        MUTATIONS[description] = Mutation(plant, found_by)
        return plant

    return add


@planted(
    "a head's age is not compared with the newest believed",
    found_by="test_sync.py::TestHostileServer::test_replay_of_an_older_page",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_not_behind", lambda *_: None)


@planted("a head's community is not compared")
def _(patch: pytest.MonkeyPatch) -> None:
    def accept(signed: SignedHead, *, community: bytes, **more: Any) -> Head:
        mine = msgspec.msgpack.decode(signed.head, type=Head).community.bytes
        return rules.accept_head(signed, community=mine, **more)

    patch.setattr(engine, "accept_head", accept)


@planted(
    "a head's signature is not checked",
    found_by="test_sync.py::TestHostileServer::test_wrong_signature",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "verify_head", lambda signed, _keys: msgspec.msgpack.decode(signed.head, type=Head))
    patch.setattr(store, "verify_head", lambda signed, _keys: msgspec.msgpack.decode(signed.head, type=Head))


@planted(
    "a key that was replaced signs for ever",
    found_by="test_server_keys.py::TestTrust::test_replaced_key_signs_nothing_later_than_its_time",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_trust.Trust, "require_current", lambda *_: None)


@planted("the server's new key is not written down")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_identity, "keep_trust", lambda *_: None)


@planted("the digest is not checked")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "check_whole", lambda *_: None)


@planted(
    "a template's hash is not checked",
    found_by="test_sync.py::TestHostileServer::test_swapped_template",
)
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


@planted(
    "a phone that was taken back stays in the index",
    found_by="test_phone_codes.py::test_the_key_of_a_phone_that_was_revoked",
)
def _(patch: pytest.MonkeyPatch) -> None:
    real = CodeIndex.changed
    patch.setattr(CodeIndex, "changed", lambda self, _before, after: real(self, (), after))


@planted(
    "a gate names what it has in memory, not what is on its disk",
    found_by="test_store.py::test_full_disk_does_not_keep_a_revoked_person_inside",
)
def _(patch: pytest.MonkeyPatch) -> None:
    real = SyncEngine._publish

    def publish(self: SyncEngine, fresh: Roster) -> None:
        real(self, fresh)
        self._store.head = fresh.head or self._store.head

    patch.setattr(SyncEngine, "_publish", publish)


@planted(
    "after a mismatch the gate does not begin anew",
    found_by="test_sync.py::test_told_that_it_diverged_it_starts_from_nothing_and_keeps_deciding",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SyncEngine, "_restart", lambda _self: None)


@planted(
    "the newest head is forgotten with a damaged file",
    found_by="test_floor.py::test_rollback_after_somebody_damaged_the_roster_s_file",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(floor.FloorFile, "load", lambda _self: None)


@planted(
    "what has ended is not wiped",
    found_by="test_time.py::test_templates_of_ended_grants_are_wiped_and_the_digest_still_fits",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Roster, "without_ended", lambda *_: None)


@planted(
    "a clock that was set back is believed",
    found_by="test_time.py::test_clock_set_back_brings_nobody_back",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrustedTime, "now_us", lambda self: self.wall_us())


@planted(
    "a grant's end is not looked at",
    found_by="test_rules.py::TestDecide::test_guest_outside_of_his_window",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RosterGrant, "covers", lambda self, at_us: self.from_us <= at_us)


@planted(
    "events are forgotten when they are sent",
    found_by="test_outbox.py::TestStore::test_receipt_covers_no_more_than_was_sent",
)
def _(patch: pytest.MonkeyPatch) -> None:
    real = Outbox.oldest

    def oldest(self: Outbox, limit: int) -> Any:
        found = real(self, limit)
        if found and self._connection is not None:
            events.delete_through(self._connection, found[-1].seq)
        return found

    patch.setattr(Outbox, "oldest", oldest)


@planted(
    "numbers begin anew once the outbox is empty",
    found_by="test_outbox.py::TestStore::test_numbers_count_from_one_without_gaps_across_restarts",
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "last_seq", lambda connection: connection.execute("SELECT max(seq) FROM event").get or 0)


@planted(
    "the outbox takes another identity at every start",
    found_by="test_outbox.py::TestStore::test_numbers_count_from_one_without_gaps_across_restarts",
)
def _(patch: pytest.MonkeyPatch) -> None:
    def fresh(connection: Any, number: int) -> int:
        connection.execute("INSERT OR REPLACE INTO state (name, value) VALUES ('store_epoch', ?)", (number,))
        return number

    patch.setattr(events, "store_epoch", fresh)


@planted(
    "a revoked gate keeps its roster",
    found_by="test_sync.py::test_revoked_gate_erases_itself_and_keeps_its_undelivered_events",
)
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
