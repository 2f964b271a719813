"""A head that turns, and prints that are tilted, by their five landmarks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.enrolment.solid import MIN_PARALLAX, moves_like_a_head, parallax

Points = NDArray[np.float64]

# Right eye, left eye, nose tip, corners of the mouth: millimetres, x right, y down, z towards the camera.
HEAD = np.array([[-31.5, 0, 0], [31.5, 0, 0], [0, 36, 35], [-26, 72, 10], [26, 72, 10]], dtype=np.float64)
PRINT = HEAD * [1, 1, 0]


def seen(points: Points, *, yaw: float, pitch: float = 0.0, roll: float = 0.0, distance: float = 600.0) -> Points:
    """Pixels of a pinhole camera with a focal length of 1,000 pixels, `distance` millimetres away."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    placed = (points - [0, 36, 0]) @ (lean @ nod @ turn).T
    return np.asarray(placed[:, :2] * (1000 / (distance - placed[:, 2:])) + [320, 240])


def noisy(points: Points, seed: int) -> Points:
    """Landmarks as a detector gives them: off by two hundredths of the distance between the pupils."""
    width = float(np.linalg.norm(points[1] - points[0]))
    return points + np.random.default_rng(seed).normal(0, 0.02 * width, points.shape)


@pytest.mark.parametrize("turn", [14, 20, 30])
@pytest.mark.parametrize("distance", [300, 600, 1500])
def test_a_head_that_turns_both_ways_is_solid(turn: float, distance: float) -> None:
    front = seen(HEAD, yaw=3, distance=distance)
    left, right = seen(HEAD, yaw=turn, distance=distance), seen(HEAD, yaw=-turn, distance=distance)
    assert moves_like_a_head(front, left, right)
    assert moves_like_a_head(front, right, left)  # some phones mirror


def test_the_nose_runs_ahead_to_the_side_that_the_head_turns_to() -> None:
    front = seen(HEAD, yaw=0)
    assert parallax(front, seen(HEAD, yaw=20))[0] > MIN_PARALLAX
    assert parallax(front, seen(HEAD, yaw=-20))[0] < -MIN_PARALLAX


@pytest.mark.parametrize("tilt", [10, 20, 30, 40])
@pytest.mark.parametrize("distance", [300, 600, 1500])
def test_a_tilted_print_is_flat(tilt: float, distance: float) -> None:
    front = seen(PRINT, yaw=0, distance=distance)
    assert not moves_like_a_head(
        front, seen(PRINT, yaw=tilt, distance=distance), seen(PRINT, yaw=-tilt, distance=distance)
    )


def test_a_print_of_a_turned_head_is_flat_too() -> None:
    # What the picture shows is projected first, then tilted as a sheet of paper.
    sheet = np.column_stack([seen(HEAD, yaw=20) - [320, 204], np.zeros(5)])
    views = [seen(sheet, yaw=yaw) for yaw in (0, 25, -25)]
    assert not moves_like_a_head(*views)


def test_a_print_that_is_tilted_every_way_at_once_is_flat() -> None:
    front = seen(PRINT, yaw=5, pitch=-10, roll=8)
    views = seen(PRINT, yaw=25, pitch=15, roll=-12), seen(PRINT, yaw=-30, pitch=20, roll=15)
    assert not moves_like_a_head(front, *views)


def test_a_head_that_turns_twice_the_same_way_is_refused() -> None:
    front = seen(HEAD, yaw=0)
    assert not moves_like_a_head(front, seen(HEAD, yaw=20), seen(HEAD, yaw=25))


def test_noise_of_the_landmarks_seldom_decides() -> None:
    heads = prints = 0
    for seed in range(200):
        views = [noisy(seen(HEAD, yaw=yaw), 3 * seed + i) for i, yaw in enumerate((0, 20, -20))]
        heads += moves_like_a_head(views[0], views[1], views[2])
        views = [noisy(seen(PRINT, yaw=yaw), 3 * seed + i) for i, yaw in enumerate((0, 30, -30))]
        prints += moves_like_a_head(views[0], views[1], views[2])
    assert heads >= 196
    assert prints <= 4


def test_neither_scale_nor_place_nor_lean_matters() -> None:
    front, turned = seen(HEAD, yaw=0), seen(HEAD, yaw=20)
    angle = np.radians(30)
    lean = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert parallax(front, 3 * turned @ lean.T + [50, -20]) == pytest.approx(parallax(front, turned), abs=1e-6)


def test_points_that_fall_together_are_no_head() -> None:
    nothing = np.zeros((5, 2))
    assert parallax(nothing, nothing) == (0.0, 0.0)
    assert not moves_like_a_head(nothing, nothing, nothing)
