"""The gate, as a vendor's program sees it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

import msgspec

from gate_sdk import _identity
from gate_sdk._cache.store import RosterStore
from gate_sdk._clock import Clock, SystemClock, TrustedTime
from gate_sdk._codes.desk import CodeDesk, credential_of
from gate_sdk._codes.reader import CodeWatch, has_reader, read_texts, require_reader
from gate_sdk._codes.store import CodeStore
from gate_sdk._decision import Decision
from gate_sdk._files import DirectoryLock
from gate_sdk._frames.delivery import FrameDelivery
from gate_sdk._frames.store import FrameStore
from gate_sdk._identity import Identity
from gate_sdk._link import DeferredLink, Link
from gate_sdk._memory import give_back
from gate_sdk._outbox.delivery import Delivery
from gate_sdk._outbox.events import alarm, report
from gate_sdk._outbox.store import Outbox
from gate_sdk._recognition import Liveness, Recognition
from gate_sdk._status import GateState, GateStatus, with_head
from gate_sdk._sync.engine import SyncEngine
from gate_sdk._sync.loop import SyncLoop
from gate_sdk._version import VERSION
from gate_sdk.errors import (
    GateError,
    GateRevokedError,
    LivenessMissingError,
    RecognitionMissingError,
)
from gate_sdk.keys import FileKeyProvider, KeyProvider
from gate_sdk.wire import (
    FRAME_REASONS,
    CodeUnreadable,
    DeniedFrame,
    Emergency,
    EmergencyMode,
    Outcome,
    Reason,
    Via,
    parse_code,
)

if TYPE_CHECKING:
    import httpx

    from gate_sdk._observer import Observer, Zone
    from gate_sdk.face.arrays import Frame

__all__ = ["GateClient"]

_log = logging.getLogger("gate_sdk")
_JOIN_S = 5.0


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
        recognition: Recognition | None = None,
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
            recognition: replaces ``gate_sdk.face``, for tests.
            transport: replaces the network, for tests.

        Raises:
            LivenessMissingError: a liveness model is required, and none lies beside the pack.
            CodeReaderMissingError: ``codes`` without the ``qr`` extra.
            NotProvisionedError: no gate in ``data_dir``.
            DeviceKeyUnreadableError: the identity does not open with these keys.
            GateRevokedError: the community took this gate out of service.
            DataDirBusyError: another process uses the directory.
            StorageError: the disk is full, read-only or gone.
        """
        if isinstance(liveness, str) and liveness not in {"required", "off"}:
            raise ValueError(f"liveness is a model, 'required' or 'off', not {liveness!r}")
        if unattended and liveness is None:
            liveness = "required"
        if codes:
            require_reader()
        self._directory = Path(data_dir)
        self._keys = keys or FileKeyProvider(self._directory / "keys")
        self._liveness = liveness
        self._zone = zone
        self._on_state = on_state
        self._recognition = recognition
        self._observer: Observer | None = None
        self._loading = threading.Lock()
        self._starting = threading.Lock()
        self._started = False
        self._closed = False
        self._unlock_told: UUID | None = None
        self._identity = _identity.load(self._directory, self._keys)
        self._pack = pack or self._identity.pack
        if liveness == "required" and not _has_liveness(recognition.pack if recognition else self._pack):
            raise LivenessMissingError
        clock = clock or SystemClock()
        self._monotonic = clock.monotonic
        self._time = TrustedTime(clock)
        self._lock = DirectoryLock(self._directory)
        self._lock.acquire()
        self._store = RosterStore(self._directory, self._keys, self._identity.trusted)
        self._outbox = Outbox(self._directory, self._keys)
        self._code_store = CodeStore(self._directory, self._keys)
        self._frames = FrameStore(self._directory, self._keys)
        try:
            self._outbox.open()
            rows = self._store.open()
        except BaseException:
            self._release()
            raise
        self._transport = DeferredLink(lambda: _open_transport(self._identity, clock, transport))
        self._engine = SyncEngine(self._identity, self._store, self._transport, self._time, rows)
        self._engine.alarm = self._alarm
        self._engine.passing = self._frames.pass_
        self._desk = CodeDesk(
            self._identity.community_id,
            self._identity.trusted,
            lambda: self._engine.roster,
            self._time,
            self._code_store,
        )
        self._desk.alarm = self._alarm
        self._watch = CodeWatch() if codes or (codes is None and has_reader()) else None
        self._loop = SyncLoop(
            self._engine,
            monotonic=clock.monotonic,
            on_change=self._changed,
            on_revoked=self._revoked,
        )
        frames = FrameDelivery(self._frames, self._transport, self._time)
        self._delivery = Delivery(self._outbox, self._transport, afterwards=frames.once)
        for replaced, code in ((self._store.replaced, "roster-damaged"), (self._outbox.replaced, "outbox-damaged")):
            if replaced:
                self._alarm(code)

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
            keys=keys,
            transport=transport,
            allow_http=allow_http,
            packs=packs,
        )
        return cls(directory, keys=keys, transport=transport)

    def start(self, wait: float | None = None) -> bool:
        """Begin to sync and to deliver events, in threads of its own; needs no network to succeed.

        Args:
            wait: seconds to wait until the server has confirmed the roster.

        Returns:
            Whether it has. ``False`` is no failure: the gate decides from what it had, if it had anything.

        Raises:
            GateRevokedError: while waiting, the server said that this gate is out of service.
        """
        with self._starting:
            if not self._started:
                self._started = True
                self._loop.start()
                self._delivery.start()
        confirmed = self._loop.wait_first(wait or 0.0)
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
            at: when it was captured, seconds of the client's monotonic clock; now by default.

        Raises:
            RecognitionMissingError: the ``face`` extra or the model pack is not installed.
            ValueError: an array that is no frame.
        """
        if (unlocked := self._unlocked()) is not None:
            return unlocked
        at = self._monotonic() if at is None else at
        observer = self._watching()
        decision = observer.observe(frame, at)
        if observer.followed:
            self._alarm(f"tail-gated:{observer.followed}")
        if decision is None and self._watch is not None and self._watch.due(busy=observer.busy):
            decision = self._seen_code(self._watch, observer, at)
        return None if decision is None else self._reported(decision)

    def _seen_code(self, watch: CodeWatch, observer: Observer, at: float) -> Decision | None:
        for text in [] if observer.frame is None else read_texts(observer.frame):
            with contextlib.suppress(CodeUnreadable):
                if watch.new(credential_of(parse_code(text), self._identity.community_id), at):
                    decision = self._desk.decide(text)
                    if decision.allowed:
                        observer.following.let_in(at)
                    return decision
        return None

    def decide_qr(self, text: str, *, pin: str | None = None) -> Decision:
        """Decide about the text of a QR code, from whatever reader; needs neither a camera nor the network.

        A phone's code opens a gate once. A visitor's token with limited uses gives ``needs_approval``
        (``use_uncounted``): :meth:`resolve` counts it. A printed card gives ``needs_second_factor`` (``pin_needed``):
        give the PIN here, or to :meth:`resolve`.

        Args:
            text: as the reader has it; anything is taken, and what is none of ours is refused.
            pin: what the holder of a card typed.
        """
        return self._unlocked() or self._reported(self._desk.decide(text, pin=pin))

    def decide(self, frame: Frame | bytes) -> Decision:
        """Decide about one picture.

        For a single picture only, such as a button press takes. Calling it frame by frame gives a stranger a new chance
        with every frame and so multiplies false accepts; that is what :meth:`observe` is for.

        Args:
            frame: as for :meth:`observe`.

        Raises:
            RecognitionMissingError: the ``face`` extra or the model pack is not installed.
            ValueError: an array that is no frame.
        """
        return self._unlocked() or self._reported(self._watching().decide(frame))

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
        return self._reported(decision)

    def resolve(
        self, decision: Decision, timeout: float, *, code: str | None = None, pin: str | None = None
    ) -> Decision:
        """Settle a decision that needs something more. ``allow`` and ``deny`` are final and come back as they are.

        - ``use_uncounted``: the use is counted across the community's gates where the server answers in time. Without
          it this gate's own count decides, and the server hears of the use with the event.
        - ``pin_needed``: ``pin`` decides, within two minutes.
        - ``ambiguous``: ``code``, the text of a QR code shown within 30 seconds, decides if it is the code of one of
          the look-alikes; anybody else's is refused.

        Without the answer that it needs the decision becomes ``deny`` with its reason unchanged.

        Args:
            decision: of :meth:`observe`, :meth:`decide` or :meth:`decide_qr` of this client.
            timeout: seconds to wait for the server at most.
            code: a QR code's text.
            pin: a card's PIN.
        """
        if decision.outcome in {Outcome.ALLOW, Outcome.DENY}:
            return decision
        settled: Decision | None = None
        if decision.reason is Reason.USE_UNCOUNTED:
            settled = self._desk.count(decision, self._transport, timeout)
        elif decision.reason is Reason.PIN_NEEDED and pin is not None:
            settled = self._desk.with_pin(decision, pin)
        elif decision.reason is Reason.AMBIGUOUS and code is not None and decision.via is Via.FACE:
            since, candidates = (0, frozenset[UUID]()) if self._observer is None else self._observer.doubt
            if since == decision.at_us:
                settled = self._desk.second_factor(decision, candidates, code)
        if settled is None:
            settled = msgspec.structs.replace(decision, outcome=Outcome.DENY, event=None)
        elif settled.outcome not in {Outcome.ALLOW, Outcome.DENY}:
            # Whoever stands between look-alikes and has a token with counted uses: both questions are one.
            return self.resolve(self._reported(settled), timeout, pin=pin)
        return self._reported(settled)

    def status(self) -> GateStatus:
        """How the gate is doing, now."""
        roster = self._engine.roster
        head = roster.head
        state = GateState.CLOSED if self._closed else self._loop.state
        status = GateStatus(
            state=state,
            gate_id=self._identity.gate_id,
            community_id=self._identity.community_id,
            name=self._identity.name,
            url=self._identity.url,
            sdk=VERSION,
            pack=self._recognition.pack if self._recognition else self._pack,
            count=roster.count,
            matchable=roster.matchable,
            clock_behind=self._time.ahead_s() < -1.0,
            last_error=self._loop.last_error,
        )
        if head is not None:
            now_us = self._time.now_us()
            status = with_head(status, head, now_us)
            if (order := roster.door.emergency(now_us)) is not None:
                left = (order.until_us - now_us) / 1e6
                status = msgspec.structs.replace(status, emergency=order.mode, emergency_s=left)
        if self._closed:
            return status
        counts = self._outbox.counts()
        return msgspec.structs.replace(status, pending=counts.pending, refused=counts.refused, dropped=counts.dropped)

    def close(self) -> None:
        """Stop the threads and close the files; what was not delivered is delivered after the next start."""
        if self._closed:
            return
        self._closed = True
        self._loop.stop()
        self._delivery.stop()
        self._transport.abort()
        if self._started and not (self._loop.join(_JOIN_S) and self._delivery.join(_JOIN_S)):
            _log.warning("a thread is still waiting for the network; it ends with its request")
            # The files stay open for it, and the directory locked: two users of them would be worse than a late end.
            return
        self._transport.close()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _release(self) -> None:
        self._store.close()
        self._outbox.close()
        self._code_store.close()
        self._frames.close()
        self._lock.release()

    def _watching(self) -> Observer:
        if self._observer is None:
            with self._loading:
                if self._observer is None:
                    self._observer = self._load()
        return self._observer

    def _load(self) -> Observer:
        recognition = self._recognition or _load_recognition(self._pack)
        self._engine.use(recognition)
        give_back()
        self._recognition = recognition
        from gate_sdk._observer import Observer  # noqa: PLC0415 - with the first frame, like the models

        return Observer(
            recognition, lambda: self._engine.roster, self._time, liveness=self._live(recognition), zone=self._zone
        )

    def _live(self, recognition: Recognition) -> Liveness | None:
        """The model that tells a face from a picture of one; None where there is none, or it is off."""
        if not isinstance(self._liveness, str) and self._liveness is not None:
            return self._liveness
        if self._liveness == "off":
            return None
        model = _load_liveness(recognition.pack)
        if model is None and self._liveness == "required":
            raise LivenessMissingError
        return model

    def _reported(self, decision: Decision) -> Decision:
        event = report(decision)
        if event is None:
            return decision
        seq = self._outbox.append(event)
        if seq is not None and decision.outcome is Outcome.DENY:
            self._keep_picture(decision, seq)
        return msgspec.structs.replace(decision, event=seq)

    def _keep_picture(self, decision: Decision, seq: int) -> None:
        """Keep the picture of a face that was refused, if the community has such pictures kept; once."""
        observer, head = self._observer, self._engine.roster.head
        crop = None if observer is None else observer.crop
        if observer is None or head is None or crop is None or crop[0] != decision.at_us:
            return
        if decision.via is not Via.FACE or decision.reason not in FRAME_REASONS:
            return
        observer.crop = None
        frame = DeniedFrame(
            store_epoch=self._outbox.store_epoch,
            seq=seq,
            at_us=decision.at_us,
            reason=decision.reason,
            jpeg=crop[1],
        )
        try:
            self._frames.add(frame, head, self._time.now_us())
        except GateError as error:
            # Nobody waits at the gate for a picture.
            _log.warning("a picture of a denied approach is not kept (%s)", error.code)
        self._outbox.wake.set()

    def _revoked(self) -> None:
        # Before the mark is set by which the next start knows that this gate is none any more.
        try:
            self._frames.wipe()
        finally:
            _identity.erase(self._directory, self._keys)

    def _alarm(self, code: str) -> None:
        self._outbox.append(alarm(code, self._time.now_us()))

    def _changed(self) -> None:
        if self._on_state is None or self._closed:
            return
        try:
            self._on_state(self.status())
        except Exception:  # noqa: BLE001 - the vendor's code must not end the thread that syncs
            _log.exception("the on_state callback failed")


def _open_transport(identity: Identity, clock: Clock, transport: httpx.BaseTransport | None) -> Link:
    from gate_sdk._transport import Transport  # noqa: PLC0415 - in the thread that syncs; see DeferredLink

    return Transport(identity, clock, transport)


def _load_recognition(pack: str | None) -> Recognition:
    try:
        from gate_sdk._face import FaceRecognition  # noqa: PLC0415 - keeps numpy out of `import gate_sdk`
        from gate_sdk.face.errors import PackError  # noqa: PLC0415
    except ImportError as error:
        raise RecognitionMissingError(f"the face extra is not installed: {error.name} is missing") from error
    try:
        return FaceRecognition.load(pack)
    except PackError as error:
        raise RecognitionMissingError(f"{error}", remedy=error.remedy) from error


def _has_liveness(pack: str | None) -> bool:
    """Whether a liveness model lies beside the pack, without opening it."""
    try:
        from gate_sdk.face.liveness import is_installed  # noqa: PLC0415 - numpy, before the first frame only if asked
    except ImportError as error:
        raise RecognitionMissingError(f"the face extra is not installed: {error.name} is missing") from error
    return is_installed(pack)


def _load_liveness(pack: str) -> Liveness | None:
    from gate_sdk.face.errors import PackError, PackMissing  # noqa: PLC0415 - see _load_recognition
    from gate_sdk.face.liveness import LivenessModel  # noqa: PLC0415
    from gate_sdk.face.packs import ModelPack  # noqa: PLC0415

    try:
        return LivenessModel.load(ModelPack.load(pack))
    except PackMissing:
        # A pack of the vendor's own recognition, which is not installed here.
        if not _has_liveness(pack):
            return None
        raise RecognitionMissingError(f"the liveness model of {pack} is not whole") from None
    except PackError as error:
        # A damaged model must not pass for none: the gate would let pictures in.
        raise RecognitionMissingError(f"{error}", remedy=error.remedy) from error
