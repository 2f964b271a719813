"""What staff do with gates: make them, see them, put them at doors, take them out of service."""

from uuid import UUID

from litestar import Router, get, post, put

from backend.access import service as access
from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.doors.errors import DoorNotFound
from backend.doors.plans.service import publish
from backend.doors.repository import hold as hold_doors
from backend.gates import repository, service
from backend.gates.errors import (
    GateNotFound,
    GateOutOfService,
)
from backend.gates.schemas import ClaimCode, Gate, GateKey, GateList, GatePlace, NewGate, Revocation
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


@post(
    "/",
    opt={"needs": Permission.GATES},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound),
    summary="Create a gate",
)
async def create_gate(
    community_id: UUID, data: NewGate, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> ClaimCode:
    """A new gate, and the code that makes a device into it: shown once, valid for 30 minutes, for one device."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        gate_id, claim = await service.create(
            conn, community_id=community_id, name=data.name, pepper=pepper, now=clock()
        )
        await audit.record_of_staff(conn, community_id, staff, "gate.create", f"gate:{gate_id}")
    return ClaimCode.of(gate_id, claim)


@post(
    "/{gate_id:uuid}/claims",
    opt={"needs": Permission.GATES},
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, GateNotFound, GateOutOfService
    ),
    summary="Get a new claim code",
)
async def create_claim(
    community_id: UUID, gate_id: UUID, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> ClaimCode:
    """Another code, where the first one expired or the device is to be replaced. Codes before it end."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        claim = await service.new_claim(conn, community_id=community_id, gate_id=gate_id, pepper=pepper, now=clock())
        await audit.record_of_staff(conn, community_id, staff, "gate.claim", f"gate:{gate_id}")
    return ClaimCode.of(gate_id, claim)


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, CommunityNotFound),
    summary="List gates and their health",
)
async def list_gates(community_id: UUID, db: Database, limit: Limit = 200, cursor: Cursor = None) -> GateList:
    """The community's gates: when they were last seen, and how far behind the roster they are."""
    key = decode_cursor(cursor, GateKey)
    async with db.transaction(Scope(community_id=community_id), isolation="REPEATABLE READ", read_only=True) as conn:
        head, rows = await service.list_health(
            conn,
            community_id=community_id,
            after=None if key is None else (key.revoked, key.name, key.gate_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: GateKey(row.revoked_at is not None, row.name, row.gate_id))
    return GateList(
        epoch=head.epoch,
        version=head.version,
        gates=tuple(Gate.of(row, head) for row in page),
        next_cursor=next_cursor,
    )


@post(
    "/{gate_id:uuid}/revoke",
    opt={"needs": Permission.GATES},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, GateNotFound),
    status_code=200,
    summary="Take a gate out of service",
)
async def revoke_gate(
    community_id: UUID, gate_id: UUID, data: Revocation, staff: StaffMember, db: Database, clock: Clock
) -> Gate:
    """Final. The device hears of it at once where it is connected, and erases itself."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        before = await service.revoke(conn, community_id=community_id, gate_id=gate_id, reason=data.reason, now=clock())
        if before.revoked_at is None:
            await audit.record_of_staff(conn, community_id, staff, "gate.revoke", f"gate:{gate_id}", reason=data.reason)
        row = await repository.get_gate(conn, community_id=community_id, gate_id=gate_id)
        head = await access.roster_version(conn, community_id=community_id)
    if row is None:
        raise GateNotFound
    return Gate.of(row, head)


@get(
    "/{gate_id:uuid}/door",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, GateNotFound),
    summary="Read where a gate stands",
)
async def read_place(community_id: UUID, gate_id: UUID, db: Database) -> GatePlace:
    """At which door the gate stands; its ETag may go with a change."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await _place(conn, community_id, gate_id)


@put(
    "/{gate_id:uuid}/door",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, GateNotFound, DoorNotFound, PreconditionFailed),
    summary="Put a gate at a door",
)
async def place_gate(
    community_id: UUID,
    gate_id: UUID,
    data: GatePlace,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatch = None,
) -> Gate:
    """Say at which door the gate stands: its groups and hours go for it from now."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await hold_doors(conn, community_id=community_id)
        require_match(if_match, await _place(conn, community_id, gate_id))
        row = await service.put_at_door(conn, community_id=community_id, gate_id=gate_id, door_id=data.door_id)
        await audit.record_of_staff(conn, community_id, staff, "gate.place", f"gate:{gate_id}")
        await publish(conn, community_id=community_id, now=clock())
        head = await access.roster_version(conn, community_id=community_id)
    return Gate.of(row, head)


async def _place(conn: Connection, community_id: UUID, gate_id: UUID) -> GatePlace:
    row = await repository.get_gate(conn, community_id=community_id, gate_id=gate_id)
    if row is None:
        raise GateNotFound
    return GatePlace(row.door_id)


staff_router = Router(
    path="/communities/{community_id:uuid}/gates",
    route_handlers=[create_gate, create_claim, list_gates, read_place, place_gate, revoke_gate],
    tags=["gates"],
)
