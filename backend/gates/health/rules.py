"""What is wrong with a gate, the worst first. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from backend.gates.health.repository import HealthRow

__all__ = ["Trouble", "troubles"]

#: Polls come every 25 seconds, and each is noted within a minute.
SILENT_AFTER = timedelta(minutes=3)
#: It tells every minute.
MUTE_AFTER = timedelta(minutes=5)
#: A revocation reaches a gate that is connected within a second; one that has not arrived after a minute is late.
LATE_AFTER = timedelta(minutes=1)
DARK_AFTER_S = 120
#: What people are promised: the command to open within 700 ms of the first usable frame, for 95 in 100 of them.
SLOW_MS = 1500
QUEUE_AFTER_S = 300


class Trouble(StrEnum):
    """What may be wrong, from the worst to the least."""

    SILENT = "silent"
    NOT_PROVISIONED = "not_provisioned"
    BEHIND = "behind"
    CAMERA_DARK = "camera_dark"
    EVENTS_LOST = "events_lost"
    EVENTS_WAIT = "events_wait"
    PACK_MISSING = "pack_missing"
    SLOW = "slow"
    MUTE = "mute"


_WORST_FIRST = list(Trouble)


def troubles(row: HealthRow, *, packs: Collection[str], now: datetime) -> tuple[Trouble, ...]:
    """What is wrong with a gate, the worst first.

    Args:
        row: what is known of it.
        packs: the model packs that people of its community have templates of.
        now: the time.
    """
    if row.provisioned_at is None:
        return (Trouble.NOT_PROVISIONED,)
    found = {
        Trouble.SILENT: row.last_seen_at is None or now - row.last_seen_at > SILENT_AFTER,
        Trouble.BEHIND: row.behind_since is not None and now - row.behind_since > LATE_AFTER,
        Trouble.CAMERA_DARK: (row.dark_s or 0) > DARK_AFTER_S,
        Trouble.EVENTS_LOST: bool(row.dropped or row.refused),
        Trouble.EVENTS_WAIT: (row.queue_s or 0) > QUEUE_AFTER_S,
        # Before its first frame it has loaded none.
        Trouble.PACK_MISSING: bool(row.packs) and not set(packs) <= set(row.packs or ()),
        Trouble.SLOW: (row.entry_p95_ms or 0) > SLOW_MS,
        Trouble.MUTE: row.told_at is None or now - row.told_at > MUTE_AFTER,
    }
    return tuple(one for one in _WORST_FIRST if found.get(one, False))
