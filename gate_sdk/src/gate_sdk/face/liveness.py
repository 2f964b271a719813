"""An optional passive liveness model beside a pack: is a face in a picture a face, or a picture of one.

It is no part of any pack that comes with the SDK: a deployment adds the one it has the rights to, with its hash and
with a threshold that was measured. `liveness.json` and the model's file lie in the pack's folder. The gate's decisions
and an enrolment's photo check take the same runner.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from gate_sdk.face.arrays import Detection, Frame
from gate_sdk.face.engine import open_session
from gate_sdk.face.errors import PackDamaged, PackError, PackInvalid
from gate_sdk.face.packs import (
    DEFAULT_PACK,
    LIVENESS_FILE,
    LIVENESS_MODEL_FILE,
    ModelPack,
    cache_directory,
    read_checked,
    write_durably,
)

__all__ = ["LIVENESS_FILE", "LivenessManifest", "LivenessModel", "add_liveness", "crop", "is_installed"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODEL_FILE = LIVENESS_MODEL_FILE


class LivenessManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a liveness model says of itself: how it wants its picture, and where the line is drawn.

    The default form is that of the MiniFAS family as exported for 128 pixels: RGB in [0, 1], NCHW, the box enlarged and
    made square, two logits, the first of which is of a live face.

    Attributes:
        file: its name in the pack's folder.
        sha256: of its bytes, 64 hexadecimal digits.
        licence: SPDX expression of the weights.
        origin: where they come from.
        side: of its square input in pixels.
        enlarge: of the face's box, about its middle.
        colour: order of the channels.
        scale: by which pixel values 0 to 255 are multiplied.
        live: index of the live class among its outputs.
        threshold: scores below it are taken for attacks, 0 to 1.
        measured: on what the threshold was set, and what was found there.
    """

    file: str = _MODEL_FILE
    sha256: str
    licence: str
    origin: str
    side: int = 128
    enlarge: float = 1.5
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1 / 255
    live: int = 0
    threshold: float
    measured: str

    def __post_init__(self) -> None:
        """Check what types alone cannot; the file may come from anybody."""
        if self.file != _MODEL_FILE:
            raise ValueError(f"file: {_MODEL_FILE}")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256: 64 hexadecimal digits")
        if not (32 <= self.side <= 512 and 1.0 <= self.enlarge <= 5.0 and 0 <= self.live <= 9):  # noqa: PLR2004 - said in the message
            raise ValueError("side 32 to 512, enlarge 1 to 5, live 0 to 9")
        if not 0.0 < self.threshold < 1.0:
            raise ValueError("threshold: between 0 and 1")


class LivenessModel:
    """A liveness model, ready for use; any number of threads may share it."""

    def __init__(self, manifest: LivenessManifest, model: bytes) -> None:
        """Open the model, and see that it does what its manifest says.

        Raises:
            PackDamaged: ONNX Runtime refuses it, or it gives something else.
        """
        self.manifest = manifest
        #: Scores below it are attacks.
        self.threshold = manifest.threshold
        self._session = _opened(model)
        self._input = self._session.get_inputs()[0].name
        self._run(np.zeros((manifest.side, manifest.side, 3), dtype=np.uint8))

    @classmethod
    def load(cls, pack: ModelPack) -> LivenessModel | None:
        """The liveness model that lies beside a pack; None where there is none.

        Raises:
            PackInvalid: its manifest breaks a rule.
            PackMissing, PackDamaged: its file is not there, or another one.
        """
        try:
            manifest = _read((pack.folder / LIVENESS_FILE).read_bytes())
        except FileNotFoundError:
            return None
        return cls(manifest, read_checked(pack.folder / manifest.file, manifest.sha256))

    def score(self, frame: Frame, face: Detection) -> float:
        """Score a face: 0 (a picture of one) to 1 (a live one).

        Args:
            frame: uint8 (height, width, 3), RGB.
            face: of this frame.
        """
        return self._run(crop(frame, face.box, enlarge=self.manifest.enlarge, side=self.manifest.side))

    def _run(self, picture: NDArray[np.uint8]) -> float:
        if self.manifest.colour == "BGR":
            picture = picture[..., ::-1]
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)
        try:
            raw: NDArray[np.float32] = self._session.run(None, {self._input: planes * np.float32(self.manifest.scale)})[
                0
            ]
        except Exception as error:  # onnxruntime's own classes share no base but Exception
            raise PackDamaged("the liveness model does not run as its manifest says") from error
        logits = raw.reshape(-1).astype(np.float64)
        if logits.size <= self.manifest.live or logits.size < 2 or not np.isfinite(logits).all():  # noqa: PLR2004 - live or not: two classes
            raise PackDamaged(f"the liveness model gave an output of shape {raw.shape}")
        odds = np.exp(logits - logits.max())
        return float(odds[self.manifest.live] / odds.sum())


def crop(frame: Frame, box: tuple[float, float, float, float], *, enlarge: float, side: int) -> NDArray[np.uint8]:
    """Cut out a face with some of what is around it, square, reflected at the frame's border.

    Args:
        frame: uint8 (height, width, 3), RGB.
        box: x, y, width, height in pixels of the frame; may reach beyond it.
        enlarge: of the longer side of the box.
        side: of the result in pixels.

    Returns:
        uint8 (side, side, 3), RGB.
    """
    x, y, width, height = box
    length = max(1, round(max(width, height) * enlarge))
    left, top = round(x + width / 2 - length / 2), round(y + height / 2 - length / 2)
    rows = _reflected(np.arange(top, top + length), frame.shape[0])
    columns = _reflected(np.arange(left, left + length), frame.shape[1])
    part = frame[rows[:, None], columns[None, :]]
    resampling = Image.Resampling.BOX if length > side else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(part).resize((side, side), resampling), dtype=np.uint8)


def is_installed(pack_id: str | None, *, cache: Path | None = None) -> bool:
    """Whether a liveness model lies beside an installed pack (the default one for None); nothing is opened."""
    return ((cache or cache_directory()) / (pack_id or DEFAULT_PACK) / LIVENESS_FILE).is_file()


def add_liveness(pack: ModelPack, model: Path, manifest: LivenessManifest) -> LivenessModel:
    """Put a liveness model beside an installed pack, in place of one that was there: checked, tried, then written.

    Raises:
        PackMissing, PackDamaged: the file is not there, is another one than the manifest says, or does not run.
        PackError: the pack's folder cannot be written.
    """
    data = read_checked(model, manifest.sha256)
    loaded = LivenessModel(manifest, data)
    try:
        # The model before the manifest that names it: a crash in between leaves what was there, or none.
        write_durably(pack.folder / manifest.file, data)
        write_durably(pack.folder / LIVENESS_FILE, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    except OSError as error:
        raise PackError(f"the liveness model cannot be written to {pack.folder}: {error.strerror}") from error
    return loaded


def describes(folder: Path) -> bool:
    """Whether a folder says that it holds a liveness model."""
    return (folder / LIVENESS_FILE).is_file()


def add_folder(pack: ModelPack, folder: Path) -> LivenessModel:
    """Put the liveness model of a folder, `liveness.json` and the file it names, beside an installed pack.

    Raises:
        PackInvalid: `liveness.json` breaks a rule.
        PackMissing, PackDamaged, PackError: see `add_liveness`.
    """
    manifest = _read((folder / LIVENESS_FILE).read_bytes())
    return add_liveness(pack, folder / manifest.file, manifest)


def _reflected(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    # Mirrored without repeating the border's pixel, however far out: cv2.BORDER_REFLECT_101.
    if size == 1:
        return np.zeros_like(index)
    period = 2 * (size - 1)
    folded = np.abs(index) % period
    return np.where(folded >= size, period - folded, folded)


def _read(data: bytes) -> LivenessManifest:
    try:
        return msgspec.json.decode(data, type=LivenessManifest)
    except msgspec.DecodeError as error:
        raise PackInvalid(f"{LIVENESS_FILE}: {error}") from error


def _opened(model: bytes) -> ort.InferenceSession:
    try:
        return open_session(model)
    except Exception as error:  # onnxruntime's own classes share no base but Exception
        raise PackDamaged("ONNX Runtime refuses the liveness model") from error
