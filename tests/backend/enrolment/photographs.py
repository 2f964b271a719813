"""Photographs for tests of enrolment, made from the one that scikit-image ships: other framings, a head that turns, a
print that is tilted, and everything that is refused.
"""

import functools
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from tests.data import astronaut, encoded

Picture = NDArray[np.uint8]

# The face of the astronaut: between the pupils, and how far these are apart, in pixels of the 512 x 512 picture.
_CENTRE = (224.0, 105.0)
_PUPILS = 44.0


def portrait(scale: float = 2.0) -> Picture:
    """Head and shoulders, enlarged, so that the face is some 180 pixels wide at scale 2."""
    part = Image.fromarray(astronaut()).crop((90, 0, 350, 300))
    return np.asarray(part.resize((int(260 * scale), int(300 * scale)), Image.Resampling.BICUBIC))


def framings() -> tuple[bytes, bytes, bytes]:
    """Three photographs of one person as files: nearer, tilted, in other light."""
    second = Image.fromarray(portrait()).rotate(6, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90))
    third = ImageEnhance.Brightness(Image.fromarray(portrait(1.8))).enhance(0.85)
    return jpeg(portrait()), jpeg(np.asarray(second)), jpeg(np.asarray(third), quality=80)


@functools.cache
def turned(degrees: float) -> Picture:
    """The head turned to the side: the nose runs ahead of the cheeks, as on a solid head of general depth."""
    return _warped(degrees, depth=1.0)


@functools.cache
def tilted_print(degrees: float) -> Picture:
    """A flat print of the face, turned."""
    return _warped(degrees, depth=0.0)


def _warped(degrees: float, *, depth: float) -> Picture:
    scale = 2.0
    source = portrait(scale).astype(np.float64)
    rows, columns = np.mgrid[: source.shape[0], : source.shape[1]].astype(np.float64)
    x0, y0 = (_CENTRE[0] - 90) * scale, _CENTRE[1] * scale
    unit = _PUPILS * scale
    angle = np.radians(degrees)
    # Where a pixel comes from: undo the foreshortening and, by some rounds of approximation, the shift by depth. The
    # head is an ellipsoid with a nose on it, both in distances between the pupils.
    x = x0 + (columns - x0) / np.cos(angle)
    for _ in range(40):
        across, down = (x - x0) / unit, (rows - y0) / unit
        round_ = 1.3 * np.sqrt(np.clip(1 - (across / 1.3) ** 2 - ((down - 0.4) / 1.9) ** 2, 0, 1))
        nose = 0.5 * np.exp(-((across / 0.3) ** 2) - ((down - 0.5) / 0.4) ** 2)
        shift = depth * unit * (round_ + nose) * np.sin(angle)
        x = 0.5 * x + 0.5 * (x0 + (columns - x0 - shift) / np.cos(angle))
    left = np.clip(np.floor(x), 0, source.shape[1] - 2).astype(int)
    part = np.clip(x - left, 0, 1)[..., None]
    lines = rows.astype(int)
    blended: Picture = (source[lines, left] * (1 - part) + source[lines, left + 1] * part).round().astype(np.uint8)
    return blended


def jpeg(picture: Picture, **options: object) -> bytes:
    return encoded(picture, "JPEG", **{"quality": 92, **options})


def large(megapixels: float = 12.0) -> bytes:
    """A JPEG of so many megapixels, as phones take them."""
    image = Image.fromarray(portrait())
    factor = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    grown = image.resize((int(image.width * factor), int(image.height * factor)), Image.Resampling.BICUBIC)
    return jpeg(np.asarray(grown))


def with_position() -> bytes:
    """A photograph whose EXIF says where and by what it was taken."""
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA-MAKER"
    exif[0x8825] = {1: "N", 2: (39.0, 54.0, 15.0), 3: "E", 4: (116.0, 23.0, 29.0)}
    target = io.BytesIO()
    Image.fromarray(portrait()).save(target, "JPEG", exif=exif)
    return target.getvalue()


def refused() -> dict[str, bytes]:
    """By code, a photograph that is refused for that reason first."""
    image = Image.fromarray(portrait())
    two = np.concatenate([portrait(), portrait()[:, ::-1]], axis=1)
    side = Image.fromarray(portrait(0.5))
    small = Image.new("RGB", (600, 600), (120, 120, 120))
    small.paste(side, (230, 225))
    good = jpeg(portrait())
    return {
        "no_face": jpeg(np.full((400, 400, 3), 128, np.uint8)),
        "several_faces": jpeg(two),
        "face_too_small": jpeg(np.asarray(small)),
        "blurred": jpeg(np.asarray(image.filter(ImageFilter.GaussianBlur(7)))),
        "too_dark": jpeg(np.asarray(ImageEnhance.Brightness(image).enhance(0.15))),
        "too_bright": jpeg(np.asarray(ImageEnhance.Brightness(image).enhance(2.6))),
        "low_contrast": jpeg(np.asarray(ImageEnhance.Contrast(image).enhance(0.22))),
        "turned_sideways": jpeg(turned(55)),
        "hard_to_recognise": jpeg(np.asarray(image.crop((0, 220, image.width, image.height)))),
        "image_unreadable": good[: len(good) // 2],
    }
