"""When a pass is to be good, for whom, and whether the home may have that many days of guests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from backend.access import service as access
from backend.access.service import NewGrant
from backend.accounts import phones
from backend.communities import repository as communities
from backend.households import repository as tenancies
from backend.households import service as households
from backend.households.members import repository as members
from backend.households.repository import TenancyRow
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.windows import WindowEmpty, WindowOver, WindowTooFar, WindowTooLong, check_window
from backend.visitors.blocks import repository as blocks
from backend.visitors.errors import GuestBlocked, GuestDaysSpent, PassNotFound
from backend.visitors.policy.repository import PolicyRow
from backend.visitors.recurrence import LONGEST_SERIES, LONGEST_VISIT, expand
from backend.visitors.repository import PassRow
from backend.visitors.rules import AHEAD, GUEST_DAYS_PERIOD, graced, guest_days
from backend.visitors.schemas import NewPass, Recurrence
from backend.visitors.windows import repository as pass_windows
from backend.visitors.windows.repository import GuestRow
from gate_sdk.wire import GrantKind

__all__ = ["Plan", "check_days", "ends_at", "grant_windows", "identify", "phone_hash_of", "plan_of", "windows_of"]


class Plan(msgspec.Struct, frozen=True):
    """When a pass is to be good, in UTC: its windows and what they span; ``first_until`` where it recurs."""

    begin: datetime
    until: datetime
    windows: list[tuple[datetime, datetime]]
    first_until: datetime | None


async def plan_of(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    begin: datetime,
    until: datetime,
    recurrence: Recurrence | None,
    now: datetime,
    longest: timedelta,
) -> Plan:
    """The windows that are asked for.

    Raises:
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        RecurrenceInvalid: nor the recurrence.
        OutsideTenancy: the household does not live there then.
    """
    if recurrence is None:
        window = check_window(begin, until, now=now, longest=longest, ahead=AHEAD)
        households.require_within(tenancy, begin=window[0], until=window[1])
        return Plan(*window, [window], None)
    if until <= begin:
        raise WindowEmpty
    if begin - now > AHEAD:
        raise WindowTooFar(ahead_s=int(AHEAD.total_seconds()))
    if now - begin > LONGEST_SERIES or until - begin > LONGEST_VISIT:
        raise WindowTooLong(longest_s=int(LONGEST_VISIT.total_seconds()))
    community = await communities.get_community(conn, community_id=tenancy.community_id)
    if community is None:
        raise PassNotFound
    windows = expand(
        recurrence.rule,
        begin=begin,
        until=until,
        zone=ZoneInfo(community.time_zone),
        excepted=frozenset(recurrence.except_dates),
    )
    if windows[-1][1] <= now:
        raise WindowOver
    households.require_within(tenancy, begin=windows[0][0], until=windows[-1][1])
    return Plan(begin.astimezone(UTC), windows[-1][1], windows, until.astimezone(UTC))


def phone_hash_of(phone: str, *, community_id: UUID, pepper: bytes) -> bytes:
    """By what a number is found again in one community.

    Raises:
        PhoneInvalid: it is no mobile number.
    """
    return keyed_hash(pepper, "guest-phone", f"{community_id}:{phones.parse(phone)}")


async def identify(
    conn: Connection, *, new: NewPass, community_id: UUID, home_id: UUID, pepper: bytes, now: datetime
) -> GuestRow:
    """By what the guest is found again: his name within the home, his number within the community.

    Raises:
        PhoneInvalid: the number is none.
        GuestBlocked: the community does not admit him.
    """
    phone_hash = None
    if new.phone is not None:
        phone_hash = phone_hash_of(new.phone, community_id=community_id, pepper=pepper)
        if await blocks.is_blocked(conn, community_id=community_id, phone_hash=phone_hash, at=now):
            raise GuestBlocked
    name = "".join(new.guest_name.casefold().split())
    return GuestRow(keyed_hash(pepper, "guest-name", f"{home_id}:{name}"), phone_hash, None)


def ends_at(row: PassRow) -> datetime:
    """When the pass's last right to enter ends."""
    return graced(row.valid_from, row.valid_until, row.grace_minutes)[1]


async def windows_of(conn: Connection, row: PassRow) -> list[tuple[datetime, datetime]]:
    """The pass's windows as its home asked for them."""
    if row.recurrence is None:
        return [(row.valid_from, row.valid_until)]
    found = await pass_windows.list_windows_of_pass(conn, community_id=row.community_id, pass_id=row.pass_id)
    return [(one.begin, one.until) for one in found]


async def grant_windows(conn: Connection, *, row: PassRow, subject_id: UUID, now: datetime) -> None:
    """A right to enter for each window that is not over: gates get windows and never a rule.

    None outlasts the stay of whoever invited him: a gate without a network cannot be told on the day.
    """
    stay = await _end_of_stay(conn, row)
    windows = [graced(begin, until, row.grace_minutes) for begin, until in await windows_of(conn, row)]
    if stay is not None:
        windows = [(begin, min(until, stay)) for begin, until in windows if begin < stay]
    await access.grant_many(
        conn,
        community_id=row.community_id,
        grants=[
            NewGrant(
                subject_id=subject_id,
                kind=GrantKind.GUEST,
                source="pass",
                source_id=row.pass_id,
                valid_from=begin,
                valid_until=until,
                door_groups=None if row.door_groups is None else tuple(row.door_groups),
                ask_first=row.ask_first,
            )
            for begin, until in windows
            if until > now
        ],
        now=now,
    )


async def _end_of_stay(conn: Connection, row: PassRow) -> datetime | None:
    if row.host_person_id is None:
        return None
    host = await members.get_home_of_person(
        conn, community_id=row.community_id, home_id=row.home_id, person_id=row.host_person_id
    )
    if host is None:
        return None
    tenancy = await tenancies.get_tenancy(conn, community_id=row.community_id, tenancy_id=host.tenancy_id)
    return None if tenancy is None else tenancy.ends_at


async def check_days(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID,
    windows: Sequence[tuple[datetime, datetime]],
    without: UUID | None,
    guest: GuestRow | None,
    allowed: PolicyRow,
    now: datetime,
) -> None:
    """See that the home keeps to its days of guests, and to those of this one.

    Raises:
        GuestDaysSpent: it does not.
    """
    since = now - GUEST_DAYS_PERIOD
    limits: list[tuple[GuestRow | None, int]] = [(None, allowed.home_days)]
    if guest is not None:
        limits.append((guest, allowed.guest_days))
    for who, limit in limits:
        others = await pass_windows.list_windows(
            conn, community_id=community_id, home_id=home_id, since=since, without=without, guest=who
        )
        days = guest_days([*windows, *((other.begin, other.until) for other in others)])
        if days > limit:
            raise GuestDaysSpent(days=days, limit=limit)
