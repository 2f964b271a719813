import numpy as np
import pytest
from PIL import Image

from gate_sdk.face import Detection, FaceEngine, bystanders, choose
from gate_sdk.face.detect import decode_maps, letterbox, suppress
from tests.data import astronaut


def test_letterbox_pads_to_multiples_of_32() -> None:
    picture, scale = letterbox(np.full((720, 1280, 3), 9, dtype=np.uint8))
    assert picture.shape == (1, 384, 640, 3)
    assert scale == 0.5
    assert picture[0, :360].min() == 9
    assert picture[0, 360:].max() == 0


def test_letterbox_passes_a_camera_frame_through_uncopied() -> None:
    frame = np.zeros((480, 640, 3), dtype=np.uint8)
    picture, scale = letterbox(frame)
    assert np.shares_memory(picture, frame)
    assert scale == 1.0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (3000, 2, 3)])
def test_absurd_frames_hold_no_face(engine: FaceEngine, shape: tuple[int, ...]) -> None:
    assert engine.detect(np.zeros(shape, dtype=np.uint8)) == []


def test_the_astronaut_is_found_with_her_landmarks_in_order(face: Detection) -> None:
    x, y, width, height = face.box
    assert 160 < x < 190
    assert 50 < y < 90
    assert 80 < width < 130
    assert 90 < height < 160
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert face.score > 0.8


@pytest.mark.parametrize("size", [(250, 250), (480, 640), (1600, 1600)])
def test_coordinates_are_those_of_the_frame(engine: FaceEngine, face: Detection, size: tuple[int, int]) -> None:
    height, width = size
    side = min(size)
    frame = np.zeros((height, width, 3), dtype=np.uint8)
    frame[:side, :side] = np.asarray(Image.fromarray(astronaut()).resize((side, side)))
    found = choose(engine.detect(frame), frame.shape)
    assert found is not None
    assert np.abs(found.landmarks * 512 / side - face.landmarks).max() < 6


def test_the_same_frame_gives_the_same_faces(engine: FaceEngine) -> None:
    first, second = engine.detect(astronaut()), engine.detect(astronaut())
    assert [one.box for one in first] == [one.box for one in second]


def maps(
    cell: int, score: float, stride: int = 8, side: int = 640
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Outputs of a detector that sees one face, in one cell."""
    outputs: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for width in (1, 1, 4, 10):
        for each in (8, 16, 32):
            part = np.zeros((1, (side // each) ** 2, width), dtype=np.float32)
            if each == stride:
                part[0, cell] = score if width == 1 else np.arange(width) / 10
            outputs.append(part)
    return outputs


def test_one_cell_becomes_one_face_in_frame_pixels() -> None:
    (found,) = decode_maps(maps(cell=81, score=0.9), 640, 640, scale=2.0)  # column 1, row 1 of stride 8
    width, height = 8 * np.exp(0.2), 8 * np.exp(0.3)
    expected = (np.array([(1 + 0.0) * 8 - width / 2, (1 + 0.1) * 8 - height / 2, width, height])) / 2
    np.testing.assert_allclose(found.box, expected, rtol=1e-5)
    np.testing.assert_allclose(found.landmarks[2], [(0.4 + 1) * 8 / 2, (0.5 + 1) * 8 / 2], rtol=1e-5)
    assert found.score == pytest.approx(0.9, abs=1e-6)


def test_scores_below_the_limit_and_infinite_boxes_are_left_out() -> None:
    assert decode_maps(maps(cell=5, score=0.59), 640, 640, 1.0) == []
    broken = maps(cell=5, score=0.9)
    broken[6][:] = np.nan
    assert decode_maps(broken, 640, 640, 1.0) == []


def test_overlapping_boxes_leave_the_best() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [30, 30, 10, 10]], dtype=np.float32)
    assert suppress(boxes, np.array([0.7, 0.9, 0.8], dtype=np.float32)) == [1, 2]


def at(x: float, y: float, width: float) -> Detection:
    return Detection(box=(x, y, width, width), landmarks=np.zeros((5, 2), dtype=np.float32), score=0.9)


def test_the_nearest_face_in_the_zone_is_chosen() -> None:
    near, far, outside = at(100, 100, 120), at(300, 100, 60), at(600, 0, 200)
    assert choose([far, near, outside], (480, 800, 3), zone=(0, 0, 500, 480)) is near
    assert choose([outside], (480, 800, 3), zone=(0, 0, 500, 480)) is None
    assert choose([], (480, 800, 3)) is None


def test_of_two_equal_faces_the_one_in_the_middle_is_chosen() -> None:
    middle, edge = at(270, 190, 100), at(0, 0, 104)
    assert choose([edge, middle], (480, 640, 3)) is middle


def test_people_in_the_background_are_no_bystanders() -> None:
    chosen, beside, behind = at(100, 100, 100), at(300, 100, 80), at(400, 100, 30)
    assert bystanders([chosen, beside, behind], chosen) == [beside]
