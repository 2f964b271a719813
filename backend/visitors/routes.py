"""Residents: passes."""

from datetime import datetime
from uuid import UUID

from litestar import Router, delete, get, patch, post

from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.doors import repository as doors
from backend.doors.errors import DoorGroupUnknown
from backend.doors.schemas import DoorGroup, DoorGroupList
from backend.households import service as households
from backend.households.errors import HomeNotFound, OutsideTenancy
from backend.households.guards import of_household
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.language import Language
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Unauthorised, problems
from backend.kit.windows import WindowEmpty, WindowOver, WindowTooFar, WindowTooLong
from backend.links.addresses import link_address
from backend.visitors import repository, service
from backend.visitors.errors import (
    GuestBlocked,
    GuestDaysSpent,
    GuestPhoneNeeded,
    PassNotFound,
    PassOver,
    RecurrenceInvalid,
    TooManyPasses,
)
from backend.visitors.rules import state_of
from backend.visitors.schemas import NewPass, Pass, PassChange, PassCreated, PassPage

__all__ = ["resident_router"]

_WINDOW = (WindowEmpty, WindowOver, WindowTooLong, WindowTooFar, RecurrenceInvalid, DoorGroupUnknown)
_NEW = (GuestBlocked, GuestPhoneNeeded, PhoneInvalid)


@post(
    "/",
    guards=[of_household],
    responses=problems(Unauthorised, HomeNotFound, OutsideTenancy, TooManyPasses, GuestDaysSpent, *_NEW, *_WINDOW),
    summary="Invite a guest",
)
async def create_pass(
    community_id: UUID,
    home_id: UUID,
    data: NewPass,
    resident: ResidentPrincipal,
    db: Database,
    sender: Sender,
    public_url: str,
    pepper: bytes,
    clock: Clock,
) -> PassCreated:
    """A pass for one window or a recurring one, and its link, which is sent to the guest where his number is given.

    It is pending until he accepts on his own phone, also where he has been here before: nobody learns from a pass who
    has a face enrolled.
    """
    now = clock()
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        tenancy = await households.hold_home(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id
        )
        invited = await service.invite(
            conn,
            tenancy=tenancy,
            host_person_id=resident.person_id,
            new=data,
            pepper=pepper,
            now=now,
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="pass.create",
            target=f"pass:{invited.row.pass_id}",
        )
    link = link_address(public_url, invited.link_token)
    sent = await _send(sender, invited, link, data.language)
    return PassCreated(
        pass_id=invited.row.pass_id,
        link_token=invited.link_token,
        link=link,
        valid_from=invited.row.valid_from,
        valid_until=invited.row.valid_until,
        state=state_of(invited.row, now),
        link_sent=sent,
    )


async def _send(sender: Sender, invited: service.Invited, link: str, language: Language) -> bool:
    if invited.send_to is None:
        return False
    try:
        await sender.send(
            to=invited.send_to,
            template="guest_link",
            values={"community": invited.community, "link": link},
            language=language,
            key=str(invited.row.pass_id),
        )
    except MessagesUnavailable:
        # The pass is made all the same, and its host has the link.
        return False
    return True


@get("/", responses=problems(Unauthorised, HomeNotFound, CursorInvalid), summary="List passes")
async def list_passes(
    community_id: UUID,
    home_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PassPage:
    """The home's passes, latest window first."""
    after = decode_cursor(cursor, tuple[datetime, UUID])
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        rows = await repository.list_of_home(conn, community_id=community_id, home_id=home_id, after=after, limit=limit)
    page, next_cursor = split_page(rows, limit, lambda row: (row.valid_from, row.pass_id))
    now = clock()
    return PassPage(passes=tuple(Pass.of(row, now) for row in page), next_cursor=next_cursor)


@get("/door-groups", responses=problems(Unauthorised, HomeNotFound), summary="List the doors that a pass may be for")
async def list_door_groups(
    community_id: UUID, home_id: UUID, resident: ResidentPrincipal, db: Database
) -> DoorGroupList:
    """The community's door groups by name; none where it has only the one entrance."""
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        rows = await doors.list_groups(conn, community_id=community_id)
    return DoorGroupList(tuple(DoorGroup.of(row) for row in rows))


@get("/{pass_id:uuid}", responses=problems(Unauthorised, HomeNotFound, PassNotFound), summary="Read a pass")
async def read_pass(
    community_id: UUID, home_id: UUID, pass_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> Pass:
    """A pass of the home's; its ETag may go with a change."""
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        row = await repository.read_pass(conn, community_id=community_id, pass_id=pass_id)
    if row is None or row.home_id != home_id:
        raise PassNotFound
    return Pass.of(row, clock())


@patch(
    "/{pass_id:uuid}",
    guards=[of_household],
    responses=problems(
        Unauthorised, HomeNotFound, OutsideTenancy, PassNotFound, PassOver, GuestDaysSpent, *_WINDOW, PreconditionFailed
    ),
    summary="Change a pass",
)
async def change_pass(
    community_id: UUID,
    home_id: UUID,
    pass_id: UUID,
    data: PassChange,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
    if_match: IfMatch = None,
) -> Pass:
    """Another window, other doors or another recurrence, at the gates too, at once."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        tenancy = await households.hold_home(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id
        )
        row = await service.change(
            conn,
            tenancy=tenancy,
            pass_id=pass_id,
            change=data,
            unchanged=lambda row: require_match(if_match, Pass.of(row, now)),
            now=now,
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="pass.change",
            target=f"pass:{pass_id}",
        )
    return Pass.of(row, now)


@delete("/{pass_id:uuid}", responses=problems(Unauthorised, HomeNotFound, PassNotFound), summary="Cancel a pass")
async def cancel_pass(
    community_id: UUID, home_id: UUID, pass_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> None:
    """End a pass at once, at the gates too; its link opens nothing any more."""
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        await service.cancel(conn, community_id=community_id, home_id=home_id, pass_id=pass_id, now=clock())
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="pass.cancel",
            target=f"pass:{pass_id}",
        )


resident_router = Router(
    path="/homes/{community_id:uuid}/{home_id:uuid}/passes",
    route_handlers=[create_pass, list_passes, list_door_groups, read_pass, change_pass, cancel_pass],
    tags=["passes"],
)
