"""One free photograph, varied as a phone and a gate would vary it: for a demo without anybody's pictures."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from backend.demo.cast import Cast, NotEnoughFaces, Player

__all__ = ["single_photo_cast"]

NOTE = (
    "This is one person: NASA's portrait of Eileen Collins, in the public domain, which scikit-image ships, cut, "
    "turned, lit and compressed in different ways. It proves the path, not the accuracy: give FACES=DIR for that."
)
# (turn in degrees, brightness, shift of the cut in parts of its side, blur radius in pixels, JPEG quality)
_ENROL = ((0.0, 1.0, (0.0, 0.0), 0.0, 92), (-4.0, 1.15, (0.05, 0.0), 0.0, 85), (5.0, 0.9, (-0.05, 0.03), 0.4, 80))
_SHOW = (
    (2.0, 0.75, (0.06, -0.02), 0.0, 75),
    (-7.0, 1.0, (-0.06, 0.02), 0.5, 70),
    (8.0, 1.25, (0.03, 0.05), 0.0, 60),
    (0.0, 0.6, (0.0, 0.05), 0.8, 75),
    (-2.0, 1.1, (-0.03, -0.05), 0.0, 50),
)
_SIDE = 400


def single_photo_cast(folder: Path) -> Cast:
    """Write the variants to ``folder`` and make a cast of them: one member, and a picture in which there is no face.

    Raises:
        NotEnoughFaces: scikit-image is not installed.
    """
    try:
        from skimage import data  # noqa: PLC0415 - only the demo without photographs needs it
    except ImportError:
        raise NotEnoughFaces("without FACES the demo needs scikit-image (pip install scikit-image)") from None
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]  # scikit-image has no types
    folder.mkdir(parents=True, exist_ok=True)
    enrol = tuple(_write(portrait, folder / f"enrol-{i + 1}.jpg", *how) for i, how in enumerate(_ENROL))
    shown = tuple(_write(portrait, folder / f"shown-{i + 1}.jpg", *how) for i, how in enumerate(_SHOW))
    empty = folder / "nobody.jpg"
    gradient = np.linspace(40, 200, _SIDE, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(gradient, (_SIDE, 1))] * 3, axis=-1)).save(empty, quality=85)
    return Cast(
        members=(Player("Eileen Collins", enrol + shown),),
        strangers=(Player("(an empty doorway)", (empty,)),),
        note=NOTE,
    )


def _write(
    portrait: Image.Image,
    path: Path,
    turn: float,
    light: float,
    shift: tuple[float, float],
    blur: float,
    quality: int,
) -> Path:
    # The face of the 512-pixel portrait is about 110 pixels wide around (222, 118).
    side = 220
    left, top = 222 - side / 2 + shift[0] * side, 128 - side / 2 + shift[1] * side
    picture = portrait.rotate(turn, resample=Image.Resampling.BICUBIC, center=(222, 118))
    picture = picture.crop((int(left), max(0, int(top)), int(left) + side, max(0, int(top)) + side))
    picture = picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    picture = ImageEnhance.Brightness(picture).enhance(light)
    if blur:
        picture = picture.filter(ImageFilter.GaussianBlur(blur))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    path.write_bytes(buffer.getvalue())
    return path
