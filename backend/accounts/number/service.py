"""Rules of changing one's number.

Holding the new number alone proves nothing about the account, and a stolen session alone must not take it to another
number: so a code of each. Whoever lost the old number goes to his community's office.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.accounts import repository
from backend.accounts.codes import service as codes
from backend.accounts.number.errors import NumberNotProven, NumberTaken, SameNumber
from backend.accounts.service import Refused
from backend.accounts.sessions import repository as sessions
from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised

__all__ = ["Begun", "begin", "finish"]


class Begun(msgspec.Struct, frozen=True):
    """The two codes to send, and the present number."""

    current_phone: str
    current: codes.Asked
    new: codes.Asked


async def begin(
    conn: Connection,
    *,
    pepper: bytes,
    resident: ResidentPrincipal,
    phone: str,
    address: str,
    codes_an_hour: int,
    now: datetime,
) -> Begun:
    """Make a code for the present number and one for the new one.

    Raises:
        SameNumber: it is the account's already.
        TooManyCodes: too many were asked for.
        Unauthorised: the account is gone, or this session has ended.
    """
    current = await _phone(conn, resident=resident)
    if current == phone:
        raise SameNumber
    purpose = _purpose(resident.account_id)
    asked = [
        await codes.ask(
            conn,
            pepper=pepper,
            surface="number",
            purpose=purpose,
            phone=number,
            address=address,
            codes_an_hour=codes_an_hour,
            now=now,
        )
        for number in (current, phone)
    ]
    return Begun(current, *asked)


async def finish(
    conn: Connection,
    *,
    pepper: bytes,
    resident: ResidentPrincipal,
    current: tuple[str, str],
    new: tuple[str, str],
    now: datetime,
) -> tuple[str, str] | Refused:
    """Move the account to the new number; answers both. The old one is free, and all other sessions end.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the hashes.
        resident: who asks.
        current: challenge id and code of the present number.
        new: challenge id and code of the new one.
        now: the present.

    Raises:
        Unauthorised: the account is gone, or this session has ended.
    """
    purpose = _purpose(resident.account_id)
    proven = await codes.prove_together(
        conn, pepper=pepper, surface="number", purpose=purpose, codes=(current, new), now=now
    )
    if proven is None:
        return Refused(NumberNotProven())
    old_phone, new_phone = proven
    await repository.lock(conn, *(keyed_hash(pepper, "account-phone", phone) for phone in (old_phone, new_phone)))
    if await _phone(conn, resident=resident) != old_phone or old_phone == new_phone:
        return Refused(NumberNotProven())
    if await repository.get_account_by_phone(conn, phone=new_phone) is not None:
        return Refused(NumberTaken())
    await repository.set_phone(conn, account_id=resident.account_id, phone=new_phone)
    for surface in ("resident", "staff"):
        await sessions.end_other_sessions(
            conn, account_id=resident.account_id, surface=surface, keep=resident.session_id, ended_by="number", now=now
        )
    await audit.record(
        conn, community_id=None, actor=f"resident:{resident.person_id}", action="account.number",
        target=f"account:{resident.account_id}",
    )  # fmt: skip
    return old_phone, new_phone


async def _phone(conn: Connection, *, resident: ResidentPrincipal) -> str:
    if await repository.account_of_open_session(conn, session_id=resident.session_id) != resident.account_id:
        raise Unauthorised
    account = await repository.get_account(conn, account_id=resident.account_id)
    if account is None or account.person_id != resident.person_id:
        raise Unauthorised
    return account.phone


def _purpose(account_id: UUID) -> str:
    # A code that proves a number for one account proves it for no other.
    return f"number/{account_id}"
