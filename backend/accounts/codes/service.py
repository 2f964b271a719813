"""Rules of one-time codes: how often they may be asked for, and what a right one proves.

An attempt must stay counted although the caller is refused: a wrong code is answered, not raised.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from backend.accounts import repository as accounts
from backend.accounts.codes import repository
from backend.accounts.codes.repository import CodeFor
from backend.accounts.counting import count_code
from backend.accounts.errors import TooManyCodes
from backend.accounts.limits import ADDRESS_LIMITS, PHONE_LIMITS, address_group, code_budgets, wait_seconds
from backend.kit.crypto import SealBroken, keyed_hash, open_sealed, seal
from backend.kit.db import Connection
from backend.kit.rates.spending import forget, spend

__all__ = ["CODE_TTL", "Asked", "ask", "prove", "prove_together", "sweep"]

CODE_TTL = timedelta(minutes=5)
CODE_ATTEMPTS = 5


class Asked(msgspec.Struct, frozen=True):
    """A code that was asked for."""

    challenge_id: str
    code: str


async def ask(
    conn: Connection,
    *,
    pepper: bytes,
    surface: CodeFor,
    purpose: str,
    phone: str,
    address: str,
    codes_an_hour: int,
    now: datetime,
) -> Asked:
    """Make a code for a number.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the hashes.
        surface: what the code is good for.
        purpose: the same more exactly; :func:`prove` needs the same.
        phone: E.164.
        address: the caller's IP address.
        codes_an_hour: how many the whole deployment sends.
        now: the present.

    Raises:
        TooManyCodes: for this number, its range, from this address or in all, too many were asked for.
    """
    phone_hash = keyed_hash(pepper, "login-phone", f"{surface}/{phone}")
    address_hash = keyed_hash(pepper, "login-address", address_group(address))
    # Without the locks, requests at the same moment would all count the same past.
    await accounts.lock(conn, phone_hash, address_hash)
    latest = [
        (limit, await repository.nth_latest_of_phone(conn, phone_hash=phone_hash, nth=limit.count,
                                                     since=now - limit.window))
        for limit in PHONE_LIMITS
    ] + [
        (limit, await repository.nth_latest_of_address(conn, address_hash=address_hash, nth=limit.count,
                                                       since=now - limit.window))
        for limit in ADDRESS_LIMITS
    ]  # fmt: skip
    # What is refused for its number or address uses up nobody else's budget.
    wait = wait_seconds(latest, now=now) or await spend(
        conn, code_budgets(phone, pepper=pepper, codes_an_hour=codes_an_hour), now=now
    )
    if wait > 0:
        count_code("refused")
        raise TooManyCodes(retry_after_s=wait)
    challenge_id = uuid4()
    code = f"{secrets.randbelow(10**6):06d}"
    await repository.insert_challenge(
        conn,
        challenge_id=challenge_id,
        surface=surface,
        phone_hash=phone_hash,
        address_hash=address_hash,
        code_hash=_code_hash(pepper, challenge_id, code),
        created_at=now,
        expires_at=now + CODE_TTL,
    )
    return Asked(_public_id(pepper, purpose, challenge_id, phone), code)


async def prove(
    conn: Connection, *, pepper: bytes, surface: CodeFor, purpose: str, challenge_id: str, code: str, now: datetime
) -> str | None:
    """The number (E.164) that a right code proves; None where it is wrong, used, too old or tried too often.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the hashes.
        surface: as :func:`ask` was told.
        purpose: as :func:`ask` was told.
        challenge_id: as :func:`ask` gave it out.
        code: six digits.
        now: the present.
    """
    phones = await prove_together(
        conn, pepper=pepper, surface=surface, purpose=purpose, codes=[(challenge_id, code)], now=now
    )
    return None if phones is None else phones[0]


async def prove_together(
    conn: Connection, *, pepper: bytes, surface: CodeFor, purpose: str, codes: Sequence[tuple[str, str]], now: datetime
) -> tuple[str, ...] | None:
    """The numbers (E.164) that right codes prove; None unless each is right.

    A wrong one costs an attempt of its own. The right ones beside it stay good, or a slip in one would void them all.

    Args:
        conn: a transaction in the platform scope, kept also where the answer is None.
        pepper: keys the hashes.
        surface: as :func:`ask` was told.
        purpose: as :func:`ask` was told.
        codes: challenge ids as :func:`ask` gave them out, each with six digits.
        now: the present.
    """
    right = [
        await _right(
            conn, pepper=pepper, surface=surface, purpose=purpose, challenge_id=challenge_id, code=code, now=now
        )
        for challenge_id, code in codes
    ]
    proven = [found for found in right if found is not None]
    for number, _ in proven:
        if len(proven) == len(codes):
            await repository.use_challenge(conn, challenge_id=number, now=now)
        else:
            await repository.return_attempt(conn, challenge_id=number)
    return tuple(phone for _, phone in proven) if len(proven) == len(codes) else None


async def sweep(conn: Connection, *, now: datetime, limit: int) -> int:
    """Delete codes past the time for which they are counted, and budgets, at most ``limit`` of each; how many.

    Needs the platform scope.
    """
    before = now - max(one.window for one in (*PHONE_LIMITS, *ADDRESS_LIMITS))
    deleted = await repository.delete_older(conn, before=before, limit=limit)
    return deleted + await forget(conn, before=before, limit=limit)


async def _right(
    conn: Connection, *, pepper: bytes, surface: CodeFor, purpose: str, challenge_id: str, code: str, now: datetime
) -> tuple[UUID, str] | None:
    """The challenge and its number, where the code is right. An attempt is counted either way."""
    found = _open_public_id(pepper, purpose, challenge_id)
    if found is None:
        return None
    number, _ = found
    expected = await repository.take_attempt(
        conn, challenge_id=number, surface=surface, attempts=CODE_ATTEMPTS, now=now
    )
    if expected is None or not hmac.compare_digest(expected, _code_hash(pepper, number, code)):
        return None
    return found


def _code_hash(pepper: bytes, challenge_id: UUID, code: str) -> bytes:
    return keyed_hash(pepper, "login-code", f"{challenge_id}/{code}")


def _public_id(pepper: bytes, purpose: str, challenge_id: UUID, phone: str) -> str:
    """The challenge's id with the number sealed inside: no table holds a number before it is proven."""
    sealed = seal(_seal_key(pepper), phone.encode(), bound_to=f"{purpose}/{challenge_id}")
    return base64.urlsafe_b64encode(challenge_id.bytes + sealed).rstrip(b"=").decode("ascii")


def _open_public_id(pepper: bytes, purpose: str, public_id: str) -> tuple[UUID, str] | None:
    try:
        raw = base64.b64decode(public_id + "=" * (-len(public_id) % 4), altchars=b"-_", validate=True)
        challenge_id = UUID(bytes=raw[:16])
        phone = open_sealed(_seal_key(pepper), raw[16:], bound_to=f"{purpose}/{challenge_id}")
    except (binascii.Error, ValueError, SealBroken):
        return None
    return challenge_id, phone.decode()


def _seal_key(pepper: bytes) -> bytes:
    return keyed_hash(pepper, "seal-key", "login-phone")
