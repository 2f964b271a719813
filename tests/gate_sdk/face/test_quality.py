import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gate_sdk.face import (
    ENROLMENT,
    GATE,
    Detection,
    FaceEngine,
    QualityLimits,
    RefusalCode,
    assess,
)
from gate_sdk.face.quality import _HEAD, _NEUTRAL_PITCH, pose
from tests.data import astronaut


def seen(yaw: float, pitch: float, roll: float) -> NDArray[np.float32]:
    """Landmarks of the general head, turned and seen from afar."""
    y, p, r = np.radians([yaw, pitch, roll])
    # x right, y down, z to the camera: yaw turns z towards x, pitch turns z towards -y, roll turns x towards y.
    turn_yaw = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_pitch = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    turn_roll = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    head: NDArray[np.float64] = _HEAD @ (turn_roll @ turn_pitch @ turn_yaw).T
    return (head[:, :2] * 60 + [300, 200]).astype(np.float32)


@pytest.mark.parametrize(
    "yaw, pitch, roll", [(0, 0, 0), (25, 0, 0), (-25, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 40), (15, 10, -20)]
)
def test_pose_of_a_known_head_is_found(yaw: float, pitch: float, roll: float) -> None:
    found = pose(seen(yaw, pitch, roll))
    assert found.yaw == pytest.approx(yaw, abs=4)
    assert found.pitch + _NEUTRAL_PITCH == pytest.approx(pitch, abs=4)
    assert found.roll == pytest.approx(roll, abs=6)


def test_a_good_photograph_is_accepted(engine: FaceEngine, face: Detection) -> None:
    embedding = engine.embed(astronaut(), face)
    quality = assess(astronaut(), face, embedding.norm)
    assert quality.refusals == ()
    assert quality.ok
    assert quality.inside == 1.0


def varied(face: Detection, change: str) -> tuple[NDArray[np.uint8], Detection]:
    image = Image.fromarray(astronaut())
    if change == "blurred":
        return np.asarray(image.filter(ImageFilter.GaussianBlur(0.06 * face.box[2]))), face
    if change == "dark":
        return np.asarray(image.point(lambda value: value * 0.1)), face
    if change == "burnt out":
        return np.asarray(image.point(lambda value: min(255, value * 3 + 80))), face
    if change == "veiled":
        return np.asarray(image.point(lambda value: 120 + value * 0.05)), face
    scale = 0.5
    small = Detection(box=tuple(each * scale for each in face.box), landmarks=face.landmarks * scale, score=face.score)  # type: ignore[arg-type]  # four floats again
    return np.asarray(image.resize((256, 256))), small


@pytest.mark.parametrize(
    "change, code",
    [
        ("blurred", RefusalCode.BLURRED),
        ("dark", RefusalCode.TOO_DARK),
        ("burnt out", RefusalCode.TOO_BRIGHT),
        ("veiled", RefusalCode.LOW_CONTRAST),
        ("small", RefusalCode.FACE_TOO_SMALL),
    ],
)
def test_each_fault_has_its_code(face: Detection, change: str, code: RefusalCode) -> None:
    frame, detection = varied(face, change)
    assert code in assess(frame, detection).refusals


@pytest.mark.parametrize(
    "angles, code",
    [
        ((45, 0, 0), RefusalCode.TURNED_SIDEWAYS),
        ((0, 38, 0), RefusalCode.TURNED_UP_OR_DOWN),
        ((0, 0, 40), RefusalCode.TILTED),
    ],
)
def test_turned_heads_are_refused(angles: tuple[float, float, float], code: RefusalCode) -> None:
    detection = Detection(box=(250, 150, 100, 120), landmarks=seen(*angles), score=0.9)
    assert code in assess(np.full((480, 640, 3), 128, dtype=np.uint8), detection).refusals


def test_a_face_at_the_edge_is_cut_off(face: Detection) -> None:
    x = int(face.box[0] + face.box[2] * 0.4)
    shift = np.array([x, 0], dtype=np.float32)
    cut = Detection(
        box=(face.box[0] - x, face.box[1], face.box[2], face.box[3]), landmarks=face.landmarks - shift, score=0.9
    )
    quality = assess(np.ascontiguousarray(astronaut()[:, x:]), cut)
    assert RefusalCode.FACE_CUT_OFF in quality.refusals
    assert quality.inside == pytest.approx(0.6, abs=0.02)


def test_a_low_norm_is_refused_where_it_is_known(face: Detection) -> None:
    assert RefusalCode.HARD_TO_RECOGNISE in assess(astronaut(), face, 5.0).refusals
    assert RefusalCode.HARD_TO_RECOGNISE not in assess(astronaut(), face).refusals


def test_light_does_not_change_sharpness(face: Detection) -> None:
    dim = (astronaut() * 0.4).astype(np.uint8)
    assert assess(dim, face).sharpness == pytest.approx(assess(astronaut(), face).sharpness, rel=0.15)


@pytest.mark.parametrize("code", RefusalCode)
def test_every_refusal_has_a_remedy_in_both_languages(code: RefusalCode) -> None:
    assert code.remedy.en.endswith(".")
    assert code.remedy.zh.endswith("。")


def test_the_gate_is_nowhere_stricter_than_enrolment() -> None:
    for name in QualityLimits.__struct_fields__:
        loose, strict = getattr(GATE, name), getattr(ENROLMENT, name)
        assert (loose >= strict) if name in {"brightest", "clipped", "yaw", "pitch", "roll"} else (loose <= strict)
