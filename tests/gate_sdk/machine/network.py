"""A network that loses, doubles, delays, reorders and cuts, and on which somebody may sit who changes what he likes."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import SyncPage, sign_head

__all__ = ["HONEST", "HOSTILE", "STRANGER", "FaultyNetwork", "Killed"]

#: What any network does.
HONEST = ("ok", "lost", "unanswered", "doubled", "late", "cut", "killed")
#: What somebody between gate and server does.
HOSTILE = ("stale", "withheld", "smuggled", "swapped", "foreign", "forged", "stolen")
_REMEMBERED = 40
#: Whose face is on no roster.
STRANGER = 6666
HOUR_US = 3_600_000_000


class Killed(BaseException):
    """The process ended here."""


class FaultyNetwork(httpx.BaseTransport):
    """Between one gate and the server. ``faults`` befall the next requests; afterwards it is a good one."""

    def __init__(self, backend: FakeBackend) -> None:
        self.backend = backend
        self.faults: list[str] = []
        self.which = 0
        #: Whether anything was changed or brought out of its order since it was last set.
        self.hostile = False
        #: A key that signed heads once, and its id.
        self.stolen: tuple[Ed25519PrivateKey, str] | None = None
        #: Looks at what a gate says of itself.
        self.asked: Callable[[httpx.Request], None] = lambda _request: None
        self._inner = backend.transport
        self._late: list[httpx.Request] = []
        self._answers: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked(request)
        # Whoever sits between waits for what is worth changing.
        waiting = bool(self.faults) and self.faults[0] in HOSTILE and not request.url.path.endswith("/sync")
        fault = self.faults.pop(0) if self.faults and not waiting else "ok"
        if fault == "killed":
            raise Killed
        if fault == "lost":
            raise httpx.ConnectError("lost")
        if fault == "late":
            self._late.append(request)
            raise httpx.ReadTimeout("late")
        answer = self._inner.handle_request(request)
        if fault == "doubled":
            answer = self._inner.handle_request(request)
        content = answer.content
        if fault == "unanswered":
            raise httpx.ReadError("lost on the way back")
        if fault == "cut":
            return httpx.Response(answer.status_code, headers=answer.headers, content=content[: len(content) // 2])
        if not request.url.path.endswith("/sync") or not answer.is_success:
            return answer
        self._answers = [*self._answers, content][-_REMEMBERED:]
        if fault in HOSTILE:
            self.hostile = True
            content = self._tampered(fault, content)
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    def late_arrives(self) -> None:
        """A request reaches the server that its sender has long given up."""
        if self._late:
            self._inner.handle_request(self._late.pop(self.which % len(self._late)))

    def _tampered(self, how: str, content: bytes) -> bytes:
        if how == "stale":
            return self._answers[self.which % len(self._answers)]
        page = msgspec.msgpack.decode(content, type=SyncPage)
        if how in {"foreign", "forged", "stolen"}:
            return msgspec.msgpack.encode(self._of_another(how))
        items = list(page.items)
        if how == "withheld" and items:
            items.pop(self.which % len(items))
        elif how == "smuggled":
            items += _stranger().snapshot().items
        elif how == "swapped":
            face = syn.template(STRANGER)
            items = [msgspec.structs.replace(one, template=face if one.template else None) for one in items]
        return msgspec.msgpack.encode(msgspec.structs.replace(page, items=tuple(items)))

    def _of_another(self, how: str) -> SyncPage:
        """A whole roster that somebody else made up, under a head that is ours but for what it is refused by."""
        ours, other = self.backend.roster, _stranger()
        page = other.snapshot()
        head = msgspec.structs.replace(
            other.head(),
            community=ours.community,
            epoch=ours.epoch,
            version=ours.version + 1,
            issued_at_us=ours.now_us(),
        )
        if how == "foreign":
            signed = ours.sign(msgspec.structs.replace(head, community=other.community))
        elif how == "forged" or not self.stolen:
            signed = sign_head(head, key=Ed25519PrivateKey.generate(), kid=ours.kid)
        else:
            # The first key, long replaced, in somebody's hand.
            key, kid = self.stolen
            signed = sign_head(
                msgspec.structs.replace(head, issued_at_us=head.issued_at_us + HOUR_US), key=key, kid=kid
            )
        return msgspec.structs.replace(page, epoch=ours.epoch, head=signed, keys=ours.server_keys)

    def close(self) -> None:
        return


def _stranger() -> FakeRoster:
    other = FakeBackend()
    other.add_person(syn.template(STRANGER))
    return other.roster
