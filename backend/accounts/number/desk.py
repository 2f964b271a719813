"""Rules of numbers that were lost, or that may be somebody else's: what the office of a community can do.

Nobody at the desk can prove whose a number is, so nothing happens at once that cannot be undone: the old number is told
before, and for a day whoever is logged in, or the office, can call it off.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.accounts import repository as accounts
from backend.accounts.number import repository
from backend.accounts.number.dormancy import SEEN_FOR
from backend.accounts.number.errors import NoAccount, NoNumberChange, NumberOfStaff, SameNumber
from backend.accounts.staff import repository as staff_repository
from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal, StaffMember
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Unauthorised
from backend.people import repository as people

__all__ = ["MOVE_DELAY", "Told", "call_off", "call_off_own", "finish_due", "plan", "see", "to_tell"]

MOVE_DELAY = timedelta(hours=24)
_PLATFORM = Scope(platform=True)
_AT_ONCE = 500


class Told(msgspec.Struct, frozen=True):
    """Where to say that an account is to move, and in which language."""

    phone: str
    language: str


async def to_tell(conn: Connection, *, person_id: UUID, phone: str) -> Told:
    """Whom to tell of a move to ``phone`` (E.164), before it is planned.

    Raises:
        NoAccount: the person has none.
        NumberOfStaff: he works for an authority.
        SameNumber: he has that number.
    """
    account = await _account(conn, person_id)
    if account.phone == phone:
        raise SameNumber
    person = await people.get_person(conn, person_id=person_id)
    return Told(account.phone, "zh-CN" if person is None else person.language)


async def plan(
    conn: Connection, *, by: StaffMember, community_id: UUID, person_id: UUID, phone: str, now: datetime
) -> datetime:
    """Move the person's account to that number after :data:`MOVE_DELAY`; when. Another plan is replaced.

    Whether the number is somebody's is not said here: a desk could try others' numbers. It shows when the time comes.

    Raises:
        NoAccount: the person has none.
        NumberOfStaff: he works for an authority.
    """
    account = await _account(conn, person_id)
    at = now + MOVE_DELAY
    await repository.plan_move(conn, account_id=account.account_id, phone=phone, at=at)
    await _record(conn, by, community_id, "account.number.plan", account.account_id)
    return at


async def call_off(conn: Connection, *, by: StaffMember, community_id: UUID, person_id: UUID) -> None:
    """Leave the account with its number.

    Raises:
        NoAccount: the person has none.
        NumberOfStaff: he works for an authority.
        NoNumberChange: none is planned.
    """
    account = await _account(conn, person_id)
    if not await repository.forget_move(conn, account_id=account.account_id):
        raise NoNumberChange
    await _record(conn, by, community_id, "account.number.call-off", account.account_id)


async def call_off_own(conn: Connection, *, resident: ResidentPrincipal) -> None:
    """Keep one's number, from any device that is logged in.

    Raises:
        Unauthorised: this session has ended.
        NoNumberChange: none is planned.
    """
    if await accounts.account_of_open_session(conn, session_id=resident.session_id) != resident.account_id:
        raise Unauthorised
    if not await repository.forget_move(conn, account_id=resident.account_id):
        raise NoNumberChange
    await audit.record(
        conn, community_id=None, actor=f"resident:{resident.person_id}", action="account.number.call-off",
        target=f"account:{resident.account_id}",
    )  # fmt: skip


async def see(conn: Connection, *, by: StaffMember, community_id: UUID, person_id: UUID, now: datetime) -> datetime:
    """The person was seen and still has the number: until then, a code opens the account though it was long unused.

    Raises:
        NoAccount: the person has none.
        NumberOfStaff: he works for an authority.
    """
    account = await _account(conn, person_id)
    until = now + SEEN_FOR
    await repository.see(conn, account_id=account.account_id, until=until)
    await _record(conn, by, community_id, "account.seen", account.account_id)
    return until


async def finish_due(db: Database, *, pepper: bytes, now: datetime) -> int:
    """Carry out the moves whose time has come; how many accounts moved. For the worker."""
    async with db.transaction(_PLATFORM, read_only=True) as conn:
        rows = await repository.due(conn, at=now, limit=_AT_ONCE)
    moved = 0
    for row in rows:
        async with db.transaction(_PLATFORM) as conn:
            moved += await _finish(conn, row, pepper=pepper, now=now)
    return moved


async def _finish(conn: Connection, seen: repository.MoveRow, *, pepper: bytes, now: datetime) -> bool:
    # Numbers first and then the account, as everybody does who wants both.
    await accounts.lock(conn, *(keyed_hash(pepper, "account-phone", phone) for phone in (seen.phone, seen.next_phone)))
    row = await repository.lock_due(conn, account_id=seen.account_id, at=now)
    if row != seen:
        # Called off, or planned anew, since it was found.
        return False
    is_free = await accounts.get_account_by_phone(conn, phone=row.next_phone) is None
    is_staff = await staff_repository.get_staff_by_account(conn, account_id=row.account_id) is not None
    moves = is_free and not is_staff and row.person_id is not None
    if moves:
        await repository.move(conn, account_id=row.account_id, now=now)
        await accounts.end_sessions(conn, account_id=row.account_id, surface="resident", ended_by="number", now=now)
    else:
        await repository.forget_move(conn, account_id=row.account_id)
    await audit.record(
        conn, community_id=None, actor="system", action="account.number" if moves else "account.number.refuse",
        target=f"account:{row.account_id}",
    )  # fmt: skip
    return moves


async def _account(conn: Connection, person_id: UUID) -> accounts.AccountRow:
    found = await accounts.accounts_of_person(conn, person_id=person_id)
    if not found:
        raise NoAccount
    (account,) = found
    # A desk that moved an administrator's account to a number of its own would be the administrator a day later.
    if await staff_repository.get_staff_by_account(conn, account_id=account.account_id) is not None:
        raise NumberOfStaff
    return account


async def _record(conn: Connection, by: StaffMember, community_id: UUID, action: str, account_id: UUID) -> None:
    await audit.record(
        conn, community_id=community_id, actor=f"staff:{by.staff_id}", action=action, target=f"account:{account_id}"
    )
