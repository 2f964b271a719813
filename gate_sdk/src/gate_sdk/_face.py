"""Recognition by ``gate_sdk.face``; imported on the first frame, never with the SDK."""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Sequence
from uuid import UUID

import numpy as np

from gate_sdk._recognition import Candidate, Evidence, UnusableError
from gate_sdk.face.arrays import Detection, Frame, Vector
from gate_sdk.face.choose import choose
from gate_sdk.face.decode import decode
from gate_sdk.face.engine import FaceEngine
from gate_sdk.face.errors import FaceError, TemplateMalformed
from gate_sdk.face.gallery import Gallery
from gate_sdk.face.packs import ModelPack
from gate_sdk.face.quality import GATE
from gate_sdk.face.templates import unit, unpack_templates
from gate_sdk.face.threshold import fusion_increment, threshold_for

__all__ = ["FaceGallery", "FaceRecognition"]

_log = logging.getLogger("gate_sdk")


class FaceGallery:
    """Templates by subject, ready to be searched."""

    def __init__(self, templates: Sequence[tuple[UUID, bytes]], dims: int) -> None:
        """Take stored templates (float16, ``dims`` of them); malformed ones are left out, and the log says so."""
        self._dims = dims
        self._gallery: Gallery[UUID] = Gallery(*_unpacked(templates, dims))

    def __len__(self) -> int:
        """How many subjects it has."""
        return len(self._gallery)

    def search(self, vector: Vector) -> Candidate | None:
        """The nearest subject, whatever its score; ``None`` in an empty gallery."""
        match = self._gallery.search(vector)
        if match is None:
            return None
        subjects = self._gallery.subjects
        return Candidate(
            subject=subjects[match.subject],
            score=match.score,
            margin=match.margin,
            runner_up=None if match.runner_up is None else subjects[match.runner_up],
        )

    def changed(self, gone: Collection[UUID], fresh: Sequence[tuple[UUID, bytes]]) -> FaceGallery:
        """Another gallery, without some subjects and with other templates; takes a copy's time."""
        later = copy.copy(self)
        later._gallery = self._gallery.changed(gone, *_unpacked(fresh, self._dims))  # noqa: SLF001 - its own copy
        return later


def _unpacked(templates: Sequence[tuple[UUID, bytes]], dims: int) -> tuple[list[UUID], Vector]:
    try:
        matrix = unpack_templates((stored for _, stored in templates), dims)
    except TemplateMalformed:
        # One bad template must not close the gate for everybody else.
        templates = [pair for pair in templates if _sound(pair[1], dims)]
        _log.error("left templates out that are malformed; %d remain", len(templates))
        matrix = unpack_templates((stored for _, stored in templates), dims)
    return [subject for subject, _ in templates], matrix


def _sound(stored: bytes, dims: int) -> bool:
    try:
        unpack_templates([stored], dims)
    except TemplateMalformed:
        return False
    return True


class FaceRecognition:
    """A model pack's detector and embedder on one thread."""

    def __init__(self, pack: ModelPack, *, threads: int = 1) -> None:
        """Load the models; a tenth to half a second.

        Raises:
            gate_sdk.face.errors.PackError: a file is missing or damaged.
        """
        self._engine = FaceEngine(pack, threads=threads)
        self._pack = pack
        self.pack = pack.id

    @classmethod
    def load(cls, pack_id: str | None) -> FaceRecognition:
        """Load an installed pack by id, or the default one."""
        return cls(ModelPack.load() if pack_id is None else ModelPack.load(pack_id))

    @property
    def min_weight(self) -> float:
        """Embeddings with a smaller norm are of faces too blurred or covered to tell."""
        return GATE.norm

    @property
    def floor(self) -> float:
        """The lowest threshold that this pack may be used with."""
        return self._pack.floor

    def decode(self, data: bytes) -> Frame:
        """Decode an encoded picture, uint8 RGB (height, width, 3)."""
        try:
            return decode(data)
        except FaceError as error:
            raise UnusableError(error.code) from error

    def detect(self, frame: Frame) -> Sequence[Detection]:
        """All faces of a frame."""
        return self._engine.detect(frame)

    def choose(
        self, faces: Sequence[Detection], frame: Frame, zone: tuple[float, float, float, float] | None
    ) -> Detection | None:
        """The nearest face whose centre lies in ``zone``, or in the frame."""
        return choose(faces, frame.shape, zone)

    def align(self, frame: Frame, face: Detection) -> Frame:
        """Cut the face out, upright, uint8 RGB (112, 112, 3)."""
        try:
            return self._engine.align(frame, face)
        except (FaceError, ValueError) as error:
            raise UnusableError("landmarks") from error

    def embed(self, aligned: Frame) -> Evidence:
        """Embed an aligned face."""
        try:
            embedding = self._engine.embed_aligned(aligned)
        except FaceError as error:
            raise UnusableError(error.code) from error
        return Evidence(vector=embedding.vector, weight=embedding.norm)

    def fuse(self, evidence: Sequence[Evidence]) -> Vector:
        """The unit mean, weighted by the embeddings' norms: blurred frames say less."""
        try:
            return unit(np.sum([one.vector * np.float32(one.weight) for one in evidence], axis=0))
        except FaceError as error:
            raise UnusableError(error.code) from error

    def gallery(self, templates: Sequence[tuple[UUID, bytes]]) -> FaceGallery:
        """Lay out stored templates of this pack."""
        return FaceGallery(templates, self._pack.dims)

    def threshold(self, people: int, fpir: float, frames: int) -> float:
        """The cosine at which an approach has that false positive identification rate, never below the floor."""
        return threshold_for(
            people, calibration=self._pack.calibration, fpir=fpir, photos=3, frames=frames, floor=self._pack.floor
        )

    def increment(self, people: int, fpir: float, frames: int) -> float:
        """By how much that threshold lies above the one for a single frame, before any floor; at least 0."""
        return fusion_increment(people, calibration=self._pack.calibration, fpir=fpir, photos=3, frames=frames)
