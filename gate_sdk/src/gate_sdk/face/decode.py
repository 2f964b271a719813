"""From untrusted bytes to pixels: limits before decoding, orientation applied, everything else left behind."""

from __future__ import annotations

import io
import struct

import msgspec
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gate_sdk.face.arrays import Frame
from gate_sdk.face.errors import (
    ImageMislabelled,
    ImageTooLarge,
    ImageTooManyPixels,
    ImageTypeUnsupported,
    ImageUnreadable,
)


class DecodeLimits(msgspec.Struct, frozen=True):
    """What a photograph may cost before it is looked at.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width x height as the header says, checked before any pixel is decoded.
        long_side: larger pictures are reduced by a whole factor while decoding, to a long side of at least this
            and less than twice this, in pixels. The detector looks at 640, so nothing is lost.
    """

    max_bytes: int = 15 * 1024 * 1024
    max_pixels: int = 50_000_000
    long_side: int = 1600


DEFAULT_LIMITS = DecodeLimits()

#: Brands of ISO-BMFF files (bytes 8-12) with HEVC still pictures: ISO/IEC 23008-12, annex B.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_MEDIA_TYPES = {
    "JPEG": {"image/jpeg", "image/jpg", "image/pjpeg"},
    "PNG": {"image/png"},
    "WEBP": {"image/webp"},
    "HEIF": {"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"},
}


def image_format(data: bytes) -> str:
    """Tell the format by its magic bytes.

    Returns:
        "JPEG", "PNG", "WEBP" or "HEIF".

    Raises:
        ImageTypeUnsupported: it is none of them.
    """
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return "HEIF"
    raise ImageTypeUnsupported


def decode(data: bytes, *, limits: DecodeLimits = DEFAULT_LIMITS, declared: str | None = None) -> Frame:
    """Decode one photograph from untrusted bytes.

    The EXIF orientation is applied; position, time, device and all other metadata are left behind.

    Args:
        data: the whole file.
        limits: what it may cost.
        declared: the media type the sender claims, if any; parameters after ";" are ignored.

    Returns:
        uint8 (height, width, 3), RGB, C-contiguous.

    Raises:
        ImageTooLarge: more bytes than the limit.
        ImageTypeUnsupported: no JPEG, PNG, WebP or HEIC by its magic bytes.
        ImageMislabelled: the declared type is not that of the bytes.
        ImageTooManyPixels: more pixels than the limit, as the header says.
        ImageUnreadable: truncated or damaged.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLarge
    kind = image_format(data)
    if declared is not None and declared.partition(";")[0].strip().lower() not in _MEDIA_TYPES[kind]:
        raise ImageMislabelled
    try:
        image = _open_heif(data, limits) if kind == "HEIF" else _open(data, kind, limits)
        if kind != "HEIF":  # libheif has turned the picture already; its EXIF tag must not turn it again
            image = ImageOps.exif_transpose(image)
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooManyPixels from error
    except (
        # What Pillow and libheif raise on hostile input; SyntaxError is Pillow's own "broken file".
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        SyntaxError,
        RuntimeError,
        OverflowError,
        ZeroDivisionError,
        struct.error,
        UnidentifiedImageError,
    ) as error:
        raise ImageUnreadable from error


def _check_pixels(size: tuple[int, int], limits: DecodeLimits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise ImageTooManyPixels
    if min(size) < 1:
        raise ImageUnreadable


def _factor(size: tuple[int, int], limits: DecodeLimits) -> int:
    return max(1, max(size) // limits.long_side)


def _open(data: bytes, kind: str, limits: DecodeLimits) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(data), formats=[kind])
    _check_pixels(image.size, limits)
    factor = _factor(image.size, limits)
    if factor > 1 and kind == "JPEG":
        # libjpeg scales by 2, 4 or 8 inside the inverse DCT: a 12 MP photograph decodes in a third of the time.
        image.draft(None, (image.size[0] // factor, image.size[1] // factor))
    image.load()
    return _reduced(image, limits)


def _open_heif(data: bytes, limits: DecodeLimits) -> Image.Image:
    # Cameras at gates show none, and after a power cut every start waits for imports.
    import pillow_heif  # noqa: PLC0415 - a start that shows none does not wait for it

    # Not through register_heif_opener(), which would change Pillow for the whole process.
    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    _check_pixels(heif.size, limits)
    image: Image.Image = heif.to_pillow()
    return _reduced(image, limits)


def _reduced(image: Image.Image, limits: DecodeLimits) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip at 255 instead of scaling
        image = Image.fromarray(np.clip(np.asarray(image, dtype=np.int32) >> 8, 0, 255).astype(np.uint8))
    elif image.mode in {"P", "1"}:  # palette indices cannot be averaged
        image = image.convert("RGB")
    factor = _factor(image.size, limits)
    return image.reduce(factor) if factor > 1 else image
