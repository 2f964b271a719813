"""One-time codes by time (RFC 6238): which are right, how often they may be tried. No I/O."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

import pyotp

from backend.accounts.limits import Limit, wait_seconds

__all__ = [
    "ATTEMPT_LIMITS",
    "ELEVATED_FOR",
    "RECOVERY_CODES",
    "STEP_SECONDS",
    "attempts_wait",
    "failures_kept",
    "is_totp",
    "matching_step",
    "normalised",
    "provisioning_uri",
]

# How long one code opens what needs a second factor.
ELEVATED_FOR = timedelta(minutes=15)
# RFC 6238, section 5.2: 30 seconds as the default, and at most one step of delay for the network and slow fingers. One
# ahead as well, for telephones whose clock is fast.
STEP_SECONDS = 30
_SKEW = 1
RECOVERY_CODES = 10
# Three steps are good at a time, so twenty failures a day leave a guesser, who already has the session, one chance in
# seventeen thousand a day.
ATTEMPT_LIMITS = (Limit(5, timedelta(minutes=15)), Limit(20, timedelta(days=1)))
_DIGITS = 6


def provisioning_uri(secret: str, *, account: str) -> str:
    """What authenticators read from a QR code (Key URI format): ``otpauth://totp/...`` with SHA-1, 6 digits, 30 s.

    Args:
        secret: base32, 160 bits (RFC 4226, section 4).
        account: what the authenticator shows beside the code.
    """
    label = quote(f"Doorward:{account}", safe="")
    return (
        f"otpauth://totp/{label}?secret={secret}&issuer=Doorward&algorithm=SHA1&digits={_DIGITS}&period={STEP_SECONDS}"
    )


def normalised(code: str) -> str:
    """A code as typed, without blanks and hyphens and in capitals."""
    return "".join(code.split()).replace("-", "").upper()


def is_totp(code: str) -> bool:
    """Whether a normalised code is one of an authenticator and not a recovery code."""
    return len(code) == _DIGITS and code.isascii() and code.isdigit()


def matching_step(secret: str, code: str, *, after: int, now: datetime) -> int | None:
    """The time step whose code this is, among the present one and its neighbours.

    Args:
        secret: base32.
        code: six digits.
        after: the last step that was accepted: that one and all before are not accepted again (RFC 6238, section 5.2).
        now: the present.
    """
    present = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret, digits=_DIGITS, interval=STEP_SECONDS)
    found = None
    for step in range(present - _SKEW, present + _SKEW + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and step > after and found is None:
            found = step
    return found


def failures_kept(failed_at: Sequence[datetime], *, now: datetime) -> list[datetime]:
    """Those failures that a limit still counts, the oldest first."""
    longest = max(limit.window for limit in ATTEMPT_LIMITS)
    return [at for at in failed_at if at > now - longest]


def attempts_wait(failed_at: Sequence[datetime], *, now: datetime) -> int:
    """Whole seconds until another attempt is allowed; 0 for at once."""
    latest: list[tuple[Limit, datetime | None]] = []
    for limit in ATTEMPT_LIMITS:
        within = sorted((at for at in failed_at if at > now - limit.window), reverse=True)
        latest.append((limit, within[limit.count - 1] if len(within) >= limit.count else None))
    return wait_seconds(latest, now=now)
