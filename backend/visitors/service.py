"""Rules of guests' passes."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access import service as access
from backend.accounts import phones
from backend.communities import repository as communities
from backend.doors import service as doors
from backend.households.homes import repository as homes
from backend.households.repository import TenancyRow
from backend.kit.auth import VisitorPrincipal
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised
from backend.links import service as links
from backend.links.errors import LinkClosed, LinkUnknown
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.people import repository as people
from backend.visitors import repository
from backend.visitors.errors import GuestPhoneNeeded, PassNotFound, PassOver, TooManyPasses
from backend.visitors.planning import check_days, ends_at, grant_windows, identify, plan_of, windows_of
from backend.visitors.policy import repository as policies
from backend.visitors.repository import NewPassRow, PassRow
from backend.visitors.rules import DELIVERY_SPAN, LINKS_A_DAY, LINKS_A_DAY_TO_ONE, LONGEST_SPAN, state_of
from backend.visitors.schemas import NewPass, PassChange, Recurrence
from backend.visitors.windows import repository as pass_windows
from backend.visitors.windows.repository import GuestRow

__all__ = [
    "Invited",
    "accept",
    "cancel",
    "change",
    "end_passes_of_home",
    "follow_households",
    "invite",
    "read_own",
    "withdraw",
]


class Invited(msgspec.Struct, frozen=True):
    """A new pass, the token of its link, the number (E.164) to send that to, if any, and its community's name."""

    row: PassRow
    link_token: str
    send_to: str | None
    community: str


async def invite(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    host_person_id: UUID,
    new: NewPass,
    pepper: bytes,
    now: datetime,
) -> Invited:
    """A pass that waits for its guest. The caller holds the tenancy and has shown that it is his.

    Raises:
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        RecurrenceInvalid: nor the recurrence.
        DoorGroupUnknown: the community has no such doors.
        OutsideTenancy: the household does not live there then.
        PhoneInvalid, GuestPhoneNeeded: the number is none, or the community wants one.
        GuestBlocked: the community does not admit him.
        TooManyPasses: the home has as many open ones as it may.
        GuestDaysSpent: it would have too many days of guests, or of this one.
    """
    community_id, home_id = tenancy.community_id, tenancy.home_id
    plan = await plan_of(
        conn, tenancy=tenancy, begin=new.valid_from, until=new.valid_until, recurrence=new.recurrence, now=now,
        longest=DELIVERY_SPAN if new.kind == "delivery" else LONGEST_SPAN,
    )  # fmt: skip
    limited = tuple(new.door_groups) or None
    if limited is not None:
        await doors.require_groups(conn, community_id=community_id, limits=[limited])
    allowed = await policies.get_policy(conn, community_id=community_id)
    guest = await identify(conn, new=new, community_id=community_id, home_id=home_id, pepper=pepper, now=now)
    if allowed.phone_required and guest.phone_hash is None:
        raise GuestPhoneNeeded
    # Two invitations at once would each count the other's days as free.
    await homes.get_home_for_update(conn, community_id=community_id, home_id=home_id)
    if await repository.count_open(conn, community_id=community_id, home_id=home_id, now=now) >= allowed.open_passes:
        raise TooManyPasses(limit=allowed.open_passes)
    await check_days(
        conn, community_id=community_id, home_id=home_id, windows=plan.windows, without=None, guest=guest,
        allowed=allowed, now=now,
    )  # fmt: skip
    row = await repository.insert_pass(
        conn,
        community_id=community_id,
        new=NewPassRow(
            home_id=home_id,
            host_person_id=host_person_id,
            guest_name=new.guest_name,
            kind=new.kind,
            valid_from=plan.begin,
            valid_until=plan.until,
            uses=(1 if new.kind == "delivery" else 0) if new.uses is None else new.uses,
            door_groups=limited,
            grace_minutes=new.grace_minutes,
            recurrence=None if new.recurrence is None else new.recurrence.rule,
            except_dates=() if new.recurrence is None else tuple(new.recurrence.except_dates),
            first_until=plan.first_until,
            name_hash=guest.name_hash,
            phone_hash=guest.phone_hash,
            ask_first=new.ask_first,
        ),
    )
    if plan.first_until is not None:
        await pass_windows.replace_windows(conn, community_id=community_id, pass_id=row.pass_id, windows=plan.windows)
    token = await links.create(
        conn,
        kind="guest",
        invitation_id=row.pass_id,
        community_id=community_id,
        expires_at=ends_at(row),
        pepper=pepper,
    )
    send_to = None
    if new.phone is not None and new.send_link:
        claimed = await repository.claim_link(
            conn,
            community_id=community_id,
            pass_id=row.pass_id,
            by_host=LINKS_A_DAY,
            to_one=LINKS_A_DAY_TO_ONE,
            since=now - timedelta(days=1),
            now=now,
        )
        send_to = phones.parse(new.phone) if claimed else None
    community = await communities.get_community(conn, community_id=community_id)
    return Invited(row, token, send_to, "" if community is None else community.name)


async def change(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    pass_id: UUID,
    change: PassChange,
    unchanged: Callable[[PassRow], None],
    now: datetime,
) -> PassRow:
    """Change a pass's window, doors or recurrence, at the gates too, at once. The caller holds the tenancy: it is his.

    ``unchanged`` is shown the pass, locked, and raises where it is not what the caller has read.

    Raises:
        PassNotFound: the home has none such.
        PassOver: it has ended.
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        RecurrenceInvalid: nor the recurrence.
        DoorGroupUnknown: the community has no such doors.
        OutsideTenancy: the household does not live there then.
        GuestDaysSpent: the home would have too many days of guests, or of this one.
    """
    community_id, home_id = tenancy.community_id, tenancy.home_id
    await roster.roster_hold(conn)
    await homes.get_home_for_update(conn, community_id=community_id, home_id=home_id)
    row = await repository.lock_pass(conn, community_id=community_id, home_id=home_id, pass_id=pass_id)
    if row is None:
        raise PassNotFound
    unchanged(row)
    if state_of(row, now) not in ("pending", "accepted"):
        raise PassOver
    standing = None if row.recurrence is None else Recurrence(row.recurrence, row.except_dates)
    recurrence = change.recurrence or standing
    plan = await plan_of(
        conn,
        tenancy=tenancy,
        begin=change.valid_from or row.valid_from,
        until=change.valid_until or row.first_until or row.valid_until,
        recurrence=recurrence,
        now=now,
        longest=DELIVERY_SPAN if row.kind == "delivery" else LONGEST_SPAN,
    )
    limited = tuple((row.door_groups if change.door_groups is None else change.door_groups) or ())
    if limited:
        await doors.require_groups(conn, community_id=community_id, limits=[limited])
    allowed = await policies.get_policy(conn, community_id=community_id)
    guest = await pass_windows.get_guest(conn, community_id=community_id, pass_id=pass_id)
    await check_days(
        conn, community_id=community_id, home_id=home_id, windows=plan.windows, without=pass_id, guest=guest,
        allowed=allowed, now=now,
    )  # fmt: skip
    changed = await repository.change_pass(
        conn,
        community_id=community_id,
        pass_id=pass_id,
        valid_from=plan.begin,
        valid_until=plan.until,
        door_groups=limited or None,
        recurrence=None if recurrence is None else recurrence.rule,
        except_dates=() if recurrence is None else tuple(recurrence.except_dates),
        first_until=plan.first_until,
        ask_first=row.ask_first if change.ask_first is None else change.ask_first,
    )
    if plan.first_until is not None:
        await pass_windows.replace_windows(conn, community_id=community_id, pass_id=pass_id, windows=plan.windows)
    await links.extend(conn, invitation_id=pass_id, expires_at=ends_at(changed))
    if row.subject_id is not None:
        # In one transaction, so that gates see the new ones in place of the old, and never neither.
        await access.end_grants(conn, community_id=community_id, source="pass", source_id=pass_id, now=now)
        await grant_windows(conn, row=changed, subject_id=row.subject_id, now=now)
    return changed


async def cancel(conn: Connection, *, community_id: UUID, home_id: UUID, pass_id: UUID, now: datetime) -> None:
    """End a pass, its grant and its link at once; repeating is harmless. The caller has shown that the home is his.

    Raises:
        PassNotFound: the home has none such.
    """
    await roster.roster_hold(conn)
    row = await repository.lock_pass(conn, community_id=community_id, home_id=home_id, pass_id=pass_id)
    if row is None:
        raise PassNotFound
    await _end(conn, row=row, ended_by="host", now=now)


async def end_passes_of_home(
    conn: Connection, *, community_id: UUID, home_id: UUID, host_person_id: UUID | None = None, now: datetime
) -> int:
    """End a home's open passes at once, when its household leaves, or those of the one member who does; how many."""
    await roster.roster_hold(conn)
    rows = await repository.list_open_of_home(
        conn, community_id=community_id, home_id=home_id, host_person_id=host_person_id, now=now
    )
    for row in rows:
        await _end(conn, row=row, ended_by="staff", now=now)
    return len(rows)


async def follow_households(
    conn: Connection, *, community_id: UUID, tenancy_ids: Sequence[UUID], now: datetime
) -> None:
    """Let the guests of households whose own time has changed go with them, at gates that are offline too."""
    await roster.roster_hold(conn)
    rows = await repository.list_accepted_of_tenancies(
        conn, community_id=community_id, tenancy_ids=tenancy_ids, now=now
    )
    for row in rows:
        if row.subject_id is not None:
            await access.end_grants(conn, community_id=community_id, source="pass", source_id=row.pass_id, now=now)
            await grant_windows(conn, row=row, subject_id=row.subject_id, now=now)


async def read_own(conn: Connection, *, visitor: VisitorPrincipal) -> PassRow:
    """The pass behind a guest's link. Needs the inviting community's scope.

    Raises:
        LinkUnknown: there is none.
    """
    row = None
    if visitor.community_id is not None:
        row = await repository.read_pass(conn, community_id=visitor.community_id, pass_id=visitor.invitation_id)
    if row is None:
        raise LinkUnknown
    return row


async def accept(conn: Connection, *, visitor: VisitorPrincipal, now: datetime) -> PassRow:
    """The guest's yes: this phone holds the link from now on, and his grant is made. Repeating is harmless.

    Needs the scopes of the inviting community and the platform.

    Raises:
        LinkClosed, LinkExpired: the pass was cancelled or is over.
        LinkHeld: another phone has accepted.
        Unauthorised: this session is over.
        GuestDaysSpent: he has been this home's guest for as long as anybody may.
    """
    await roster.roster_hold(conn)
    await links.hold(conn, session_id=visitor.session_id, now=now)
    row = await _lock_own(conn, visitor=visitor)
    if state_of(row, now) not in ("pending", "accepted"):
        raise LinkClosed
    if row.accepted_at is not None:
        return row
    subject_id = await people.ensure_subject(conn, community_id=row.community_id, person_id=visitor.person_id)
    person = await people.get_person(conn, person_id=visitor.person_id)
    if person is not None and person.name is None:
        await people.update_person(conn, person_id=visitor.person_id, name=row.guest_name, language=None)
    allowed = await policies.get_policy(conn, community_id=row.community_id)
    # Whoever is known from an earlier visit to this home has used some of his days, under whatever name.
    await check_days(
        conn, community_id=row.community_id, home_id=row.home_id, windows=await windows_of(conn, row),
        without=row.pass_id, guest=GuestRow(None, None, subject_id), allowed=allowed, now=now,
    )  # fmt: skip
    await grant_windows(conn, row=row, subject_id=subject_id, now=now)
    await repository.set_accepted(
        conn, community_id=row.community_id, pass_id=row.pass_id, subject_id=subject_id, now=now
    )
    if row.host_person_id is not None:
        await notifications.tell(
            conn,
            person_id=row.host_person_id,
            kind=Kind.GUEST_ACCEPTED,
            occasion=str(row.pass_id),
            community_id=row.community_id,
            about_id=row.pass_id,
            now=now,
        )
    return msgspec.structs.replace(row, subject_id=subject_id, accepted_at=now)


async def withdraw(conn: Connection, *, visitor: VisitorPrincipal, now: datetime) -> PassRow:
    """The guest's no, before or after he accepted: grant, pass and link end at once. The pass as it is then.

    His session goes on for reading what becomes of his data. Needs the scopes of the inviting community and the
    platform.

    Raises:
        LinkUnknown: there is no such pass.
        Unauthorised: this session is over.
    """
    if visitor.session_id is None:
        raise Unauthorised
    await roster.roster_hold(conn)
    row = await _lock_own(conn, visitor=visitor)
    await links.withdraw(conn, session_id=visitor.session_id, now=now)
    await _end(conn, row=row, ended_by="guest", now=now)
    return await read_own(conn, visitor=visitor)


async def _lock_own(conn: Connection, *, visitor: VisitorPrincipal) -> PassRow:
    row = None
    if visitor.community_id is not None:
        row = await repository.lock_pass(
            conn, community_id=visitor.community_id, home_id=None, pass_id=visitor.invitation_id
        )
    if row is None:
        raise LinkUnknown
    return row


async def _end(conn: Connection, *, row: PassRow, ended_by: str, now: datetime) -> None:
    await access.end_grants(conn, community_id=row.community_id, source="pass", source_id=row.pass_id, now=now)
    if state_of(row, now) in ("pending", "accepted"):
        await repository.end_pass(conn, community_id=row.community_id, pass_id=row.pass_id, ended_by=ended_by, now=now)
    await links.close(conn, invitation_id=row.pass_id, now=now)
