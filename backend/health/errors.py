"""NotReady 503."""

from backend.kit.problems import Unavailable

__all__ = ["NotReady"]


class NotReady(Unavailable):
    """This process cannot serve at the moment."""

    code = "not-ready"
    remedy = "Ask another one, or this one again as Retry-After says."
