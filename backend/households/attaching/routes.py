"""Staff: an account for a member who was put on the register without a telephone."""

from uuid import UUID

from litestar import Router, post

from backend.accounts import phones
from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.households.attaching import service
from backend.households.attaching.errors import AccountExists
from backend.households.attaching.schemas import NumberOfMember
from backend.households.errors import MemberNotFound, TenancyEnded
from backend.households.schemas import Activation
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


@post(
    "/members/{member_id:uuid}/account",
    opt={"needs": Permission.CREDENTIALS},
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, MemberNotFound, TenancyEnded, AccountExists,
        PhoneInvalid,
    ),
    summary="Give a member without a telephone a code for his account",
)  # fmt: skip
async def offer_account(
    community_id: UUID,
    member_id: UUID,
    data: NumberOfMember,
    staff: StaffMember,
    db: Database,
    pepper: bytes,
    clock: Clock,
) -> Activation:
    """He logs in with that number, and joins with the code: from then on the log-in is his, and he stays who he is.

    Hand the code to him alone: with the number, it opens what the register knows him to be.
    """
    phone = phones.parse(data.phone)
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        offered = await service.offer(
            conn, community_id=community_id, member_id=member_id, phone=phone, pepper=pepper, now=clock()
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="member.account.offer",
            target=f"member:{member_id}",
        )
    return offered


staff_router = Router(path="/communities/{community_id:uuid}", route_handlers=[offer_account], tags=["register"])
