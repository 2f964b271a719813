"""Is this face good enough: size, sharpness, light, pose, and what the embedder itself made of it."""

from __future__ import annotations

import enum
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.align import TARGET, align
from gate_sdk.face.arrays import Detection, Frame


class RefusalCode(enum.StrEnum):
    """Why a photograph or frame is not good enough; stable names for surfaces and events."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    FACE_CUT_OFF = "face_cut_off"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"
    TURNED_SIDEWAYS = "turned_sideways"
    TURNED_UP_OR_DOWN = "turned_up_or_down"
    TILTED = "tilted"
    HARD_TO_RECOGNISE = "hard_to_recognise"

    @property
    def remedy(self) -> Remedy:
        """What to tell the person."""
        return _REMEDIES[self]


class Remedy(msgspec.Struct, frozen=True):
    """What a person can do, in the two languages that every surface offers.

    Attributes:
        en: English.
        zh: simplified Chinese.
    """

    en: str
    zh: str


_REMEDIES = {
    RefusalCode.NO_FACE: Remedy("Look into the camera so that your whole face is visible.", "请正对镜头，露出整张脸。"),
    RefusalCode.SEVERAL_FACES: Remedy("Only one person may be in the picture.", "照片中只能有一个人。"),
    RefusalCode.FACE_TOO_SMALL: Remedy("Come closer to the camera.", "请靠近镜头。"),
    RefusalCode.FACE_CUT_OFF: Remedy("Move so that your whole face is in the picture.", "请让整张脸都在画面内。"),
    RefusalCode.BLURRED: Remedy("Hold still and clean the lens.", "请保持不动，并擦拭镜头。"),
    RefusalCode.TOO_DARK: Remedy("Turn towards the light.", "光线太暗，请面向光源。"),
    RefusalCode.TOO_BRIGHT: Remedy("Move out of the glaring light.", "光线太强，请避开强光。"),
    RefusalCode.LOW_CONTRAST: Remedy("Avoid light from behind, and clean the lens.", "请避免逆光，并擦拭镜头。"),
    RefusalCode.TURNED_SIDEWAYS: Remedy("Turn your face to the camera.", "请将脸转正，面向镜头。"),
    RefusalCode.TURNED_UP_OR_DOWN: Remedy("Hold the camera at eye level.", "请让镜头与眼睛同高。"),
    RefusalCode.TILTED: Remedy("Hold your head upright.", "请保持头部端正。"),
    RefusalCode.HARD_TO_RECOGNISE: Remedy(
        "Take off sunglasses or mask, face the camera in good light and try again.",
        "请摘下墨镜或口罩，在光线良好处正对镜头重拍。",
    ),
}


class QualityLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Every limit of `assess`, in one place.

    Attributes:
        face_width: smallest width of the box in pixels. From 80 px on every face of a 720p frame was found.
        inside: smallest part of the box that lies in the frame.
        sharpness: smallest value of `Quality.sharpness`.
        darkest: smallest mean luminance of the face, 0 to 255.
        brightest: largest mean luminance.
        clipped: largest part of the face that is burnt out.
        contrast: smallest standard deviation of the luminance.
        yaw: largest turn to either side in degrees.
        pitch: largest turn up or down in degrees.
        roll: largest tilt in degrees.
        norm: smallest norm of the embedding; 0 to leave it out.
    """

    face_width: float
    inside: float
    sharpness: float
    darkest: float
    brightest: float
    clipped: float
    contrast: float
    yaw: float
    pitch: float
    roll: float
    norm: float


#: For enrolment photographs, which a person can take again. Of the default pack's norms on LFW 1 % are below 10.0;
#: faces blurred by 6 % of their width, which are no longer recognised, have 8.6 in the median.
ENROLMENT = QualityLimits(
    face_width=80,
    inside=0.9,
    sharpness=0.06,
    darkest=40,
    brightest=225,
    clipped=0.25,
    contrast=15,
    yaw=35,
    pitch=30,
    roll=30,
    norm=9.5,
)
#: For frames at a gate: only what cannot be recognised is left out, the next frame comes anyway.
GATE = QualityLimits(
    face_width=60,
    inside=0.8,
    sharpness=0.03,
    darkest=8,
    brightest=240,
    clipped=0.5,
    contrast=3,
    yaw=50,
    pitch=45,
    roll=45,
    norm=7.5,
)


class Pose(msgspec.Struct, frozen=True):
    """Where a face looks, estimated from five points: good to about ten degrees.

    Attributes:
        yaw: degrees; positive when the face looks to the right edge of the picture.
        pitch: degrees; positive when it looks up.
        roll: degrees; positive when the head is tilted clockwise in the picture.
    """

    yaw: float
    pitch: float
    roll: float


class Quality(msgspec.Struct, frozen=True):
    """What was measured of a face, and what stands against it.

    Attributes:
        face_width: of the box in pixels.
        inside: part of the box that lies in the frame, 0 to 1.
        sharpness: see `sharpness`.
        luminance: mean of the face, 0 to 255.
        clipped: part of the face that is burnt out, 0 to 1.
        contrast: standard deviation of the luminance.
        pose: where the face looks.
        norm: of the embedding, where it was given.
        refusals: empty for a good face; most helpful first.
    """

    face_width: float
    inside: float
    sharpness: float
    luminance: float
    clipped: float
    contrast: float
    pose: Pose
    norm: float | None
    refusals: tuple[RefusalCode, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing stands against the face."""
        return not self.refusals


#: A general head in units of the distance between the pupils, frontal: x to the right and y down as ArcFace's five
#: points have it, z towards the camera. Depths: the nose tip stands about 35 mm, the corners of the mouth about 10 mm
#: before the pupils, at 63 mm between them (means of adult anthropometry).
_HEAD: NDArray[np.float64] = np.column_stack(
    [
        (TARGET - TARGET[:2].mean(axis=0)) / np.linalg.norm(TARGET[1] - TARGET[0]),
        [0.0, 0.0, 0.55, 0.16, 0.16],
    ]
)
_HEAD_INVERSE: NDArray[np.float64] = np.linalg.pinv(_HEAD - _HEAD.mean(axis=0))

#: What the fit gives, in degrees, for people who look straight ahead: the median over LFW. The detector sets the tip
#: of the nose lower than anatomy does.
_NEUTRAL_PITCH = -9.0
#: The inner face in an aligned picture, brows to chin, without background: rows, columns.
_INNER = (slice(30, 104), slice(26, 86))
#: Luminance of ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BURNT = 250


def pose(landmarks: NDArray[np.floating]) -> Pose:
    """Estimate the pose from five landmarks by fitting a general head under weak perspective.

    POS of DeMenthon and Davis (1995), without its iteration: five points of noise do not carry more.

    Args:
        landmarks: (5, 2) in pixels.
    """
    points = landmarks.astype(np.float64) - landmarks.mean(axis=0)
    rows = (_HEAD_INVERSE @ points).T  # the projection: picture x and y by the head's three axes
    eyes = landmarks[1].astype(np.float64) - landmarks[0]
    roll = math.atan2(float(eyes[1]), float(eyes[0]))
    # Turned back by the roll, so that yaw and pitch are the head's own.
    upright = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]]) @ rows
    scale = max(math.sqrt(float(np.linalg.norm(upright[0]) * np.linalg.norm(upright[1]))), 1e-12)
    # Where the head's forward axis points in the picture: x right, y down.
    yaw = math.asin(max(-1.0, min(1.0, float(upright[0, 2]) / scale)))
    pitch = -math.asin(max(-1.0, min(1.0, float(upright[1, 2]) / scale)))
    return Pose(yaw=math.degrees(yaw), pitch=math.degrees(pitch) - _NEUTRAL_PITCH, roll=math.degrees(roll))


def sharpness(luminance: NDArray[np.float32]) -> float:
    """Measure the fine detail of an aligned face: the Laplacian's standard deviation over the luminance's.

    A ratio, so that neither light nor contrast changes it. Smoothed by two pixels first, or noise and compression would
    pass for detail. Medians on LFW: 0.28; blurred by a Gaussian of 2 % of the face's width 0.11, 3 % 0.066, 6 % 0.030.

    Args:
        luminance: float32 (112, 112) of an aligned face.

    Returns:
        0 and more; the larger the sharper.
    """
    inner = luminance[_INNER]
    smooth = (inner[:-1, :-1] + inner[1:, :-1] + inner[:-1, 1:] + inner[1:, 1:]) / 4
    around = smooth[2:, 1:-1] + smooth[:-2, 1:-1] + smooth[1:-1, 2:] + smooth[1:-1, :-2]
    return float((4 * smooth[1:-1, 1:-1] - around).std()) / (float(inner.std()) + 1.0)


def assess(
    frame: Frame,
    detection: Detection,
    norm: float | None = None,
    *,
    aligned: Frame | None = None,
    limits: QualityLimits = ENROLMENT,
) -> Quality:
    """Measure a face and say what stands against it.

    Args:
        frame: uint8 (height, width, 3), RGB.
        detection: of this frame.
        norm: of its embedding, when it has been computed.
        aligned: the face cut out, where the caller has it already.
        limits: what is good enough.

    Returns:
        The measurements, and a refusal for every limit that is not met.
    """
    if aligned is None:
        aligned = align(frame, detection.landmarks)
    face = aligned.astype(np.float32) @ _LUMA
    inner = face[_INNER]
    looks = pose(detection.landmarks)
    width = detection.box[2]
    inside = _inside(detection.box, frame.shape)
    fine = sharpness(face)
    mean, spread, clipped = float(inner.mean()), float(inner.std()), float((inner >= _BURNT).mean())
    checks = (
        (width < limits.face_width, RefusalCode.FACE_TOO_SMALL),
        (inside < limits.inside, RefusalCode.FACE_CUT_OFF),
        (mean < limits.darkest, RefusalCode.TOO_DARK),
        (mean > limits.brightest or clipped > limits.clipped, RefusalCode.TOO_BRIGHT),
        (spread < limits.contrast, RefusalCode.LOW_CONTRAST),
        (abs(looks.yaw) > limits.yaw, RefusalCode.TURNED_SIDEWAYS),
        (abs(looks.pitch) > limits.pitch, RefusalCode.TURNED_UP_OR_DOWN),
        (abs(looks.roll) > limits.roll, RefusalCode.TILTED),
        (fine < limits.sharpness, RefusalCode.BLURRED),
        (norm is not None and norm < limits.norm, RefusalCode.HARD_TO_RECOGNISE),
    )
    return Quality(
        face_width=width,
        inside=inside,
        sharpness=fine,
        luminance=mean,
        clipped=clipped,
        contrast=spread,
        pose=looks,
        norm=norm,
        refusals=tuple(code for failed, code in checks if failed),
    )


def _inside(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> float:
    x, y, width, height = box
    seen_x = min(x + width, shape[1]) - max(x, 0.0)
    seen_y = min(y + height, shape[0]) - max(y, 0.0)
    return max(0.0, seen_x) * max(0.0, seen_y) / max(width * height, 1e-9)
