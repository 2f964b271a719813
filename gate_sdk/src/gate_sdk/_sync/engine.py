"""One round of the sync protocol: fetch, verify, persist, publish, in this order."""

import logging
import threading
from collections.abc import Callable
from enum import Enum
from functools import partial

import msgspec

from gate_sdk._cache.index import Roster, build_roster
from gate_sdk._cache.rules import (
    Floor,
    Row,
    accept_head,
    check_plan,
    check_whole,
    clock_was_ahead,
    merged,
    newest,
    roster_overdue,
)
from gate_sdk._cache.store import RosterDamagedError, RosterStore
from gate_sdk._clock import TrustedTime
from gate_sdk._door import EVERY_HOUR, Door, door_of
from gate_sdk._identity import Identity
from gate_sdk._link import Link
from gate_sdk._packs import Packs
from gate_sdk._sync.orders import Told
from gate_sdk._sync.sequence import Items, advance, read_items
from gate_sdk._trust import Trust
from gate_sdk.errors import (
    DigestMismatchError,
    RequestRefusedError,
    RosterDivergedError,
    RosterRefusedError,
    StorageError,
    UnreadableAnswerError,
)
from gate_sdk.wire import Acknowledged, Head, PageKind, Plan, SignedHead, SyncPage

__all__ = ["Round", "SyncEngine"]

_log = logging.getLogger("gate_sdk")
# How often the passing of time is written down: a clock that is set back while the power is off gains at most this.
_SEEN_EVERY_US = 600_000_000


class Round(Enum):
    """What a round came to: more pages wait; the roster changed; only the lease went on."""

    MORE = "more"
    CHANGED = "changed"
    SAME = "same"


class SyncEngine:
    """Runs in one thread; others read :attr:`roster`, one reference that is replaced whole."""

    def __init__(self, identity: Identity, store: RosterStore, link: Link, time: TrustedTime, rows: list[Row]) -> None:
        self._identity = identity
        self._store = store
        self._link = link
        self._time = time
        self._packs: Packs | None = None
        self._from_nothing = False
        # Held for an assignment only; galleries are laid out before it is taken.
        self._swap = threading.Lock()
        #: Whose heads are believed.
        self.trust = identity.trust
        self._kept_trust = self.trust
        #: Called with the keys that are trusted from now on, before anything that they signed is kept.
        self.keep_trust: Callable[[Trust], None] = lambda _trust: None
        #: Called with each tick: what else is kept for a time only goes by the same head and clock.
        self.passing: Callable[[Head | None, int], None] = lambda _head, _now_us: None
        self._told = Told(time)
        self.roster = build_roster(store.head, rows, None, self._door(store.plan))
        if store.head is not None:
            time.set_floor(max(store.head.issued_at_us, store.seen_us))

    @property
    def alarm(self) -> Callable[[str], None]:
        """Called with a code for what the community's staff should know."""
        return self._told.alarm

    @alarm.setter
    def alarm(self, tell: Callable[[str], None]) -> None:
        self._told.alarm = tell

    def use(self, packs: Packs) -> None:
        """Make the present roster, and every later one, searchable."""
        with self._swap:
            self._packs = packs
        while (before := self.roster).galleries is None:
            searchable = before.with_packs(packs)
            with self._swap:
                # The sync thread may have brought a newer one meanwhile; that one must not be overwritten.
                if self.roster is before:
                    self.roster = searchable

    def round(self, wait: int) -> Round:
        """Ask for one page and take it.

        Raises:
            GateRevokedError: this gate is out of service.
            RosterRefusedError: what came must not be believed; everything stays as it was.
            ServerError: nothing came, for now.
            StorageError: it could not be kept; decisions go by it already.
        """
        try:
            self._mend()
            return self._round(wait)
        except RosterDamagedError:
            self.recover()
            raise StorageError("the roster's file was damaged and has been replaced") from None
        except RosterRefusedError as error:
            self._told.refused(error)
            raise

    def _mend(self) -> None:
        try:
            rows = self._store.mend()
        except StorageError as error:
            # No reason not to go on: decisions follow the server from memory.
            _log.debug("the disk refuses (%s)", error)
            return
        if rows and self.roster.head is None:
            self._publish(build_roster(self._store.head, rows, self._packs, self._door(self._store.plan)))

    def _round(self, wait: int) -> Round:
        store = self._store
        staging = store.staging if store.is_open else None
        head = store.head if store.is_open else None
        if self._from_nothing or head is None or (staging is not None and staging.base_epoch is None):
            at = None
        else:
            at = Acknowledged(epoch=head.epoch, version=head.version, digest=head.digest)
        try:
            plan = None if at is None or head is None else head.plan
            page = self._link.sync(
                at,
                staging.next if staging else None,
                0 if staging or at is None else wait,
                None if plan is None else plan.sha256,
                None if head is None else head.denied_frames,
            )
        except RosterDivergedError:
            self._told.diverged()
            self._restart()
            raise
        except RequestRefusedError:
            # A cursor that the server has forgotten, most likely; the next round begins the sequence again.
            store.drop_staged()
            raise
        try:
            items = read_items(page, at, staging)
            if page.head is not None:
                return self._finish(page, page.head, items)
            store.stage(items, advance(page, page.next or "", at, staging))
        except (DigestMismatchError, UnreadableAnswerError, msgspec.DecodeError) as error:
            _log.warning("the server's pages do not fit: %s; asking for a snapshot", error)
            self._restart()
            if isinstance(error, msgspec.DecodeError):
                raise UnreadableAnswerError("an entry or a head") from None
            raise
        except RosterRefusedError:
            # Its cursor would bring the same refused head for as long as the server keeps the sequence.
            store.drop_staged()
            raise
        return Round.MORE

    def tick(self) -> None:
        """Do what the passing of time asks for: forget what has ended, or everything after a long silence.

        What the disk does not take is tried again with the next tick, and keeps no round from happening: decisions
        go by windows and leases in any case.
        """
        for what in (self._tick, lambda: self.passing(self.roster.head, self._time.now_us())):
            try:
                what()
            except RosterDamagedError:
                self.recover()
            except StorageError as error:
                _log.error("what has ended could not be wiped (%s)", error)

    def _tick(self) -> None:
        store = self._store
        now = self._time.now_us()
        # The one decided by; the store has none while a damaged file waits for its snapshot, or an older one while the
        # disk takes nothing.
        head = self.roster.head
        if head is None:
            return
        if roster_overdue(head, now):
            _log.error("no word from the server for %d s: wiping the roster", head.policy.wipe_after_s)
            self._publish(Roster())
            store.raise_floor(Floor.of(head))
            store.replace()
            self.alarm("roster-wiped")
            return
        fewer = self.roster.without_ended(now, self._packs)
        if fewer is not None:
            self._publish(fewer)
        if store.head is None:
            return
        store.wipe_ended(now)
        if now - store.seen_us >= _SEEN_EVERY_US:
            store.keep_seen(now)

    def erase(self) -> None:
        """Destroy the roster for good: this gate was revoked."""
        self._publish(Roster())
        self._store.erase()

    def recover(self) -> None:
        """Replace a damaged file; decisions go by the roster in memory until the snapshot has come."""
        _log.error("the roster's file is damaged: starting from an empty one")
        self._store.replace()
        self.alarm("roster-damaged")

    def _restart(self) -> None:
        self._from_nothing = True
        self._store.drop_staged()

    def _finish(self, page: SyncPage, signed: SignedHead, items: Items) -> Round:
        store, believed = self._store, self.roster.head
        trust = self.trust.extended(page.keys)
        head = accept_head(
            signed,
            keys=trust.raw,
            community=self._identity.community_id.bytes,
            floor=newest(store.floor, None if believed is None else Floor.of(believed)),
            kind=page.kind,
            wall_us=self._time.wall_us(),
        )
        trust.require_current(signed.kid, head.issued_at_us)
        if head.epoch != page.epoch:
            raise UnreadableAnswerError("the head's epoch is not its page's")
        body = store.plan_body if isinstance(page.plan, msgspec.UnsetType) else page.plan
        plan, unread = check_plan(head, body)
        body = None if plan is None else body
        door = self._door(plan)
        before = store.head
        empty = not items and store.staging is None and page.kind is PageKind.DELTA
        if empty and before is not None and (head.epoch, head.version) == (before.epoch, before.version):
            fresh = self.roster.with_head(head, door)
            commit = partial(store.commit_head, signed, head, body, plan)
            changed = (head.plan, head.denied_frames) != (before.plan, before.denied_frames)
            outcome = Round.CHANGED if changed else Round.SAME
        else:
            fresh = self._changed(page.kind, items, head, door)
            commit = partial(store.commit, items, page.kind, signed, head, body, plan)
            outcome = Round.CHANGED
        # With a head that has just arrived, and never with the one at hand: that would take back the time since then.
        self._time.set_floor(head.issued_at_us)
        try:
            self._take_trust(trust)
            commit()
            self._from_nothing = self._from_nothing and outcome is Round.SAME
        finally:
            # Also where the disk takes nothing. A full one must not keep a revoked resident inside, nor let leases end
            # while the server answers: decisions follow at once, from memory, while the state acknowledged to the
            # server stays the one on the disk.
            self._publish(fresh)
            store.raise_floor(Floor.of(head))
            self._told.taken(head, unread + sum(fresh.unread.values()))
        if clock_was_ahead(store.wiped(), self._time.now_us()):
            self._from_nothing = True
        return outcome

    def _changed(self, kind: PageKind, items: Items, head: Head, door: Door) -> Roster:
        """The roster after a sequence whose last page brought ``items``.

        Raises:
            DigestMismatchError: it is not the one that the head was signed for.
        """
        store, roster = self._store, self.roster
        changes = store.staged() if store.staging is not None else {}
        changes.update({subject: row for subject, _, row in items})
        if kind is PageKind.DELTA and roster.head is not None and roster.head == store.head:
            fresh = roster.changed(head, changes, door, self._packs)
            check_whole(fresh.hashes.items(), head)
            return fresh
        # What is in memory is not what is on the disk, to which the delta adds: a disk that takes nothing.
        rows = merged([] if kind is PageKind.SNAPSHOT else store.rows(), changes, kind)
        check_whole(((row.subject, row.hash) for row in rows.values()), head)
        return build_roster(head, rows.values(), self._packs, door)

    def _take_trust(self, trust: Trust) -> None:
        # Gone by before it is kept: with a full disk the new key's heads must be believed all the same.
        self.trust = trust
        if trust is not self._kept_trust:
            self.keep_trust(trust)
            self._kept_trust = trust
            _log.info("the community's server has a new key")

    def watch(self) -> bool:
        """Tell the staff what orders this gate has begun and ceased to go by; whether there was such a change."""
        return self._told.orders(self.roster.door)

    def next_change_s(self) -> float | None:
        """Seconds until an order ends or begins by itself, ``None`` if none does."""
        now_us = self._time.now_us()
        then = self.roster.door.next_change_us(now_us)
        return None if then is None else (then - now_us) / 1e6

    def _door(self, plan: Plan | None) -> Door:
        return EVERY_HOUR if plan is None else door_of(plan, self._identity.gate_id)

    def _publish(self, fresh: Roster) -> None:
        while True:
            with self._swap:
                if self._packs is None or fresh.galleries is not None:
                    self.roster = fresh
                    return
                packs = self._packs
            fresh = fresh.with_packs(packs)
