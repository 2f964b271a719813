"""What looks at the camera's frames: recognition, liveness, and the reader of codes; loaded with the first frame."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from gate_sdk._cache.index import Roster
from gate_sdk._clock import TrustedTime
from gate_sdk._codes.desk import CodeDesk, credential_of
from gate_sdk._codes.reader import CodeWatch, has_reader, read_texts, require_reader
from gate_sdk._decision import Decision
from gate_sdk._memory import give_back
from gate_sdk._models import has_liveness, load_liveness, load_recognition
from gate_sdk._packs import Packs
from gate_sdk._recognition import Liveness, Recognition
from gate_sdk.errors import LivenessMissingError
from gate_sdk.wire import CodeUnreadable, Via, parse_code

if TYPE_CHECKING:
    from gate_sdk._observer import Observer, Zone

__all__ = ["Camera", "LivenessChoice"]

LivenessChoice = Liveness | Literal["required", "off"] | None
_ZONE, _FAR = 4, 1e6


class Camera:
    """The models of one gate and who stands before it. ``observer`` may be called from one thread at a time."""

    def __init__(
        self,
        *,
        pack: str | None,
        recognition: Recognition | Sequence[Recognition] | None,
        liveness: LivenessChoice,
        zone: Zone | None,
        codes: bool | None,
    ) -> None:
        """Check what is asked for, and load nothing yet.

        Raises:
            ValueError: ``liveness`` is none that there is, or ``zone`` is no part of a picture.
            CodeReaderMissingError: ``codes`` without the ``qr`` extra.
            LivenessMissingError: a liveness model is required, and none lies beside the pack.
        """
        if isinstance(liveness, str) and liveness not in {"required", "off"}:
            raise ValueError(f"liveness is a model, 'required' or 'off', not {liveness!r}")
        _require_liveness(liveness)
        _require_zone(zone)
        if codes:
            require_reader()
        self._pack = pack
        self._given: tuple[Recognition, ...] = ()
        if recognition is not None:
            self._given = tuple(recognition) if isinstance(recognition, Sequence) else (recognition,)
        self._liveness = liveness
        self._zone = zone
        self._loading = threading.Lock()
        self._packs: Packs | None = None
        #: ``None`` until the first frame.
        self.observer: Observer | None = None
        self._watch = CodeWatch() if codes or (codes is None and has_reader()) else None
        if liveness == "required" and not has_liveness(self.pack):
            raise LivenessMissingError

    @property
    def pack(self) -> str | None:
        """The id of the pack that is loaded or will be."""
        if self._packs is not None:
            return self._packs.first.pack
        return self._given[0].pack if self._given else self._pack

    @property
    def loaded(self) -> tuple[str, ...]:
        """The ids of the packs that are loaded."""
        return () if self._packs is None else self._packs.loaded

    def load(self, use: Callable[[Packs], None], roster: Callable[[], Roster], time: TrustedTime) -> Observer:
        """The observer; its models are loaded once, and given to ``use`` before anything is decided by them.

        Raises:
            RecognitionMissingError: the ``face`` extra or the model pack is not installed.
            LivenessMissingError: a liveness model is required, and none lies beside the pack.
        """
        if self.observer is None:
            with self._loading:
                if self.observer is None:
                    packs = Packs.open(self._given, self._pack, roster().packs(), load_recognition)
                    use(packs)
                    give_back()
                    self._packs, recognition = packs, packs.first
                    from gate_sdk._observer import Observer  # noqa: PLC0415 - with the first frame, like the models

                    self.observer = Observer(
                        recognition, roster, time, liveness=self._live(recognition), zone=self._zone
                    )
        return self.observer

    def _live(self, recognition: Recognition) -> Liveness | None:
        """The model that tells a face from a picture of one; None where there is none, or it is off."""
        if not isinstance(self._liveness, str) and self._liveness is not None:
            return self._liveness
        if self._liveness == "off":
            return None
        model = load_liveness(recognition.pack)
        if model is None and self._liveness == "required":
            raise LivenessMissingError
        return model

    def read_code(self, desk: CodeDesk, community: UUID, at: float) -> Decision | None:
        """Decide about a code that is held into the frame just observed, once as long as it stays there."""
        observer, watch = self.observer, self._watch
        if observer is None or watch is None or not watch.due(busy=observer.busy) or observer.frame is None:
            return None
        for text in read_texts(observer.frame):
            with contextlib.suppress(CodeUnreadable):
                if watch.new(credential_of(parse_code(text), community), at):
                    decision = desk.decide(text)
                    if decision.allowed:
                        observer.following.let_in(at)
                    return decision
        return None

    def let_in(self, decision: Decision) -> None:
        """Note that somebody was let in after all, so that he is taken neither for a follower nor for a new comer."""
        if self.observer is not None:
            self.observer.settled.append(decision.subject if decision.via is Via.FACE else None)

    def crop(self, decision: Decision) -> bytes | None:
        """The JPEG of the face that this decision was about, once."""
        if self.observer is None or self.observer.crop is None or self.observer.crop[0] != decision.at_us:
            return None
        jpeg = self.observer.crop[1]
        self.observer.crop = None
        return jpeg

    def doubt(self, decision: Decision) -> frozenset[UUID] | None:
        """Between whom this decision was in doubt; ``None`` where it was not, or somebody else came since."""
        if self.observer is None:
            return None
        since, candidates = self.observer.doubt
        return candidates if since == decision.at_us else None


def _require_liveness(liveness: LivenessChoice) -> None:
    """Refuse at the start what would refuse everybody, or fall over, with the first face."""
    if liveness is None or isinstance(liveness, str):
        return
    threshold = getattr(liveness, "threshold", None)
    if not callable(getattr(liveness, "score", None)) or not _within(threshold, 0.0, 1.0):
        raise ValueError("a liveness model has a threshold, 0 to 1, and score(frame, face)")


def _require_zone(zone: Zone | None) -> None:
    if zone is None:
        return
    # A zone of parts of the frame, 0 to 1, has no face's middle in it; nobody would ever be decided about.
    if len(zone) != _ZONE or not all(_within(one, -_FAR, _FAR) for one in zone) or min(zone[2:]) <= 1:
        raise ValueError(f"a zone is x, y, width, height in pixels of the frame, not {zone!r}")


def _within(number: object, least: float, most: float) -> bool:
    try:
        return least <= float(number) <= most  # type: ignore[arg-type]  # what is no number is what is looked for
    except (TypeError, ValueError):
        return False
