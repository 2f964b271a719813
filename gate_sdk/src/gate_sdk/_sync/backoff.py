"""How long to wait before the next try. Pure: the random number is an argument."""

__all__ = ["FIRST_S", "MOST_S", "delay"]

FIRST_S = 1.0
# A gate that finds its server again within a minute is soon enough; hundreds of gates asking more often are not.
MOST_S = 60.0


def delay(failures: int, chance: float, asked_s: float | None = None) -> float:
    """Seconds until the next try.

    Full jitter: all gates of a place lose and find their network at the same moment, and must not come back at once.

    Args:
        failures: in a row, at least 1.
        chance: uniform in [0, 1).
        asked_s: what the server asked for (``Retry-After``), which is kept and spread upwards.
    """
    most = min(MOST_S, FIRST_S * 2.0 ** min(failures - 1, 16))
    if asked_s is not None:
        return min(asked_s, 600.0) + chance * FIRST_S
    return most * (0.1 + 0.9 * chance)
