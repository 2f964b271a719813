import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_sdk.face import threshold_for
from gate_sdk.face.default_pack import DEFAULT_MANIFEST
from gate_sdk.face.manifest import CalibrationPoint, CalibrationRow
from gate_sdk.face.threshold import CEILING, fit_tail, fmr_for, fusion_increment, row_for

CALIBRATION = DEFAULT_MANIFEST.calibration


def test_threshold_of_the_mean_community() -> None:
    threshold = threshold_for(2254, calibration=CALIBRATION, floor=0.5)
    assert 0.54 < threshold < 0.58


def test_small_galleries_stay_at_the_floor() -> None:
    assert threshold_for(0, calibration=CALIBRATION, floor=0.5) == 0.5
    assert threshold_for(30, calibration=CALIBRATION, floor=0.5) == 0.5


@given(st.integers(0, 10_000_000), st.integers(0, 10_000_000), st.floats(1e-6, 0.5))
def test_threshold_never_falls_when_the_gallery_grows(one: int, other: int, fpir: float) -> None:
    small, large = sorted((one, other))
    low = threshold_for(small, calibration=CALIBRATION, fpir=fpir, floor=0.5)
    high = threshold_for(large, calibration=CALIBRATION, fpir=fpir, floor=0.5)
    assert 0.5 <= low <= high <= CEILING


@given(st.integers(1, 1_000_000), st.floats(1e-6, 0.5))
def test_fmr_and_gallery_make_the_fpir(size: int, fpir: float) -> None:
    assert 1 - (1 - fmr_for(size, fpir)) ** size == pytest.approx(fpir, rel=1e-3)


@pytest.mark.parametrize("fpir", [0.0, 1.0, -1.0, float("nan")])
def test_impossible_rates_are_refused(fpir: float) -> None:
    with pytest.raises(ValueError, match="fpir"):
        threshold_for(100, calibration=CALIBRATION, fpir=fpir, floor=0.5)


def test_a_straight_tail_is_found_exactly_and_read_both_ways() -> None:
    tail = fit_tail([CalibrationPoint(fmr=10.0**-x, cosine=0.2 + 0.05 * x, tmr=1.0) for x in (3, 4, 5)])
    assert tail.cosine(1e-7) == pytest.approx(0.55)
    assert tail.fmr(0.55) == pytest.approx(1e-7)
    assert tail.residual == pytest.approx(0.0, abs=1e-9)
    assert tail.uncertainty(1e-5) < tail.uncertainty(1e-7)


@pytest.mark.parametrize("row", CALIBRATION.rows, ids=lambda row: f"{row.photos}-{row.frames}")
def test_the_stated_uncertainty_covers_the_last_measured_decade(row: CalibrationRow) -> None:
    *known, last = row.points
    tail = fit_tail(known)
    assert abs(tail.cosine(last.fmr) - last.cosine) <= tail.uncertainty(last.fmr)


@pytest.mark.parametrize(
    "photos, frames, expected", [(1, 1, (1, 1)), (2, 1, (3, 1)), (1, 2, (3, 3)), (3, 3, (3, 3)), (9, 9, (3, 3))]
)
def test_the_row_that_covers_is_the_safer_one(photos: int, frames: int, expected: tuple[int, int]) -> None:
    row = row_for(CALIBRATION, photos, frames)
    assert (row.photos, row.frames) == expected


def test_fusing_frames_adds_to_the_threshold_what_the_calibration_says_and_never_takes_away() -> None:
    one, three = (
        threshold_for(2254, calibration=CALIBRATION, fpir=0.001, frames=frames, floor=0.0) for frames in (1, 3)
    )
    added = fusion_increment(2254, calibration=CALIBRATION, fpir=0.001, frames=3)
    assert added == pytest.approx(three - one)
    assert added > 0.0
    assert fusion_increment(2254, calibration=CALIBRATION, fpir=0.001, frames=1) == 0.0
    with pytest.raises(ValueError, match="fpir"):
        fusion_increment(2254, calibration=CALIBRATION, fpir=0.0, frames=3)
