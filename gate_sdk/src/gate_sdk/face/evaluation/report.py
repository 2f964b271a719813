"""The report of an evaluation: what `doorward-gate evaluate` prints and writes."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.evaluation.protocol import Trials
from gate_sdk.face.evaluation.scores import GroupScores, Scores
from gate_sdk.face.evaluation.statistics import (
    Interval,
    ScoreCounts,
    bootstrap_fnir,
    bootstrap_rate,
    threshold_at,
    wilson,
)
from gate_sdk.face.manifest import Manifest
from gate_sdk.face.threshold import DEFAULT_FPIR, threshold_for

#: The FPIRs of the open-set report, as keys of the JSON.
FPIRS = ("0.01", "0.003")
#: The FMRs of the verification report; those too rare for the number of comparisons are left out.
FMRS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
#: A threshold is read only where at least so many impostor comparisons reach it: ISO/IEC 19795-1's "rule of 3" is not
#: enough for a quantile, with 10 its rate is good to about a factor of two.
_LEAST_EVENTS = 10


class OperatingPoint(msgspec.Struct, frozen=True):
    """The pack at the threshold it would use for this gallery.

    Attributes:
        fpir: part of the strangers' probes that are taken for somebody.
        fnir: part of the enrolled people's probes that are not recognised as their own person.
        threshold: cosine.
        target_fpir: what the threshold was set for.
        fpir_interval: 95 %.
        fnir_interval: 95 %.
    """

    fpir: float | None
    fnir: float | None
    threshold: float
    target_fpir: float
    fpir_interval: Interval
    fnir_interval: Interval


class VerificationPoint(msgspec.Struct, frozen=True):
    """One-to-one comparison at one threshold.

    Attributes:
        threshold: cosine.
        fmr: part of the comparisons of different people that reach it.
        fnmr: part of the comparisons of one person that do not.
        fnmr_interval: 95 %.
    """

    threshold: float
    fmr: float | None
    fnmr: float | None
    fnmr_interval: Interval


class Verification(msgspec.Struct, frozen=True):
    """One-to-one comparison of every probe with every template.

    Attributes:
        genuine: comparisons of one person.
        impostor: comparisons of different people.
        points: at fixed FMRs, and at the operating point's threshold, by rising threshold.
    """

    genuine: int
    impostor: int
    points: list[VerificationPoint]


class GroupReport(msgspec.Struct, frozen=True):
    """The operating point within one group: impostors of the same group only.

    Attributes:
        fmr: false match rate at the operating point's threshold.
        fmr_interval: 95 %, taking comparisons for independent, so rather too narrow.
        fnmr: false non-match rate at that threshold; none without genuine comparisons.
        fnmr_interval: 95 %.
        impostor: comparisons.
        genuine: comparisons.
    """

    fmr: float | None
    fmr_interval: Interval
    fnmr: float | None
    fnmr_interval: Interval
    impostor: int
    genuine: int


class Intervals(msgspec.Struct, frozen=True):
    """95 % intervals of the rates of the same names."""

    fte: Interval
    fta: Interval
    rank1: Interval
    fnir_at_fpir: dict[str, Interval]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation in the terms of ISO/IEC 19795-1.

    Rates over no trials are none, never 0.

    Attributes:
        pack: the pack's id.
        enrol: photographs in a template.
        frames: photographs in a probe.
        fte: failure-to-enrol rate, over the gallery's people.
        fta: failure-to-acquire rate, over the photographs.
        gallery: people to be enrolled.
        probes: of the gallery's people, lost ones included.
        strangers: people who are not enrolled.
        stranger_probes: their probes, lost ones included.
        photographs: all that were looked at.
        rank1: part of the probes whose best candidate is the right person, whatever the score.
        fnir_at_fpir: false negative identification rate at thresholds of these FPIRs, by FPIR. Lost probes are missed
            (generalised rates). Where fewer strangers' probes than 1 / FPIR exist, none may pass.
        threshold_at_fpir: those thresholds.
        operating_point: at the pack's default threshold for this gallery.
        intervals: of the rates above; of FNIR by resampling people.
        verification: one-to-one.
        by_group: within groups, where they were given.
        latency_ms: median time of each stage for one photograph, one thread.
    """

    pack: str
    enrol: int
    frames: int
    fte: float | None
    fta: float | None
    gallery: int
    probes: int
    strangers: int
    stranger_probes: int
    photographs: int
    rank1: float | None
    fnir_at_fpir: dict[str, float | None]
    threshold_at_fpir: dict[str, float | None]
    operating_point: OperatingPoint
    intervals: Intervals
    verification: Verification
    by_group: dict[str, GroupReport]
    latency_ms: dict[str, float]


def summarise(
    trials: Trials,
    scores: Scores,
    *,
    manifest: Manifest,
    enrol: int,
    frames: int,
    photographs: int,
    lost_photographs: int,
    latency_ms: dict[str, float],
    fpir: float = DEFAULT_FPIR,
) -> Report:
    """Make the report of an evaluation's scores."""
    # A lost probe is a miss at every threshold, a stranger's lost probe reaches none.
    hits = np.concatenate(
        [np.where(scores.known.right, scores.known.best, -np.inf), np.full(len(trials.lost_probe_people), -np.inf)]
    )
    hit_people = np.concatenate([trials.probe_people, trials.lost_probe_people])
    others = np.concatenate([scores.strangers.best, np.full(len(trials.lost_stranger_people), -np.inf)])
    other_people = np.concatenate([trials.stranger_people, trials.lost_stranger_people])
    thresholds = {key: threshold_at(others, float(key)) if others.size else None for key in FPIRS}
    threshold = threshold_for(
        trials.gallery,
        calibration=manifest.calibration,
        fpir=fpir,
        photos=enrol,
        frames=frames,
        floor=manifest.floor,
    )
    missed, passed = hits < threshold, others >= threshold
    fnir_intervals = bootstrap_fnir(hits, hit_people, others, other_people, [float(key) for key in FPIRS])
    found = np.isfinite(hits)
    return Report(
        pack=manifest.id,
        enrol=enrol,
        frames=frames,
        fte=_rate(trials.failed_to_enrol, trials.gallery),
        fta=_rate(lost_photographs, photographs),
        gallery=trials.gallery,
        probes=hits.size,
        strangers=len(np.unique(other_people)),
        stranger_probes=others.size,
        photographs=photographs,
        rank1=_rate(int(found.sum()), found.size),
        fnir_at_fpir={
            key: None if value is None else _rate(int((hits < value).sum()), hits.size)
            for key, value in thresholds.items()
        },
        threshold_at_fpir=thresholds,
        operating_point=OperatingPoint(
            fpir=_rate(int(passed.sum()), passed.size),
            fnir=_rate(int(missed.sum()), missed.size),
            threshold=threshold,
            target_fpir=fpir,
            fpir_interval=bootstrap_rate(passed, other_people),
            fnir_interval=bootstrap_rate(missed, hit_people),
        ),
        intervals=Intervals(
            fte=wilson(trials.failed_to_enrol, trials.gallery),
            fta=wilson(lost_photographs, photographs),
            rank1=bootstrap_rate(found, hit_people),
            fnir_at_fpir=dict(zip(FPIRS, fnir_intervals, strict=True)),
        ),
        verification=_verification(scores.known.own, trials.probe_people, scores.impostor, threshold),
        by_group={name: _group(part, threshold) for name, part in scores.groups.items()},
        latency_ms=latency_ms,
    )


def _rate(events: int, trials: int) -> float | None:
    return events / trials if trials else None


def _verification(
    own: NDArray[np.float32], people: NDArray[np.intp], impostor: ScoreCounts, operating: float
) -> Verification:
    readable = [rate for rate in FMRS if rate * impostor.total >= _LEAST_EVENTS]
    thresholds = sorted({operating, *(impostor.threshold_at(rate) for rate in readable)})
    points = []
    for threshold in thresholds:
        failed = own < threshold
        points.append(
            VerificationPoint(
                threshold=threshold,
                fmr=_rate(impostor.at_least(threshold), impostor.total),
                fnmr=_rate(int(failed.sum()), failed.size),
                fnmr_interval=bootstrap_rate(failed, people),
            )
        )
    return Verification(genuine=int(own.size), impostor=impostor.total, points=points if own.size else [])


def _group(part: GroupScores, threshold: float) -> GroupReport:
    own = np.concatenate(part.genuine) if part.genuine else np.zeros(0, dtype=np.float32)
    failed, matched = int((own < threshold).sum()), part.impostor.at_least(threshold)
    return GroupReport(
        fmr=_rate(matched, part.impostor.total),
        fmr_interval=wilson(matched, part.impostor.total),
        fnmr=_rate(failed, own.size),
        fnmr_interval=wilson(failed, own.size),
        impostor=part.impostor.total,
        genuine=int(own.size),
    )


def as_text(report: Report) -> str:
    """Write a report for people to read."""
    point, inner = report.operating_point, report.intervals
    lines = [
        f"pack {report.pack}, {report.enrol} photographs enrolled, {report.frames} in a probe",
        f"gallery {report.gallery} people, {report.probes} probes",
        f"{report.strangers} strangers, {report.stranger_probes} probes; {report.photographs} photographs in all",
        f"failure to enrol          {_percent(report.fte, inner.fte)}",
        f"failure to acquire        {_percent(report.fta, inner.fta)}",
        f"rank-1 identification     {_percent(report.rank1, inner.rank1)}",
    ]
    for key in FPIRS:
        rate = _percent(report.fnir_at_fpir[key], inner.fnir_at_fpir[key])
        at = report.threshold_at_fpir[key]
        lines.append(f"FNIR at FPIR {float(key):5.1%}        {rate}" + ("" if at is None else f"  threshold {at:.3f}"))
    lines += [
        f"operating point           threshold {point.threshold:.3f}, set for FPIR {point.target_fpir:.2%}",
        f"  FPIR                    {_percent(point.fpir, point.fpir_interval)}",
        f"  FNIR                    {_percent(point.fnir, point.fnir_interval)}",
        f"verification              {report.verification.genuine} genuine, {report.verification.impostor} impostor",
    ]
    lines += [
        f"  threshold {each.threshold:6.3f}        FMR {'no trials' if each.fmr is None else f'{each.fmr:.2e}'}"
        f"  FNMR {_percent(each.fnmr, each.fnmr_interval)}"
        for each in report.verification.points
    ]
    for name, group in sorted(report.by_group.items()):
        lines += [
            f"group {name}: {group.impostor} impostor, {group.genuine} genuine",
            f"  FMR                     {_percent(group.fmr, group.fmr_interval)}",
            f"  FNMR                    {_percent(group.fnmr, group.fnmr_interval)}",
        ]
    stages = ", ".join(f"{stage} {time:.2f}" for stage, time in report.latency_ms.items())
    lines.append(f"median milliseconds       {stages}")
    return "\n".join(lines)


def _percent(rate: float | None, interval: Interval) -> str:
    if rate is None:
        return "no trials"
    return f"{rate:7.3%}  [{interval[0]:.3%}, {interval[1]:.3%}]"
