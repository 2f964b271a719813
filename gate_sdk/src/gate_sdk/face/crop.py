"""One small picture of a face, for a community that has pictures of denied approaches kept."""

import io

import numpy as np
from PIL import Image

from gate_sdk.face.arrays import Frame

__all__ = ["face_crop"]

# Around the face on each side, as a part of its width and height: enough to tell who it is, little of who is beside.
_MARGIN = 0.3
_QUALITY = 80


def face_crop(frame: Frame, box: tuple[float, float, float, float], *, most_px: int) -> bytes | None:
    """Cut a face out with a margin, as JPEG without any hidden data.

    Args:
        frame: uint8 (height, width, 3), RGB.
        box: x, y, width, height of the face in pixels; may reach beyond the frame.
        most_px: the picture's greatest width and height.

    Returns:
        The JPEG; ``None`` where nothing of the box lies in the frame.
    """
    x, y, width, height = box
    left, right = max(0, int(x - _MARGIN * width)), min(frame.shape[1], int(np.ceil(x + (1 + _MARGIN) * width)))
    top, bottom = max(0, int(y - _MARGIN * height)), min(frame.shape[0], int(np.ceil(y + (1 + _MARGIN) * height)))
    if left >= right or top >= bottom:
        return None
    picture = Image.fromarray(np.ascontiguousarray(frame[top:bottom, left:right]))
    picture.thumbnail((most_px, most_px), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()
