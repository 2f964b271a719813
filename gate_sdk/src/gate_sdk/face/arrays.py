"""The arrays and structs that the steps of the pipeline hand to each other."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

#: A picture: uint8, height x width x 3, RGB.
Frame = NDArray[np.uint8]

#: A unit vector (dims,) or several (n, dims), float32.
Vector = NDArray[np.float32]


class Detection(msgspec.Struct, frozen=True, eq=False):
    """A face found in a frame, in pixels of that frame.

    Attributes:
        box: x, y of the upper left corner, width, height. May reach beyond the frame.
        landmarks: float32 (5, 2): the person's right eye, left eye, nose tip, right and left mouth corner.
        score: the detector's confidence, 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """The box's area in square pixels."""
        return self.box[2] * self.box[3]


class Embedding(msgspec.Struct, frozen=True, eq=False):
    """What the embedder makes of an aligned face.

    Attributes:
        vector: float32 (dims,), unit length.
        norm: length before normalising; low where the face says little (blur, occlusion, bad pose), so it
            serves to choose frames and to ask for a retake.
    """

    vector: Vector
    norm: float

    def __repr__(self) -> str:
        """Hides the vector: it is biometric data and must not reach a log by way of an error text."""
        return f"Embedding(dims={self.vector.shape[0]}, norm={self.norm:.1f})"
