"""The gate, as a vendor's program sees it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

import msgspec

from gate_sdk import _identity
from gate_sdk._asking import Questions
from gate_sdk._camera import Camera
from gate_sdk._clock import Clock, SystemClock, TrustedTime
from gate_sdk._codes.desk import CodeDesk
from gate_sdk._decision import Decision
from gate_sdk._device import Device
from gate_sdk._frames.delivery import FrameDelivery
from gate_sdk._health import Health, HealthDelivery
from gate_sdk._identity import Identity
from gate_sdk._journal import Journal
from gate_sdk._keyring import Keyring
from gate_sdk._link import DeferredLink, Link
from gate_sdk._outbox.delivery import Delivery
from gate_sdk._picture import FrameTime
from gate_sdk._recognition import Liveness, Recognition
from gate_sdk._running import Running
from gate_sdk._settle import settle
from gate_sdk._status import GateState, GateStatus, status_of
from gate_sdk._sync.engine import SyncEngine
from gate_sdk._sync.loop import SyncLoop
from gate_sdk.errors import GateRevokedError
from gate_sdk.keys import FileKeyProvider, KeyProvider
from gate_sdk.wire import Emergency, EmergencyMode, GateHealth, Outcome, Reason

if TYPE_CHECKING:
    import httpx

    from gate_sdk._observer import Observer, Zone
    from gate_sdk.face.arrays import Frame

__all__ = ["GateClient"]

_log = logging.getLogger("gate_sdk")
# No home is asked for longer than two minutes.
_LONGEST_S = 600.0


class GateClient:
    """One gate: syncs its community's roster, decides locally, reports what happened.

    Open it, ``start()`` it, pass frames to ``observe()``, open where a decision is ``allowed``, ``close()`` it.
    ``start``, ``decide``, ``status`` and ``close`` may be called from any thread, ``observe`` from one at a time.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        keys: KeyProvider | None = None,
        liveness: Liveness | Literal["required", "off"] | None = None,
        unattended: bool = False,
        zone: Zone | None = None,
        on_state: Callable[[GateStatus], None] | None = None,
        clock: Clock | None = None,
        pack: str | None = None,
        codes: bool | None = None,
        recognition: Recognition | Sequence[Recognition] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Open what :meth:`provision` wrote. Needs no network and loads no models.

        Args:
            data_dir: the gate's directory; one process at a time.
            keys: where the keys are; files in ``data_dir/keys`` by default.
            liveness: tells a face from a picture of one; by default the model beside the pack, if there is one.
                ``"required"`` does not open the gate without that model; ``"off"`` uses none, and says that a picture
                of a face may open.
            unattended: nobody watches this gate, so ``liveness`` is ``"required"`` unless it says something else.
            zone: x, y, width, height in pixels of the frame where people stand who want to pass.
            on_state: called in the SDK's thread whenever the roster or the connection changes; must return soon.
            clock: the device's clocks.
            pack: id of the model pack; by default the one the server named, else the installed default.
            codes: whether :meth:`observe` also reads QR codes off the frames; by default if the ``qr`` extra is there.
            recognition: replaces ``gate_sdk.face``, for tests; several are of as many packs, the first to begin with.
            transport: replaces the network, for tests.

        Raises:
            LivenessMissingError: a liveness model is required, and none lies beside the pack.
            CodeReaderMissingError: ``codes`` without the ``qr`` extra.
            NotProvisionedError: no gate in ``data_dir``.
            DeviceKeyUnreadableError: the identity does not open with these keys.
            GateRevokedError: the community took this gate out of service.
            DataDirBusyError: another process uses the directory.
            StorageError: the directory is gone, or ``keys`` does not answer about the device's own. A disk that is full
                or takes nothing keeps no gate from deciding.
        """
        directory = Path(data_dir)
        keys = Keyring(keys or FileKeyProvider(directory / "keys"))
        self._on_state = on_state
        self._unlock_told: UUID | None = None
        self._identity = _identity.load(directory, keys)
        if unattended and liveness is None:
            liveness = "required"
        self._camera = Camera(
            pack=pack or self._identity.pack, recognition=recognition, liveness=liveness, zone=zone, codes=codes
        )
        clock = clock or SystemClock()
        self._monotonic = clock.monotonic
        self._time = TrustedTime(clock)
        self._device = Device(directory, keys, self._identity)
        self._store, self._outbox = self._device.store, self._device.outbox
        self._transport = DeferredLink(lambda: _open_transport(self._identity, clock, transport))
        self._engine = SyncEngine(self._identity, self._store, self._transport, self._time, self._device.rows)
        self._journal = Journal(self._outbox, self._device.frames, self._engine, self._camera, self._time)
        self._engine.alarm = self._journal.alarm
        self._engine.passing = self._device.frames.pass_
        self._engine.keep_trust = self._device.keep_trust
        self._desk = CodeDesk(
            self._identity.community_id,
            lambda: self._engine.trust.raw,
            lambda: self._engine.roster,
            self._time,
            self._device.codes,
        )
        self._questions = Questions(self._desk, lambda: self._engine.roster, self._time)
        self._desk.alarm = self._journal.alarm
        self._loop = SyncLoop(
            self._engine,
            monotonic=clock.monotonic,
            on_change=self._changed,
            on_revoked=self._device.erase,
        )
        self._health = Health()
        self._captured = FrameTime(clock.monotonic)
        health = HealthDelivery(self._own_word, self._transport, clock.monotonic)
        frames = FrameDelivery(self._device.frames, self._transport, self._time)
        self._delivery = Delivery(
            self._outbox,
            self._transport,
            passed_us=self._time.passed_us,
            beforehand=health.once,
            afterwards=frames.once,
        )
        self._running = Running(self._device, self._transport, self._loop, self._delivery)
        for code in self._device.replaced:
            self._journal.alarm(code)

    @classmethod
    def provision(
        cls,
        url: str,
        claim_code: str,
        *,
        data_dir: Path | str,
        keys: KeyProvider | None = None,
        transport: httpx.BaseTransport | None = None,
        allow_http: bool = False,
        packs: Sequence[str] = (),
    ) -> Self:
        """Make this device a gate of the community that issued ``claim_code``, and open it.

        The device makes its own Ed25519 key; the private half never leaves ``data_dir``. After a lost answer the call
        can simply be repeated.

        Args:
            url: the server's address, https; plain http only to this machine or with ``allow_http``.
            claim_code: from the community's staff; works once, for a short time.
            data_dir: created if need be.
            keys: where to keep the keys; files in ``data_dir/keys`` by default.
            transport: replaces the network, for tests.
            allow_http: on a closed network, let templates travel in clear.
            packs: ids of the model packs installed here.

        Raises:
            AlreadyProvisionedError: ``data_dir`` holds a gate.
            ProvisionRefusedError: the code is wrong, used or expired.
            InsecureUrlError: plain http on a network.
            ServerError: the server did not answer, or is no Doorward server.
            StorageError: ``data_dir`` cannot be written.
        """
        from gate_sdk._provision import provision_device  # noqa: PLC0415 - an HTTP stack, needed once

        directory = Path(data_dir)
        keys = keys or FileKeyProvider(directory / "keys")
        provision_device(
            url,
            claim_code,
            directory=directory,
            keys=Keyring(keys),
            transport=transport,
            allow_http=allow_http,
            packs=packs,
        )
        return cls(directory, keys=keys, transport=transport)

    def start(self, wait: float | None = None) -> bool:
        """Begin to sync and to deliver events, in threads of its own; needs no network to succeed.

        Args:
            wait: seconds to wait until the server has confirmed the roster; ``math.inf`` for as long as it takes.

        Returns:
            Whether it has. ``False`` is no failure: the gate decides from what it had, if it had anything.

        Raises:
            GateRevokedError: while waiting, the server said that this gate is out of service.
            GateClosedError: it is closed.
        """
        self._running.start()
        confirmed = self._loop.wait_first(_bounded(wait or 0.0, threading.TIMEOUT_MAX))
        if self._loop.state is GateState.REVOKED:
            raise GateRevokedError
        return confirmed

    def load(self) -> None:
        """Load the models now rather than with the first frame (a tenth to half a second).

        Raises:
            RecognitionMissingError: the ``face`` extra or the model pack is not installed.
        """
        self._watching()

    def observe(self, frame: Frame | bytes, at: float | None = None) -> Decision | None:
        """Take the camera's next frame; decide once per approach.

        Follows the nearest face over frames, fuses what they show until it suffices or a second is up, then returns
        one decision. ``None`` in between: nobody there, not sure yet, or already decided. A QR code held into the frame
        is decided about as well, once as long as it stays; other services' codes are passed over.

        Who stood there with somebody who was let in, and five seconds later has neither a right of his own nor stayed,
        is reported to the staff as an alarm, ``tail-gated:N``, which says how many and nothing about whom.

        During an emergency unlock every frame is answered with ``allow`` (``emergency_unlock``), unseen.

        Args:
            frame: uint8 (height, width, 3), RGB, or an encoded picture (JPEG, PNG, WebP, HEIC).
            at: when it was captured, in seconds by any count that goes on from frame to frame, such as the stream's;
                now by default. It may begin anew, as after a camera was connected again.

        Raises:
            RecognitionMissingError: the ``face`` extra or the model pack is not installed.
            ValueError: no frame, such as what a camera gives that has none, or no time; the next one may be.
            GateClosedError: the gate is closed.
        """
        self._running.require_open()
        if (unlocked := self._unlocked()) is not None:
            return unlocked
        at = self._captured.of(self._monotonic() if at is None else at)
        observer = self._watching()
        began = time.perf_counter()
        decision = observer.observe(frame, at)
        if observer.waited is not None:
            # From the first frame's capture to now: what the last frame took is part of the wait.
            self._health.let_in(observer.waited + time.perf_counter() - began)
        self._health.saw(observer.frame, self._monotonic())
        if observer.followed:
            self._journal.alarm(f"tail-gated:{observer.followed}")
        if decision is None:
            decision = self._camera.read_code(self._desk, self._identity.community_id, at)
        return None if decision is None else self._journal.reported(decision)

    def decide_qr(self, text: str, *, pin: str | None = None) -> Decision:
        """Decide about the text of a QR code, from whatever reader; needs neither a camera nor the network.

        A phone's code opens a gate once. A visitor's token with limited uses gives ``needs_approval``
        (``use_uncounted``): :meth:`resolve` counts it. A printed card gives ``needs_second_factor`` (``pin_needed``):
        give the PIN here, or to :meth:`resolve`.

        Args:
            text: as the reader has it; any text is taken, and what is none of ours is refused.
            pin: what the holder of a card typed.

        Raises:
            TypeError: bytes in place of a text, or a number in place of a PIN's digits.
            GateClosedError: the gate is closed.
        """
        self._running.require_open()
        _require_text(text, pin)
        return self._unlocked() or self._journal.reported(self._desk.decide(text, pin=pin))

    def decide(self, frame: Frame | bytes) -> Decision:
        """Decide about one picture.

        For a single picture only, such as a button press takes. Calling it frame by frame gives a stranger a new chance
        with every frame and so multiplies false accepts; that is what :meth:`observe` is for.

        Args:
            frame: as for :meth:`observe`.

        Raises:
            RecognitionMissingError: the ``face`` extra or the model pack is not installed.
            ValueError: no frame.
            GateClosedError: the gate is closed.
        """
        self._running.require_open()
        return self._unlocked() or self._journal.reported(self._watching().decide(frame))

    @property
    def emergency(self) -> Emergency | None:
        """The order in force at this gate, by its own clock: a lockdown, or an unlock that is to hold the door open.

        ``on_state`` is called when one begins and when it ends, with or without the network.
        """
        return self._engine.roster.door.emergency(self._time.now_us())

    def _unlocked(self) -> Decision | None:
        """The answer to whatever is asked while the door is to be open to everybody; nobody is looked at."""
        order = self.emergency
        if order is None or order.mode is not EmergencyMode.UNLOCK:
            return None
        now_us, head = self._time.now_us(), self._engine.roster.head
        decision = Decision(
            outcome=Outcome.ALLOW,
            reason=Reason.EMERGENCY_UNLOCK,
            at_us=now_us,
            stale_for=None if head is None else max(0.0, (now_us - head.issued_at_us) / 1e6),
            version=None if head is None else head.version,
        )
        if self._unlock_told == order.id:
            return decision
        # Once for each order: a record for every frame would bury what else happened.
        self._unlock_told = order.id
        return self._journal.reported(decision)

    def resolve(
        self, decision: Decision, timeout: float, *, code: str | None = None, pin: str | None = None
    ) -> Decision:
        """Settle a decision that needs something more. ``allow`` and ``deny`` are final and come back as they are.

        - ``use_uncounted``: the use is counted across the community's gates where the server answers in time. Without
          it this gate's own count decides, and the server hears of the use with the event.
        - ``ask_first``: the people of the home by whose leave he comes are asked, and one of them says yes or no
          within ``timeout``: ``approved``, or ``deny`` with ``approval_refused``, ``approval_timeout`` where nobody
          answered, ``approval_offline`` where the server could not be reached. Half a minute is a good time; call it in
          a thread of its own where the camera is to go on meanwhile. Where a limited use is then to be counted, that
          may take a second more.
        - ``pin_needed``: ``pin`` decides, within two minutes.
        - ``ambiguous``: ``code``, the text of a QR code shown within 30 seconds, decides if it is the code of one of
          the look-alikes; anybody else's is refused.

        Without the answer that it needs the decision becomes ``deny`` with its reason unchanged.

        Args:
            decision: of :meth:`observe`, :meth:`decide` or :meth:`decide_qr` of this client.
            timeout: seconds to wait for the server, or for a home, at most; ten minutes at most.
            code: a QR code's text.
            pin: a card's PIN.

        Raises:
            TypeError: as for :meth:`decide_qr`.
            GateClosedError: the gate is closed.
        """
        self._running.require_open()
        _require_text(code, pin)
        return settle(
            decision,
            timeout=_bounded(timeout, _LONGEST_S),
            code=code,
            pin=pin,
            desk=self._desk,
            questions=self._questions,
            camera=self._camera,
            link=self._transport,
            reported=self._journal.reported,
        )

    def status(self) -> GateStatus:
        """How the gate is doing, now."""
        return status_of(
            self._identity,
            self._engine.roster,
            self._time,
            state=GateState.CLOSED if self._running.closed else self._loop.state,
            pack=self._camera.pack,
            counts=None if self._running.closed else self._outbox.counts(),
            last_error=self._loop.last_error,
        )

    def close(self) -> None:
        """Stop the threads and close the files; what was not delivered is delivered after the next start.

        May be called from ``on_state``. In a process that was forked from the one that opened this gate it does
        nothing.
        """
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watching(self) -> Observer:
        return self._camera.load(self._engine.use, lambda: self._engine.roster, self._time)

    def _own_word(self) -> GateHealth:
        """What the server is told of how this gate is doing."""
        now_us = self._time.now_us()
        head, counts, oldest = self._engine.roster.head, self._outbox.counts(), self._outbox.oldest(1)
        return msgspec.structs.replace(
            self._health.report(now_us=now_us, at=self._monotonic()),
            packs=self._camera.loaded,
            stale_s=None if head is None else max(0, (now_us - head.issued_at_us) // 1_000_000),
            queue=counts.pending,
            queue_s=max(0, (now_us - oldest[0].at_us) // 1_000_000) if oldest else 0,
            dropped=counts.dropped,
            refused=counts.refused,
        )

    def _changed(self) -> None:
        if self._on_state is None or self._running.closed:
            return
        try:
            self._on_state(self.status())
        except BaseException:  # noqa: BLE001 - nor may sys.exit() in the vendor's code end the thread that syncs
            _log.exception("the on_state callback failed")


def _bounded(seconds: float, most: float) -> float:
    """So long as a thread can be waited for. What is not a number is no time, as is less than none."""
    return min(max(0.0, seconds), most)


def _require_text(*texts: object) -> None:
    # Before anything is counted: three PINs that are numbers would lock the card.
    for text in texts:
        if text is not None and not isinstance(text, str):
            raise TypeError(f"a code and a PIN are str, not {type(text).__name__}; a code's bytes are ASCII")


def _open_transport(identity: Identity, clock: Clock, transport: httpx.BaseTransport | None) -> Link:
    from gate_sdk._transport import Transport  # noqa: PLC0415 - in the thread that syncs; see DeferredLink

    return Transport(identity, clock, transport)
