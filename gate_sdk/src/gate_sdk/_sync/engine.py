"""One round of the sync protocol: fetch, verify, persist, publish, in this order."""

import logging
import threading
from collections.abc import Callable
from enum import Enum

import msgspec

from gate_sdk._cache.index import build_roster
from gate_sdk._cache.repository import Staging
from gate_sdk._cache.rules import (
    Floor,
    Row,
    accept_head,
    check_item,
    check_plan,
    check_whole,
    clock_was_ahead,
    merged,
    roster_overdue,
)
from gate_sdk._cache.store import RosterDamagedError, RosterStore
from gate_sdk._clock import TrustedTime
from gate_sdk._door import EVERY_HOUR, Door, door_of
from gate_sdk._identity import Identity
from gate_sdk._link import Link
from gate_sdk._recognition import Recognition
from gate_sdk.errors import (
    DigestMismatchError,
    RequestRefusedError,
    RosterDivergedError,
    StorageError,
    UnreadableAnswerError,
)
from gate_sdk.wire import Acknowledged, Emergency, Head, PageKind, SignedHead, SyncPage

__all__ = ["Round", "SyncEngine"]

_log = logging.getLogger("gate_sdk")
_Items = list[tuple[bytes, int, Row | None]]
# How often the passing of time is written down: a clock that is set back while the power is off gains at most this.
_SEEN_EVERY_US = 600_000_000
# As much as two ordinary clocks and a slow line differ by; more makes hours begin and end at the wrong time.
_CLOCK_WRONG_S = 60.0


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
        self._recognition: Recognition | None = None
        self._from_nothing = False
        # Held for an assignment only; galleries are laid out before it is taken.
        self._swap = threading.Lock()
        #: Called with a code for what the community's staff should know.
        self.alarm: Callable[[str], None] = lambda _code: None
        #: Called with each tick: what else is kept for a time only goes by the same head and clock.
        self.passing: Callable[[Head | None, int], None] = lambda _head, _now_us: None
        self.roster = build_roster(store.head, rows, None, self._door())
        self._order: Emergency | None = None
        self._clock_wrong = False
        if store.head is not None:
            time.set_floor(max(store.head.issued_at_us, store.seen_us))

    def use(self, recognition: Recognition) -> None:
        """Make the present roster, and every later one, searchable."""
        with self._swap:
            self._recognition = recognition
        while (before := self.roster).gallery is None:
            searchable = before.with_recognition(recognition)
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
            if not self._store.is_open:
                self._store.replace(self._store.floor)
            return self._round(wait)
        except RosterDamagedError:
            self.recover()
            raise StorageError("the roster's file was damaged and has been replaced") from None

    def _round(self, wait: int) -> Round:
        store = self._store
        staging = store.staging
        head = store.head
        if self._from_nothing or head is None or (staging is not None and staging.base_epoch is None):
            at = None
        else:
            at = Acknowledged(epoch=head.epoch, version=head.version, digest=head.digest)
        try:
            plan = None if self._from_nothing or store.head is None else store.head.plan
            page = self._link.sync(
                at,
                staging.next if staging else None,
                0 if staging or at is None else wait,
                None if plan is None else plan.sha256,
                None if head is None else head.denied_frames,
            )
        except RosterDivergedError:
            self._restart()
            raise
        except RequestRefusedError:
            # A cursor that the server has forgotten, most likely; the next round begins the sequence again.
            store.drop_staged()
            raise
        try:
            return self._take(page, at, staging)
        except (DigestMismatchError, UnreadableAnswerError, msgspec.DecodeError) as error:
            _log.warning("the server's pages do not fit: %s; asking for a snapshot", error)
            self._restart()
            if isinstance(error, msgspec.DecodeError):
                raise UnreadableAnswerError("an entry or a head") from None
            raise

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
            self._publish(None, [], EVERY_HOUR)
            store.replace(Floor.of(head))
            self.alarm("roster-wiped")
            return
        if store.head is None:
            return
        # Where the disk is behind what is decided by, its rows would bring back who was revoked meanwhile.
        if store.wipe_ended(now) and Floor.of(head) == store.floor:
            self._publish(head, store.rows(), self._door())
        if now - store.seen_us >= _SEEN_EVERY_US:
            store.keep_seen(now)

    def erase(self) -> None:
        """Destroy the roster for good: this gate was revoked."""
        self._publish(None, [], EVERY_HOUR)
        self._store.destroy()

    def recover(self) -> None:
        """Replace a damaged file; decisions go by the roster in memory until the snapshot has come."""
        _log.error("the roster's file is damaged: starting from an empty one")
        self._store.replace(self._store.floor)
        self.alarm("roster-damaged")

    def _restart(self) -> None:
        self._from_nothing = True
        self._store.drop_staged()

    def _take(self, page: SyncPage, at: Acknowledged | None, staging: Staging | None) -> Round:
        if staging is not None and (page.kind, page.epoch) != (staging.kind, staging.epoch):
            raise UnreadableAnswerError("a sequence changed its kind or epoch on the way")
        if page.kind is PageKind.DELTA and at is None:
            raise UnreadableAnswerError("a delta came where nothing was there to change")
        items: _Items = [(item.subject, item.version, check_item(item)) for item in page.items]
        if page.head is not None and page.next is None:
            return self._finish(page, page.head, items)
        if page.head is not None or page.next is None:
            raise UnreadableAnswerError("a page must have either a head or a next cursor")
        if not items:
            # Asked for its next one at once, it could go on so for ever.
            raise UnreadableAnswerError("a page brought nothing and was not the last")
        self._store.stage(
            items,
            Staging(
                kind=page.kind,
                epoch=page.epoch,
                next=page.next,
                base_epoch=None if at is None else at.epoch,
                base_version=None if at is None else at.version,
            ),
        )
        return Round.MORE

    def _finish(self, page: SyncPage, signed: SignedHead, items: _Items) -> Round:
        store = self._store
        head = accept_head(
            signed,
            keys=self._identity.trusted,
            community=self._identity.community_id.bytes,
            floor=store.floor,
            kind=page.kind,
            wall_us=self._time.wall_us(),
        )
        if head.epoch != page.epoch:
            raise UnreadableAnswerError("the head's epoch is not its page's")
        body = store.plan_body if isinstance(page.plan, msgspec.UnsetType) else page.plan
        plan = check_plan(head, body)
        body = None if plan is None else body
        door = door_of(plan, self._identity.gate_id)
        now = store.head
        if (
            not items
            and store.staging is None
            and page.kind is PageKind.DELTA
            and now is not None
            and (head.epoch, head.version) == (now.epoch, now.version)
        ):
            changed = (head.plan, head.denied_frames) != (now.plan, now.denied_frames)
            try:
                store.commit_head(signed, head, body, plan)
            finally:
                # Also where the disk takes nothing: that is no reason to let leases end while the server answers.
                self._time.set_floor(head.issued_at_us)
                with self._swap:
                    self.roster = self.roster.with_head(head, door)
                self._compare_clocks(head)
            return Round.CHANGED if changed else Round.SAME
        changes = store.staged() if store.staging is not None else {}
        changes.update({subject: row for subject, _, row in items})
        rows = merged(store.rows(), changes, page.kind)
        check_whole(rows.values(), head)
        # With a head that has just arrived, and never with the one at hand: that would take back the time since then.
        self._time.set_floor(head.issued_at_us)
        try:
            store.commit(items, page.kind, signed, head, body, plan)
        except StorageError:
            # A full disk must not keep a revoked resident inside: decisions follow at once, from memory, while the
            # state acknowledged to the server stays the one on the disk.
            self._publish(head, list(rows.values()), door)
            raise
        self._from_nothing = False
        self._publish(head, list(rows.values()), door)
        self._compare_clocks(head)
        if clock_was_ahead(store.wiped(), head.issued_at_us):
            self._from_nothing = True
        return Round.CHANGED

    def watch(self) -> bool:
        """Tell the staff what orders this gate has begun and ceased to go by; whether there was such a change."""
        now_us = self._time.now_us()
        order = self.roster.door.emergency(now_us)
        before, self._order = self._order, order
        if order == before:
            return False
        if before is not None and (order is None or order.id != before.id):
            self.alarm(f"{before.mode}-ended:{before.id}")
        if order is not None and (before is None or order.id != before.id):
            self.alarm(f"{order.mode}-began:{order.id}")
        return True

    def next_change_s(self) -> float | None:
        """Seconds until an order ends or begins by itself, ``None`` if none does."""
        now_us = self._time.now_us()
        then = self.roster.door.next_change_us(now_us)
        return None if then is None else (then - now_us) / 1e6

    def _door(self) -> Door:
        return door_of(self._store.plan, self._identity.gate_id)

    def _compare_clocks(self, head: Head) -> None:
        """Raise an alarm when the device's clock begins to differ from the server's: hours and windows go by it.

        Heads are dated as they are answered, so what lies between is a network's delay.
        """
        ahead_s = (self._time.wall_us() - head.issued_at_us) / 1e6
        wrong = abs(ahead_s) > _CLOCK_WRONG_S
        if wrong and not self._clock_wrong:
            _log.warning("the device's clock differs from the server's by %.0f s", ahead_s)
            self.alarm(f"clock-wrong:{ahead_s:+.0f}")
        self._clock_wrong = wrong

    def _publish(self, head: Head | None, rows: list[Row], door: Door) -> None:
        fresh = build_roster(head, rows, self._recognition, door)
        while True:
            with self._swap:
                if self._recognition is None or fresh.gallery is not None:
                    self.roster = fresh
                    return
                recognition = self._recognition
            fresh = fresh.with_recognition(recognition)
