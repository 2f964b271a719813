"""Runs an evaluation: reads the photographs, embeds them, hands the embeddings on. The only part with I/O."""

from __future__ import annotations

import csv
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from gate_sdk.face.arrays import Embedding
from gate_sdk.face.choose import choose
from gate_sdk.face.decode import DecodeLimits, decode
from gate_sdk.face.engine import FaceEngine
from gate_sdk.face.errors import FaceError, ImageRefused
from gate_sdk.face.evaluation.protocol import Photographs, Trials, lay_out
from gate_sdk.face.evaluation.report import Report, summarise
from gate_sdk.face.evaluation.scores import compare
from gate_sdk.face.gallery import Gallery

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
#: The last so many times of each stage are kept for the median: enough, and bounded.
_KEPT_TIMES = 2000
_MATCH_SAMPLES = 200

#: Told the photographs done and all there are.
Progress = Callable[[int, int], None]


class EvaluationInvalid(FaceError):
    """The folder or the groups' file cannot be evaluated."""

    code = "evaluation_invalid"
    remedy = "Give a folder with one folder for each person, DIR/PERSON/PHOTO.jpg, and a CSV of person,group."


class Timer:
    """Keeps the latest times of each stage."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._last = 0.0

    def start(self) -> None:
        """Begin a chain of stages."""
        self._last = time.perf_counter()

    def stage(self, name: str) -> None:
        """End a stage; the next one begins."""
        now = time.perf_counter()
        self._times.setdefault(name, deque(maxlen=_KEPT_TIMES)).append(now - self._last)
        self._last = now

    def medians(self) -> dict[str, float]:
        """Give the median of each stage in milliseconds."""
        return {name: round(float(np.median(times)) * 1000, 3) for name, times in self._times.items()}


def list_people(folder: Path) -> list[tuple[str, list[Path]]]:
    """List people and their photographs, both by name.

    Raises:
        EvaluationInvalid: there are none.
    """
    if not folder.is_dir():
        raise EvaluationInvalid(f"{folder} is no folder")
    people = [
        (person.name, sorted(path for path in person.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file()))
        for person in sorted(folder.iterdir())
        if person.is_dir()
    ]
    people = [(name, photographs) for name, photographs in people if photographs]
    if not people:
        raise EvaluationInvalid(f"{folder} holds no folders with photographs")
    return people


def read_groups(path: Path) -> dict[str, str]:
    """Read a CSV of person,group, with or without that heading.

    Raises:
        EvaluationInvalid: it cannot be read, or a row has not two fields.
    """
    groups: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                fields = [field.strip() for field in row]
                if not any(fields) or (number == 1 and [field.lower() for field in fields] == ["person", "group"]):
                    continue
                if len(fields) != 2 or not all(fields):  # noqa: PLR2004  person and group
                    raise EvaluationInvalid(f"{path.name}, line {number}: not person,group")
                groups[fields[0]] = fields[1]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationInvalid(f"{path.name} cannot be read") from error
    return groups


def embed_photograph(engine: FaceEngine, data: bytes, timer: Timer) -> Embedding | None:
    """Embed the face that a photograph is of; None without one."""
    timer.start()
    try:
        frame = decode(data, limits=_LIMITS)
    except ImageRefused:
        return None
    timer.stage("decode")
    found = engine.detect(frame)
    timer.stage("detect")
    face = choose(found, frame.shape)
    if face is None:
        return None
    timer.start()
    aligned = engine.align(frame, face)
    timer.stage("align")
    embedding = engine.embed_aligned(aligned)
    timer.stage("embed")
    return embedding


_LIMITS = DecodeLimits()


def evaluate(
    folder: Path,
    engine: FaceEngine,
    *,
    enrol: int = 3,
    frames: int = 1,
    groups: dict[str, str] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Evaluate a pack on a folder of photographs.

    Each photograph is read, embedded and let go; 512 bytes of it remain, so folders of many thousands fit.

    Args:
        folder: DIR/PERSON/PHOTO.
        engine: of the pack.
        enrol: photographs in a template, 1 or more.
        frames: photographs in a probe, 1 or more.
        groups: group by person's name, for the report within groups.
        progress: told after each photograph.

    Raises:
        EvaluationInvalid: no photographs, or enrol or frames below 1.
    """
    if enrol < 1 or frames < 1:
        raise EvaluationInvalid("enrol and frames must be 1 or more")
    listed = list_people(folder)
    timer = Timer()
    people = list(_embed_all(listed, engine, timer, progress))
    trials = lay_out(people, enrol=enrol, frames=frames)
    _time_matching(trials, timer)
    return summarise(
        trials,
        compare(trials, groups or {}),
        manifest=engine.pack.manifest,
        enrol=enrol,
        frames=frames,
        photographs=sum(len(photographs) for _, photographs in people),
        lost_photographs=sum(one is None for _, photographs in people for one in photographs),
        latency_ms=timer.medians(),
    )


def _embed_all(
    listed: list[tuple[str, list[Path]]], engine: FaceEngine, timer: Timer, progress: Progress
) -> Iterator[tuple[str, Photographs]]:
    total = sum(len(photographs) for _, photographs in listed)
    done = 0
    for name, photographs in listed:
        embeddings = []
        for path in photographs:
            with path.open("rb") as file:
                # A byte more than is taken, so that what is too long is refused and not read to its end.
                data = file.read(_LIMITS.max_bytes + 1)
            embeddings.append(embed_photograph(engine, data, timer))
            done += 1
            progress(done, total)
        yield name, embeddings


def _time_matching(trials: Trials, timer: Timer) -> None:
    gallery = Gallery(range(len(trials.templates)), trials.templates)
    for probe in trials.probes[:_MATCH_SAMPLES]:
        timer.start()
        gallery.search(probe)
        timer.stage("match")


def write_json(report: msgspec.Struct, path: Path) -> None:
    """Write a report as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
