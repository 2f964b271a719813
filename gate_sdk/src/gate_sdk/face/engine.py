"""The two ONNX Runtime sessions of a pack, and the steps around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from gate_sdk.face.align import SIDE, align
from gate_sdk.face.arrays import Detection, Embedding, Frame, Vector
from gate_sdk.face.detect import INPUT_SIDE, MIN_SCORE, STRIDES, decode_maps, input_scale, letterbox
from gate_sdk.face.errors import PackDamaged
from gate_sdk.face.manifest import ModelFile, ModelInput
from gate_sdk.face.packs import ModelPack
from gate_sdk.face.refine import CLOSE_UP_SIDE, close_up, needed, refined
from gate_sdk.face.refine import MIN_SCORE as CLOSE_UP_SCORE
from gate_sdk.face.templates import template

#: The detector's outputs in the order `decode_maps` takes them.
DETECTOR_OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)


def open_session(model: bytes, *, threads: int = 1) -> ort.InferenceSession:
    """Open a model on the CPU.

    Args:
        model: the ONNX file's bytes.
        threads: that one call may use. One is best at a gate: calls are short, and the other cores have work.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings of the runtime are no business of a gate's log
    # Threads that spin between frames would cost a fanless gate its whole power budget.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # It would keep a block of memory for each shape of input ever seen, 20 MB at the first, and saves no time here.
    options.enable_mem_pattern = False
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class FaceEngine:
    """A pack's models, ready for use.

    Sessions hold no state between calls, so any number of threads may share an engine.
    """

    def __init__(self, pack: ModelPack, *, threads: int = 1) -> None:
        """Load the models; a tenth to half a second.

        Args:
            pack: installed.
            threads: that one call of a model may use.

        Raises:
            PackMissing: a file is not there.
            PackDamaged: a file's hash is wrong, or a model is not what the manifest says.
        """
        self.pack = pack
        self._detector = _open(pack, pack.manifest.detector, threads)
        self._embedder = _open(pack, pack.manifest.embedder, threads)
        self._detector_input = self._detector.get_inputs()[0].name
        self._embedder_input = self._embedder.get_inputs()[0].name
        names = {output.name for output in self._detector.get_outputs()}
        if not names.issuperset(DETECTOR_OUTPUTS):
            raise PackDamaged(f"{pack.manifest.detector.file}: not a YuNet, it lacks {DETECTOR_OUTPUTS[0]}")

    def detect(self, frame: Frame, *, min_score: float = MIN_SCORE) -> list[Detection]:
        """Find the faces of a frame, best first.

        Args:
            frame: uint8 (height, width, 3), RGB.
            min_score: faces below it are left out, 0 to 1.

        Returns:
            Boxes and landmarks in pixels of the frame.
        """
        form = self.pack.manifest.detector.input
        picture, scale = letterbox(frame, form.side or INPUT_SIDE)
        height, width = picture.shape[1:3]
        if form.side and (height, width) != (form.side, form.side):
            square = np.zeros((1, form.side, form.side, 3), dtype=np.uint8)
            square[:, :height, :width] = picture
            picture, height, width = square, form.side, form.side
        outputs = self._detector.run(DETECTOR_OUTPUTS, {self._detector_input: _formed(picture, form)})
        return decode_maps(outputs, height, width, scale, min_score)

    def align(self, frame: Frame, detection: Detection) -> Frame:
        """Cut a face out upright, with landmarks from a second look where it helps; see `refine`.

        Args:
            frame: uint8 (height, width, 3), RGB.
            detection: of this frame.

        Returns:
            uint8 (112, 112, 3), RGB, for `embed_aligned`.
        """
        form = self.pack.manifest.detector.input
        landmarks = detection.landmarks
        # A detector of fixed size would cost as much again.
        if not form.side and needed(detection.box[2] * input_scale(frame.shape)):
            picture, placement = close_up(frame, landmarks)
            outputs = self._detector.run(DETECTOR_OUTPUTS, {self._detector_input: _formed(picture[None], form)})
            found = decode_maps(outputs, CLOSE_UP_SIDE, CLOSE_UP_SIDE, 1.0, CLOSE_UP_SCORE)
            landmarks = refined(landmarks, found, placement)
        return align(frame, landmarks)

    def embed(self, frame: Frame, detection: Detection) -> Embedding:
        """Align a face and embed it.

        Args:
            frame: uint8 (height, width, 3), RGB.
            detection: of this frame.

        Returns:
            A unit vector, and its norm before.
        """
        return self.embed_aligned(self.align(frame, detection))

    def embed_aligned(self, face: Frame) -> Embedding:
        """Embed an aligned face.

        Args:
            face: uint8 (112, 112, 3), RGB, as the method `align` makes it.

        Returns:
            A unit vector, and its norm before.

        Raises:
            PackDamaged: the model gave something else than the manifest's number of finite floats.
        """
        form = self.pack.manifest.embedder.input
        raw: NDArray[np.float32] = self._embedder.run(
            None, {self._embedder_input: _formed(face.reshape(1, SIDE, SIDE, 3), form)}
        )[0]
        vector = raw.reshape(-1)
        norm = float(np.linalg.norm(vector))
        if vector.shape != (self.pack.dims,) or not 0.0 < norm < np.inf:
            raise PackDamaged(f"{self.pack.manifest.embedder.file}: output of shape {raw.shape}, norm {norm}")
        return Embedding(vector=vector / np.float32(norm), norm=norm)

    def template(self, embeddings: Sequence[Embedding]) -> Vector:
        """Make one template of a person's embeddings; see `templates.template`."""
        return template(embeddings)


def _open(pack: ModelPack, model: ModelFile, threads: int) -> ort.InferenceSession:
    data = pack.read(model)
    try:
        return open_session(data, threads=threads)
    except Exception as error:  # onnxruntime's own classes share no base but Exception
        raise PackDamaged(f"{model.file}: ONNX Runtime refuses it") from error


def _formed(picture: NDArray[np.uint8], form: ModelInput) -> NDArray[Any]:
    """Give a uint8 (1, h, w, 3) RGB picture the form a model wants."""
    if form.colour == "BGR":
        picture = picture[..., ::-1]
    if form.layout == "NCHW":
        picture = picture.transpose(0, 3, 1, 2)
    if form.dtype == "uint8":
        return np.ascontiguousarray(picture)
    return np.ascontiguousarray((picture.astype(np.float32) - np.float32(form.mean)) * np.float32(form.scale))
