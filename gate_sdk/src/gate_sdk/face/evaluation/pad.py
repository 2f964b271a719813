"""Presentation attack detection, measured in the terms of ISO/IEC 30107-3: APCER, BPCER, by frame and fused.

`DIR/live` and `DIR/attack` hold pictures; those of one folder are the frames of one presentation, and a picture that
lies there by itself is a presentation of one frame. The scores of a presentation are fused by their mean, as at the
gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.choose import choose
from gate_sdk.face.decode import decode
from gate_sdk.face.engine import FaceEngine
from gate_sdk.face.errors import FaceError, ImageRefused
from gate_sdk.face.evaluation.statistics import Interval, wilson
from gate_sdk.face.liveness import LivenessModel

#: Rates of refused live presentations at which the missed attacks are told.
BPCERS = (0.01, 0.05, 0.10)
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
#: As many frames of a presentation as a gate embeds of an approach.
_FRAMES = 8

Progress = Callable[[int, int], None]


class PadInvalid(FaceError):
    """The folder cannot be evaluated."""

    code = "evaluation_invalid"
    remedy = "Give a folder with DIR/live and DIR/attack, pictures or folders of one presentation's frames in each."


class PadRates(msgspec.Struct, frozen=True):
    """Rates over so many live (bona fide) presentations and attacks.

    ``threshold`` is the model's; ``apcer`` and ``bpcer`` are what it gives here, with 95 % intervals that take the
    presentations for independent. ``apcer_at_bpcer`` maps a BPCER ("0.01") to the APCER at the threshold that refuses
    no more live ones than that. ``auc`` is the chance that a live one scores higher than an attack.
    """

    live: int
    attacks: int
    threshold: float
    apcer: float
    apcer_interval: Interval
    bpcer: float
    bpcer_interval: Interval
    apcer_at_bpcer: dict[str, float]
    auc: float


class PadReport(msgspec.Struct, frozen=True):
    """By frame, and fused by presentation; ``apcer_at_bpcer`` and ``auc`` once more are those by frame.

    ``no_face`` counts the pictures in which no face was found or that cannot be read: they are in no rate.
    """

    pack: str
    no_face: dict[str, int]
    frame: PadRates
    fused: PadRates
    apcer_at_bpcer: dict[str, float]
    auc: float


def rates(live: Sequence[float], attacks: Sequence[float], *, threshold: float) -> PadRates:
    """Give the rates of scores from 0 (an attack) to 1 (live).

    Raises:
        PadInvalid: there are none of either.
    """
    if not live or not attacks:
        raise PadInvalid("needs at least one live face and one attack in which a face is found")
    bona_fide: NDArray[np.float64] = np.sort(np.asarray(live, dtype=np.float64))
    against: NDArray[np.float64] = np.asarray(attacks, dtype=np.float64)
    at: dict[str, float] = {}
    for allowed in BPCERS:
        # The highest threshold that refuses no more: the score of the first live one that has to pass.
        line = bona_fide[int(np.floor(allowed * bona_fide.size + 1e-9))]
        at[f"{allowed:.2f}"] = float((against >= line).mean())
    below = np.searchsorted(bona_fide, against, "left")
    upto = np.searchsorted(bona_fide, against, "right")
    missed, refused = int((against >= threshold).sum()), int((bona_fide < threshold).sum())
    return PadRates(
        live=bona_fide.size,
        attacks=against.size,
        threshold=threshold,
        apcer=missed / against.size,
        apcer_interval=wilson(missed, against.size),
        bpcer=refused / bona_fide.size,
        bpcer_interval=wilson(refused, bona_fide.size),
        apcer_at_bpcer=at,
        auc=float((bona_fide.size - (below + upto) / 2).mean() / bona_fide.size),
    )


def evaluate_pad(
    folder: Path, engine: FaceEngine, liveness: LivenessModel, *, progress: Progress | None = None
) -> PadReport:
    """Score every presentation under `folder/live` and `folder/attack`.

    Raises:
        PadInvalid: a folder is missing, or has no face in it.
    """
    presentations = {kind: _presentations(folder / kind) for kind in ("live", "attack")}
    pictures = sum(len(frames) for kind in presentations.values() for frames in kind)
    scores: dict[str, list[list[float]]] = {"live": [], "attack": []}
    no_face = {"live": 0, "attack": 0}
    done = 0
    for kind, found in presentations.items():
        for frames in found:
            scored: list[float] = []
            for path in frames:
                score = _score(path, engine, liveness)
                if score is None:
                    no_face[kind] += 1
                else:
                    scored.append(score)
                done += 1
                if progress is not None:
                    progress(done, pictures)
            if scored:
                scores[kind].append(scored)
    return summarised(scores, no_face, pack=engine.pack.id, threshold=liveness.threshold)


def summarised(
    scores: Mapping[str, Sequence[Sequence[float]]], no_face: dict[str, int], *, pack: str, threshold: float
) -> PadReport:
    """The report of scores by kind (`live`, `attack`), presentation and frame."""
    frame = rates(
        [one for frames in scores["live"] for one in frames],
        [one for frames in scores["attack"] for one in frames],
        threshold=threshold,
    )
    fused = rates(
        [float(np.mean(frames[:_FRAMES])) for frames in scores["live"]],
        [float(np.mean(frames[:_FRAMES])) for frames in scores["attack"]],
        threshold=threshold,
    )
    return PadReport(
        pack=pack, no_face=no_face, frame=frame, fused=fused, apcer_at_bpcer=frame.apcer_at_bpcer, auc=frame.auc
    )


def pad_as_text(report: PadReport) -> str:
    """The report for people."""
    lines = [f"pack {report.pack}; no face in {report.no_face['live']} live, {report.no_face['attack']} attacks"]
    for name, one in (("by frame", report.frame), ("fused", report.fused)):
        low, high = one.apcer_interval
        lines.append(f"{name}: {one.live} live, {one.attacks} attacks, AUC {one.auc:.4f}")
        lines.append(f"  at the threshold {one.threshold:g}: APCER {one.apcer:.2%} [{low:.2%}, {high:.2%}]")
        low, high = one.bpcer_interval
        lines.append(
            f"  {' ' * len(f'at the threshold {one.threshold:g}:')} BPCER {one.bpcer:.2%} [{low:.2%}, {high:.2%}]"
        )
        lines += [f"  APCER at BPCER {float(at):.0%}: {apcer:.2%}" for at, apcer in one.apcer_at_bpcer.items()]
    return "\n".join(lines)


def _presentations(folder: Path) -> list[list[Path]]:
    if not folder.is_dir():
        raise PadInvalid(f"{folder} is no folder")
    by_place: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            by_place.setdefault(path if path.parent == folder else path.parent, []).append(path)
    return list(by_place.values())


def _score(path: Path, engine: FaceEngine, liveness: LivenessModel) -> float | None:
    try:
        frame = decode(path.read_bytes())
    except ImageRefused:
        return None
    face = choose(engine.detect(frame), frame.shape)
    return None if face is None else liveness.score(frame, face)
