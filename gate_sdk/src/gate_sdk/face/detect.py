"""YuNet's input and output: letterbox, decoding of its anchor-free maps, non-maximum suppression."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gate_sdk.face.arrays import Detection, Frame

#: The detector's scales: pixels per cell of its three output maps (YuNet, Wu et al. 2023).
STRIDES = (8, 16, 32)
#: Long side of the detector's input in pixels. At 320, a third of the faces 60 px wide in a 720p frame are missed.
INPUT_SIDE = 640
#: Smallest score of a face: sqrt(class x objectness), as OpenCV's FaceDetectorYN computes it.
MIN_SCORE = 0.6
#: Boxes that overlap more than this are one face (OpenCV's default for YuNet).
MAX_OVERLAP = 0.3
#: At most this many candidates enter the suppression, so that a hostile picture costs no more than a crowd.
MAX_CANDIDATES = 1000
#: Small pictures are enlarged at most so much: beyond it there is nothing left to see.
MAX_ENLARGEMENT = 4.0


def input_scale(shape: tuple[int, ...], side: int = INPUT_SIDE) -> float:
    """Give the scale from a frame of this shape to the detector's input."""
    return min(side / max(shape[:2]), MAX_ENLARGEMENT)


def letterbox(frame: Frame, side: int = INPUT_SIDE) -> tuple[NDArray[np.uint8], float]:
    """Bring a frame to the detector's input size.

    The long side becomes `side`; the right and lower edges are padded with black to a multiple of 32, not to a square:
    a 4:3 frame costs a quarter less so.

    Args:
        frame: uint8 (height, width, 3), RGB.
        side: long side of the result in pixels, a multiple of 32.

    Returns:
        uint8 (1, h, w, 3), h and w multiples of 32; and the scale from the frame to it.
    """
    height, width = frame.shape[:2]
    scale = input_scale(frame.shape, side)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    if (new_width, new_height) != (width, height):
        # reducing_gap: large photographs are first averaged by a whole factor, which is several times faster.
        picture = Image.fromarray(frame).resize((new_width, new_height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        frame = np.asarray(picture)
    padded_height, padded_width = -(-new_height // 32) * 32, -(-new_width // 32) * 32
    if (padded_height, padded_width) == (new_height, new_width):
        return np.ascontiguousarray(frame)[None], scale
    padded = np.zeros((1, padded_height, padded_width, 3), dtype=np.uint8)
    padded[0, :new_height, :new_width] = frame
    return padded, scale


@functools.lru_cache(maxsize=16)
def _cells(height: int, width: int) -> NDArray[np.float32]:
    """Give column, row and stride of every output cell, float32 (n, 3), in the order of the detector's outputs."""
    parts = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells = np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1)
        parts.append(cells.astype(np.float32))
    table = np.concatenate(parts)
    table.setflags(write=False)
    return table


def decode_maps(
    outputs: Sequence[NDArray[np.float32]], height: int, width: int, scale: float, min_score: float = MIN_SCORE
) -> list[Detection]:
    """Turn YuNet's twelve outputs into faces, best first.

    Args:
        outputs: class, objectness, box, landmarks, each for strides 8, 16 and 32: (1, n, 1), (1, n, 1), (1, n, 4),
            (1, n, 10).
        height: of the detector's input in pixels.
        width: of the detector's input in pixels.
        scale: from the frame to the detector's input.
        min_score: faces below it are left out.

    Returns:
        The faces in pixels of the frame.
    """
    classes = np.concatenate([part.reshape(-1) for part in outputs[0:3]])
    objects = np.concatenate([part.reshape(-1) for part in outputs[3:6]])
    # The product is compared with the square first: thousands of cells need no root.
    product = np.clip(classes, 0.0, 1.0) * np.clip(objects, 0.0, 1.0)
    found = np.flatnonzero(product > min_score * min_score)
    if found.size == 0:
        return []
    if found.size > MAX_CANDIDATES:
        found = found[np.argsort(-product[found], kind="stable")[:MAX_CANDIDATES]]
    scores = np.sqrt(product[found])
    raw = np.concatenate(
        [np.concatenate([part.reshape(-1, 4) for part in outputs[6:9]])[found],
         np.concatenate([part.reshape(-1, 10) for part in outputs[9:12]])[found]], axis=1
    )  # fmt: skip
    cells = _cells(height, width)[found]
    origin, stride = cells[:, :2], cells[:, 2:]
    centre = (origin + raw[:, :2]) * stride
    size = np.exp(np.minimum(raw[:, 2:4], 10.0)) * stride  # e^10 strides: far beyond any frame, and no overflow
    boxes = np.concatenate([centre - size / 2, size], axis=1) / np.float32(scale)
    points = (raw[:, 4:].reshape(-1, 5, 2) + origin[:, None, :]) * stride[:, None, :] / np.float32(scale)
    kept = suppress(boxes, scores)
    return [
        Detection(box=_box(boxes[index]), landmarks=points[index].astype(np.float32), score=float(scores[index]))
        for index in kept
        if math.isfinite(float(boxes[index].sum() + points[index].sum()))
    ]


def _box(row: NDArray[np.floating]) -> tuple[float, float, float, float]:
    return float(row[0]), float(row[1]), float(row[2]), float(row[3])


def suppress(boxes: NDArray[np.floating], scores: NDArray[np.floating], max_overlap: float = MAX_OVERLAP) -> list[int]:
    """Keep the best of boxes that overlap (greedy non-maximum suppression).

    Args:
        boxes: (n, 4), x, y, width, height.
        scores: (n,).
        max_overlap: intersection over union above which two boxes are one face.

    Returns:
        Indices of the boxes kept, best first.
    """
    order = np.argsort(-scores, kind="stable")
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    area = boxes[:, 2] * boxes[:, 3]
    kept: list[int] = []
    while order.size:
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        overlap = np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest])
        shared = np.prod(np.maximum(overlap, 0.0), axis=1)
        order = rest[shared <= max_overlap * (area[best] + area[rest] - shared)]
    return kept
