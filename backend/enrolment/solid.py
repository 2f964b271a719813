"""Does a face turn like a solid head, or like a flat print? Pure geometry of five landmarks.

Every view of a flat thing from afar is an affine map of every other (Koenderink and van Doorn 1991, "Affine structure
from motion"): eyes and corners of the mouth fix that map, and the nose tip of a print must follow it. A real nose tip
stands some 30 mm before their plane and is left behind or runs ahead.

It stops a photograph held up and tilted. It does not stop three prints of three views, or a mask.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_PARALLAX", "moves_like_a_head", "parallax"]

# The eyes and the corners of the mouth, and the nose tip, in the order of the detector's landmarks.
_PLANE = [0, 1, 3, 4]
_NOSE = 2

#: Smallest shift of the nose tip against the plane of eyes and mouth, in heights of the inner face (eyes to mouth). The
#: nose tip stands 0.40 such heights before the plane (anthropometry as in gate_sdk.face.quality): a head turned by 11
#: degrees gives 0.076. A print turned by 30 degrees at 0.3 m gives 0.023 by perspective, and landmarks err by 0.02.
MIN_PARALLAX = 0.05


def parallax(front: NDArray[np.floating], turned: NDArray[np.floating]) -> tuple[float, float]:
    """How far the nose tip is from where a flat print would have it, in heights of the inner face.

    Args:
        front: (5, 2) landmarks in pixels: right eye, left eye, nose tip, right and left corner of the mouth.
        turned: the same points in the other picture, at any scale, place and tilt.

    Returns:
        Along the line of the eyes (positive towards the person's left eye), and across it (positive towards the
        mouth). (0, 0) where the points of a picture fall together.
    """
    source = np.column_stack([front[_PLANE].astype(np.float64), np.ones(len(_PLANE))])
    target = turned.astype(np.float64)
    affine, _, rank, _ = np.linalg.lstsq(source, target[_PLANE], rcond=None)
    eyes = target[1] - target[0]
    # Eyes to mouth, since a turn to the side does not foreshorten that.
    scale = float(np.linalg.norm(target[3:].mean(axis=0) - target[:2].mean(axis=0)))
    if rank < source.shape[1] or scale == 0.0 or not np.any(eyes):
        return 0.0, 0.0
    along = eyes / np.linalg.norm(eyes)
    shift = (target[_NOSE] - np.append(front[_NOSE].astype(np.float64), 1.0) @ affine) / scale
    return float(shift @ along), float(shift @ np.array([-along[1], along[0]]))


def moves_like_a_head(
    front: NDArray[np.floating], one_side: NDArray[np.floating], other_side: NDArray[np.floating]
) -> bool:
    """Whether the nose runs ahead of the face in both turns, and to opposite sides.

    Args:
        front: (5, 2) landmarks of the picture from the front.
        one_side: of the head turned to one side.
        other_side: of the head turned to the other side.
    """
    first, _ = parallax(front, one_side)
    second, _ = parallax(front, other_side)
    return min(abs(first), abs(second)) >= MIN_PARALLAX and (first > 0) != (second > 0)
