import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from gate_sdk.face import (
    DecodeLimits,
    FaceError,
    ImageMislabelled,
    ImageTooLarge,
    ImageTooManyPixels,
    ImageTypeUnsupported,
    ImageUnreadable,
    decode,
)
from tests.data import astronaut, encoded


def heic(frame: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    # How well it is compressed is no matter here, and takes five times as long by default.
    pillow_heif.from_pillow(Image.fromarray(frame)).save(target, quality=90, enc_params={"preset": "ultrafast"})
    return target.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_formats_give_the_same_picture(kind: str) -> None:
    frame = decode(encoded(astronaut(), kind))
    assert frame.shape == (512, 512, 3)
    assert frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - astronaut()).mean() < 5


def test_heic_gives_the_same_picture() -> None:
    frame = decode(heic(astronaut()), declared="image/heic")
    assert frame.shape == (512, 512, 3)
    assert np.abs(frame.astype(int) - astronaut()).mean() < 5


#: How a camera held in that way would have stored an upright picture (EXIF 2.3, tag 274).
STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.zeros((60, 40, 3), dtype=np.uint8)
    upright[:20, :10] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = STORED[orientation](upright)
    data = encoded(np.ascontiguousarray(stored), "PNG", exif=exif)
    np.testing.assert_array_equal(decode(data), upright)


def test_orientation_survives_reduction_of_a_large_photograph() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    tall = decode(encoded(np.zeros((600, 1000, 3), dtype=np.uint8), exif=exif), limits=DecodeLimits(long_side=250))
    assert tall.shape == (250, 150, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_large_photograph_is_reduced(kind: str) -> None:
    large = np.repeat(np.repeat(astronaut(), 2, axis=0), 2, axis=1)[:750]
    data = heic(large) if kind == "HEIF" else encoded(large, kind)
    frame = decode(data, limits=DecodeLimits(long_side=512))
    assert frame.shape == (375, 512, 3)


def test_file_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(ImageTooLarge):
        decode(b"\xff\xd8\xff" + bytes(16 * 1024 * 1024))


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    body = b"IDAT" + zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("size", [(10_000, 5_001), (12_000, 10_000), (65_000, 65_000)])
def test_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooManyPixels):
        decode(png_header(*size))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.8, 0.97])
def test_truncated_file_is_refused(kind: str, part: float) -> None:
    data = heic(astronaut()) if kind == "HEIF" else encoded(astronaut(), kind)
    with pytest.raises(ImageUnreadable):
        decode(data[: int(len(data) * part)])


@pytest.mark.parametrize("data", [b"", b"\xff", b"GIF89a" + bytes(50), b"<svg/>", b"%PDF-1.7", b"RIFF1234WAVE"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ImageTypeUnsupported):
        decode(data)


def test_mislabelled_file_is_refused() -> None:
    data = encoded(astronaut(), "PNG")
    decode(data, declared="image/PNG; charset=binary")
    with pytest.raises(ImageMislabelled):
        decode(data, declared="image/jpeg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_damaged_bytes_raise_nothing_but_our_errors(kind: str) -> None:
    small = np.ascontiguousarray(astronaut()[::8, ::8])
    data = bytearray(heic(small) if kind == "HEIF" else encoded(small, kind))
    random = np.random.default_rng(7)
    for _ in range(150):
        hurt = bytearray(data)
        for place in random.integers(12, len(hurt), size=int(random.integers(1, 12))):
            hurt[place] = int(random.integers(256))
        try:
            frame = decode(bytes(hurt))
        except FaceError:
            continue
        assert frame.ndim == 3
        assert frame.shape[2] == 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "I;16"])
def test_other_pixel_modes_become_rgb(mode: str) -> None:
    image = Image.fromarray(np.asarray(astronaut()))
    if mode == "I;16":
        grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
        image = Image.fromarray(grey)
    else:
        image = image.convert(mode)
    target = io.BytesIO()
    image.save(target, "JPEG" if mode == "CMYK" else "PNG")
    frame = decode(target.getvalue(), limits=DecodeLimits(long_side=256))
    assert frame.shape == (256, 256, 3)
    assert 60 < frame.mean() < 160
