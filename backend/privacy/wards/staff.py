"""Staff: birth dates, guardians, and links for young people."""

from uuid import UUID

from litestar import Router, get, post, put

from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.errors import BirthDateInvalid, MemberOfAge, WardNotFound
from backend.guardians.rules import Stage
from backend.households.errors import MemberNotFound, MemberNotOpen
from backend.households.members import repository as members
from backend.kit.auth import Permission, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.links.addresses import link_address
from backend.privacy.repository import ErasureRow
from backend.privacy.schemas import Started
from backend.privacy.trail import record_act
from backend.privacy.wards import service
from backend.privacy.wards.errors import GuardianUnfit
from backend.privacy.wards.schemas import (
    AgeConfirmed,
    BirthDate,
    Guardian,
    GuardianEnded,
    GuardianList,
    NewGuardian,
    YoungLink,
)

__all__ = ["staff_router"]


@put(
    "/members/{member_id:uuid}/birth-date",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, MemberNotFound, MemberNotOpen, MemberOfAge, BirthDateInvalid),
    summary="Confirm a member's birth date",
)
async def confirm_birth_date(
    community_id: UUID, member_id: UUID, data: BirthDate, staff: StaffMember, db: Database, clock: Clock
) -> AgeConfirmed:
    """Record or put right when a member was born, from a document that staff have seen; of adults nothing is kept.

    A child's own consent, and a guardian's for somebody of age, end with it; the right to enter goes on by QR code.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        stage, begun = await service.confirm_birth_date(
            conn,
            community_id=community_id,
            member_id=member_id,
            birth_date=data.birth_date,
            basis=data.basis,
            staff_id=staff.staff_id,
            now=clock(),
        )
        await _record(conn, community_id, staff, "member.birth_date", member_id, begun)
    return AgeConfirmed(member_id, stage, tuple(Started.of(row) for row in begun))


@get(
    "/members/{member_id:uuid}/guardians",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, MemberNotFound),
    summary="Read who acts for a member",
)
async def list_guardians(community_id: UUID, member_id: UUID, db: Database, clock: Clock) -> GuardianList:
    """A member's age and guardians, past ones too."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        if await members.get_member(conn, community_id=community_id, member_id=member_id) is None:
            raise MemberNotFound
        minor = await guardians.get_minor(conn, community_id=community_id, member_id=member_id)
        rows = await guardians.list_guardians(conn, community_id=community_id, member_id=member_id, standing=False)
    stage = Stage.ADULT if minor is None else guarding.stage(minor, clock())
    return GuardianList.of(member_id, minor, stage, rows)


@post(
    "/members/{member_id:uuid}/guardians",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, MemberNotFound, MemberOfAge, GuardianUnfit),
    summary="Let somebody act for a child",
)
async def record_guardian(
    community_id: UUID, member_id: UUID, data: NewGuardian, staff: StaffMember, db: Database, clock: Clock
) -> Guardian:
    """Another member of the community, of whatever home, by papers that staff have seen. A child may have several."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        guardianship_id = await service.record_guardian(
            conn,
            community_id=community_id,
            member_id=member_id,
            guardian_member_id=data.guardian_member_id,
            relation=data.relation,
            staff_id=staff.staff_id,
            now=clock(),
        )
        row = await guardians.get_guardianship(conn, community_id=community_id, guardianship_id=guardianship_id)
        if row is None:
            raise MemberNotFound
        await _record(conn, community_id, staff, "guardian.add", member_id, [])
    return Guardian.of(row)


@post(
    "/members/{member_id:uuid}/guardians/{guardianship_id:uuid}/end",
    opt={"needs": Permission.REGISTER_WRITE},
    status_code=200,
    responses=problems(Unauthorised, Forbidden, WardNotFound),
    summary="Let somebody act for a child no more",
)
async def end_guardian(
    community_id: UUID, member_id: UUID, guardianship_id: UUID, staff: StaffMember, db: Database, clock: Clock
) -> GuardianEnded:
    """After a divorce, for instance, as the court has decided. The last guardian's consents end with him."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        begun = await service.end_guardian(
            conn, community_id=community_id, member_id=member_id, guardianship_id=guardianship_id, now=clock()
        )
        await _record(conn, community_id, staff, "guardian.end", member_id, begun)
    return GuardianEnded(guardianship_id, tuple(Started.of(row) for row in begun))


@post(
    "/members/{member_id:uuid}/young-link",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, MemberNotFound, MemberOfAge),
    summary="Give a young person a link of his own",
)
async def give_link(
    community_id: UUID,
    member_id: UUID,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    pepper: bytes,
    public_url: str,
) -> YoungLink:
    """For whoever is fourteen or older and has no phone: he opens it on any, decides, enrols, sees and erases."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        token = await service.link_of_young(
            conn, community_id=community_id, member_id=member_id, pepper=pepper, now=now
        )
        await _record(conn, community_id, staff, "member.young_link", member_id, [])
    return YoungLink(link=link_address(public_url, token), expires_at=now + service.LINK_VALID)


async def _record(
    conn: Connection, community_id: UUID, staff: StaffMember, action: str, member_id: UUID, begun: list[ErasureRow]
) -> None:
    actor, target = f"staff:{staff.staff_id}", f"member:{member_id}"
    await record_act(conn, community_id=community_id, actor=actor, action=action, target=target, begun=begun)


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[confirm_birth_date, list_guardians, record_guardian, end_guardian, give_link],
    tags=["register"],
)
