import numpy as np
import pytest

from gate_sdk.face import align
from gate_sdk.face.align import TARGET


def textured(height: int = 300, width: int = 300) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 127 // width], axis=2).astype(np.uint8)


def test_landmarks_already_in_place_leave_the_picture_alone() -> None:
    picture = textured()
    np.testing.assert_array_equal(align(picture, TARGET), picture[:112, :112])


def test_shift_by_whole_pixels_is_exact() -> None:
    picture = textured()
    # Within one: Pillow cuts fractions off.
    np.testing.assert_allclose(
        align(picture, TARGET + np.array([37, 51])).astype(int), picture[51:163, 37:149].astype(int), atol=1
    )


@pytest.mark.parametrize("degrees", [-170, -90, -20, 0, 33, 120])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.9])
def test_each_pixel_comes_from_where_the_similarity_says(degrees: int, scale: float) -> None:
    turn = scale * np.exp(1j * np.radians(degrees))
    centre = TARGET.mean(axis=0) @ [1, 1j]
    points = (TARGET @ [1, 1j] - centre) * turn + (150 + 150j)
    face = align(textured(), np.column_stack([points.real, points.imag]))
    for x, y in [(30, 30), (56, 70), (80, 90)]:
        source = (x + 1j * y - centre) * turn + (150 + 150j)
        expected = (source.real * 255 / 300, source.imag * 255 / 300)
        assert np.abs(face[y, x, :2] - expected).max() < 2.5


def test_large_face_is_averaged_before_sampling() -> None:
    stripes = np.zeros((900, 900, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    face = align(stripes, TARGET * 8)
    assert np.abs(face.astype(int) - 127).max() < 10


def test_beyond_the_frame_is_black() -> None:
    white = np.full((100, 100, 3), 255, dtype=np.uint8)
    face = align(white, TARGET - np.array([60, 0]))
    assert face[50, 90].tolist() == [255, 255, 255]
    assert face[:, :59].max() == 0
    assert align(white, TARGET + np.array([5000, 0])).max() == 0


def test_degenerate_landmarks_do_not_raise() -> None:
    picture = textured()
    assert align(picture, np.full((5, 2), 50.0)).shape == (112, 112, 3)
    assert align(picture, TARGET * [-1, 1] + [200, 0]).shape == (112, 112, 3)
