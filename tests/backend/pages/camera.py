"""A camera for a browser: photographs as a film, each shown for a while, again and again."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

__all__ = ["film"]

_FRAMES_A_PHOTO = 45
_SIZE = (640, 480)


def film(photos: Sequence[Path], to: Path) -> Path:
    """Write photographs as Motion JPEG, which Chromium takes for a camera."""
    with to.open("wb") as file:
        for photo in photos:
            with Image.open(photo) as picture:
                whole = ImageOps.pad(ImageOps.exif_transpose(picture).convert("RGB"), _SIZE, color=(90, 90, 90))
            buffer = io.BytesIO()
            whole.save(buffer, "JPEG", quality=92)
            file.write(buffer.getvalue() * _FRAMES_A_PHOTO)
    return to
