"""Looking at a photograph while the person waits: decode, detect, choose, embed, assess, in a few threads."""

import asyncio
import functools
import io
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from prometheus_client import Histogram

from backend.enrolment.errors import FacesBusy, PhotoRefused, PhotoTooLarge, PhotoTypeUnsupported
from backend.enrolment.sealing import Features
from backend.enrolment.turns import LONGEST_WAIT_S, Turns
from backend.kit.metrics import REGISTRY
from backend.kit.tracing import part
from gate_sdk.face import (
    DEFAULT_LIMITS,
    DEFAULT_PACK,
    ENROLMENT,
    Detection,
    Embedding,
    FaceEngine,
    Frame,
    ImageMislabelled,
    ImageRefused,
    ImageTooLarge,
    ImageTypeUnsupported,
    LivenessModel,
    ModelPack,
    PackError,
    Quality,
    QualityLimits,
    RefusalCode,
    assess,
    bystanders,
    choose,
    decode,
    pack_template,
)

__all__ = [
    "MAX_PHOTO_BYTES",
    "Checked",
    "FaceService",
    "ModelsRefused",
    "QualityNumbers",
    "check_photo",
    "load_engine",
    "open_faces",
]

MAX_PHOTO_BYTES = DEFAULT_LIMITS.max_bytes
#: Uploads being received at once: each may hold 15 MB.
_UPLOADS = 32
_JPEG_QUALITY = 92
_checks = Histogram(
    "doorward_photo_check_seconds",
    "From a photograph's arrival to what was found, its wait for a turn included, by outcome.",
    ("outcome",),
    buckets=(0.05, 0.1, 0.15, 0.25, 0.4, 0.8, 1.5, 3, 6),
    registry=REGISTRY,
)
for _outcome in ("accepted", "refused", "busy", "failed"):
    # From zero on: a rate over a series that has just appeared misses its first event.
    _checks.labels(_outcome)


class ModelsRefused(Exception):
    """The model pack cannot be used; the message says what to do."""


class QualityNumbers(msgspec.Struct, frozen=True):
    """Of the picture, not of the person.

    ``face_width`` in pixels; ``sharpness`` about 0 for a blurred face, 0.1 and more for a sharp one; ``luminance`` mean
    of the face and ``contrast`` its standard deviation, 0 to 255.
    """

    face_width: int
    sharpness: float
    luminance: int
    contrast: int


class Checked(msgspec.Struct, frozen=True, eq=False):
    """A photograph that is good enough.

    ``jpeg`` is the head with some room around it, encoded anew: no position, no device, nobody in the background.
    """

    jpeg: bytes
    features: Features
    quality: Quality

    def numbers(self) -> "QualityNumbers":
        """What may be shown and kept in the clear."""
        return QualityNumbers(
            face_width=round(self.quality.face_width),
            sharpness=round(self.quality.sharpness, 2),
            luminance=round(self.quality.luminance),
            contrast=round(self.quality.contrast),
        )

    def __repr__(self) -> str:
        """Nothing of it: biometric data must not reach a log by way of an error text."""
        return "Checked()"


@contextmanager
def _timed() -> Iterator[None]:
    """Time a check, its turn included, by how it ended. Why a photograph is refused is no affair of the numbers."""
    started, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "accepted"
    except FacesBusy:
        outcome = "busy"
        raise
    except (PhotoRefused, PhotoTooLarge, PhotoTypeUnsupported):
        outcome = "refused"
        raise
    finally:
        _checks.labels(outcome).observe(time.perf_counter() - started)


class FaceService:
    """Looks at photographs in ``threads`` threads, one of each person in turn; see :class:`Turns`."""

    def __init__(
        self,
        engine: FaceEngine,
        *,
        threads: int,
        liveness: LivenessModel | None = None,
        longest_wait_s: float = LONGEST_WAIT_S,
        models_dir: Path | None = None,
    ) -> None:
        """Take over an engine, and the pack's liveness model where it has one; each run should use one thread.

        Args:
            engine: the models.
            threads: photographs looked at at once.
            liveness: the pack's.
            longest_wait_s: how long one waits for its turn.
            models_dir: where other packs are installed.
        """
        self.engine = engine
        self._models_dir = models_dir
        self.liveness = liveness
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="faces")
        self._turns = Turns(threads, longest_wait_s=longest_wait_s)
        self._uploads = 0

    @property
    def pack(self) -> ModelPack:
        """The model pack that templates are made by."""
        return self.engine.pack

    def template(self, embeddings: Sequence[Embedding]) -> bytes:
        """The stored bytes of the template of one person's photographs."""
        return pack_template(self.engine.template(embeddings))

    async def other(self, pack_id: str) -> FaceEngine:
        """Another pack's models, for a community that has changed to it or is about to.

        Raises:
            ModelsRefused: the pack is not installed or damaged.
        """
        return await asyncio.to_thread(load_engine, pack_id, self._models_dir)

    def close(self) -> None:
        """Let running work end."""
        self._pool.shutdown()

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[None]:
        """Room in memory for one upload.

        Raises:
            FacesBusy: there is none.
        """
        if self._uploads >= _UPLOADS:
            raise FacesBusy
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def check(
        self,
        data: bytes,
        *,
        declared: str,
        person_id: UUID,
        limits: QualityLimits = ENROLMENT,
        live: bool = False,
    ) -> Checked:
        """Look at a photograph.

        Args:
            data: the file as sent: hostile input.
            declared: its Content-Type.
            person_id: whose turn it takes.
            limits: what is good enough.
            live: whether somebody stands before the camera, and a picture of one is to be refused.

        Raises:
            FacesBusy: too many wait, or its turn did not come in time.
            PhotoTooLarge, PhotoTypeUnsupported: as the names say.
            PhotoRefused: it is damaged, or the face is not good enough.
        """
        with _timed(), part("photo-check"):
            return await self._in_turn(data, declared, person_id, limits=limits, live=live)

    async def _in_turn(
        self, data: bytes, declared: str, person_id: UUID, *, limits: QualityLimits, live: bool
    ) -> Checked:
        await self._turns.take(person_id)
        try:
            loop = asyncio.get_running_loop()
            liveness = self.liveness if live else None
            look = functools.partial(check_photo, self.engine, data, declared, limits=limits, liveness=liveness)
            return await loop.run_in_executor(self._pool, look)
        finally:
            self._turns.give_back()


@asynccontextmanager
async def open_faces(*, pack_id: str | None, models_dir: Path | None, threads: int) -> AsyncIterator[FaceService]:
    """The service with its models loaded.

    Args:
        pack_id: the model pack; the default one without it.
        models_dir: where packs are installed; the SDK's cache directory without it.
        threads: photographs looked at at once.

    Raises:
        ModelsRefused: the pack is not installed or damaged.
    """
    name = pack_id or DEFAULT_PACK
    try:
        engine = await asyncio.to_thread(_engine, name, models_dir)
        liveness = await asyncio.to_thread(LivenessModel.load, engine.pack)
    except PackError as error:
        raise _refused(name, models_dir, error) from error
    service = FaceService(engine, threads=threads, liveness=liveness, models_dir=models_dir)
    try:
        yield service
    finally:
        service.close()


def load_engine(pack_id: str | None, models_dir: Path | None) -> FaceEngine:
    """The models alone, for a job that looks at photographs with nobody waiting; blocking.

    Raises:
        ModelsRefused: the pack is not installed or damaged.
    """
    name = pack_id or DEFAULT_PACK
    try:
        return _engine(name, models_dir)
    except PackError as error:
        raise _refused(name, models_dir, error) from error


def _refused(name: str, models_dir: Path | None, error: PackError) -> ModelsRefused:
    return ModelsRefused(
        f"the face model pack {name!r} cannot be used: {error}. "
        f"Run `doorward-gate models{'' if models_dir is None else f' --cache {models_dir}'} install`"
    )


@functools.lru_cache(maxsize=3)
def _engine(pack_id: str, models_dir: Path | None) -> FaceEngine:
    # One a process, however often its parts are opened: sessions hold no state, and loading takes half a second.
    return FaceEngine(ModelPack.load(pack_id, cache=models_dir))


def check_photo(
    engine: FaceEngine,
    data: bytes,
    declared: str | None,
    *,
    limits: QualityLimits = ENROLMENT,
    liveness: LivenessModel | None = None,
) -> Checked:
    """Look at one photograph; blocking, about 0.1 s for 12 megapixels. See :meth:`FaceService.check`."""
    try:
        frame = decode(data, declared=declared)
    except ImageTooLarge as error:
        raise PhotoTooLarge from error
    except ImageTypeUnsupported as error:
        raise PhotoRefused("not_a_picture") from error
    except ImageMislabelled as error:
        raise PhotoTypeUnsupported from error
    except ImageRefused as error:
        raise PhotoRefused(error.code) from error
    faces = engine.detect(frame)
    face = choose(faces, frame.shape)
    if face is None:
        raise PhotoRefused(RefusalCode.NO_FACE)
    if bystanders(faces, face):
        raise PhotoRefused(RefusalCode.SEVERAL_FACES)
    embedding = engine.embed(frame, face)
    quality = assess(frame, face, embedding.norm, limits=limits)
    if not quality.ok:
        raise PhotoRefused(*quality.refusals)
    # Last: whoever can be told of bad light is told of that, which fools such models as well.
    if liveness is not None and liveness.score(frame, face) < liveness.threshold:
        raise PhotoRefused("not_live")
    features = Features(embedding=embedding, landmarks=face.landmarks, yaw=quality.pose.yaw)
    return Checked(jpeg=_encoded(_head(frame, face)), features=features, quality=quality)


def _head(frame: Frame, face: Detection) -> NDArray[np.uint8]:
    """The face with as much around it again on each side, as far as the picture goes."""
    x, y, width, height = face.box
    top, left = max(0, int(y - height)), max(0, int(x - width))
    return frame[top : max(top + 1, int(y + 2 * height)), left : max(left + 1, int(x + 2 * width))]


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(picture).save(target, "JPEG", quality=_JPEG_QUALITY)
    return target.getvalue()
