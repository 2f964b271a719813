"""What an erasure has to do, and when to try again. Pure."""

from datetime import datetime, timedelta

from backend.privacy.repository import Extent, Reason, StepName

__all__ = [
    "COURIER_GRACE",
    "COURIER_LEFT",
    "FACE_ONLY",
    "GRACE",
    "KEY_BACKUPS_EXPIRE",
    "PROOF_KEPT",
    "next_attempt",
    "steps_of",
    "while_waiting",
]

#: How long a face may lie unused, as the text that people agree to says: a guest's after his visit, a courier's after
#: his last shift or delivery.
GRACE = timedelta(hours=24)
COURIER_GRACE = timedelta(days=30)
#: And a courier's after the last company that named him, where his authority has not set 1 to 30 days.
COURIER_LEFT = timedelta(days=7)
#: Backups of the key store expire within this; from then on no copy of an erased person's data can be read.
KEY_BACKUPS_EXPIRE = timedelta(days=7)

#: Whoever acted lawfully must be able to show it for as long as a claim can be brought (Civil Code of China, art. 188).
PROOF_KEPT = timedelta(days=3 * 365)

#: After these the right to enter goes on, by QR code.
FACE_ONLY: frozenset[Reason] = frozenset({"consent_withdrawn", "consent_lapsed"})

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=1)
_SOON = timedelta(seconds=0.25)
_MOST_DOUBLINGS = 10


def steps_of(reason: Reason, extent: Extent) -> tuple[StepName, ...]:
    """The steps in their order.

    First what others could still use (grants, the roster), then the living stores, then the key, which reaches the
    copies, then the person himself as far as no other role of his needs him, then the gates' word, which may take days
    where one is cut off.
    """
    if extent == "photos":
        return ("photos",)
    faces: tuple[StepName, ...] = () if extent == "community" else ("templates", "photos", "key")
    if reason in FACE_ONLY:
        # He keeps his right to enter, by QR code.
        return ("credentials", *faces, "gates")
    return ("grants", "credentials", *faces, "person", "gates")


def next_attempt(attempts: int, *, now: datetime) -> datetime:
    """When to try again after ``attempts`` failures in a row: 1, 2, 4 seconds, at most a minute."""
    factor: int = 2 ** min(attempts, _MOST_DOUBLINGS)
    return now + min(_FIRST * factor, _LONGEST)


def while_waiting(started_at: datetime, *, now: datetime) -> datetime:
    """When to look again for the gates' acknowledgements: a tenth of the time waited, a quarter second to a minute.

    Gates that are connected acknowledge within half a second; one that is cut off may be for days.
    """
    return now + min(max((now - started_at) / 10, _SOON), _LONGEST)
