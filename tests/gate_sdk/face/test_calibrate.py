from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from gate_sdk.face import FaceEngine, choose, decode, threshold_for
from gate_sdk.face.calibrate import MIN_EXCEEDANCES, CommunityFit, ImpostorBin, fit_community
from gate_sdk.face.threshold import CEILING, fmr_for
from tests import data

# Stands for an embedding space: people are directions around their group's direction, photographs are around their
# person's. How closely is set so that people of one group are about as alike as measured ones (cosine 0.1 to 0.2).
_DIMENSIONS = 128
_WITHIN_GROUP = 0.4
_PHOTO_NOISE = 0.35
_FLOOR = 0.1

Vectors = NDArray[np.float32]


def _unit(rows: Vectors) -> Vectors:
    units: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return units


def _people(rng: np.random.Generator, count: int, group: Vectors) -> Vectors:
    own = _unit(rng.standard_normal((count, _DIMENSIONS)).astype(np.float32))
    return _unit(_WITHIN_GROUP * group + np.sqrt(1 - _WITHIN_GROUP**2) * own)


def _photos(rng: np.random.Generator, people: Vectors) -> Vectors:
    noise = _unit(rng.standard_normal(people.shape).astype(np.float32))
    return _unit(people + _PHOTO_NOISE * noise)


def _enrol(rng: np.random.Generator, people: Vectors) -> tuple[Vectors, list[ImpostorBin]]:
    """Everybody enrols, one after the other, as the backend does: three photographs and their mean."""
    photos = np.stack([_photos(rng, people) for _ in range(3)])
    templates = _unit(photos.mean(axis=0))
    counts: Counter[int] = Counter()
    comparisons: Counter[int] = Counter()
    for who in range(1, len(people)):
        best = (photos[:, who] @ templates[:who].T).max(axis=1)
        for score in best:
            where = int(np.floor(score * 100))
            counts[where] += 1
            comparisons[where] += who
    return templates, [ImpostorBin(one, counts[one], comparisons[one]) for one in counts]


def _fpir(rng: np.random.Generator, templates: Vectors, strangers: Vectors, threshold: float) -> float:
    return float(((_photos(rng, strangers) @ templates.T).max(axis=1) >= threshold).mean())


def _fit(bins: list[ImpostorBin], size: int, fpir: float = 0.01) -> CommunityFit:
    fit = fit_community(bins, gallery_size=size, fpir=fpir, floor=_FLOOR)
    assert fit is not None
    return fit


def test_a_community_of_one_group_keeps_its_fpir_where_the_public_threshold_does_not() -> None:
    rng = np.random.default_rng(7)
    groups = _unit(rng.standard_normal((20, _DIMENSIONS)).astype(np.float32))
    everybody = np.concatenate([_people(rng, 100, group[None]) for group in groups])
    pairs = np.triu(_photos(rng, everybody) @ _photos(rng, everybody).T, 1)
    public = float(np.quantile(pairs[np.triu_indices_from(pairs, 1)], 1 - fmr_for(1000, 0.01)))

    templates, bins = _enrol(rng, _people(rng, 1000, groups[:1]))
    strangers = _people(rng, 20_000, groups[:1])
    own = _fit(bins, 1000).threshold

    assert _fpir(rng, templates, strangers, public) > 0.04
    assert _fpir(rng, templates, strangers, own) <= 0.01


@pytest.mark.parametrize("size", [300, 1000, 2254])
def test_the_fpir_wanted_is_kept_without_giving_away_much(size: int) -> None:
    kept, wasted = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        group = _unit(rng.standard_normal((1, _DIMENSIONS)).astype(np.float32))
        templates, bins = _enrol(rng, _people(rng, size, group))
        scores = np.sort((_photos(rng, _people(rng, 20_000, group)) @ templates.T).max(axis=1))
        fit = _fit(bins, size)
        kept.append(float((scores >= fit.threshold).mean()) <= 0.01)
        wasted.append(fit.threshold - float(scores[-len(scores) // 100]))
    assert sum(kept) >= 4  # 95 % one-sided, five times
    assert max(wasted) < 0.08


def test_more_data_leave_less_doubt_and_a_stricter_target_more() -> None:
    rng = np.random.default_rng(3)
    group = _unit(rng.standard_normal((1, _DIMENSIONS)).astype(np.float32))
    few = _enrol(rng, _people(rng, 400, group))[1]
    many = _enrol(rng, _people(rng, 2254, group))[1]
    assert _fit(many, 2254).uncertainty < _fit(few, 2254).uncertainty
    assert _fit(many, 2254, 0.01).threshold < _fit(many, 2254, 0.001).threshold
    assert _fit(many, 2254).threshold < _fit(many, 22_540).threshold


def test_too_few_are_not_fitted() -> None:
    assert fit_community([], gallery_size=1, floor=_FLOOR) is None
    few = [ImpostorBin(10, 500, 500), ImpostorBin(30, MIN_EXCEEDANCES - 1, 100)]
    assert fit_community(few, gallery_size=10, floor=_FLOOR) is None
    one_bin = [ImpostorBin(10, 5000, 5000)]
    assert fit_community(one_bin, gallery_size=10, floor=_FLOOR) is None


def test_neither_below_the_packs_floor_nor_above_the_ceiling() -> None:
    low = [ImpostorBin(-50, 5000, 5000), ImpostorBin(-40, 300, 300)]
    assert _fit_between(low, 0.5) == 0.5
    high = [ImpostorBin(10, 5000, 5000), ImpostorBin(60, 100, 100), ImpostorBin(94, 200, 200)]
    assert _fit_between(high, 0.5) == CEILING


def _fit_between(bins: list[ImpostorBin], floor: float) -> float:
    fit = fit_community(bins, gallery_size=2254, fpir=0.001, floor=floor)
    assert fit is not None
    return fit.threshold


@pytest.mark.parametrize("fpir", [0.0, 1.0, -1.0, float("nan")])
def test_impossible_rates_are_refused(fpir: float) -> None:
    with pytest.raises(ValueError, match="fpir"):
        fit_community([], gallery_size=1, fpir=fpir, floor=_FLOOR)


@pytest.fixture(scope="module")
def photographed() -> list[Vectors]:
    """Embeddings of real people's photographs, (photographs, dims) each."""
    engine = FaceEngine(data.default_pack())
    people = []
    for folder in sorted(data.faces_dir().iterdir()):
        vectors = []
        for path in sorted(folder.iterdir()):
            frame = decode(path.read_bytes())
            face = choose(engine.detect(frame), frame.shape)
            if face is not None:
                vectors.append(engine.embed(frame, face).vector)
        if vectors:
            people.append(np.stack(vectors))
    return people


def _most_alike(people: list[Vectors], count: int) -> list[int]:
    """The people whose first photographs are most like one another's: a group, in the embedder's eyes."""
    first = np.stack([photos[0] for photos in people])
    scores = first @ first.T - np.eye(len(first))
    left = list(range(len(people)))
    while len(left) > count:
        left.pop(int(scores[np.ix_(left, left)].sum(axis=1).argmin()))
    return left


def test_real_people_who_are_alike_keep_their_fpir_where_the_public_threshold_does_not(
    photographed: list[Vectors],
) -> None:
    """80 people, 48 of them enrolled and 32 strangers, 20 times anew; about 90 attempts each."""
    group = _most_alike(photographed, 80)
    wanted, enrolled = 0.05, 48
    public = threshold_for(enrolled, calibration=data.default_pack().calibration, fpir=wanted, frames=1, floor=0.0)
    by_public, by_own = [], []
    for seed in range(20):
        chosen = np.random.default_rng(seed).permutation(group)
        inside, strangers = chosen[:enrolled], chosen[enrolled:]
        templates = _unit(np.stack([photographed[who][:3].mean(axis=0) for who in inside]))
        counts: Counter[int] = Counter()
        comparisons: Counter[int] = Counter()
        for before, who in enumerate(inside):
            for score in (photographed[who] @ templates[:before].T).max(axis=1) if before else ():
                counts[int(np.floor(score * 100))] += 1
                comparisons[int(np.floor(score * 100))] += before
        bins = [ImpostorBin(one, counts[one], comparisons[one]) for one in counts]
        fit = fit_community(bins, gallery_size=enrolled, fpir=wanted, floor=0.0)
        best = (np.concatenate([photographed[who] for who in strangers]) @ templates.T).max(axis=1)
        if fit is not None:
            by_public.append((best >= public).mean())
            by_own.append((best >= fit.threshold).mean())
    assert len(by_own) > 10
    assert np.mean(by_public) > wanted
    assert np.mean(by_own) <= wanted
