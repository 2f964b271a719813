"""Staff: another number for a member who lost his, and letting one in again who did not log in for long."""

from uuid import UUID

from litestar import Router, delete, post

from backend.accounts import phones
from backend.accounts.errors import PhoneInvalid
from backend.accounts.number import desk
from backend.accounts.number.errors import NoAccount, NoNumberChange, NumberOfStaff, SameNumber
from backend.communities.errors import CommunityNotFound
from backend.households.errors import MemberNotFound
from backend.households.lost_numbers.schemas import NumberAtDesk, NumberPlanned, Seen
from backend.households.members import repository as members
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]

_COMMON = (
    Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, MemberNotFound, NoAccount, NumberOfStaff,
)  # fmt: skip


@post(
    "/",
    opt={"needs": Permission.NUMBER_CHANGE},
    status_code=202,
    responses=problems(*_COMMON, PhoneInvalid, SameNumber, MessagesUnavailable),
    summary="Move a member's account to another number",
)
async def plan_number(
    community_id: UUID, member_id: UUID, data: NumberAtDesk, staff: StaffMember, db: Database, clock: Clock,
    sender: Sender,
) -> NumberPlanned:  # fmt: skip
    """For a member who lost his number, and was seen. It happens after 24 hours, and all his devices are logged out.

    The old number is told at once; until then the member, on any device that is logged in, and the office can call it
    off. Where the new number has an account by then, nothing moves.
    """
    phone = phones.parse(data.phone)
    scope = Scope(community_id=community_id, platform=True)
    async with db.transaction(scope, read_only=True) as conn:
        person_id = await _person(conn, community_id, member_id)
        told = await desk.to_tell(conn, person_id=person_id, phone=phone)
    # Before, and not after: where the old number cannot be told, nothing is to happen.
    await sender.send(to=told.phone, template="number_change_asked", values={}, language=told.language)
    async with db.transaction(scope) as conn:
        person_id = await _person(conn, community_id, member_id)
        at = await desk.plan(conn, by=staff, community_id=community_id, person_id=person_id, phone=phone, now=clock())
    return NumberPlanned(at)


@delete(
    "/",
    opt={"needs": Permission.NUMBER_CHANGE},
    responses=problems(*_COMMON, NoNumberChange),
    summary="Call off the move to another number",
)
async def call_off_number(community_id: UUID, member_id: UUID, staff: StaffMember, db: Database) -> None:
    """The account keeps its number, whichever of the member's communities had planned the move."""
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        person_id = await _person(conn, community_id, member_id)
        await desk.call_off(conn, by=staff, community_id=community_id, person_id=person_id)


@post(
    "/seen",
    opt={"needs": Permission.NUMBER_CHANGE},
    status_code=200,
    responses=problems(*_COMMON),
    summary="Let a member log in again after a long time",
)
async def see_member(community_id: UUID, member_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> Seen:
    """The member was seen and still has his number: for 24 hours a code opens the account, though it was long unused.

    Be sure of both, best by having him log in at the desk: whoever has the number then sees what the member saw.
    """
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        person_id = await _person(conn, community_id, member_id)
        until = await desk.see(conn, by=staff, community_id=community_id, person_id=person_id, now=clock())
    return Seen(until)


async def _person(conn: Connection, community_id: UUID, member_id: UUID) -> UUID:
    member = await members.get_member(conn, community_id=community_id, member_id=member_id)
    # Who has moved out is nobody of this community's any more, and his account none of its business.
    if member is None or member.state != "active":
        raise MemberNotFound
    if member.person_id is None:
        raise NoAccount
    return member.person_id


staff_router = Router(
    path="/communities/{community_id:uuid}/members/{member_id:uuid}/number",
    route_handlers=[plan_number, call_off_number, see_member],
    tags=["households"],
)
