"""What the gate asks of recognition. The only door between this SDK's decisions and ``gate_sdk.face``.

Nothing here imports numpy: a gate that only syncs and reports runs without it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from gate_sdk.face import Detection, Frame, Vector

__all__ = ["Candidate", "Evidence", "Gallery", "Liveness", "Recognition", "UnusableError"]


class UnusableError(Exception):
    """A picture that cannot be decoded, or a face that cannot be aligned: a decision to refuse, not a failure."""


class Evidence(msgspec.Struct, frozen=True, eq=False):
    """One face of one frame, embedded.

    ``vector`` is float32 (dims,), unit length; ``weight`` the embedding's norm before normalising, which falls with
    blur and occlusion. ``live`` is the liveness score in [0, 1], ``None`` without a model. ``others`` are the same
    face's vectors by further packs, by their ids, during a change of models.
    """

    vector: Vector
    weight: float
    live: float | None = None
    others: dict[str, Vector] = {}

    def __repr__(self) -> str:
        """Hides the vector: it is biometric and must not reach a log by way of an error text."""
        return f"Evidence(weight={self.weight:.1f}, live={self.live})"


class Candidate(msgspec.Struct, frozen=True):
    """The subject most like a probe: cosine in [-1, 1], and its lead over the best other subject (at most 2).

    ``runner_up`` is that other one; without him nobody but ``subject`` can settle a doubt.
    """

    subject: UUID
    score: float
    margin: float
    runner_up: UUID | None = None


class Gallery(Protocol):
    """The templates of one version of the roster, immutable, ready to be searched by any thread."""

    def search(self, vector: Vector) -> Candidate | None:
        """The nearest subject, whatever its score; ``None`` in an empty gallery."""
        ...

    def __len__(self) -> int:
        """How many subjects it has."""
        ...

    def changed(self, gone: Collection[UUID], fresh: Sequence[tuple[UUID, bytes]]) -> Gallery:
        """Another gallery: without the subjects ``gone``, known to it or not, and with stored templates added.

        Much quicker than laying all out anew: a roster of thousands changes by one person at a time.
        """
        ...


class Liveness(Protocol):
    """A passive test whether a face in a frame is a face and not a picture of one."""

    #: Scores below it are attacks; to be set on data like that of the gate's own camera.
    threshold: float

    def score(self, frame: Frame, face: Detection) -> float:
        """Score a face: 0 (a picture) to 1 (a face)."""
        ...


class Recognition(Protocol):
    """One model pack, loaded."""

    #: The pack's id, as templates name it.
    pack: str

    def decode(self, data: bytes) -> Frame:
        """Decode an encoded picture, uint8 RGB (height, width, 3).

        Raises:
            UnusableError: the bytes are no picture that is taken.
        """
        ...

    def detect(self, frame: Frame) -> Sequence[Detection]:
        """All faces of a frame."""
        ...

    def choose(
        self, faces: Sequence[Detection], frame: Frame, zone: tuple[float, float, float, float] | None
    ) -> Detection | None:
        """The nearest face whose centre lies in ``zone`` (x, y, width, height in pixels), or in the frame."""
        ...

    def align(self, frame: Frame, face: Detection) -> Frame:
        """Cut the face out, upright, as the embedder takes it.

        Raises:
            UnusableError: the landmarks are no face's.
        """
        ...

    def embed(self, aligned: Frame) -> Evidence:
        """Embed an aligned face."""
        ...

    def fuse(self, evidence: Sequence[Evidence]) -> Vector:
        """One probe of several frames of a face: the unit mean, weighted by how much each frame says."""
        ...

    def gallery(self, templates: Sequence[tuple[UUID, bytes]]) -> Gallery:
        """Lay out stored templates (float16 bytes) of this pack."""
        ...

    def threshold(self, people: int, fpir: float, frames: int) -> float:
        """The cosine at which an approach of ``frames`` frames has that false positive identification rate.

        Never below the pack's floor.
        """
        ...

    def increment(self, people: int, fpir: float, frames: int) -> float:
        """By how much that threshold lies above the one for a single frame, before any floor; at least 0."""
        ...

    @property
    def min_weight(self) -> float:
        """Evidence of less weight says too little of anybody to decide by."""
        ...

    @property
    def floor(self) -> float:
        """The lowest threshold that this pack may be used with, whatever a community's own data say."""
        ...
