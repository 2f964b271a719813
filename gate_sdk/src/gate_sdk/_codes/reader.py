"""Reading QR codes off frames, and when to try: a frame in which a face is embedded has no time to spare."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

from gate_sdk.errors import CodeReaderMissingError

if TYPE_CHECKING:
    from gate_sdk.face.arrays import Frame

__all__ = ["CodeWatch", "has_reader", "read_texts", "require_reader"]

# Reading takes 1 to 3 ms of a 720p frame, embedding 8 to 10. Where nothing was embedded every second frame is read; at
# 15 frames a second a code is seen within 0.13 s. Where a face is being looked at, every sixth: somebody without an
# enrolled face shows his code while his face is seen too.
_IDLE_EVERY, _BUSY_EVERY = 2, 6
# A phone held still is one approach, however often its code changes: it is decided about once, until it was away.
_AWAY_S = 3.0
_MOST_PER_FRAME = 4
_NDIM = 3


@functools.cache
def _zxing() -> Any:
    try:
        import zxingcpp  # noqa: PLC0415 - optional, and loaded with the first frame
    except ImportError as error:
        raise CodeReaderMissingError(f"the qr extra is not installed: {error.name} is missing") from error
    return zxingcpp


def has_reader() -> bool:
    """Whether the ``qr`` extra is installed; loads nothing."""
    return importlib.util.find_spec("zxingcpp") is not None


def require_reader() -> None:
    """Load it.

    Raises:
        CodeReaderMissingError: the ``qr`` extra is not installed.
    """
    _zxing()


def read_texts(frame: Frame) -> list[str]:
    """The texts of the QR codes in a frame, at most four, whoever made them.

    Args:
        frame: uint8 (height, width) or (height, width, 3).

    Raises:
        CodeReaderMissingError: the ``qr`` extra is not installed.
    """
    zxing = _zxing()
    import numpy as np  # noqa: PLC0415 - a gate that only syncs has none

    # Green is most of what luminance is, and takes a tenth of its time.
    plane = np.ascontiguousarray(frame[:, :, 1] if frame.ndim == _NDIM else frame)
    found = zxing.read_barcodes(plane, formats=zxing.BarcodeFormat.QRCode, text_mode=zxing.TextMode.Plain)
    return [one.text for one in found[:_MOST_PER_FRAME]]


class CodeWatch:
    """Which frames to read, and which codes were decided about already. For one camera."""

    def __init__(self) -> None:
        self._frames = 0
        self._seen: dict[str, float] = {}

    def due(self, *, busy: bool) -> bool:
        """Whether to read this frame; ``busy`` where a face was embedded in it."""
        self._frames += 1
        return self._frames % (_BUSY_EVERY if busy else _IDLE_EVERY) == 0

    def new(self, credential: str, at: float) -> bool:
        """Note that a code of that credential is seen at ``at`` (monotonic seconds); whether it had been away."""
        self._seen = {known: last for known, last in self._seen.items() if at - last < _AWAY_S}
        new = credential not in self._seen
        self._seen[credential] = at
        return new
