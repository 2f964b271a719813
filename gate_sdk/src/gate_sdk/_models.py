"""Finds recognition and liveness in the face extra, which is imported only when it is asked for."""

from __future__ import annotations

from gate_sdk._recognition import Liveness, Recognition
from gate_sdk.errors import RecognitionMissingError

__all__ = ["has_liveness", "load_liveness", "load_recognition"]


def load_recognition(pack: str | None) -> Recognition:
    """Load a pack by its id, or the installed default.

    Raises:
        RecognitionMissingError: the ``face`` extra or the pack is not installed.
    """
    try:
        from gate_sdk._face import FaceRecognition  # noqa: PLC0415 - keeps numpy out of `import gate_sdk`
        from gate_sdk.face.errors import PackError  # noqa: PLC0415 - as the line above
    except ImportError as error:
        raise RecognitionMissingError(f"the face extra is not installed: {error.name} is missing") from error
    try:
        return FaceRecognition.load(pack)
    except PackError as error:
        raise RecognitionMissingError(f"{error}", remedy=error.remedy) from error


def has_liveness(pack: str | None) -> bool:
    """Whether a liveness model lies beside the pack, without opening it.

    Raises:
        RecognitionMissingError: the ``face`` extra is not installed.
    """
    try:
        from gate_sdk.face.liveness import is_installed  # noqa: PLC0415 - numpy, before the first frame only if asked
    except ImportError as error:
        raise RecognitionMissingError(f"the face extra is not installed: {error.name} is missing") from error
    return is_installed(pack)


def load_liveness(pack: str) -> Liveness | None:
    """The liveness model beside the pack, or ``None`` where there is none.

    Raises:
        RecognitionMissingError: there is one, and it is damaged: it must not pass for none, or the gate would let
            pictures in.
    """
    from gate_sdk.face.errors import PackError, PackMissing  # noqa: PLC0415 - keeps numpy out of `import gate_sdk`
    from gate_sdk.face.liveness import LivenessModel  # noqa: PLC0415 - as the line above
    from gate_sdk.face.packs import ModelPack  # noqa: PLC0415 - as the lines above

    try:
        return LivenessModel.load(ModelPack.load(pack))
    except PackMissing:
        # A pack of the vendor's own recognition, which is not installed here.
        if not has_liveness(pack):
            return None
        raise RecognitionMissingError(f"the liveness model of {pack} is not whole") from None
    except PackError as error:
        raise RecognitionMissingError(f"{error}", remedy=error.remedy) from error
