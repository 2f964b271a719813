import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_sdk.face import Gallery, TemplateMalformed, unit


def templates(count: int, seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return unit(np.random.default_rng(seed).normal(size=(count, 16))) if count else np.zeros((0, 16), dtype=np.float32)


def test_best_subject_score_and_margin() -> None:
    gallery = Gallery(["a", "b", "c"], np.eye(3, dtype=np.float32))
    match = gallery.search(np.array([0.6, 0.8, 0.0], dtype=np.float32))
    assert match is not None
    assert gallery.subjects[match.subject] == "b"
    assert match.score == pytest.approx(0.8)
    assert match.margin == pytest.approx(0.2)


def test_a_subjects_own_second_template_is_not_his_runner_up() -> None:
    gallery = Gallery(["a", "b", "b"], np.eye(3, dtype=np.float32))
    match = gallery.search(np.array([0.0, 0.8, 0.6], dtype=np.float32))
    assert match is not None
    assert match.margin == pytest.approx(0.8)
    assert len(gallery) == 2


def test_empty_gallery_finds_nobody_and_a_single_subject_has_the_widest_margin() -> None:
    assert Gallery([], templates(0)).search(templates(1)[0]) is None
    match = Gallery(["a"], templates(1)).search(templates(1)[0])
    assert match is not None
    assert match.margin == 2.0


def test_searching_changes_nothing() -> None:
    gallery = Gallery(range(40), templates(40))
    probe = templates(1, seed=2)[0]
    assert gallery.search(probe) == gallery.search(probe)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(0, 1000))
def test_search_agrees_with_a_plain_loop(owners: list[int], seed: int) -> None:
    matrix, probe = templates(len(owners), seed), templates(1, seed + 5000)[0]
    best: dict[int, float] = {}
    for owner, row in zip(owners, matrix, strict=True):
        best[owner] = max(best.get(owner, -2.0), float(row @ probe))
    gallery = Gallery(owners, matrix)
    match = gallery.search(probe)
    assert match is not None
    ranked = sorted(best.values(), reverse=True)
    assert match.score == pytest.approx(ranked[0], abs=1e-5)
    assert best[gallery.subjects[match.subject]] == pytest.approx(ranked[0], abs=1e-5)
    assert match.margin == pytest.approx(ranked[0] - ranked[1] if len(ranked) > 1 else 2.0, abs=1e-5)


def test_wrong_shapes_and_values_are_refused() -> None:
    gallery = Gallery(["a", "b"], templates(2))
    for probe in (np.zeros(3, dtype=np.float32), np.full(16, np.nan, dtype=np.float32)):
        with pytest.raises(TemplateMalformed):
            gallery.search(probe)
    with pytest.raises(TemplateMalformed):
        Gallery(["a"], templates(2))
    with pytest.raises(TemplateMalformed):
        Gallery(["a"], np.full((1, 16), np.inf, dtype=np.float32))
