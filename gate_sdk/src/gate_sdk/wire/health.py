"""How a gate is doing, as it tells the server now and then (MessagePack). Figures only: nothing about anybody."""

import msgspec

__all__ = ["GateHealth"]


class GateHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gate's own word about itself; of several the last counts.

    ``at_us`` is when, by the gate's clock, microseconds since the Unix epoch. ``packs`` are the model packs that it has
    loaded. ``entry_ms`` and ``entry_p95_ms`` are the median and the 95th percentile of the time from the first usable
    frame of a face to its admission, over the last ``entries`` of them (at most 200). ``dark_s`` is for how long the
    camera has shown nothing but darkness, or nothing at all; 0 while it shows something, ``None`` where no frame was
    ever looked at. ``stale_s`` is the time since the server's last word. ``queue`` events wait to be delivered, the
    oldest since ``queue_s``; ``dropped`` ones had to make room, ``refused`` ones the server would not take.
    """

    at_us: int
    packs: tuple[str, ...] = ()
    entries: int = 0
    entry_ms: int | None = None
    entry_p95_ms: int | None = None
    dark_s: int | None = None
    stale_s: int | None = None
    queue: int = 0
    queue_s: int = 0
    dropped: int = 0
    refused: int = 0
