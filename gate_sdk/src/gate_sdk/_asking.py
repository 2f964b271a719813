"""Asks the home by whose leave somebody may come, within a time that the vendor gives."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import msgspec

from gate_sdk._cache.index import Roster
from gate_sdk._clock import TrustedTime
from gate_sdk._codes.desk import CodeDesk
from gate_sdk._decide import Verdict, admit
from gate_sdk._decision import Decision
from gate_sdk.errors import GateError, UnavailableError, UnreachableError
from gate_sdk.wire import ASK_S, AskAnswer, AskRequest, AskState, Outcome, Reason, Via

__all__ = ["AskLink", "Questions", "ask_home"]

# Whoever asked for leave longer ago has gone, or somebody else stands in his place.
_LATE_S = 150
_MOST_KEPT = 64
# Well below the time that a resident has: a connection that died without a word costs one such wait, not the answer.
_MOST_WAIT_S = 8
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.1, 1.0
# The server's question ends this much before the gate gives up, so that nobody answers one that has left already.
_AHEAD_S = 1


class AskLink(Protocol):
    """Asks a home; bounded in time."""

    def ask(self, request: AskRequest) -> AskAnswer:
        """Ask the server.

        Raises:
            ServerError: no answer for now.
        """
        ...


def ask_home(link: AskLink, *, approach: UUID, subject: UUID, timeout: float) -> AskState | None:
    """The home's answer; ``WAITING`` if it gave none in time, ``None`` if the server was never reached.

    Asks again after every failure that may pass, by the same number, so that it stays one question: a server that is
    killed while somebody waits costs a moment, and not the answer.
    """
    states: list[AskState] = []

    def ask() -> None:
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE_S
        while (left := deadline - time.monotonic()) > 0:
            for_s = min(max(int(left) - _AHEAD_S, ASK_S[0]), ASK_S[1])
            wait = min(int(left), _MOST_WAIT_S)
            try:
                answer = link.ask(AskRequest(approach=approach, subject=subject, for_s=for_s, wait=wait))
            except (UnreachableError, UnavailableError):
                time.sleep(min(pause, left))
                pause = min(pause * 2, _MOST_PAUSE_S)
                continue
            except GateError:
                return
            states.append(answer.state)
            if answer.state is not AskState.WAITING:
                return
            pause = _FIRST_PAUSE_S
            if wait == 0:
                time.sleep(min(_FIRST_PAUSE_S, left))

    # In a thread, since a request may first need a token, and each step has a time-out of its own.
    thread = threading.Thread(target=ask, name="doorward-ask", daemon=True)
    thread.start()
    thread.join(timeout)
    return states[-1] if states else None


class Questions:
    """Settles decisions that wait for a home's leave; each once. Safe for several threads."""

    def __init__(self, desk: CodeDesk, roster: Callable[[], Roster], trusted: TrustedTime) -> None:
        self._desk = desk
        self._roster = roster
        self._time = trusted
        self._lock = threading.Lock()
        self._asked: OrderedDict[UUID, None] = OrderedDict()

    def settle(self, decision: Decision, link: AskLink, timeout: float) -> Decision | None:
        """Ask, and decide by the answer; ``None`` where this decision waits no more.

        After a yes everything else is looked at again: the pass may have been cancelled meanwhile, or a lockdown
        declared. A use that is limited is still to be counted then.
        """
        late = not 0 <= self._time.now_us() - decision.at_us <= _LATE_S * 1_000_000
        if decision.approach is None or decision.subject is None or late or not self._first(decision.approach):
            return None
        state = ask_home(link, approach=decision.approach, subject=decision.subject, timeout=timeout)
        if state is AskState.APPROVED:
            return self._admitted(decision) if decision.via is Via.FACE else self._desk.approved(decision)
        self._desk.dismiss(decision)
        if state is None:
            return self._denied(decision, Reason.APPROVAL_OFFLINE)
        return self._denied(decision, Reason.APPROVAL_REFUSED if state is AskState.DENIED else Reason.APPROVAL_TIMEOUT)

    def _first(self, approach: UUID) -> bool:
        with self._lock:
            if approach in self._asked:
                return False
            self._asked[approach] = None
            while len(self._asked) > _MOST_KEPT:
                self._asked.popitem(last=False)
            return True

    def _admitted(self, decision: Decision) -> Decision:
        roster = self._roster()
        entry = None if decision.subject is None else roster.entries.get(decision.subject)
        if roster.head is None or entry is None:
            return self._denied(decision, Reason.OUTSIDE_WINDOW)
        now_us = self._time.now_us()
        return self._said(decision, admit(entry, roster.head, now_us=now_us, door=roster.door, approved=True))

    def _denied(self, decision: Decision, reason: Reason) -> Decision:
        return self._said(decision, Verdict(Outcome.DENY, reason, decision.subject))

    def _said(self, decision: Decision, verdict: Verdict) -> Decision:
        head, now_us = self._roster().head, self._time.now_us()
        return msgspec.structs.replace(
            decision,
            outcome=verdict.outcome,
            reason=verdict.reason,
            at_us=now_us,
            stale_for=None if head is None else max(0.0, (now_us - head.issued_at_us) / 1e6),
            version=None if head is None else head.version,
            event=None,
        )
