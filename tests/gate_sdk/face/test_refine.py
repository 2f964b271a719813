import numpy as np
import pytest
from PIL import Image

from gate_sdk.face import Detection, FaceEngine
from gate_sdk.face.align import TARGET
from gate_sdk.face.refine import CLOSE_UP_SIDE, close_up, needed, refined
from tests.data import astronaut


def test_faces_of_a_good_size_are_not_looked_at_again() -> None:
    assert not needed(80)
    assert needed(20)
    assert needed(300)


def test_close_up_shows_the_face_upright_in_the_middle(engine: FaceEngine, face: Detection) -> None:
    turned = np.asarray(Image.fromarray(astronaut()).rotate(40))
    found = max(engine.detect(turned), key=lambda one: one.area)
    picture, placement = close_up(turned, found.landmarks)
    assert picture.shape == (CLOSE_UP_SIDE, CLOSE_UP_SIDE, 3)
    back = (found.landmarks @ [1, 1j] - placement.shift) / placement.turn
    expected = (TARGET + 0.3 * 112) * CLOSE_UP_SIDE / (1.6 * 112)
    np.testing.assert_allclose(np.column_stack([back.real, back.imag]), expected, atol=4)


def test_second_look_corrects_landmarks_that_are_off(engine: FaceEngine, face: Detection) -> None:
    wrong = face.landmarks + np.random.default_rng(5).normal(0, 3, (5, 2)).astype(np.float32)
    picture, placement = close_up(astronaut(), wrong)
    better = refined(wrong, engine.detect(picture, min_score=0.3), placement)
    assert np.abs(better - face.landmarks).mean() < 0.75 * np.abs(wrong - face.landmarks).mean()


@pytest.mark.parametrize("offset", [40.0, -40.0])
def test_without_a_face_in_the_middle_the_first_look_stands(face: Detection, offset: float) -> None:
    _, placement = close_up(astronaut(), face.landmarks)
    elsewhere = Detection(
        box=(0, 0, 9, 9), landmarks=np.full((5, 2), CLOSE_UP_SIDE / 2 + offset, dtype=np.float32), score=0.9
    )
    assert refined(face.landmarks, [], placement) is face.landmarks
    assert refined(face.landmarks, [elsewhere], placement) is face.landmarks
