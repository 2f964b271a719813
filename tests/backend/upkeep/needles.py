"""Looks for known photographs and vectors in whatever was written."""

import base64
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["MAGIC", "files_under", "found_in", "of_photo", "of_vector"]

#: A JPEG file's first bytes: start of image, and the marker of the segment that follows in every encoder's files.
MAGIC = re.compile(rb"\xff\xd8\xff[\xdb\xe0-\xef\xfe]")
_WINDOW = 24


def of_photo(name: str, jpeg: bytes) -> dict[str, bytes]:
    """Parts of the file's compressed data, and of rows of its pixels, as they would stand anywhere in the clear."""
    found: dict[str, bytes] = {}
    for part in (0.3, 0.5, 0.7, 0.9):
        at = int(len(jpeg) * part)
        found |= _written(f"{name}, byte {at}", jpeg[at : at + _WINDOW])
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    # The rows that are least like any other: a plain background stands in every file.
    rows = np.argsort(pixels.astype(np.float32).std(axis=(1, 2)))[-2:]
    for row in rows:
        middle = pixels[row, pixels.shape[1] // 2 :][:16]
        found[f"{name}, pixels of row {row}, RGB"] = middle.tobytes()
        found[f"{name}, pixels of row {row}, BGR"] = middle[:, ::-1].tobytes()
        found[f"{name}, pixels of row {row}, float32"] = (middle.astype("<f4")).tobytes()
    return found


def of_vector(name: str, vector: NDArray[np.float32]) -> dict[str, bytes]:
    """Parts of the vector in every form in which it might be kept."""
    found: dict[str, bytes] = {}
    for at in (0, len(vector) // 2):
        part = vector[at : at + 8]
        for kind in ("<f2", "<f4", "<f8"):
            found |= _written(f"{name}, {kind} from {at}", part.astype(kind).tobytes())
        for kind in ("<f2", "<f4"):
            # As pgvector writes a text, and as JSON does.
            texts = [np.format_float_positional(number, trim="-") for number in part[:4].astype(kind)]
            found[f"{name}, text of {kind} from {at}"] = ",".join(texts).encode()
    return found


def found_in(paths: Iterable[Path], needles: dict[str, bytes]) -> dict[str, list[str]]:
    """By file, the names of what was found in it, "JPEG" for a file's beginning."""
    result: dict[str, list[str]] = {}
    for path in paths:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        names = [name for name, needle in needles.items() if needle in data]
        if MAGIC.search(data):
            names.append("JPEG")
        if names:
            result[str(path)] = names
    return result


def files_under(folder: Path, *, but: Sequence[Path] = ()) -> Iterator[Path]:
    """Every file, with those of folders that nobody lists by habit; others may write and remove meanwhile."""
    found = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return (path for path in sorted(found) if path.is_file() and path not in but)


def _written(name: str, data: bytes) -> dict[str, bytes]:
    """Bytes as they are, in hexadecimal (bytea in a dump) and in base64 (JSON)."""
    encoded = {
        f"{name}, base64+{shift}": base64.b64encode(bytes(shift) + data)[4 : -4 if (len(data) + shift) % 3 else None]
        for shift in range(3)
    }
    return {name: data, f"{name}, hex": data.hex().encode(), **encoded}
