"""What the gate's threads ask of the network, and how long it takes until there is one."""

import threading
from collections.abc import Callable
from typing import Protocol

from gate_sdk.errors import GateClosedError
from gate_sdk.wire import (
    Acknowledged,
    AskAnswer,
    AskRequest,
    DeniedFrame,
    EventBatch,
    EventReceipt,
    FramePolicy,
    GateHealth,
    SyncPage,
    UseAnswer,
    UseClaim,
)

__all__ = ["MAX_WAIT_S", "DeferredLink", "Link"]

# The longest poll the protocol allows; short enough for the idle limits of home routers and proxies.
MAX_WAIT_S = 25


class Link(Protocol):
    """The server's gate surface, as this gate sees it. Safe for several threads."""

    def sync(
        self,
        at: Acknowledged | None,
        cursor: str | None,
        wait: int,
        plan: bytes | None,
        frames: FramePolicy | None,
    ) -> SyncPage:
        """Fetch a page, waiting up to ``wait`` seconds for news; a poll with ``at`` also acknowledges that state.

        ``plan`` is the SHA-256 of the plan that the gate has: another one comes with the head. ``frames`` is what its
        head says of pictures of denied approaches: where the community says something else, nobody waits.

        Raises:
            RosterDivergedError: start again from nothing.
            GateRevokedError: this gate is out of service.
            ServerError: nothing came, for now.
        """
        ...

    def deliver(self, batch: EventBatch) -> EventReceipt:
        """Hand events over; what the receipt names is committed there.

        Raises:
            GateRevokedError: this gate is out of service.
            ServerError: not delivered, for now.
        """
        ...

    def count_use(self, claim: UseClaim, timeout: float) -> UseAnswer:
        """Count one use of a visitor's token across gates, within ``timeout`` seconds.

        Raises:
            GateRevokedError: this gate is out of service.
            ServerError: no answer in time.
        """
        ...

    def ask(self, request: AskRequest) -> AskAnswer:
        """Ask a home whether somebody may come in, waiting up to ``request.wait`` seconds for its answer.

        Raises:
            GateRevokedError: this gate is out of service.
            ServerError: no answer, for now.
        """
        ...

    def hand_over(self, frame: DeniedFrame) -> bool:
        """Hand a picture of a denied approach over; whether the server keeps it.

        Raises:
            GateRevokedError: this gate is out of service.
            ServerError: not handed over, for now.
        """
        ...

    def tell_health(self, health: GateHealth) -> None:
        """Tell the server how the gate is doing.

        Raises:
            GateRevokedError: this gate is out of service.
            ServerError: it was not told, for now.
        """
        ...

    def abort(self) -> None:
        """Wake any thread that waits for an answer; no request succeeds afterwards."""
        ...

    def close(self) -> None:
        """Close the connections; only once no thread uses them."""
        ...


class DeferredLink:
    """Makes the real link when a thread first needs it.

    Importing an HTTP stack takes a quarter of a second on a small device. After a power cut people stand at the gate,
    so the first decision, which needs no network, does not wait for that.
    """

    def __init__(self, make: Callable[[], Link]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._aborted = False

    def sync(
        self,
        at: Acknowledged | None,
        cursor: str | None,
        wait: int,
        plan: bytes | None,
        frames: FramePolicy | None,
    ) -> SyncPage:
        """See :meth:`Link.sync`."""
        return self._made().sync(at, cursor, wait, plan, frames)

    def deliver(self, batch: EventBatch) -> EventReceipt:
        """See :meth:`Link.deliver`."""
        return self._made().deliver(batch)

    def count_use(self, claim: UseClaim, timeout: float) -> UseAnswer:
        """See :meth:`Link.count_use`."""
        return self._made().count_use(claim, timeout)

    def ask(self, request: AskRequest) -> AskAnswer:
        """See :meth:`Link.ask`."""
        return self._made().ask(request)

    def hand_over(self, frame: DeniedFrame) -> bool:
        """See :meth:`Link.hand_over`."""
        return self._made().hand_over(frame)

    def tell_health(self, health: GateHealth) -> None:
        """See :meth:`Link.tell_health`."""
        self._made().tell_health(health)

    def abort(self) -> None:
        """See :meth:`Link.abort`."""
        with self._lock:
            self._aborted = True
        if self._link is not None:
            self._link.abort()

    def close(self) -> None:
        """See :meth:`Link.close`."""
        if self._link is not None:
            self._link.close()

    def _made(self) -> Link:
        with self._lock:
            if self._aborted:
                raise GateClosedError
            if self._link is None:
                self._link = self._make()
            return self._link
