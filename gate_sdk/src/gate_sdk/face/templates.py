"""Templates: the mean of a person's embeddings, and how one is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.arrays import Embedding, Vector
from gate_sdk.face.errors import TemplateMalformed

#: What lies in ciphertext, in pgvector's halfvec and on the wire. Float16 moves a cosine by less than 1e-3.
_STORED = np.dtype("<f2")


def unit(vectors: NDArray[np.floating]) -> Vector:
    """Scale vectors to unit length.

    Args:
        vectors: (dims,) or (n, dims).

    Returns:
        float32 of the same shape.

    Raises:
        TemplateMalformed: a vector is zero or not finite.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(wide, axis=-1, keepdims=True)
    if not np.all(np.isfinite(length)) or np.any(length == 0.0):
        raise TemplateMalformed
    scaled: Vector = (wide / length).astype(np.float32)
    return scaled


def template(embeddings: Sequence[Embedding]) -> Vector:
    """Make one template of a person's embeddings: the normalised mean.

    Args:
        embeddings: one or more of the same person and the same pack.

    Returns:
        float32 (dims,), unit length.

    Raises:
        TemplateMalformed: no embeddings, or they cancel out.
    """
    if not embeddings:
        raise TemplateMalformed
    return unit(np.mean([embedding.vector for embedding in embeddings], axis=0))


def pack_template(vector: Vector) -> bytes:
    """Store a template: float16, little-endian, 2 x dims bytes.

    Args:
        vector: float32 (dims,), unit length.

    Returns:
        The bytes.

    Raises:
        TemplateMalformed: the vector is not of unit length.
    """
    if vector.ndim != 1 or not abs(float(np.linalg.norm(vector)) - 1.0) < 1e-2:  # noqa: PLR2004  float16's rounding, with room; false for NaN
        raise TemplateMalformed
    return vector.astype(_STORED).tobytes()


def unpack_templates(blobs: Iterable[bytes], dims: int) -> Vector:
    """Read stored templates.

    Args:
        blobs: each 2 x dims bytes, as `pack_template` makes them.
        dims: of the pack they belong to.

    Returns:
        float32 (n, dims), C-contiguous, unit length up to float16's rounding (about 5e-4).

    Raises:
        TemplateMalformed: a blob has another length, is not finite or not of unit length.
    """
    parts = list(blobs)
    if any(len(part) != dims * _STORED.itemsize for part in parts):
        raise TemplateMalformed
    vectors = np.frombuffer(b"".join(parts), dtype=_STORED).reshape(len(parts), dims).astype(np.float32)
    lengths = np.einsum("ij,ij->i", vectors, vectors)
    if not np.all(np.abs(lengths - 1.0) < 2e-2):  # noqa: PLR2004  as above, squared; false for NaN
        raise TemplateMalformed
    return vectors
