import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gate_sdk.face.evaluation.statistics import ScoreCounts, bootstrap_fnir, bootstrap_rate, threshold_at, wilson

cosines = arrays(np.float32, st.integers(1, 200), elements=st.floats(-1, 1, width=32))


@pytest.mark.parametrize(
    "events, trials, low, high",
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 100, 0.0018, 0.0545), (0, 0, 0, 1)],
)
def test_wilson_interval_as_in_the_tables(events: int, trials: int, low: float, high: float) -> None:
    assert wilson(events, trials) == pytest.approx((low, high), abs=1e-4)


@given(cosines, st.floats(0, 1))
def test_at_most_the_rate_reaches_the_threshold_and_a_lower_one_would_let_more_in(
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rate: float
) -> None:
    threshold = threshold_at(scores, rate)
    assert (scores >= threshold).mean() <= rate + 1e-9
    below = scores[scores < threshold]
    if below.size:
        assert (scores >= below.max()).mean() > rate - 1e-9


def test_threshold_with_few_strangers_lets_none_in() -> None:
    scores = np.array([0.1, 0.4, 0.3], dtype=np.float32)
    assert threshold_at(scores, 0.003) > 0.4
    assert threshold_at(scores, 0.34) > 0.3
    assert threshold_at(scores, 0.34) <= 0.4
    assert threshold_at(np.zeros(0, dtype=np.float32), 0.01) == -1.0


@given(cosines, st.sampled_from([0.5, 0.1, 0.01]))
def test_histogram_agrees_with_the_scores_to_one_bin(
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rate: float
) -> None:
    counts = ScoreCounts()
    counts.add(scores[:50])
    counts.add(scores[50:])
    assert counts.total == scores.size
    threshold = counts.threshold_at(rate)
    assert (scores >= threshold + 1e-4).mean() <= rate
    exact = threshold_at(scores, rate)
    assert exact - 1e-3 <= threshold <= exact + 1e-3 or exact == -1.0


def test_bootstrap_resamples_people_not_probes() -> None:
    # One person with 50 failing probes of 100: his draw decides, so the interval must be wide.
    events = np.zeros(100, dtype=np.bool_)
    events[:50] = True
    one_person = np.concatenate([np.zeros(50), np.arange(1, 51)]).astype(np.intp)
    wide = bootstrap_rate(events, one_person)
    narrow = bootstrap_rate(events, np.arange(100, dtype=np.intp))
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_no_misses_do_not_make_certainty() -> None:
    people = np.arange(30, dtype=np.intp)
    (interval,) = bootstrap_fnir(np.full(30, 0.9), people, np.full(30, 0.1), people, [0.01])
    assert interval[0] == 0.0
    assert interval[1] == pytest.approx(wilson(0, 30)[1])
    assert bootstrap_rate(np.zeros(30, dtype=np.bool_), people) == wilson(0, 30)


def test_without_probes_nothing_is_known() -> None:
    none = np.zeros(0)
    people = np.zeros(0, dtype=np.intp)
    assert bootstrap_fnir(none, people, none, people, [0.01, 0.003]) == [(0.0, 1.0)] * 2
    assert bootstrap_rate(none.astype(np.bool_), people) == (0.0, 1.0)


def test_the_same_scores_give_the_same_interval() -> None:
    random = np.random.default_rng(1)
    scores, people = random.normal(size=40), random.integers(10, size=40).astype(np.intp)
    first = bootstrap_fnir(scores, people, scores, people, [0.1])
    assert first == bootstrap_fnir(scores, people, scores, people, [0.1])
