"""FrameNotFound 404, FrameInvalid 422."""

from backend.kit.problems import NotFound, Unprocessable

__all__ = ["FrameInvalid", "FrameNotFound"]


class FrameNotFound(NotFound):
    """There is no such picture, or its time is over."""

    code = "denied-frame-not-found"
    remedy = "Take the id from the list; pictures go after the hours that the community has set."


class FrameInvalid(Unprocessable):
    """That is no picture of a denied approach."""

    code = "denied-frame-invalid"
    remedy = "Send a JPEG of at most 320 by 320 pixels, of an approach denied as unknown, ambiguous or not live."
