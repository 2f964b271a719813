"""The rule by which a gate decides. Pure: candidate, entry, head and time go in, a verdict comes out."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from gate_sdk._door import EVERY_HOUR, Door
from gate_sdk._recognition import Candidate
from gate_sdk.wire import Head, Outcome, Reason, RosterEntry, RosterGrant

__all__ = [
    "AMBIGUITY_MARGIN",
    "LOOKALIKE_MARGIN",
    "MIN_FACE_PX",
    "Verdict",
    "admit",
    "approach_of",
    "decide",
    "kept_out",
    "leased",
    "threshold",
]

# Recognition from 60 px of face width up, where the detector at its input of 640 px still finds every face of a 720p
# frame (0.87 of them at 40 px); see docs/adr/0010-faces-from-60-pixels.md.
MIN_FACE_PX = 60.0

# Two people as near to a probe as this cannot be told apart by it: scores of one person's own frames scatter by
# 0.03 to 0.05, so the order of two candidates within that is chance. Siblings land here, and so does a stranger who
# got over the threshold by luck, whose runner-up is as close as he is.
AMBIGUITY_MARGIN = 0.05

# Beyond it hardly any genuine probe passes; as in `gate_sdk.face.threshold`, which needs numpy's neighbours.
CEILING = 0.95

# Between people whom the roster calls look-alikes. Halves of one person's photographs enrolled as two people, which is
# what identical twins are at worst: a single frame of his led by 0.05 in 39 % of tries, by 0.12 in 7 %. People with a
# made-up look-alike at a cosine of 0.5 to 0.7 fell short of 0.12 in 1 to 5 %; see docs/recognition.md.
LOOKALIKE_MARGIN = 0.12


class Verdict(msgspec.Struct, frozen=True):
    """Outcome and reason; ``subject`` only where somebody was let in or known and refused."""

    outcome: Outcome
    reason: Reason
    subject: UUID | None = None


def approach_of(verdict: Verdict) -> UUID | None:
    """A number for the approach, where the home is to be asked about it."""
    return uuid4() if verdict.reason is Reason.ASK_FIRST else None


def threshold(head: Head, *, calibrated: float, floor: float, pack: str | None = None, increment: float = 0.0) -> float:
    """The cosine that a match must reach.

    Args:
        head: carries the community's own thresholds, once its data suffice.
        calibrated: the pack's threshold for this gallery's size, number of frames and ``policy.fpir``.
        floor: the pack's lowest sensible threshold; a community's fit on few or odd data must not go below it.
        pack: id of the loaded pack; a threshold fitted to another one's scores says nothing about it.
        increment: what several frames add to the community's threshold, which is for one.
    """
    policy = head.policy
    own = policy.threshold
    if pack is not None and policy.threshold_pack not in {msgspec.UNSET, pack}:
        own = None if isinstance(policy.thresholds, msgspec.UnsetType) else policy.thresholds.get(pack)
    if own is None:
        return max(calibrated, floor)
    return max(min(own + increment, max(own, CEILING)), floor)


def decide(
    candidate: Candidate | None,
    entry: RosterEntry | None,
    head: Head,
    *,
    now_us: int,
    threshold: float,
    door: Door = EVERY_HOUR,
) -> Verdict:
    """Decide about one face that was embedded.

    Args:
        candidate: the nearest subject of the gallery, ``None`` if the gallery is empty.
        entry: that subject's roster entry.
        head: what the roster goes by.
        now_us: trusted time, microseconds since the Unix epoch.
        threshold: cosine below which nobody is recognised.
        door: what goes for this gate's door.
    """
    # Negated, so that a score that is not a number refuses.
    if candidate is None or entry is None or not candidate.score >= threshold:
        return Verdict(Outcome.DENY, Reason.UNKNOWN)
    if not candidate.margin >= (LOOKALIKE_MARGIN if entry.lookalike else AMBIGUITY_MARGIN):
        return Verdict(Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS)
    return admit(entry, head, now_us=now_us, door=door)


def admit(
    entry: RosterEntry,
    head: Head,
    *,
    now_us: int,
    by_code: bool = False,
    door: Door = EVERY_HOUR,
    approved: bool = False,
) -> Verdict:
    """Decide about somebody who is known beyond doubt, by his face or by his own code: the same rights either way.

    Args:
        entry: his.
        head: what the roster goes by.
        now_us: trusted time, microseconds since the Unix epoch.
        by_code: codes outlast the faces' leases (:func:`leased`).
        door: what goes for this gate's door.
        approved: the home was asked, and said yes.
    """
    covering = [grant for grant in entry.grants if grant.covers(now_us)]
    if not covering:
        return Verdict(Outcome.DENY, Reason.OUTSIDE_WINDOW, entry.subject)
    covering, reason = kept_out(covering, door, now_us)
    if reason is not None:
        return Verdict(Outcome.DENY, reason, entry.subject)
    # A resident who is also somebody's guest keeps the longer lease.
    covering = [
        grant for grant in covering if leased(head, now_us=now_us, visiting=grant.kind.visiting, by_code=by_code)
    ]
    if not covering:
        return Verdict(Outcome.DENY, Reason.LEASE_EXPIRED, entry.subject)
    if all(grant.ask_first for grant in covering):
        # Whoever has another right besides needs nobody's leave.
        if not approved:
            return Verdict(Outcome.NEEDS_APPROVAL, Reason.ASK_FIRST, entry.subject)
        return Verdict(Outcome.ALLOW, Reason.APPROVED, entry.subject)
    return Verdict(Outcome.ALLOW, Reason.MATCHED, entry.subject)


def kept_out(grants: Sequence[RosterGrant], door: Door, now_us: int) -> tuple[list[RosterGrant], Reason | None]:
    """Those of the grants that go for this door at this hour; and without any, what the last of them failed on.

    A resident who is also a guard passes as what serves him best: each step asks for any one grant.
    """
    mine = [grant for grant in grants if door.takes(grant)]
    if not mine:
        return mine, Reason.WRONG_DOOR
    mine = [grant for grant in mine if door.admits(grant.kind, now_us)]
    if not mine:
        return mine, Reason.LOCKED_DOWN
    mine = [grant for grant in mine if door.opens(grant.kind, now_us)]
    return mine, None if mine else Reason.OUTSIDE_HOURS


def leased(head: Head, *, now_us: int, visiting: bool, by_code: bool) -> bool:
    """Whether such a grant still opens without a word from the server.

    By code visitors have the residents' lease and residents as long as the roster is kept: when a gate without a
    network no longer opens by face, the QR route remains.
    """
    if not by_code:
        return now_us < head.lease_until_us(visiting=visiting)
    if visiting:
        return now_us < head.lease_until_us(visiting=False)
    return now_us < head.issued_at_us + head.policy.wipe_after_s * 1_000_000
