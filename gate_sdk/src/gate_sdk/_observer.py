"""From a frame to a decision: runs recognition, times it, and asks the rule."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from gate_sdk._cache.index import Roster
from gate_sdk._clock import TrustedTime
from gate_sdk._compare import compare
from gate_sdk._decide import MIN_FACE_PX, Verdict, approach_of, decide
from gate_sdk._decision import Decision, StageTimes
from gate_sdk._following import Following
from gate_sdk._frames.store import keeps
from gate_sdk._picture import require_frame
from gate_sdk._recognition import Candidate, Evidence, Liveness, Recognition, UnusableError
from gate_sdk._tracker import EARLY_FRAMES, Step, Tracker
from gate_sdk.wire import FRAME_REASONS, MAX_FRAME_BYTES, MAX_FRAME_PX, Head, Outcome, Reason

if TYPE_CHECKING:
    from gate_sdk.face import Detection, Frame

__all__ = ["Observer", "Zone"]

Zone = tuple[float, float, float, float]

_log = logging.getLogger("gate_sdk")


class _Stopwatch:
    """Milliseconds by stage, added up over an approach."""

    def __init__(self) -> None:
        self.ms = dict.fromkeys(("decode", "detect", "align", "embed", "live", "match", "total"), 0.0)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.ms[stage] += (time.perf_counter() - began) * 1e3

    def times(self) -> StageTimes:
        return StageTimes(**{stage: round(ms, 3) for stage, ms in self.ms.items()})


class _Result:
    """A candidate, what it was compared with, and the verdict."""

    __slots__ = ("candidate", "threshold", "verdict")

    def __init__(self, verdict: Verdict, candidate: Candidate | None = None, threshold: float | None = None) -> None:
        self.verdict = verdict
        self.candidate = candidate
        self.threshold = threshold

    @property
    def lead(self) -> float | None:
        """Fused score minus threshold, where somebody was matched beyond doubt."""
        if self.candidate is None or self.threshold is None or self.verdict.subject is None:
            return None
        return self.candidate.score - self.threshold


class Observer:
    """Decides about frames of one camera; ``observe`` from one thread at a time."""

    def __init__(
        self,
        recognition: Recognition,
        roster: Callable[[], Roster],
        trusted: TrustedTime,
        *,
        liveness: Liveness | None = None,
        zone: Zone | None = None,
    ) -> None:
        #: By it faces are found and followed; another, once nobody on the roster has a template of it any more.
        self._recognition = recognition
        self._roster = roster
        self._time = trusted
        self._liveness = liveness
        self._zone = zone
        self._tracker = Tracker()
        self._watch = _Stopwatch()
        #: Whether this approach has looked like a picture; then nothing is decided before the time is up.
        self._wavering = False
        #: Who was let in and who came behind, and how many did so by the last frame.
        self.following = Following()
        self.followed = 0
        #: Who was let in only once something more was settled, in whatever thread; a code's holder is None.
        self.settled: deque[UUID | None] = deque()
        #: The last frame observed, decoded, and whether a face of it was embedded.
        self.frame: Frame | None = None
        self.busy = False
        #: How long somebody has stood here whom the last decision let in, seconds; None where it let nobody in.
        self.waited: float | None = None
        #: When it was in doubt between look-alikes, and between whom.
        self.doubt: tuple[int, frozenset[UUID]] = (0, frozenset())
        #: When somebody was refused, and his picture, where the community has such pictures kept.
        self.crop: tuple[int, bytes] | None = None

    def decide(self, picture: Frame | bytes) -> Decision:
        """Decide about one picture; always gives a decision."""
        watch = _Stopwatch()
        with watch.time("total"):
            roster = self._roster()
            if not self._tracker.evidence:
                self._go_by(roster)
            now_us = self._time.now_us()
            frame: Frame | None = None
            face: Detection | None = None
            evidence: list[Evidence] = []
            try:
                frame = self._decoded(picture, watch)
                face = None if frame is None else self._find(frame, watch)
                if frame is None:
                    result = _Result(Verdict(Outcome.DENY, Reason.NOT_A_PICTURE))
                elif face is None:
                    result = _Result(Verdict(Outcome.DENY, Reason.NO_FACE))
                elif face.box[2] < MIN_FACE_PX:
                    result = _Result(Verdict(Outcome.DENY, Reason.FACE_TOO_SMALL))
                else:
                    evidence = [self._embed(frame, face, roster, watch)]
                    if evidence[0].weight < self._recognition.min_weight:
                        raise UnusableError("weight")  # noqa: TRY301 - one place says what is unusable
                    with watch.time("match"):
                        result = self._judge(evidence, roster, now_us)
            except UnusableError:
                result = _Result(Verdict(Outcome.DENY, Reason.LOW_QUALITY))
        self._note_doubt(result, now_us)
        self._note_crop(result, roster.head, now_us, frame, face)
        return _decision(result, roster.head, now_us, face, len(evidence), watch)

    def observe(self, picture: Frame | bytes, at: float) -> Decision | None:
        """Take the next frame, captured at ``at`` (monotonic seconds); a decision once per approach."""
        began = time.perf_counter()
        self.frame, self.busy, self.followed, self.waited = None, False, 0, None
        while self.settled:
            self.following.let_in(at, self.settled.popleft())
        tracker = self._tracker
        fresh = not tracker.evidence
        if fresh:
            self._watch = _Stopwatch()
            self._go_by(self._roster())
        watch = self._watch
        try:
            self.frame = frame = self._frame(picture, watch)
            face = self._nearest(frame, at, watch)
            near = face if face is not None and face.box[2] >= MIN_FACE_PX else None
            if tracker.see(None if near is None else near.box, at) is Step.SKIP or near is None:
                return None
            self.busy = True
            one = self._embed(frame, near, self._roster(), watch)
            if one.weight < self._recognition.min_weight:
                return self._too_poor(near, at, watch)
            if not tracker.add(one, at, self._similarity):
                return None
            if len(tracker.evidence) == 1 and not fresh:
                # Somebody else took the place: what was timed so far belongs to the approach before.
                self._watch = watch = _Stopwatch()
            roster = self._roster()
            now_us = self._time.now_us()
            with watch.time("match"):
                result = self._judge(tracker.evidence, roster, now_us)
        except UnusableError:
            return None
        watch.ms["total"] += (time.perf_counter() - began) * 1e3
        if not self._is_due(result, at):
            return None
        self._note_doubt(result, now_us)
        self._note_crop(result, roster.head, now_us, frame, near)
        return _decision(result, roster.head, now_us, near, len(tracker.evidence), watch)

    def _is_due(self, result: _Result, at: float) -> bool:
        """Whether this is the approach's one decision, and not one that has let its subject in a moment ago."""
        tracker, verdict = self._tracker, result.verdict
        if len(tracker.evidence) == 1:
            self._wavering = False
        elif len(tracker.evidence) >= EARLY_FRAMES and verdict.reason is Reason.NOT_LIVE:
            # Waiting for the frame with which a picture's mean gets over the line would be a try for every frame.
            self._wavering = True
        if not tracker.due(at, None if self._wavering else result.lead):
            return False
        tracker.decided()
        if verdict.outcome is not Outcome.ALLOW or verdict.subject is None:
            return True
        if self.following.again(verdict.subject, at):
            return False
        self.following.let_in(at, verdict.subject)
        self.waited = at - tracker.since
        return True

    def _note_doubt(self, result: _Result, now_us: int) -> None:
        candidate = result.candidate
        if result.verdict.reason is Reason.AMBIGUOUS and candidate is not None:
            both = {candidate.subject, candidate.runner_up or candidate.subject}
            self.doubt = (now_us, frozenset(both))

    def _note_crop(
        self, result: _Result, head: Head | None, now_us: int, frame: Frame | None, face: Detection | None
    ) -> None:
        self.crop = None
        if frame is None or face is None or result.verdict.reason not in FRAME_REASONS or not keeps(head, now_us):
            return
        from gate_sdk.face.crop import face_crop  # noqa: PLC0415 - needed where a community has turned it on

        jpeg = face_crop(frame, face.box, most_px=MAX_FRAME_PX)
        if jpeg is not None and len(jpeg) <= MAX_FRAME_BYTES:
            self.crop = (now_us, jpeg)

    def _too_poor(self, face: Detection, at: float, watch: _Stopwatch) -> Decision | None:
        if not self._tracker.poor(at):
            return None
        result = _Result(Verdict(Outcome.DENY, Reason.LOW_QUALITY))
        return _decision(result, self._roster().head, self._time.now_us(), face, 0, watch)

    def _decoded(self, picture: Frame | bytes, watch: _Stopwatch) -> Frame | None:
        """The frame; None where the bytes are no picture."""
        try:
            return self._frame(picture, watch)
        except UnusableError:
            return None

    def _frame(self, picture: Frame | bytes, watch: _Stopwatch) -> Frame:
        if isinstance(picture, bytes | bytearray | memoryview):
            with watch.time("decode"):
                return self._recognition.decode(bytes(picture))
        require_frame(picture)
        return picture

    def _find(self, frame: Frame, watch: _Stopwatch) -> Detection | None:
        return self._recognition.choose(self._detect(frame, watch), frame, self._zone)

    def _nearest(self, frame: Frame, at: float, watch: _Stopwatch) -> Detection | None:
        """The nearest face of the zone; how many stand there is noted."""
        faces = self._detect(frame, watch)
        self.followed = self.following.see(sum(map(self._stands_here, faces)), at)
        return self._recognition.choose(faces, frame, self._zone)

    def _detect(self, frame: Frame, watch: _Stopwatch) -> Sequence[Detection]:
        with watch.time("detect"):
            return self._recognition.detect(frame)

    def _stands_here(self, face: Detection) -> bool:
        if face.box[2] < MIN_FACE_PX:
            return False
        if self._zone is None:
            return True
        x, y = face.box[0] + face.box[2] / 2 - self._zone[0], face.box[1] + face.box[3] / 2 - self._zone[1]
        return 0 <= x <= self._zone[2] and 0 <= y <= self._zone[3]

    def _go_by(self, roster: Roster) -> None:
        """Between approaches, leave a pack that nobody has a template of any more: each costs an embedding a frame."""
        galleries = roster.galleries
        if galleries and all(one.recognition is not self._recognition for one in galleries):
            self._recognition = galleries[0].recognition

    def _embed(self, frame: Frame, face: Detection, roster: Roster, watch: _Stopwatch) -> Evidence:
        with watch.time("align"):
            aligned = self._recognition.align(frame, face)
        with watch.time("embed"):
            evidence = self._recognition.embed(aligned)
            others = {
                one.recognition.pack: one.recognition.embed(aligned).vector
                for one in roster.galleries or ()
                if one.recognition is not self._recognition
            }
        if others:
            evidence = msgspec.structs.replace(evidence, others=others)
        if self._liveness is None:
            return evidence
        with watch.time("live"):
            try:
                live = float(self._liveness.score(frame, face))
            except Exception:  # noqa: BLE001 - the vendor's own code, or a damaged model: refused, not fallen over
                _log.exception("the liveness model failed")
                live = 0.0
            if not 0.0 <= live <= 1.0:
                live = 0.0
        return msgspec.structs.replace(evidence, live=live)

    def _similarity(self, other: Evidence) -> float:
        return float(self._recognition.fuse(self._tracker.evidence) @ other.vector)

    def _judge(self, evidence: list[Evidence], roster: Roster, now_us: int) -> _Result:
        head, galleries = roster.head, roster.galleries
        if head is None or galleries is None:
            return _Result(Verdict(Outcome.DENY, Reason.NOT_READY))
        if not self._is_live(evidence):
            return _Result(Verdict(Outcome.DENY, Reason.NOT_LIVE))
        if not any(len(one.gallery) for one in galleries):
            return _Result(Verdict(Outcome.DENY, Reason.ROSTER_EMPTY))
        found = compare(evidence, galleries, head, by=self._recognition)
        if found is None:
            return _Result(Verdict(Outcome.DENY, Reason.UNKNOWN))
        candidate, bar = found
        entry = roster.entries.get(candidate.subject)
        return _Result(decide(candidate, entry, head, now_us=now_us, threshold=bar, door=roster.door), candidate, bar)

    def _is_live(self, evidence: list[Evidence]) -> bool:
        if self._liveness is None:
            return True
        scores = [one.live for one in evidence if one.live is not None]
        return bool(scores) and sum(scores) / len(scores) >= self._liveness.threshold


def _decision(
    result: _Result, head: Head | None, now_us: int, face: Detection | None, frames: int, watch: _Stopwatch
) -> Decision:
    candidate = result.candidate
    return Decision(
        outcome=result.verdict.outcome,
        reason=result.verdict.reason,
        at_us=now_us,
        subject=result.verdict.subject,
        score=None if candidate is None else round(candidate.score, 6),
        margin=None if candidate is None else round(candidate.margin, 6),
        threshold=None if result.threshold is None else round(result.threshold, 6),
        stale_for=None if head is None else max(0.0, (now_us - head.issued_at_us) / 1e6),
        box=None if face is None else face.box,
        frames=frames,
        version=None if head is None else head.version,
        approach=approach_of(result.verdict),
        ms=watch.times(),
    )
