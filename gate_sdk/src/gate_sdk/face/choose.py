"""Which of several faces is meant."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gate_sdk.face.arrays import Detection

#: x, y, width, height in pixels of the frame.
Zone = tuple[float, float, float, float]

#: How much a face at the zone's corner counts less than one at its centre. The nearest face is the largest; among faces
#: of comparable size the one in the middle is meant, also where somebody cut off by the edge is a little nearer.
CENTRE_WEIGHT = 0.9


def choose(detections: Sequence[Detection], frame_shape: tuple[int, ...], zone: Zone | None = None) -> Detection | None:
    """Choose the nearest face in the zone.

    Args:
        detections: faces of one frame.
        frame_shape: height, width, … of the frame in pixels.
        zone: x, y, width, height where people stand who want to pass; the whole frame without it. A face belongs to
            it when its centre lies in it.

    Returns:
        The largest face, weighed by its distance from the middle; None without a face in the zone.
    """
    left, top, width, height = zone or (0.0, 0.0, float(frame_shape[1]), float(frame_shape[0]))
    radius = math.hypot(width, height) / 2 or 1.0
    best: Detection | None = None
    best_weight = 0.0
    for face in detections:
        x, y = face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2
        if not (left <= x <= left + width and top <= y <= top + height):
            continue
        distance = math.hypot(x - left - width / 2, y - top - height / 2) / radius
        weight = face.area * (1.0 - CENTRE_WEIGHT * min(distance, 1.0))
        if weight > best_weight:
            best, best_weight = face, weight
    return best


def bystanders(detections: Sequence[Detection], chosen: Detection, *, size: float = 0.5) -> list[Detection]:
    """List the other faces that might be meant instead of the chosen one.

    Args:
        detections: faces of one frame.
        chosen: what `choose` returned for them.
        size: faces narrower than this part of the chosen face's width are people in the background.

    Returns:
        The other faces, in the order given. An enrolment photograph must have none.
    """
    return [face for face in detections if face is not chosen and face.box[2] >= size * chosen.box[2]]
