"""Companies: having something happen in a sandbox."""

from litestar import Router, post

from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.employments.errors import WorkerNotFound
from backend.couriers.sandbox import service
from backend.couriers.sandbox.errors import NothingToSimulate, SandboxOnly
from backend.couriers.sandbox.guards import of_sandbox
from backend.couriers.sandbox.schemas import Simulation
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.partners.errors import InsufficientScope, PartnerNotAdmitted

__all__ = ["partner_router"]


@post(
    "/events",
    opt={"needs": "couriers:write"},
    guards=[of_sandbox],
    status_code=204,
    responses=problems(
        Unauthorised, InsufficientScope, SandboxOnly, WorkerNotFound, PartnerNotAdmitted, NothingToSimulate
    ),
    summary="Simulate what couriers and gates do",
)
async def simulate(data: Simulation, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock) -> None:
    """Have a courier of a sandbox answer, come to a gate or be suspended; its events and webhooks are as in life."""
    now = clock()
    async with db.transaction(Scope(community_id=data.community_id, platform=True)) as conn:
        await service.simulate(conn, partner_id=partner.partner_id, wanted=data, now=now)
        await audit.record(
            conn,
            community_id=None,
            actor=f"partner:{partner.partner_id}",
            action="sandbox.simulate",
            target=f"event:{data.type}",
        )
    await settling.settle(db, keys, partner_id=partner.partner_id, worker_id=data.worker_id, now=now)


partner_router = Router(path="/sandbox", route_handlers=[simulate], tags=["sandbox"])
