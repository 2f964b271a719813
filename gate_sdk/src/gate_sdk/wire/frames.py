"""Pictures of denied approaches: what a head says of them, and how one is handed over (MessagePack).

Gates keep none unless the head of their community carries a :class:`FramePolicy` that has not ended.
"""

import msgspec

from gate_sdk.wire.decision import Reason

__all__ = [
    "FRAME_REASONS",
    "MAX_FRAME_BYTES",
    "MAX_FRAME_PX",
    "DeniedFrame",
    "FramePolicy",
    "FrameReceipt",
    "policy_held",
]

#: Of these denials a picture may be kept, and of nothing else.
FRAME_REASONS = frozenset({Reason.UNKNOWN, Reason.AMBIGUOUS, Reason.NOT_LIVE})
#: A picture's greatest width and height, in pixels, and its size as JPEG.
MAX_FRAME_PX = 320
MAX_FRAME_BYTES = 65_536


class FramePolicy(msgspec.Struct, frozen=True):
    """Keep one small picture of a denied approach for ``hours`` (1 to 24), until ``until_us``, when this ends.

    ``until_us`` is microseconds since the Unix epoch.
    """

    hours: int
    until_us: int


def policy_held(policy: FramePolicy | None) -> str:
    """How a gate says in a poll which one it goes by: ``12-1790000000000000``, or ``none``."""
    return "none" if policy is None else f"{policy.hours}-{policy.until_us}"


class DeniedFrame(msgspec.Struct, frozen=True):
    """One picture: a JPEG of a face with a margin, and the event (:class:`gate_sdk.wire.GateEvent`) it belongs to."""

    store_epoch: int
    seq: int
    at_us: int
    reason: Reason
    jpeg: bytes

    def __repr__(self) -> str:
        """Hides the picture: it must not reach a log by way of an error text."""
        return f"DeniedFrame(seq={self.seq}, reason={self.reason})"


class FrameReceipt(msgspec.Struct, frozen=True):
    """Whether the server keeps it. The gate forgets its own copy either way."""

    kept: bool
