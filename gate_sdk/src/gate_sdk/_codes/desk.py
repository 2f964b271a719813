"""From a code's text to a decision: reads it, asks the rules, remembers what must not happen twice."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from uuid import UUID, uuid4

import msgspec

from gate_sdk._cache.index import Roster
from gate_sdk._clock import TrustedTime
from gate_sdk._codes.rules import Book, began_later, judge_approved, judge_card, judge_phone, judge_visitor
from gate_sdk._codes.store import CodeStore
from gate_sdk._decide import Verdict, approach_of
from gate_sdk._decision import Decision, StageTimes
from gate_sdk.errors import GateError
from gate_sdk.wire import (
    CardCode,
    Code,
    CodeUnreadable,
    Head,
    Outcome,
    PhoneCode,
    Reason,
    UseAnswer,
    UseClaim,
    Via,
    VisitorCode,
    card_hash,
    parse_code,
)

__all__ = ["SECOND_FACTOR_S", "CodeDesk", "UseCounter", "credential_of"]

# For how long a question stays open: a PIN typed slowly, a phone dug out of a bag, a resident who is rung up.
SECOND_FACTOR_S = 30
_PENDING_S = 150
_MOST_PENDING = 16


class _Waiting(msgspec.Struct, frozen=True):
    """A code about which something is still to be settled; ``approved`` once its home has said yes."""

    code: Code
    approved: bool = False


class UseCounter(Protocol):
    """Counts a use across the community's gates; bounded in time."""

    def count_use(self, claim: UseClaim, timeout: float) -> UseAnswer:
        """Ask the server.

        Raises:
            ServerError: no answer in time.
        """
        ...


def credential_of(code: Code, community: UUID) -> str:
    """By which events and gates' screens name what a code belongs to; tells nothing of a card's secret."""
    if isinstance(code, PhoneCode):
        return f"key:{code.key_id.hex()}"
    if isinstance(code, VisitorCode):
        return f"token:{code.token_id.hex()}"
    return f"card:{card_hash(community, code.secret)[:8].hex()}"


def _ask(counter: UseCounter, claim: UseClaim, timeout: float) -> UseAnswer | None:
    """The server's answer; ``None`` if none came in time."""
    answers: list[UseAnswer] = []

    def ask() -> None:
        with contextlib.suppress(GateError):
            answers.append(counter.count_use(claim, timeout))

    # In a thread, since a request may first need a token, and each step has a time-out of its own. One that answers
    # too late has counted the use that the event will name as well: it counts once.
    thread = threading.Thread(target=ask, name="doorward-use", daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[0] if answers else None


class CodeDesk:
    """Decides about codes. Safe for several threads; one code at a time, so that two frames of one never both count."""

    def __init__(
        self,
        community: UUID,
        keys: Callable[[], dict[str, bytes]],
        roster: Callable[[], Roster],
        trusted: TrustedTime,
        store: CodeStore,
    ) -> None:
        self._community = community
        self._keys = keys
        self._roster = roster
        self._time = trusted
        self._store = store
        self._lock = threading.Lock()
        # Codes that wait for a PIN or a count, by the decision that said so. Never in the decision: a card's secret
        # must not get into a vendor's log.
        self._pending: OrderedDict[tuple[int, str | None], _Waiting] = OrderedDict()
        #: Called with an alarm's code.
        self.alarm: Callable[[str], None] = lambda _: None

    def decide(self, text: str, *, pin: str | None = None) -> Decision:
        """Decide about a code's text; always gives a decision."""
        began = time.perf_counter()
        with self._lock:
            try:
                code = parse_code(text)
            except CodeUnreadable:
                return self._decision(Verdict(Outcome.DENY, Reason.CODE_UNREADABLE), None, Via.QR, began)
            return self._decide(code, pin, began)

    def with_pin(self, decision: Decision, pin: str) -> Decision | None:
        """Decide again about a card that waited for its PIN; ``None`` if it waits no more."""
        began = time.perf_counter()
        with self._lock:
            waiting = self._pop(decision)
            if waiting is None or not isinstance(waiting.code, CardCode):
                return None
            return self._decide(waiting.code, pin, began)

    def approved(self, decision: Decision) -> Decision | None:
        """Decide again about a code whose home has said yes; ``None`` if it waits no more."""
        began = time.perf_counter()
        with self._lock:
            waiting = self._pop(decision)
            return None if waiting is None else self._decide(waiting.code, None, began, approved=True)

    def dismiss(self, decision: Decision) -> None:
        """Have a code wait no more."""
        with self._lock:
            self._pop(decision)

    def second_factor(self, decision: Decision, candidates: frozenset[UUID], text: str) -> Decision:
        """Let a code say which of the look-alikes it is; a code of anybody else refuses."""
        began = time.perf_counter()
        if self._late(decision, SECOND_FACTOR_S):
            return self._decision(Verdict(Outcome.DENY, Reason.AMBIGUOUS), None, Via.QR, began)
        with self._lock:
            try:
                code = parse_code(text)
            except CodeUnreadable:
                return self._decision(Verdict(Outcome.DENY, Reason.CODE_UNREADABLE), None, Via.QR, began)
            # Before it is used up: a neighbour's code shown by mistake still opens for the neighbour.
            if self._subject_of(code) not in candidates:
                return self._decision(Verdict(Outcome.DENY, Reason.AMBIGUOUS), code, Via.QR, began)
            return self._decide(code, None, began)

    def count(self, decision: Decision, counter: UseCounter, timeout: float) -> Decision | None:
        """Count a limited use and settle the decision; ``None`` if it waits no more.

        Across gates where the server answers within ``timeout`` seconds. Otherwise this gate's own count decides, and
        the event tells the server later.
        """
        began = time.perf_counter()
        with self._lock:
            waiting = self._pop(decision)
        if waiting is None or not isinstance(waiting.code, VisitorCode):
            return None
        code, use = waiting.code, uuid4()
        answer = _ask(counter, UseClaim(token_id=code.token_id, use=use), timeout)
        allowed = answer is None or answer.allowed
        with self._lock:
            if not allowed:
                return self._decision(Verdict(Outcome.DENY, Reason.CODE_USED_UP, decision.subject), code, Via.QR, began)
            # Looked at again: a lockdown may have been declared meanwhile, the pass cancelled, another question about
            # the token settled, or a clock set.
            again = self._decide(code, None, began, approved=waiting.approved)
            self._pending.pop((again.at_us, again.credential), None)
            if again.reason is not Reason.USE_UNCOUNTED:
                return again
            # Counted here as well, so that a gate which loses its network goes on from where it was.
            self._store.keep_use(code.token_id, code.until_s * 1_000_000, now_us=self._time.now_us())
            reason = Reason.APPROVED if waiting.approved else Reason.MATCHED
            verdict = Verdict(Outcome.ALLOW, reason, again.subject)
            return msgspec.structs.replace(self._decision(verdict, code, Via.QR, began), use=use)

    def _pop(self, decision: Decision) -> _Waiting | None:
        waiting = self._pending.pop((decision.at_us, decision.credential), None)
        return None if self._late(decision, _PENDING_S) else waiting

    def _late(self, decision: Decision, seconds: int) -> bool:
        return not 0 <= self._time.now_us() - decision.at_us <= seconds * 1_000_000

    def _subject_of(self, code: Code) -> UUID | None:
        index = self._roster().codes
        if isinstance(code, PhoneCode):
            return index.phones[code.key_id][0] if code.key_id in index.phones else None
        if isinstance(code, VisitorCode):
            return index.tokens.get(code.token_id)
        hashed = card_hash(self._community, code.secret)
        return index.cards[hashed][0] if hashed in index.cards else None

    def _decide(self, code: Code, pin: str | None, began: float, *, approved: bool = False) -> Decision:
        via = Via.CARD if isinstance(code, CardCode) else Via.QR
        roster = self._roster()
        head = roster.head
        if head is None:
            return self._decision(Verdict(Outcome.DENY, Reason.NOT_READY), code, via, began)
        now_us = self._time.now_us()
        book = Book(self._community, head, roster.entries, roster.codes, self._keys(), now_us, roster.door, approved)
        if approved and not isinstance(code, VisitorCode):
            # It was right when it was shown, and has been used up since.
            verdict = judge_approved(self._subject_of(code), book)
        elif isinstance(code, PhoneCode):
            verdict = self._phone(code, book)
        elif isinstance(code, VisitorCode):
            verdict = judge_visitor(code, book, used=self._store.uses(code.token_id))
        else:
            verdict = self._card(code, book, pin)
        decision = self._decision(verdict, code, via, began, now_us=now_us, head=head)
        if verdict.reason in {Reason.PIN_NEEDED, Reason.USE_UNCOUNTED, Reason.ASK_FIRST}:
            self._pending[decision.at_us, decision.credential] = _Waiting(code, approved)
            while len(self._pending) > _MOST_PENDING:
                self._pending.popitem(last=False)
        return decision

    def _phone(self, code: PhoneCode, book: Book) -> Verdict:
        verdict = judge_phone(code, book, last_step=self._store.last_step(code.key_id))
        # One that the home is asked about has been shown: by its screenshot nobody else is to ring.
        if verdict.outcome in {Outcome.ALLOW, Outcome.NEEDS_APPROVAL}:
            self._store.keep_step(code.key_id, code.step, now_us=book.now_us)
        return verdict

    def _card(self, code: CardCode, book: Book, pin: str | None) -> Verdict:
        hashed = card_hash(book.community, code.secret)
        before = self._store.attempts(hashed)
        if began_later(before.until_us, before.failures, book.now_us):
            before = self._store.begin_wait(hashed, before.failures, now_us=book.now_us)
        if pin is None or book.now_us < before.until_us or hashed not in book.index.cards:
            return judge_card(code, book, pin=None, locked_until_us=before.until_us)
        attempts = self._store.begin_pin(hashed, now_us=book.now_us)
        verdict = judge_card(code, book, pin=pin, locked_until_us=0)
        if verdict.reason is not Reason.PIN_WRONG:
            self._store.right_pin(hashed, now_us=book.now_us)
        elif attempts.until_us > book.now_us:
            self.alarm(f"pin-guessing:{credential_of(code, book.community)}")
        return verdict

    def _decision(
        self,
        verdict: Verdict,
        code: Code | None,
        via: Via,
        began: float,
        *,
        now_us: int | None = None,
        head: Head | None = None,
    ) -> Decision:
        now_us = self._time.now_us() if now_us is None else now_us
        head = head or self._roster().head
        ms = round((time.perf_counter() - began) * 1e3, 3)
        return Decision(
            outcome=verdict.outcome,
            reason=verdict.reason,
            at_us=now_us,
            subject=verdict.subject,
            stale_for=None if head is None else max(0.0, (now_us - head.issued_at_us) / 1e6),
            version=None if head is None else head.version,
            ms=StageTimes(match=ms, total=ms),
            via=via,
            credential=None if code is None else credential_of(code, self._community),
            approach=approach_of(verdict),
        )
