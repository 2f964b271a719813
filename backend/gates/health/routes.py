"""Devices: telling how they are doing. Staff: seeing it."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body

from backend.communities.errors import CommunityNotFound
from backend.gates.errors import GateRevoked
from backend.gates.guards import in_service
from backend.gates.health import service
from backend.gates.health.errors import HealthInvalid
from backend.gates.health.schemas import HealthList
from backend.kit.auth import GatePrincipal, Permission
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, PayloadTooLarge, Unauthorised, problems
from gate_sdk.wire import GateHealth

__all__ = ["gate_router", "staff_router"]

_MAX_BYTES = 8_192


@post(
    "/",
    guards=[in_service],
    status_code=204,
    request_max_body_size=_MAX_BYTES,
    responses=problems(Unauthorised, GateRevoked, PayloadTooLarge, HealthInvalid),
    summary="Tell how the gate is doing",
)
async def tell_health(
    data: Annotated[GateHealth, Body(media_type=RequestEncodingType.MESSAGEPACK)],
    gate: GatePrincipal,
    db: Database,
    clock: Clock,
) -> None:
    """The last word counts; it is shown to the community's staff."""
    async with db.transaction(Scope(community_id=gate.community_id)) as conn:
        await service.keep(conn, community_id=gate.community_id, gate_id=gate.gate_id, health=data, now=clock())


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound),
    summary="See how the gates are doing",
)
async def list_health(community_id: UUID, db: Database, clock: Clock) -> HealthList:
    """The gates in service, what is wrong first: silent, behind, dark, losing events, slow."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return HealthList(await service.shown(conn, community_id=community_id, now=clock()))


gate_router = Router(path="/health", route_handlers=[tell_health], tags=["gates"])
staff_router = Router(path="/communities/{community_id:uuid}/gate-health", route_handlers=[list_health], tags=["gates"])
