"""Keeping and showing how gates are doing."""

from datetime import datetime
from uuid import UUID

from backend.enrolment.calibration import repository as calibration
from backend.gates import service as gates
from backend.gates.health import repository
from backend.gates.health.errors import HealthInvalid
from backend.gates.health.rules import Trouble, troubles
from backend.gates.health.schemas import Health
from backend.kit.db import Connection
from gate_sdk.wire import GateHealth

__all__ = ["keep", "shown"]

_MOST_PACKS = 16
_MOST_PACK_CHARS = 64
_MOST_MS = 2**31 - 1
_MOST = 2**63 - 1


async def keep(conn: Connection, *, community_id: UUID, gate_id: UUID, health: GateHealth, now: datetime) -> None:
    """Keep what a gate tells of itself, in place of what it told before.

    Raises:
        GateRevoked: it is out of service.
        HealthInvalid: figures that cannot be.
    """
    await gates.require_in_service(conn, community_id=community_id, gate_id=gate_id)
    if not _is_sound(health):
        raise HealthInvalid
    await repository.put_health(conn, community_id=community_id, gate_id=gate_id, health=health, now=now)


def _is_sound(health: GateHealth) -> bool:
    small = (health.entries, health.entry_ms or 0, health.entry_p95_ms or 0)
    large = (health.dark_s or 0, health.stale_s or 0, health.queue, health.queue_s, health.dropped, health.refused)
    return (
        len(health.packs) <= _MOST_PACKS
        and all(0 < len(pack) <= _MOST_PACK_CHARS and pack.isprintable() for pack in health.packs)
        and all(0 <= figure <= _MOST_MS for figure in small)
        and all(0 <= figure <= _MOST for figure in large)
    )


async def shown(conn: Connection, *, community_id: UUID, now: datetime) -> tuple[Health, ...]:
    """The community's gates in service: the worst first, those alike by name."""
    packs = {row.pack for row in await calibration.list_packs(conn, community_id=community_id)}
    rows = await repository.list_health(conn, community_id=community_id)
    found = [Health.of(row, troubles(row, packs=packs, now=now), now=now) for row in rows]
    return tuple(sorted(found, key=_severity))


def _severity(gate: Health) -> tuple[int, int]:
    order = list(Trouble)
    return (order.index(gate.troubles[0]) if gate.troubles else len(order), -len(gate.troubles))
