import numpy as np
import pytest

from gate_sdk.face import Embedding, unit
from gate_sdk.face.default_pack import DEFAULT_MANIFEST
from gate_sdk.face.evaluation.protocol import Photographs, lay_out
from gate_sdk.face.evaluation.report import Report, as_text, summarise
from gate_sdk.face.evaluation.scores import compare


def embedding(*values: float) -> Embedding:
    return Embedding(vector=unit(np.array(values)), norm=10.0)


def person(name: str, count: int) -> tuple[str, Photographs]:
    return name, [embedding(1.0, number) for number in range(count)]


def measured(
    people: list[tuple[str, Photographs]],
    groups: dict[str, str] | None = None,
    *,
    enrol: int = 3,
    frames: int = 1,
) -> Report:
    trials = lay_out(people, enrol=enrol, frames=frames)
    return summarise(
        trials,
        compare(trials, groups or {}),
        manifest=DEFAULT_MANIFEST,
        enrol=enrol,
        frames=frames,
        photographs=sum(len(photographs) for _, photographs in people),
        lost_photographs=sum(one is None for _, photographs in people for one in photographs),
        latency_ms={},
    )


@pytest.mark.parametrize(
    "photographs, enrol, frames, gallery, probes, strangers",
    [
        (4, 3, 1, 1, 1, 0),
        (3, 3, 1, 0, 0, 3),
        (1, 3, 1, 0, 0, 1),
        (8, 3, 1, 1, 5, 0),
        (6, 3, 3, 1, 1, 0),
        (8, 3, 3, 1, 1, 0),
        (5, 3, 3, 0, 0, 0),
        (2, 3, 3, 0, 0, 1),
        (2, 1, 1, 1, 1, 0),
    ],
)
def test_who_is_enrolled_and_who_a_stranger(
    photographs: int, enrol: int, frames: int, gallery: int, probes: int, strangers: int
) -> None:
    trials = lay_out([person("a", photographs)], enrol=enrol, frames=frames)
    assert (trials.gallery, len(trials.probes), len(trials.strangers)) == (gallery, probes, strangers)


def test_the_first_photographs_are_enrolled_and_the_others_tried() -> None:
    photographs = [embedding(1, 0), embedding(1, 0), embedding(0, 1)]
    trials = lay_out([("a", photographs)], enrol=2, frames=1)
    np.testing.assert_allclose(trials.templates, [[1, 0]], atol=1e-6)
    np.testing.assert_allclose(trials.probes, [[0, 1]], atol=1e-6)


def axes(size: int, which: int, tilt: float = 0.0, towards: int = 0) -> Embedding:
    values = np.zeros(size)
    values[which] = 1.0
    values[towards] += tilt
    return Embedding(vector=unit(values), norm=10.0)


def small_world() -> list[tuple[str, Photographs]]:
    """Two people known without doubt, one whose second probe looks like the first; two strangers."""
    return [
        ("a", [axes(5, 0), axes(5, 0), axes(5, 0)]),
        ("b", [axes(5, 1), axes(5, 1), axes(5, 1)]),
        ("c", [axes(5, 2), axes(5, 2), axes(5, 0)]),
        ("x", [axes(5, 3, tilt=0.5, towards=0)]),
        ("y", [axes(5, 4)]),
    ]


def test_rates_of_a_small_world_by_hand() -> None:
    report = measured(small_world(), enrol=1)
    assert (report.gallery, report.probes, report.strangers, report.stranger_probes) == (3, 6, 2, 2)
    assert report.rank1 == pytest.approx(5 / 6)
    assert report.fnir_at_fpir == {"0.01": pytest.approx(1 / 6), "0.003": pytest.approx(1 / 6)}
    assert report.operating_point.threshold == 0.5
    assert report.operating_point.fnir == pytest.approx(1 / 6)
    assert report.operating_point.fpir == 0.0
    assert report.threshold_at_fpir["0.01"] == pytest.approx(0.5 / 1.25**0.5, abs=1e-6)
    assert report.verification.genuine == 6
    assert report.verification.impostor == 6 * 2 + 2 * 3


def test_lost_photographs_count_against_the_system() -> None:
    people: list[tuple[str, Photographs]] = [
        ("a", [None, axes(2, 0), None]),  # enrolled with nothing: his probes cannot be found
        ("b", [axes(2, 1), None, axes(2, 1)]),
        ("x", [None]),
    ]
    report = measured(people, enrol=1)
    assert report.fte == pytest.approx(1 / 2)
    assert report.fta == pytest.approx(4 / 7)
    assert report.probes == 4
    assert report.rank1 == pytest.approx(1 / 4)
    assert report.fnir_at_fpir["0.01"] == pytest.approx(3 / 4)
    assert report.operating_point.fpir == 0.0


def test_groups_are_compared_within_themselves() -> None:
    groups = {"a": "one", "c": "one", "b": "two", "x": "one"}
    report = measured(small_world(), groups, enrol=1)
    one, two = report.by_group["one"], report.by_group["two"]
    # Probes of a (2), c (2) and the stranger x (1) against the templates of a and c, less their own.
    assert (one.impostor, one.genuine) == (2 + 2 + 2, 4)
    assert one.fmr == pytest.approx(1 / 6)
    assert one.fnmr == pytest.approx(1 / 4)
    assert (two.impostor, two.genuine, two.fmr, two.fnmr) == (0, 2, None, 0.0)


def test_only_strangers_or_only_residents_still_make_a_report() -> None:
    strangers = measured([person("x", 1)])
    assert strangers.rank1 is None
    assert strangers.fnir_at_fpir == {"0.01": None, "0.003": None}
    assert strangers.operating_point.fnir is None
    residents = measured([person("a", 5)])
    assert residents.rank1 == 1.0
    # Nobody who ought to be kept out was tried: that is no rate of 0.
    assert residents.operating_point.fpir is None
    assert residents.fnir_at_fpir == residents.threshold_at_fpir == {"0.01": None, "0.003": None}
    assert [point.fmr for point in residents.verification.points] == [None]
    assert "no trials" in as_text(residents)
    for report in (strangers, residents):
        assert "gallery" in as_text(report)
