"""Staff: a consent that was taken back on paper."""

from uuid import UUID

from litestar import Router, post

from backend.consent.service import Purpose
from backend.households.errors import MemberNotFound
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.privacy.desk import service
from backend.privacy.desk.schemas import PaperWithdrawal
from backend.privacy.schemas import Started, Withdrawn

__all__ = ["staff_router"]


@post(
    "/members/{member_id:uuid}/consents/{purpose:str}/withdraw",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, MemberNotFound),
    summary="Record a withdrawal on paper",
)
async def withdraw(
    community_id: UUID,
    member_id: UUID,
    purpose: Purpose,
    data: PaperWithdrawal,
    staff: StaffMember,
    db: Database,
    clock: Clock,
) -> Withdrawn:
    """Take back a member's consent as he has signed at the desk; what rested on it is erased, everywhere.

    For people without an account, or without their phone at hand. The right to enter stays, by card or QR code.
    """
    begun = await service.withdraw(
        db,
        community_id=community_id,
        member_id=member_id,
        purpose=purpose,
        paper_reference=data.paper_reference,
        staff_id=staff.staff_id,
        now=clock(),
    )
    return Withdrawn(withdrawn=begun is not None, erasures=() if begun is None else (Started.of(begun),))


staff_router = Router(path="/communities/{community_id:uuid}", route_handlers=[withdraw], tags=["privacy"])
