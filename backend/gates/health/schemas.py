"""How gates are doing, for staff."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.gates.health.repository import HealthRow
from backend.gates.health.rules import Trouble

__all__ = ["Health", "HealthList"]


class Health(msgspec.Struct, frozen=True):
    """A gate, what is wrong with it (the worst first), and the figures.

    ``behind`` is how many versions its roster lacks, for ``lag_s`` seconds. The rest is what the gate told at
    ``told_at``, see the gate protocol: waiting time (``entry_ms``, ``entry_p95_ms`` of the last ``entries``), seconds
    that its camera has been dark and since the server's last word, events that wait and for how long.
    """

    gate_id: UUID
    name: str
    troubles: tuple[Trouble, ...]
    last_seen_at: datetime | None
    behind: int | None
    lag_s: int
    told_at: datetime | None
    packs: tuple[str, ...]
    entries: int | None
    entry_ms: int | None
    entry_p95_ms: int | None
    dark_s: int | None
    stale_s: int | None
    queue: int | None
    queue_s: int | None
    dropped: int | None
    refused: int | None

    @classmethod
    def of(cls, row: HealthRow, troubles: tuple[Trouble, ...], *, now: datetime) -> "Health":
        """From the row and what is wrong."""
        return cls(
            gate_id=row.gate_id,
            name=row.name,
            troubles=troubles,
            last_seen_at=row.last_seen_at,
            behind=row.behind,
            lag_s=0 if row.behind_since is None else max(0, int((now - row.behind_since).total_seconds())),
            told_at=row.told_at,
            packs=tuple(row.packs or ()),
            entries=row.entries,
            entry_ms=row.entry_ms,
            entry_p95_ms=row.entry_p95_ms,
            dark_s=row.dark_s,
            stale_s=row.stale_s,
            queue=row.queue,
            queue_s=row.queue_s,
            dropped=row.dropped,
            refused=row.refused,
        )


class HealthList(msgspec.Struct, frozen=True):
    """The community's gates in service, those in the worst state first."""

    gates: tuple[Health, ...]
