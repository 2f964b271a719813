"""Rules of the second factor.

As at log-in, what must be kept although the caller is refused (a failed attempt) is answered and not raised.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pyotp

from backend.accounts import repository as accounts
from backend.accounts.second_factor import repository, rules
from backend.accounts.second_factor.errors import (
    NothingToConfirm,
    OwnSecondFactor,
    SecondFactorMissing,
    SecondFactorRefused,
    TooManyAttempts,
)
from backend.accounts.service import Refused
from backend.accounts.staff import repository as staff_repository
from backend.accounts.staff import service as staff_rules
from backend.accounts.staff.repository import StaffRow
from backend.audit import service as audit
from backend.kit.auth import SecondFactorRequired, StaffMember
from backend.kit.crypto import keyed_hash, new_code, open_sealed, seal
from backend.kit.db import Connection

__all__ = [
    "OFFER_TTL",
    "Confirmed",
    "Status",
    "confirm",
    "new_recovery_codes",
    "offer",
    "reset",
    "reset_by_operator",
    "status",
    "step_up",
]

# Long enough to install an authenticator; an offer that lies about longer may have been seen by others.
OFFER_TTL = timedelta(minutes=30)


class Status(msgspec.Struct, frozen=True):
    """Whether a second factor is in force, what is left of the recovery codes, and until when it was given."""

    active: bool
    recovery_codes_left: int
    elevated_until: datetime | None


class Confirmed(msgspec.Struct, frozen=True):
    """A second factor in force: the recovery codes, in clear this once, and until when the session is elevated."""

    recovery_codes: tuple[str, ...]
    elevated_until: datetime


async def status(conn: Connection, *, staff_id: UUID, session_id: UUID, now: datetime) -> Status:
    """How things stand for this member in this session."""
    row = await repository.lock_factor(conn, staff_id=staff_id)
    until = await repository.elevated_until(conn, session_id=session_id)
    return Status(
        active=row is not None and row.secret is not None,
        recovery_codes_left=await repository.count_recovery_codes(conn, staff_id=staff_id),
        elevated_until=until if until is not None and until > now else None,
    )


async def offer(conn: Connection, *, pepper: bytes, staff: StaffMember, now: datetime) -> str:
    """A new secret (base32, 160 bits), in force once :func:`confirm` has seen a code of it.

    Raises:
        SecondFactorRequired: one is in force, and this session has not given it: whoever has stolen only the session
            must not replace it.
    """
    row = await repository.lock_factor(conn, staff_id=staff.staff_id)
    if row is not None and row.secret is not None and not staff.elevated:
        raise SecondFactorRequired(permission="second-factor")
    secret = pyotp.random_base32()
    await repository.offer(
        conn,
        staff_id=staff.staff_id,
        pending=seal(_seal_key(pepper), secret.encode(), bound_to=_bound(staff.staff_id)),
        pending_until=now + OFFER_TTL,
    )
    return secret


async def confirm(
    conn: Connection, *, pepper: bytes, staff: StaffMember, session_id: UUID, code: str, now: datetime
) -> Confirmed | Refused:
    """Put the offered secret in force, for who gives a code of it; this elevates the session as well.

    Raises:
        NothingToConfirm: nothing was offered, or too long ago.
        SecondFactorRequired: another one has been put in force meanwhile, and this session has not given it.
        TooManyAttempts: too many codes were wrong.
    """
    row = await repository.lock_factor(conn, staff_id=staff.staff_id)
    if row is None or row.pending is None or row.pending_until is None or row.pending_until <= now:
        raise NothingToConfirm
    if row.secret is not None and not staff.elevated:
        raise SecondFactorRequired(permission="second-factor")
    _require_attempt(row.failed_at, now=now)
    secret = _open(pepper, staff.staff_id, row.pending)
    step = rules.matching_step(secret, rules.normalised(code), after=0, now=now)
    if step is None:
        return await _failed(conn, staff_id=staff.staff_id, row=row, now=now)
    await repository.put_in_force(conn, staff_id=staff.staff_id, secret=row.pending, last_step=step, now=now)
    await _record(conn, staff.staff_id, "second-factor.enrol")
    codes = await _new_codes(conn, pepper=pepper, staff_id=staff.staff_id)
    return Confirmed(codes, await _elevate(conn, session_id=session_id, now=now))


async def step_up(
    conn: Connection, *, pepper: bytes, staff: StaffMember, session_id: UUID, code: str, now: datetime
) -> datetime | Refused:
    """Elevate the session for who gives a code of his authenticator, or a recovery code; until when.

    Raises:
        SecondFactorMissing: he has none.
        TooManyAttempts: too many codes were wrong.
    """
    row = await repository.lock_factor(conn, staff_id=staff.staff_id)
    if row is None or row.secret is None:
        raise SecondFactorMissing
    _require_attempt(row.failed_at, now=now)
    typed = rules.normalised(code)
    if rules.is_totp(typed):
        secret = _open(pepper, staff.staff_id, row.secret)
        step = rules.matching_step(secret, typed, after=row.last_step, now=now)
        if step is None:
            return await _failed(conn, staff_id=staff.staff_id, row=row, now=now)
        await repository.set_last_step(conn, staff_id=staff.staff_id, last_step=step)
    else:
        code_hash = _code_hash(pepper, staff.staff_id, typed)
        if not await repository.use_recovery_code(conn, staff_id=staff.staff_id, code_hash=code_hash, now=now):
            return await _failed(conn, staff_id=staff.staff_id, row=row, now=now)
        await _record(conn, staff.staff_id, "second-factor.recovery-code")
    await _record(conn, staff.staff_id, "session.elevate")
    return await _elevate(conn, session_id=session_id, now=now)


async def new_recovery_codes(conn: Connection, *, pepper: bytes, staff: StaffMember) -> tuple[str, ...]:
    """New recovery codes; those before are void.

    Raises:
        SecondFactorMissing: he has no second factor.
        SecondFactorRequired: this session has not given it.
    """
    row = await repository.lock_factor(conn, staff_id=staff.staff_id)
    if row is None or row.secret is None:
        raise SecondFactorMissing
    if not staff.elevated:
        raise SecondFactorRequired(permission="second-factor")
    await _record(conn, staff.staff_id, "second-factor.new-recovery-codes")
    return await _new_codes(conn, pepper=pepper, staff_id=staff.staff_id)


async def reset(conn: Connection, *, by: StaffMember, staff_id: UUID, reason: str, now: datetime) -> StaffRow:
    """Take off another member's second factor and end his sessions: he enrols again when he next logs in.

    Raises:
        StaffNotFound: there is none of that id among the caller's authority's.
        OwnSecondFactor: it is the caller's own.
    """
    row = await staff_rules.get(conn, staff_id=staff_id, authority_id=by.authority_id)
    if staff_id == by.staff_id:
        raise OwnSecondFactor
    await _remove(conn, row=row, actor=f"staff:{by.staff_id}", reason=reason, now=now)
    return row


async def reset_by_operator(conn: Connection, *, phone: str, reason: str, now: datetime) -> bool:
    """Take off the second factor of the member with that number, where no other administrator can; whether he is one.

    Args:
        conn: a transaction in the platform scope.
        phone: E.164.
        reason: for the audit trail.
        now: the present.
    """
    account = await accounts.get_account_by_phone(conn, phone=phone)
    ids = None if account is None else await staff_repository.get_staff_by_account(conn, account_id=account.account_id)
    if ids is None:
        return False
    row = await staff_rules.get(conn, staff_id=ids.staff_id, authority_id=ids.authority_id)
    await _remove(conn, row=row, actor="system", reason=reason, now=now)
    return True


async def _remove(conn: Connection, *, row: StaffRow, actor: str, reason: str, now: datetime) -> None:
    """Take off the member's second factor and end his sessions."""
    await repository.delete_factor(conn, staff_id=row.staff_id)
    await accounts.end_sessions(conn, account_id=row.account_id, surface="staff", ended_by="reset", now=now)
    await audit.record(
        conn, community_id=None, actor=actor, action="second-factor.reset", target=f"staff:{row.staff_id}",
        reason=reason,
    )  # fmt: skip


def _require_attempt(failed_at: Sequence[datetime], *, now: datetime) -> None:
    wait = rules.attempts_wait(failed_at, now=now)
    if wait > 0:
        raise TooManyAttempts(retry_after_s=wait)


async def _failed(conn: Connection, *, staff_id: UUID, row: repository.FactorRow, now: datetime) -> Refused:
    kept = rules.failures_kept(row.failed_at, now=now)
    await repository.set_failures(conn, staff_id=staff_id, failed_at=[*kept, now])
    await _record(conn, staff_id, "second-factor.refused")
    return Refused(SecondFactorRefused())


async def _elevate(conn: Connection, *, session_id: UUID, now: datetime) -> datetime:
    until = now + rules.ELEVATED_FOR
    await repository.elevate(conn, session_id=session_id, until=until)
    return until


async def _new_codes(conn: Connection, *, pepper: bytes, staff_id: UUID) -> tuple[str, ...]:
    codes = tuple(new_code(groups=2, size=5) for _ in range(rules.RECOVERY_CODES))
    hashes = [_code_hash(pepper, staff_id, rules.normalised(code)) for code in codes]
    await repository.replace_recovery_codes(conn, staff_id=staff_id, code_hashes=hashes)
    return codes


async def _record(conn: Connection, staff_id: UUID, action: str) -> None:
    await audit.record(conn, community_id=None, actor=f"staff:{staff_id}", action=action, target=f"staff:{staff_id}")


def _code_hash(pepper: bytes, staff_id: UUID, code: str) -> bytes:
    return keyed_hash(pepper, "recovery-code", f"{staff_id}/{code}")


def _open(pepper: bytes, staff_id: UUID, sealed: bytes) -> str:
    return open_sealed(_seal_key(pepper), sealed, bound_to=_bound(staff_id)).decode()


def _seal_key(pepper: bytes) -> bytes:
    return keyed_hash(pepper, "seal-key", "second-factor")


def _bound(staff_id: UUID) -> str:
    return f"second-factor/{staff_id}"
