"""What picture of a denied approach is taken, until when it is kept, and under which key. Pure."""

import io
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from PIL import Image, UnidentifiedImageError

from backend.communities.frames.repository import FramePolicyRow
from backend.gates.frames.errors import FrameInvalid
from gate_sdk.wire import FRAME_REASONS, MAX_FRAME_BYTES, MAX_FRAME_PX, DeniedFrame

__all__ = ["FRAMES_KEPT", "FRAMES_PREFIX", "check", "expiry", "frame_object", "key_of"]

#: The longest that any community may have pictures of denied approaches kept.
FRAMES_KEPT = timedelta(hours=24)
#: Where the ciphertexts of all pictures lie.
FRAMES_PREFIX = "denied/"

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A gate's clock may be behind: what it took just after this was turned on may seem older.
_BEHIND = timedelta(minutes=5)


def check(frame: DeniedFrame) -> None:
    """Take a small JPEG of a denial and nothing else.

    Raises:
        FrameInvalid: it is none.
    """
    if frame.reason not in FRAME_REASONS or len(frame.jpeg) > MAX_FRAME_BYTES:
        raise FrameInvalid
    try:
        # The header alone is read: nothing is decoded, and nobody searches it.
        with Image.open(io.BytesIO(frame.jpeg), formats=("JPEG",)) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise FrameInvalid from None
    if max(width, height) > MAX_FRAME_PX:
        raise FrameInvalid


def expiry(frame: DeniedFrame, policy: FramePolicyRow, *, now: datetime) -> tuple[datetime, datetime] | None:
    """When it was taken and when it goes; None where it is not to be kept.

    That is where it was taken before the community turned this on, or is over its time already.
    """
    try:
        taken = _EPOCH + timedelta(microseconds=frame.at_us)
    except OverflowError:
        raise FrameInvalid from None
    # By a clock that is ahead it would be kept for longer than people were told.
    taken = min(taken, now)
    expires = taken + min(timedelta(hours=policy.hours), FRAMES_KEPT)
    if expires <= now or taken < policy.set_at - _BEHIND:
        return None
    return taken, expires


def key_of(policy: FramePolicyRow, expires_at: datetime) -> tuple[UUID, datetime]:
    """The key for what expires within that hour, and when it is destroyed: the hour's end."""
    hours = (expires_at - _EPOCH) // _HOUR + 1
    return uuid5(policy.policy_id, str(hours)), _EPOCH + hours * _HOUR


def frame_object(community_id: UUID, frame_id: UUID) -> str:
    """Where the ciphertext lies."""
    return f"{FRAMES_PREFIX}{community_id}/{frame_id}"
