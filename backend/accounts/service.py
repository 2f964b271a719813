"""Rules of log-in, sessions and oneself.

What must be kept although the caller is refused (an attempt counted, a session ended for reuse) is answered, not
raised: the route raises after the transaction has committed.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from backend.accounts import repository
from backend.accounts.codes import service as codes
from backend.accounts.errors import AccountDormant, CodeRefused, SessionEnded, TokenRenewedElsewhere
from backend.accounts.number import repository as uses
from backend.accounts.number.dormancy import NOTED_EVERY, is_dormant
from backend.accounts.repository import AccountRow, RefreshRow, Surface
from backend.accounts.sessions import repository as sessions
from backend.accounts.staff import repository as staff_repository
from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal, StaffPrincipal
from backend.kit.crypto import keyed_hash, new_token
from backend.kit.db import Connection
from backend.kit.language import Language
from backend.kit.problems import Problem
from backend.people import repository as people

__all__ = [
    "REFRESH_TTL",
    "Login",
    "NewDevice",
    "Refused",
    "Session",
    "account_of_phone",
    "begin_login",
    "end_all_sessions",
    "end_session",
    "finish_login",
    "forget_person",
    "refresh",
    "sweep",
]

REFRESH_TTL = timedelta(days=30)
# Two tabs or a retry may send the same refresh token at almost the same time; a thief comes later.
RENEWAL_GRACE = timedelta(seconds=10)


class Login(msgspec.Struct, frozen=True):
    """A log-in that was begun. ``deliver`` is false where nobody of this surface has the number.

    ``language`` is the one that the number's owner has chosen, if there is one.
    """

    asked: codes.Asked
    deliver: bool
    language: str | None


class NewDevice(msgspec.Struct, frozen=True):
    """Whom to tell that somebody has logged in with his number while he was logged in elsewhere."""

    phone: str
    language: str


class Session(msgspec.Struct, frozen=True):
    """A session just begun or renewed: who it is, the refresh token to hand out, and who is to be told of it."""

    principal: ResidentPrincipal | StaffPrincipal
    refresh_token: str
    tell: NewDevice | None = None


class Refused(msgspec.Struct, frozen=True):
    """The caller is to be refused with this problem, after what was noted about him is committed."""

    problem: Problem


async def begin_login(
    conn: Connection, *, pepper: bytes, surface: Surface, phone: str, address: str, codes_an_hour: int, now: datetime
) -> Login:
    """Note that a code was asked for. The same statements run whether or not anybody has the number.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the hashes.
        surface: where the code will be good.
        phone: E.164.
        address: the caller's IP address.
        codes_an_hour: as :func:`codes.ask` has it.
        now: the present.

    Raises:
        TooManyCodes: as :func:`codes.ask` raises it.
    """
    asked = await codes.ask(
        conn,
        pepper=pepper,
        surface=surface,
        purpose=f"login/{surface}",
        phone=phone,
        address=address,
        codes_an_hour=codes_an_hour,
        now=now,
    )
    account = await repository.get_account_by_phone(conn, phone=phone)
    is_staff = await _staff_of(conn, account) is not None
    # Asked also where there is nobody, so that the database does the same work for every number.
    person = await people.get_person(conn, person_id=(account and account.person_id) or uuid4())
    return Login(asked, deliver=surface == "resident" or is_staff, language=None if person is None else person.language)


async def finish_login(
    conn: Connection,
    *,
    pepper: bytes,
    surface: Surface,
    challenge_id: str,
    code: str,
    device: str | None,
    language: Language,
    now: datetime,
) -> Session | Refused:
    """A session for who gives the right code; a resident's first one makes his account.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the hashes.
        surface: where the caller logs in.
        challenge_id: as :func:`begin_login` gave it out.
        code: six digits.
        device: what is known of the caller's device.
        language: a new person's.
        now: the present.
    """
    phone = await codes.prove(
        conn, pepper=pepper, surface=surface, purpose=f"login/{surface}", challenge_id=challenge_id, code=code, now=now
    )
    if phone is None:
        return Refused(CodeRefused())
    if surface == "staff":
        return await _begin_staff(conn, pepper=pepper, phone=phone, device=device, now=now)
    account = await account_of_phone(conn, phone=phone, pepper=pepper)
    if await _is_dormant(conn, account.account_id, now):
        return Refused(AccountDormant())
    account_id, person = account.account_id, await _person(conn, account=account, language=language)
    elsewhere = await sessions.has_open_session(conn, account_id=account_id, surface=surface, now=now)
    session_id, token = await _begin_session(
        conn, pepper=pepper, account_id=account_id, surface=surface, device=device, now=now
    )
    return Session(
        ResidentPrincipal(account_id, person.person_id, session_id),
        token,
        NewDevice(phone, person.language) if elsewhere else None,
    )


async def refresh(conn: Connection, *, pepper: bytes, surface: Surface, token: str, now: datetime) -> Session | Refused:
    """Exchange a refresh token for its successor. A used one ends the session: somebody else has it too.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the hashes.
        surface: where the caller is.
        token: the refresh token.
        now: the present.
    """
    token_hash = keyed_hash(pepper, "refresh-token", token)
    row = await repository.get_refresh_token(conn, token_hash=token_hash, surface=surface)
    if row is None or not await repository.get_session_for_update(conn, session_id=row.session_id):
        return Refused(SessionEnded())
    # Read again under the session's lock: another request may have exchanged it meanwhile.
    row = await repository.get_refresh_token(conn, token_hash=token_hash, surface=surface)
    if row is None or row.ended_at is not None or row.expires_at <= now:
        return Refused(SessionEnded())
    if row.used_at is not None:
        return await _reused(conn, row=row, used_at=row.used_at, now=now)
    principal = await _principal(conn, row=row, surface=surface)
    if principal is None:
        return Refused(SessionEnded())
    await repository.use_refresh_token(conn, token_hash=token_hash, now=now)
    await sessions.touch(conn, session_id=row.session_id, now=now)
    await uses.touch(conn, account_id=row.account_id, now=now, at_most_every=NOTED_EVERY)
    return Session(principal, await _new_refresh_token(conn, pepper=pepper, session_id=row.session_id, now=now))


async def end_session(conn: Connection, *, session_id: UUID, now: datetime) -> None:
    """Log out. Repeating is harmless."""
    await repository.end_session(conn, session_id=session_id, ended_by="logout", now=now)


async def end_all_sessions(conn: Connection, *, person_id: UUID, now: datetime) -> None:
    """Log the person out as a resident, everywhere. Needs the platform scope."""
    for account in await repository.accounts_of_person(conn, person_id=person_id):
        await repository.end_sessions(
            conn, account_id=account.account_id, surface="resident", ended_by="removed", now=now
        )


async def forget_person(conn: Connection, *, person_id: UUID, now: datetime) -> None:
    """Delete the person's account and number; where he is also staff, only the tie to the person and its sessions.

    To be called before the person is deleted, whose deletion would take the account along and with it his work.

    Args:
        conn: a transaction in the platform scope.
        person_id: who is to be forgotten.
        now: the present.
    """
    await end_all_sessions(conn, person_id=person_id, now=now)
    for account in await repository.accounts_of_person(conn, person_id=person_id):
        await repository.set_person(conn, account_id=account.account_id, person_id=None)
        if await _staff_of(conn, account) is None:
            await repository.delete_account_without_person(conn, account_id=account.account_id)


async def sweep(conn: Connection, *, now: datetime, limit: int) -> int:
    """Delete sessions past their time, at most ``limit`` tokens of theirs; how many rows. Needs the platform scope."""
    return await repository.delete_expired(conn, now=now, limit=limit)


async def account_of_phone(conn: Connection, *, phone: str, pepper: bytes) -> AccountRow:
    """The account of a number, made without a person where there is none; held until the transaction ends."""
    await repository.lock(conn, keyed_hash(pepper, "account-phone", phone))
    found = await repository.lock_account_by_phone(conn, phone=phone)
    return found or await repository.insert_account(conn, phone=phone, person_id=None)


async def _is_dormant(conn: Connection, account_id: UUID, now: datetime) -> bool:
    use = await uses.get_use(conn, account_id=account_id)
    return use is not None and is_dormant(use, now=now)


async def _person(conn: Connection, *, account: AccountRow, language: Language) -> people.PersonRow:
    person = None if account.person_id is None else await people.get_person(conn, person_id=account.person_id)
    if person is None:
        person = await people.insert_person(conn, language=language)
        await repository.set_person(conn, account_id=account.account_id, person_id=person.person_id)
    return person


async def _begin_staff(
    conn: Connection, *, pepper: bytes, phone: str, device: str | None, now: datetime
) -> Session | Refused:
    # Held, as a resident's is: a session of an account that goes at this moment could not be kept.
    account = await repository.lock_account_by_phone(conn, phone=phone)
    staff = await _staff_of(conn, account)
    if account is None or staff is None:
        return Refused(CodeRefused())
    if await _is_dormant(conn, account.account_id, now):
        return Refused(AccountDormant())
    elsewhere = await sessions.has_open_session(conn, account_id=account.account_id, surface="staff", now=now)
    session_id, token = await _begin_session(
        conn, pepper=pepper, account_id=account.account_id, surface="staff", device=device, now=now
    )
    await audit.record(
        conn, community_id=None, actor=f"staff:{staff.staff_id}", action="session.begin",
        target=f"session:{session_id}",
    )  # fmt: skip
    principal = StaffPrincipal(staff.staff_id, staff.authority_id, session_id)
    return Session(principal, token, NewDevice(phone, "zh-CN") if elsewhere else None)


async def _staff_of(conn: Connection, account: AccountRow | None) -> staff_repository.StaffIds | None:
    # Asked also where there is no account, so that the database does the same work for every number.
    return await staff_repository.get_staff_by_account(conn, account_id=account.account_id if account else uuid4())


async def _reused(conn: Connection, *, row: RefreshRow, used_at: datetime, now: datetime) -> Refused:
    if now - used_at <= RENEWAL_GRACE:
        return Refused(TokenRenewedElsewhere())
    await repository.end_session(conn, session_id=row.session_id, ended_by="reuse", now=now)
    await audit.record(
        conn, community_id=None, actor="system", action="session.reuse", target=f"session:{row.session_id}"
    )
    return Refused(SessionEnded("This refresh token was used before, so the session was ended for safety."))


async def _principal(
    conn: Connection, *, row: RefreshRow, surface: Surface
) -> ResidentPrincipal | StaffPrincipal | None:
    if surface == "resident":
        return None if row.person_id is None else ResidentPrincipal(row.account_id, row.person_id, row.session_id)
    staff = await staff_repository.get_staff_by_account(conn, account_id=row.account_id)
    return None if staff is None else StaffPrincipal(staff.staff_id, staff.authority_id, row.session_id)


async def _begin_session(
    conn: Connection, *, pepper: bytes, account_id: UUID, surface: Surface, device: str | None, now: datetime
) -> tuple[UUID, str]:
    await uses.use(conn, account_id=account_id, now=now)
    session_id = await repository.insert_session(conn, account_id=account_id, surface=surface, device=device, now=now)
    return session_id, await _new_refresh_token(conn, pepper=pepper, session_id=session_id, now=now)


async def _new_refresh_token(conn: Connection, *, pepper: bytes, session_id: UUID, now: datetime) -> str:
    token = new_token()
    await repository.insert_refresh_token(
        conn,
        token_hash=keyed_hash(pepper, "refresh-token", token),
        session_id=session_id,
        expires_at=now + REFRESH_TTL,
    )
    return token
