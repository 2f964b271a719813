"""Rules of simulating. No function here knows of grants, gates or telephones."""

from datetime import datetime
from uuid import UUID

from backend.couriers import settling
from backend.couriers.employments import repository as employments
from backend.couriers.employments import service as employment_rules
from backend.couriers.sandbox.errors import NothingToSimulate
from backend.couriers.sandbox.schemas import Simulation
from backend.kit.db import Connection
from backend.partners import service as admissions
from backend.partners.errors import PartnerNotAdmitted
from backend.partners.events import service as events
from backend.partners.events.kinds import EventKind
from backend.partners.events.service import NewEvent

__all__ = ["simulate"]

_GATE = "Sandbox"


async def simulate(conn: Connection, *, partner_id: UUID, wanted: Simulation, now: datetime) -> None:
    """Have it happen to a sandbox. Needs the platform scope, and the community's where one is named.

    Raises:
        WorkerNotFound: it has told of no such worker.
        PartnerNotAdmitted: it is not admitted to the community, or names none where one is needed.
        NothingToSimulate: an entry that no gate would let a company know of.
    """
    worker = await employment_rules.get_worker(conn, partner_id=partner_id, worker_id=wanted.worker_id)
    kind = EventKind(wanted.type)
    if kind is EventKind.COURIER_ACTIVE:
        changed = await employments.accept_employment(
            conn, partner_id=partner_id, courier_id=worker.courier_id, now=now
        )
    elif kind is EventKind.COURIER_LEFT:
        changed = await employments.leave_employment(conn, partner_id=partner_id, courier_id=worker.courier_id, now=now)
    else:
        await _at_community(conn, partner_id=partner_id, wanted=wanted, now=now)
        changed = worker
    if changed is None:
        return
    entry = kind is EventKind.COURIER_ENTRY
    told = NewEvent(
        partner_id,
        kind,
        now,
        worker_id=worker.worker_id,
        person_id=worker.person_id,
        community_id=wanted.community_id,
        gate_name=_GATE if entry else None,
        outcome=wanted.outcome if entry else None,
        reason=wanted.reason if kind is EventKind.COURIER_SUSPENDED else None,
    )
    await events.tell(conn, events=[told], now=now)


async def _at_community(conn: Connection, *, partner_id: UUID, wanted: Simulation, now: datetime) -> None:
    if wanted.community_id is None:
        raise PartnerNotAdmitted
    await admissions.require_admitted(conn, community_id=wanted.community_id, partner_id=partner_id)
    if EventKind(wanted.type) is EventKind.COURIER_ENTRY and not await settling.simulated_now(
        conn, community_id=wanted.community_id, partner_id=partner_id, worker_id=wanted.worker_id, now=now
    ):
        raise NothingToSimulate
