"""WindowInvalid 422."""

from backend.kit.problems import Unprocessable

__all__ = ["WindowInvalid"]


class WindowInvalid(Unprocessable):
    """The time in which somebody may pass must end after it begins."""

    code = "window-invalid"
    remedy = "Give an end that lies after the beginning, both with a time zone."
