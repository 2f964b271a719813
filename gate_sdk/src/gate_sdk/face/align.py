"""The similarity that brings a face's five landmarks to the places the embedder was trained with."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gate_sdk.face.arrays import Frame

#: Side of an aligned face in pixels.
SIDE = 112

#: Where right eye, left eye, nose tip, right and left mouth corner stand in an aligned face, in pixels: ArcFace's
#: five points (Deng et al., CVPR 2019), which SFace was trained with and OpenCV's FaceRecognizerSF uses.
TARGET: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
TARGET.setflags(write=False)

_SMALLEST_SCALE = 1e-9


class Placement(msgspec.Struct, frozen=True):
    """Where a small picture lies in a frame: its point z, as a complex number, at turn * z + shift.

    Attributes:
        turn: scale and rotation.
        shift: of its origin, in pixels of the frame.
    """

    turn: complex
    shift: complex


def similarity(landmarks: NDArray[np.floating]) -> Placement:
    """Find the least-squares similarity from an aligned face back to the frame.

    Solved backwards, in closed form: a point z of the aligned face (as a complex number) lies at a*z + t in the frame.

    Args:
        landmarks: (5, 2), pixels of the frame.

    Returns:
        Where the aligned face lies in the frame.
    """
    source = landmarks[:, 0].astype(np.float64) + 1j * landmarks[:, 1]
    target = TARGET[:, 0] + 1j * TARGET[:, 1]
    source_mean, target_mean = source.mean(), target.mean()
    centred = source - source_mean
    # Fitted from source to target, as the embedder's training data was, then inverted: the fit the other way round
    # differs in scale where the landmarks are noisy.
    forward = np.vdot(centred, target - target_mean) / max(np.vdot(centred, centred).real, 1e-9)
    if abs(forward) < _SMALLEST_SCALE:  # landmarks that mirror the target exactly: no similarity fits them
        forward = _SMALLEST_SCALE + 0j
    back = 1.0 / forward
    shift = source_mean - back * target_mean
    return Placement(turn=complex(back), shift=complex(shift))


def warp(frame: Frame, placement: Placement, side: int) -> Frame:
    """Cut a turned and scaled square out of a frame.

    Args:
        frame: uint8 (height, width, 3), RGB.
        placement: where the square lies in it.
        side: of the result in pixels.

    Returns:
        uint8 (side, side, 3); black where the frame ends.
    """
    # Only the part of the frame that is needed is handed to Pillow, which copies it.
    corners = np.array([0, side, side * 1j, side * (1 + 1j)]) * placement.turn + placement.shift
    height, width = frame.shape[:2]
    left, top = max(0, math.floor(corners.real.min()) - 2), max(0, math.floor(corners.imag.min()) - 2)
    right, bottom = min(width, math.ceil(corners.real.max()) + 3), min(height, math.ceil(corners.imag.max()) + 3)
    if right <= left or bottom <= top:
        return np.zeros((side, side, 3), dtype=np.uint8)
    patch = Image.fromarray(frame[top:bottom, left:right])
    # Bilinear sampling reads four pixels only: a large face must be averaged first, or fine texture turns into noise.
    factor = max(1, int(abs(placement.turn)))
    if factor > 1:
        patch = patch.reduce(factor)
    real, imag = placement.turn.real / factor, placement.turn.imag / factor
    # Landmarks name pixel centres as whole numbers, Pillow as halves.
    shift_x = (placement.shift.real + 0.5 - left) / factor - 0.5 * (real - imag)
    shift_y = (placement.shift.imag + 0.5 - top) / factor - 0.5 * (imag + real)
    coefficients = (real, -imag, shift_x, imag, real, shift_y)
    return np.asarray(patch.transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR))


def align(frame: Frame, landmarks: NDArray[np.floating]) -> Frame:
    """Cut an upright face out of a frame.

    Args:
        frame: uint8 (height, width, 3), RGB.
        landmarks: (5, 2) in pixels of the frame, in the order of `TARGET`.

    Returns:
        uint8 (112, 112, 3), RGB; black where the frame ends.
    """
    return warp(frame, similarity(landmarks), SIDE)
