"""FramesOff 404."""

from backend.kit.problems import NotFound

__all__ = ["FramesOff"]


class FramesOff(NotFound):
    """The community keeps no pictures of denied approaches."""

    code = "denied-frames-off"
    remedy = "Nothing needs to be done; where they are needed for a purpose, turn them on with PUT."
