"""A network that loses, doubles, delays, reorders and cuts, and on which somebody may sit who changes what he likes."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import SignedHead, SyncPage, sign_head
from tests.gate_sdk.machine.model import HOUR_US
from tests.gate_sdk.machine.server import Server

__all__ = ["HONEST", "HOSTILE", "STRANGER", "FaultyNetwork", "Killed"]

#: What any network does.
HONEST = ("ok", "lost", "unanswered", "doubled", "late", "cut", "killed")
#: What somebody between gate and server does.
HOSTILE = (
    "stale", "begun", "bygone", "withheld", "smuggled", "swapped", "foreign", "forged", "prolonged", "stolen",
    # Nobody's words but the server's, which is not right about it.
    "diverged",
)  # fmt: skip
_MADE_UP = {"foreign", "forged", "prolonged", "stolen"}
_REMEMBERED = 40
#: Whose face is on no roster.
STRANGER = 6666


class Killed(BaseException):
    """The process ended here."""


class FaultyNetwork(httpx.BaseTransport):
    """Between one gate and the server. ``faults`` befall the next requests; afterwards it is a good one.

    ``at_events`` befalls the next batch of events.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.faults: list[str] = []
        self.at_events = "ok"
        self.which = 0
        #: Whether anything was changed or brought out of its order since it was last set.
        self.hostile = False
        #: Whether the gate was told last that its roster is not the server's.
        self.diverged = False
        #: Looks at what a gate says of itself.
        self.asked: Callable[[httpx.Request], None] = lambda _request: None
        self._inner = server.backend.transport
        self._late: list[httpx.Request] = []
        self._answers: list[bytes] = []
        self._begun: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked(request)
        fault = self._fault(request.url.path.rsplit("/", 1)[-1])
        if fault == "killed":
            raise Killed
        if fault == "lost":
            raise httpx.ConnectError("lost")
        if fault == "late":
            self._late.append(request)
            raise httpx.ReadTimeout("late")
        answer = self._served(request, fault)
        if fault == "unanswered":
            raise httpx.ReadError("lost on the way back")
        if fault == "killed-unanswered":
            raise Killed
        content = answer.content
        if fault == "cut":
            content = content[: len(content) // 2]
        elif request.url.path.endswith("/sync"):
            self.diverged = answer.status_code == httpx.codes.CONFLICT
            if answer.is_success:
                content = self._passed_on(fault, content)
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    def _served(self, request: httpx.Request, fault: str) -> httpx.Response:
        if fault == "doubled":
            self._inner.handle_request(request)
        if fault == "diverged":
            self.hostile = True
            self.server.backend.diverge()
        answer = self._inner.handle_request(request)
        # Where it named nothing that could be wrong, it was not told so, and is not later.
        self.server.backend._diverged = False
        return answer

    def _fault(self, path: str) -> str:
        if path == "events":
            fault, self.at_events = self.at_events, "ok"
            if fault != "ok":
                return fault
        # Whoever sits between waits for what is worth changing.
        waiting = bool(self.faults) and self.faults[0] in HOSTILE and path != "sync"
        return self.faults.pop(0) if self.faults and not waiting else "ok"

    def late_arrives(self) -> None:
        """A request reaches the server that its sender has long given up."""
        if self._late:
            self._inner.handle_request(self._late.pop(self.which % len(self._late)))

    def _passed_on(self, fault: str, content: bytes) -> bytes:
        page = msgspec.msgpack.decode(content, type=SyncPage)
        self.server.answered(page)
        self._answers = [*self._answers, content][-_REMEMBERED:]
        if page.next is not None:
            self._begun = [*self._begun, content][-_REMEMBERED:]
        if fault not in HOSTILE:
            return content
        self.hostile = True
        if fault == "stale":
            return self._answers[self.which % len(self._answers)]
        if fault == "begun":
            return self._begun[self.which % len(self._begun)] if self._begun else content
        return msgspec.msgpack.encode(self._made_up(fault) if fault in _MADE_UP else self._tampered(fault, page))

    def _tampered(self, how: str, page: SyncPage) -> SyncPage:
        if how == "bygone":
            return self.server.bygone[self.which % len(self.server.bygone)]
        items = list(page.items)
        if how == "withheld" and items:
            items.pop(self.which % len(items))
        elif how == "smuggled":
            items += _stranger().snapshot().items
        elif how == "swapped":
            face = syn.template(STRANGER)
            items = [msgspec.structs.replace(one, template=face if one.template else None) for one in items]
        return msgspec.structs.replace(page, items=tuple(items))

    def _made_up(self, how: str) -> SyncPage:
        """A whole roster under a head that is right but for what it is to be refused by."""
        ours = self.server.backend.roster
        # Prolonged is the server's own roster, by an hour.
        roster = ours if how == "prolonged" else _stranger()
        page = self.server.bygone[-1] if roster is ours else roster.snapshot()
        return msgspec.structs.replace(page, epoch=ours.epoch, head=self._signed(how, roster), keys=ours.server_keys)

    def _signed(self, how: str, roster: FakeRoster) -> SignedHead:
        ours = self.server.backend.roster
        head = msgspec.structs.replace(
            roster.head(),
            community=roster.community if how == "foreign" else ours.community,
            epoch=ours.epoch,
            version=ours.version + (roster is not ours),
            issued_at_us=ours.now_us() + HOUR_US,
        )
        if how == "foreign":
            return sign_head(head, key=ours.key, kid=ours.kid)
        if how == "stolen":
            key, kid = self.server.first_key
            return sign_head(head, key=key, kid=kid)
        return sign_head(head, key=Ed25519PrivateKey.generate(), kid=ours.kid)

    def close(self) -> None:
        return


def _stranger() -> FakeRoster:
    other = FakeBackend()
    other.add_person(syn.template(STRANGER))
    return other.roster
