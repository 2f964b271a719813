"""Face recognition, the same for enrolment and gate: decode, detect, choose, align, embed, assess, match.

Pure steps over two ONNX sessions. Needs the SDK's `face` extra; importing `gate_sdk` alone does not.

    engine = FaceEngine(ModelPack.load())
    frame = decode(photo)
    face = choose(engine.detect(frame), frame.shape)
    embedding = engine.embed(frame, face)
"""

from __future__ import annotations

from gate_sdk.face import _telemetry  # noqa: F401 - for its effect, and before the engine's import
from gate_sdk.face.align import align
from gate_sdk.face.arrays import Detection, Embedding, Frame, Vector
from gate_sdk.face.choose import Zone, bystanders, choose
from gate_sdk.face.decode import DEFAULT_LIMITS, DecodeLimits, decode
from gate_sdk.face.engine import FaceEngine
from gate_sdk.face.errors import (
    FaceError,
    ImageMislabelled,
    ImageRefused,
    ImageTooLarge,
    ImageTooManyPixels,
    ImageTypeUnsupported,
    ImageUnreadable,
    PackDamaged,
    PackError,
    PackInvalid,
    PackMissing,
    PackSourceMissing,
    TemplateMalformed,
)
from gate_sdk.face.gallery import Gallery, Match
from gate_sdk.face.liveness import LivenessManifest, LivenessModel, add_liveness
from gate_sdk.face.manifest import Calibration, Manifest
from gate_sdk.face.packs import DEFAULT_PACK, ModelPack
from gate_sdk.face.quality import ENROLMENT, GATE, Pose, Quality, QualityLimits, RefusalCode, Remedy, assess
from gate_sdk.face.templates import pack_template, template, unit, unpack_templates
from gate_sdk.face.threshold import threshold_for

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_PACK",
    "ENROLMENT",
    "GATE",
    "Calibration",
    "DecodeLimits",
    "Detection",
    "Embedding",
    "FaceEngine",
    "FaceError",
    "Frame",
    "Gallery",
    "ImageMislabelled",
    "ImageRefused",
    "ImageTooLarge",
    "ImageTooManyPixels",
    "ImageTypeUnsupported",
    "ImageUnreadable",
    "LivenessManifest",
    "LivenessModel",
    "Manifest",
    "Match",
    "ModelPack",
    "PackDamaged",
    "PackError",
    "PackInvalid",
    "PackMissing",
    "PackSourceMissing",
    "Pose",
    "Quality",
    "QualityLimits",
    "RefusalCode",
    "Remedy",
    "TemplateMalformed",
    "Vector",
    "Zone",
    "add_liveness",
    "align",
    "assess",
    "bystanders",
    "choose",
    "decode",
    "pack_template",
    "template",
    "threshold_for",
    "unit",
    "unpack_templates",
]
