"""Staff: the numbers by which the authority's register knows households."""

from uuid import UUID

from litestar import Router, put

from backend.audit import service as audit
from backend.households.errors import MemberNotFound, MemberNotOpen, TenancyEnded, TenancyNotFound
from backend.households.numbers import service
from backend.households.numbers.errors import RegisterNumberTaken
from backend.households.numbers.schemas import RegisterNumber
from backend.kit.auth import Permission, StaffMember
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


@put(
    "/tenancies/{tenancy_id:uuid}/register-number",
    opt={"needs": Permission.REGISTER_WRITE},
    status_code=204,
    responses=problems(Unauthorised, Forbidden, TenancyNotFound, TenancyEnded, RegisterNumberTaken),
    summary="Set a tenancy's register number",
)
async def number_tenancy(
    community_id: UUID, tenancy_id: UUID, data: RegisterNumber, staff: StaffMember, db: Database
) -> None:
    """What the authority's register calls a tenancy that was entered by hand: an import then goes on with it."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.number_tenancy(
            conn, community_id=community_id, tenancy_id=tenancy_id, number=data.register_number
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="tenancy.number",
            target=f"tenancy:{tenancy_id}",
        )


@put(
    "/members/{member_id:uuid}/register-number",
    opt={"needs": Permission.REGISTER_WRITE},
    status_code=204,
    responses=problems(Unauthorised, Forbidden, MemberNotFound, MemberNotOpen, RegisterNumberTaken),
    summary="Set a member's register number",
)
async def number_member(
    community_id: UUID, member_id: UUID, data: RegisterNumber, staff: StaffMember, db: Database
) -> None:
    """What the authority's register calls somebody who was entered by hand: an import adds him no second time."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.number_member(conn, community_id=community_id, member_id=member_id, number=data.register_number)
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="member.number",
            target=f"member:{member_id}",
        )


staff_router = Router(
    path="/communities/{community_id:uuid}", route_handlers=[number_tenancy, number_member], tags=["register"]
)
