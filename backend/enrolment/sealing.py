"""What is sealed under a person's key: photographs, what was computed from them, templates. No I/O.

Every ciphertext is bound to its person, its object and the format's version, so that none can be put in another's
place by whoever may write to the store.
"""

from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from backend.kit.crypto import open_sealed, seal
from gate_sdk.face import Embedding

__all__ = [
    "Features",
    "open_features",
    "open_photo",
    "open_template",
    "photo_key",
    "photo_prefix",
    "seal_features",
    "seal_photo",
    "seal_template",
]

_VERSION = 1


class Features(msgspec.Struct, frozen=True, eq=False):
    """What was computed from one photograph. ``landmarks`` float32 (5, 2) in pixels, ``yaw`` in degrees."""

    embedding: Embedding
    landmarks: NDArray[np.float32]
    yaw: float

    def __repr__(self) -> str:
        """Nothing of it: biometric data must not reach a log by way of an error text."""
        return "Features()"


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    vector: bytes
    norm: float
    landmarks: bytes
    yaw: float


def photo_prefix(person_id: UUID) -> str:
    """Where all objects of a person lie."""
    return f"people/{person_id}/"


def photo_key(person_id: UUID, enrolment_id: UUID, object_id: UUID, *, written_s: int) -> str:
    """The key of a photograph's object.

    ``written_s`` (seconds since the epoch) lets a sweep tell what a crash left behind from what is being written now.
    """
    return f"{photo_prefix(person_id)}{enrolment_id}/{written_s}-{object_id}"


def seal_photo(key: bytes, jpeg: bytes, *, person_id: UUID, object_id: UUID) -> bytes:
    """The photograph's ciphertext."""
    return seal(key, jpeg, bound_to=f"photo/{person_id}/{object_id}/{_VERSION}")


def open_photo(key: bytes, sealed: bytes, *, person_id: UUID, object_id: UUID) -> bytes:
    """The photograph as JPEG.

    Raises:
        SealBroken: changed, another's, or under another key.
    """
    return open_sealed(key, sealed, bound_to=f"photo/{person_id}/{object_id}/{_VERSION}")


def seal_features(key: bytes, features: Features, *, person_id: UUID, object_id: UUID) -> bytes:
    """The ciphertext of what was computed from a photograph."""
    stored = _Stored(
        vector=features.embedding.vector.astype("<f4").tobytes(),
        norm=features.embedding.norm,
        landmarks=features.landmarks.astype("<f4").tobytes(),
        yaw=features.yaw,
    )
    return seal(key, msgspec.msgpack.encode(stored), bound_to=f"features/{person_id}/{object_id}/{_VERSION}")


def open_features(key: bytes, sealed: bytes, *, person_id: UUID, object_id: UUID) -> Features:
    """What was computed from a photograph.

    Raises:
        SealBroken: changed, another's, or under another key.
    """
    plain = open_sealed(key, sealed, bound_to=f"features/{person_id}/{object_id}/{_VERSION}")
    stored = msgspec.msgpack.decode(plain, type=_Stored)
    return Features(
        embedding=Embedding(vector=np.frombuffer(stored.vector, "<f4").astype(np.float32), norm=stored.norm),
        landmarks=np.frombuffer(stored.landmarks, "<f4").astype(np.float32).reshape(5, 2),
        yaw=stored.yaw,
    )


def seal_template(key: bytes, template: bytes, *, person_id: UUID, template_id: UUID) -> bytes:
    """The ciphertext of a template's stored bytes (gate_sdk.face.pack_template)."""
    return seal(key, template, bound_to=f"template/{person_id}/{template_id}/{_VERSION}")


def open_template(key: bytes, sealed: bytes, *, person_id: UUID, template_id: UUID) -> bytes:
    """A template's stored bytes.

    Raises:
        SealBroken: changed, another's, or under another key.
    """
    return open_sealed(key, sealed, bound_to=f"template/{person_id}/{template_id}/{_VERSION}")
