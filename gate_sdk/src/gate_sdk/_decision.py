"""What a gate is told about one approach."""

from uuid import UUID

import msgspec

from gate_sdk.wire import Outcome, Reason, Via

__all__ = ["Decision", "StageTimes"]


class StageTimes(msgspec.Struct, frozen=True):
    """Milliseconds by stage, summed over the frames used; ``total`` is from call to answer."""

    decode: float = 0.0
    detect: float = 0.0
    align: float = 0.0
    embed: float = 0.0
    live: float = 0.0
    match: float = 0.0
    total: float = 0.0


class Decision(msgspec.Struct, frozen=True):
    """One decision. Open the gate when ``allowed`` is true, and in no other case.

    ``subject`` is the roster's pseudonym, ``None`` for strangers. ``score`` is a cosine in [-1, 1] and ``margin`` its
    distance from the next other person's, both ``None`` where nothing was matched; they are for tuning on the spot and
    are not reported for strangers. ``at_us`` is microseconds since the Unix epoch by the gate's trusted clock.
    ``stale_for`` is the seconds since the newest word from the server, ``None`` before the first. ``box`` is
    ``(x, y, width, height)`` in pixels of the frame given; ``frames`` how many were used. ``version`` is that of the
    roster decided by. ``event`` is the sequence number under which the decision will be reported, ``None`` where it
    is not reported (nobody was there). ``via`` is by what he wanted to pass; of codes neither score nor box is told;
    ``credential`` names the key, token or card, and ``use`` numbers a use that is counted. ``approach`` numbers one
    about which the home is to be asked.
    """

    outcome: Outcome
    reason: Reason
    at_us: int
    subject: UUID | None = None
    score: float | None = None
    margin: float | None = None
    threshold: float | None = None
    stale_for: float | None = None
    box: tuple[float, float, float, float] | None = None
    frames: int = 0
    version: int | None = None
    event: int | None = None
    via: Via = Via.FACE
    credential: str | None = None
    use: UUID | None = None
    approach: UUID | None = None
    ms: StageTimes = StageTimes()

    @property
    def allowed(self) -> bool:
        """Whether to open."""
        return self.outcome is Outcome.ALLOW
