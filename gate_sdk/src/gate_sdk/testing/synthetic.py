"""Recognition without models: pictures that carry their own embedding. Needs the ``face`` extra."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from uuid import UUID

import numpy as np

from gate_sdk._face import FaceGallery
from gate_sdk._recognition import Evidence, UnusableError
from gate_sdk.face.arrays import Detection, Frame, Vector
from gate_sdk.face.choose import choose
from gate_sdk.face.templates import pack_template, unit

__all__ = ["DIMS", "PACK", "SyntheticRecognition", "empty_frame", "encoded", "frame", "like", "person", "template"]

PACK = "synthetic-1"
DIMS = 64
_MARK = np.uint8(0xA5)
_SHAPE = (16, 64, 3)


def person(number: int) -> Vector:
    """The embedding of an invented person, float32 (64,), unit length; different numbers are far from each other."""
    return unit(np.random.default_rng(number).standard_normal(DIMS))


def like(vector: Vector, cosine: float, *, seed: int = 0) -> Vector:
    """A unit vector at exactly this cosine to ``vector``: another picture, or a look-alike."""
    noise = np.random.default_rng(seed + 10_000).standard_normal(DIMS)
    across = unit(noise - float(noise @ vector) * vector)
    return unit(cosine * vector + float(np.sqrt(1 - cosine**2)) * across)


def template(who: int | Vector, *, pack: str = PACK) -> bytes:
    """A stored template, as rosters carry it."""
    return pack_template(_as_seen_by(pack, person(who) if isinstance(who, int) else who))


def _as_seen_by(pack: str, vector: Vector) -> Vector:
    return vector if pack == PACK else np.roll(vector, 1 + zlib.crc32(pack.encode()) % (DIMS - 1))


def empty_frame() -> Frame:
    """A picture of nobody."""
    return np.zeros(_SHAPE, dtype=np.uint8)


def frame(who: int | Vector, *, width: float = 120.0, x: float = 0.0, weight: float = 20.0) -> Frame:
    """A picture of somebody, ``width`` pixels wide at ``x``; ``weight`` is how much the frame says."""
    vector = person(who) if isinstance(who, int) else who
    picture = empty_frame()
    content = np.concatenate([np.array([x, width, weight], dtype=np.float32), vector.astype(np.float32)])
    flat = picture.reshape(-1)
    flat[0] = _MARK
    raw = np.frombuffer(content.tobytes(), dtype=np.uint8)
    flat[1 : 1 + raw.size] = raw
    return picture


def encoded(picture: Frame) -> bytes:
    """A picture as bytes, as ``SyntheticRecognition.decode`` reads it."""
    return b"SYN" + picture.tobytes()


def _content(picture: Frame) -> Vector | None:
    flat = picture.reshape(-1)
    if flat[0] != _MARK:
        return None
    return np.frombuffer(flat[1 : 1 + 4 * (DIMS + 3)].tobytes(), dtype=np.float32)


class SyntheticRecognition:
    """Finds in a picture what :func:`frame` put there.

    One of another ``pack`` sees the same people by other numbers: templates of two packs say nothing to each other.
    """

    pack = PACK
    floor = 0.5
    min_weight = 6.0

    def __init__(self, pack: str = PACK) -> None:
        """Be this pack."""
        self.pack = pack

    def decode(self, data: bytes) -> Frame:
        """Read what :func:`encoded` wrote."""
        if not data.startswith(b"SYN") or len(data) != 3 + int(np.prod(_SHAPE)):
            raise UnusableError("image_unreadable")
        return np.frombuffer(data[3:], dtype=np.uint8).reshape(_SHAPE)

    def detect(self, frame: Frame) -> Sequence[Detection]:
        """One face, or none."""
        content = _content(frame)
        if content is None:
            return []
        x, width = float(content[0]), float(content[1])
        return [Detection(box=(x, 0.0, width, width), landmarks=np.zeros((5, 2), dtype=np.float32), score=1.0)]

    def choose(
        self, faces: Sequence[Detection], frame: Frame, zone: tuple[float, float, float, float] | None
    ) -> Detection | None:
        """The nearest face of the zone, or of a scene much larger than the picture that carries it."""
        return choose(faces, frame.shape, zone or (-1e5, -1e5, 2e5, 2e5))

    def align(self, frame: Frame, face: Detection) -> Frame:  # noqa: ARG002 - there is one face
        """The whole picture: it is upright already."""
        return frame

    def embed(self, aligned: Frame) -> Evidence:
        """What :func:`frame` put there."""
        content = _content(aligned)
        if content is None:
            raise UnusableError("no face")
        return Evidence(vector=_as_seen_by(self.pack, content[3:]), weight=float(content[2]))

    def fuse(self, evidence: Sequence[Evidence]) -> Vector:
        """The unit mean, weighted."""
        return unit(np.sum([one.vector * np.float32(one.weight) for one in evidence], axis=0))

    def gallery(self, templates: Sequence[tuple[UUID, bytes]]) -> FaceGallery:
        """Lay out stored templates."""
        return FaceGallery(templates, DIMS)

    def threshold(self, people: int, fpir: float, frames: int) -> float:  # noqa: ARG002 - invented people are far apart
        """Half: two invented people in 64 dimensions never come near it."""
        return self.floor

    def increment(self, people: int, fpir: float, frames: int) -> float:  # noqa: ARG002 - see threshold
        """None."""
        return 0.0
