"""Rules of guests' passes."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access import service as access
from backend.households import service as households
from backend.households.homes import repository as homes
from backend.households.repository import TenancyRow
from backend.kit.auth import VisitorPrincipal
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised
from backend.kit.windows import check_window
from backend.links import service as links
from backend.links.errors import LinkClosed, LinkUnknown
from backend.people import repository as people
from backend.visitors import repository
from backend.visitors.errors import GuestDaysSpent, PassNotFound, PassOver, TooManyPasses
from backend.visitors.repository import PassRow
from backend.visitors.rules import (
    AHEAD,
    GUEST_DAYS,
    GUEST_DAYS_PERIOD,
    LONGEST_SPAN,
    OPEN_PASSES_PER_HOME,
    guest_days,
    state_of,
)
from backend.visitors.schemas import NewPass, PassChange
from gate_sdk.wire import GrantKind

__all__ = ["Invited", "accept", "cancel", "change", "end_passes_of_home", "invite", "read_own", "withdraw"]


class Invited(msgspec.Struct, frozen=True):
    """A new pass and the token of its link."""

    row: PassRow
    link_token: str


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
        OutsideTenancy: the household does not live there then.
        TooManyPasses: the home has as many open ones as it may.
        GuestDaysSpent: it would have too many days of guests.
    """
    begin, until = check_window(new.valid_from, new.valid_until, now=now, longest=LONGEST_SPAN, ahead=AHEAD)
    households.require_within(tenancy, begin=begin, until=until)
    community_id, home_id = tenancy.community_id, tenancy.home_id
    # Two invitations at once would each count the other's days as free.
    await homes.get_home_for_update(conn, community_id=community_id, home_id=home_id)
    if await repository.count_open(conn, community_id=community_id, home_id=home_id, now=now) >= OPEN_PASSES_PER_HOME:
        raise TooManyPasses(limit=OPEN_PASSES_PER_HOME)
    await _check_days(conn, community_id=community_id, home_id=home_id, window=(begin, until), without=None, now=now)
    row = await repository.insert_pass(
        conn,
        community_id=community_id,
        home_id=home_id,
        host_person_id=host_person_id,
        guest_name=new.guest_name,
        kind=new.kind,
        valid_from=begin,
        valid_until=until,
    )
    if new.uses:
        await repository.set_uses(conn, community_id=community_id, pass_id=row.pass_id, uses=new.uses)
    token = await links.create(
        conn,
        kind="guest",
        invitation_id=row.pass_id,
        community_id=community_id,
        expires_at=until,
        pepper=pepper,
    )
    return Invited(row, token)


async def change(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    pass_id: UUID,
    change: PassChange,
    unchanged: Callable[[PassRow], None],
    now: datetime,
) -> PassRow:
    """Move a pass's window, at the gates too, at once. The caller holds the tenancy and has shown that it is his.

    ``unchanged`` is shown the pass, locked, and raises where it is not what the caller has read.

    Raises:
        PassNotFound: the home has none such.
        PassOver: it has ended.
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        OutsideTenancy: the household does not live there then.
        GuestDaysSpent: the home would have too many days of guests.
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
    begin, until = check_window(
        change.valid_from or row.valid_from,
        change.valid_until or row.valid_until,
        now=now,
        longest=LONGEST_SPAN,
        ahead=AHEAD,
    )
    households.require_within(tenancy, begin=begin, until=until)
    await _check_days(conn, community_id=community_id, home_id=home_id, window=(begin, until), without=pass_id, now=now)
    await access.change_window(
        conn,
        community_id=community_id,
        source="pass",
        source_id=pass_id,
        valid_from=begin,
        valid_until=until,
        now=now,
    )
    await links.extend(conn, invitation_id=pass_id, expires_at=until)
    return await repository.change_window(
        conn, community_id=community_id, pass_id=pass_id, valid_from=begin, valid_until=until
    )


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
    await access.grant(
        conn,
        community_id=row.community_id,
        subject_id=subject_id,
        kind=GrantKind.GUEST,
        source="pass",
        source_id=row.pass_id,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        now=now,
    )
    await repository.set_accepted(
        conn, community_id=row.community_id, pass_id=row.pass_id, subject_id=subject_id, now=now
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


async def _check_days(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID,
    window: tuple[datetime, datetime],
    without: UUID | None,
    now: datetime,
) -> None:
    others = await repository.list_windows(
        conn, community_id=community_id, home_id=home_id, since=now - GUEST_DAYS_PERIOD, without=without
    )
    days = guest_days([window, *((other.begin, other.until) for other in others)])
    if days > GUEST_DAYS:
        raise GuestDaysSpent(days=days, limit=GUEST_DAYS)
