"""What a model pack says of itself: `manifest.json`, checked when read."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from gate_sdk.face.errors import PackInvalid

_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_DIMS = 4096


class ModelInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a model wants its picture: (pixel - mean) x scale.

    Attributes:
        layout: "NHWC" or "NCHW", with a batch of one.
        dtype: "uint8" models take the pixels as they are and do the rest themselves, which is fastest.
        colour: order of the channels.
        mean: subtracted from each pixel value 0-255; float32 inputs only.
        scale: multiplied afterwards; float32 inputs only.
        side: for a detector of fixed square input that side in pixels; 0 where any multiples of 32 will do.
            An embedder's input is always 112x112.
    """

    layout: Literal["NHWC", "NCHW"] = "NHWC"
    dtype: Literal["uint8", "float32"] = "uint8"
    colour: Literal["RGB", "BGR"] = "RGB"
    mean: float = 0.0
    scale: float = 1.0
    side: int = 0


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ONNX file of a pack.

    Attributes:
        file: its name in the pack's folder, without any path.
        sha256: of its bytes, 64 hexadecimal digits.
        licence: SPDX expression of the weights.
        origin: where the weights come from, and what was done to them.
        input: how the model wants its picture.
    """

    file: str
    sha256: str
    licence: str
    origin: str
    input: ModelInput = ModelInput()


class CalibrationPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold and the error rates measured at it.

    Attributes:
        fmr: false match rate, 0 to 1.
        cosine: the threshold at which it was met.
        tmr: true match rate at that threshold.
    """

    fmr: float
    cosine: float
    tmr: float


class CalibrationRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Measured thresholds for one way to enrol and to look.

    Attributes:
        photos: averaged in a template.
        frames: averaged in a probe.
        gallery: people enrolled.
        genuine: comparisons of one person.
        impostor: comparisons of different people.
        points: at least two, falling FMR.
    """

    photos: int
    frames: int
    gallery: int
    genuine: int
    impostor: int
    points: tuple[CalibrationPoint, ...]

    def __post_init__(self) -> None:
        """Check that a tail can be fitted."""
        rates = [point.fmr for point in self.points]
        cosines = [point.cosine for point in self.points]
        if len(rates) < 2 or not all(0.0 < rate < 1.0 for rate in rates):  # noqa: PLR2004  a line needs two points
            raise ValueError("calibration: at least two points a row, FMR between 0 and 1")
        if sorted(rates, reverse=True) != rates or sorted(cosines) != cosines or len(set(rates)) != len(rates):
            raise ValueError("calibration: falling FMR, rising cosine")


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a pack's scores.

    Attributes:
        source: the data, with the numbers of people and photographs, and what was left out.
        rows: one for each number of photos and frames measured.
    """

    source: str
    rows: tuple[CalibrationRow, ...]

    def __post_init__(self) -> None:
        """Check that there is something to go by."""
        if not self.rows:
            raise ValueError("calibration: at least one row")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pack of models whose templates are comparable with each other, and with no other pack's.

    Attributes:
        id: lower case letters, digits, dots, hyphens. Anything that changes embeddings needs a new one.
        dims: length of an embedding.
        floor: smallest cosine at which this pack may ever decide, whatever a calibration says.
        norm_floor: embeddings with a smaller norm before normalising are too poor to enrol; 0 for none.
        detector: a YuNet: twelve outputs, five landmarks.
        embedder: takes an aligned 112x112 face, gives `dims` floats.
        calibration: what is known of its scores.
    """

    id: str
    dims: int
    floor: float
    norm_floor: float = 0.0
    detector: ModelFile
    embedder: ModelFile
    calibration: Calibration

    def __post_init__(self) -> None:
        """Check what types alone cannot; the file may come from anybody."""
        if not _ID.fullmatch(self.id):
            raise ValueError("id: lower case letters, digits, dots and hyphens, at most 64")
        if not 1 <= self.dims <= _MAX_DIMS:
            raise ValueError(f"dims: 1 to {_MAX_DIMS}")
        if not 0.0 < self.floor < 1.0:
            raise ValueError("floor: a cosine between 0 and 1")
        for model in (self.detector, self.embedder):
            if not _FILE.fullmatch(model.file):
                raise ValueError(f"file: a plain file name, not {model.file!r}")
            if not _SHA256.fullmatch(model.sha256):
                raise ValueError(f"sha256 of {model.file}: 64 hexadecimal digits")
        if self.detector.input.side % 32:
            raise ValueError("side of the detector's input: a multiple of 32")

    @property
    def files(self) -> tuple[ModelFile, ModelFile]:
        """The pack's model files."""
        return self.detector, self.embedder


def read_manifest(data: bytes) -> Manifest:
    """Read and check a `manifest.json`.

    Raises:
        PackInvalid: it breaks a rule, which the message names.
    """
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:  # ValidationError, which __post_init__'s ValueError becomes, is one
        raise PackInvalid(f"manifest.json: {error}") from error


def write_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
