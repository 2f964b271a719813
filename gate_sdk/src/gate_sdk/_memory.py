"""Memory that was needed for a moment, given back to the system."""

import ctypes

__all__ = ["give_back"]


def give_back() -> None:
    """Hand freed memory back to the system, where its C library keeps it.

    glibc does, for as long as the process lives: 25 MB of what loading models took at its peak, 20 MB of what a first
    roster of 10,000 people did. Takes some milliseconds, so it is for after such peaks and not for every delta.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
