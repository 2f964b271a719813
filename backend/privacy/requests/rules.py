"""When requests are due and what may be fetched. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

__all__ = ["EXPORT_VALID", "FRESH", "MOST_IN_A_DAY", "WORKING_DAYS", "due_at", "is_fresh"]

#: Working days in which a request is answered. Shorter than the month of GDPR art. 12(3) and the thirty days of
#: GB/T 35273-2020, 8.7; PIPL art. 50 asks for a timely answer.
WORKING_DAYS = 15
#: How long a copy can be fetched.
EXPORT_VALID = timedelta(hours=24)
#: How long ago the one-time code may have been given.
FRESH = timedelta(minutes=5)
MOST_IN_A_DAY = 10

_DAY = timedelta(days=1)
_SATURDAY = 5


def due_at(opened_at: datetime, zone: str) -> datetime:
    """The same hour, fifteen working days later in that time zone.

    Saturdays and Sundays alone are left out: public holidays, and the weekends that are worked in their place, are not
    known here.
    """
    at = opened_at.astimezone(ZoneInfo(zone))
    left = WORKING_DAYS
    while left:
        at += _DAY
        left -= at.weekday() < _SATURDAY
    return at.astimezone(opened_at.tzinfo)


def is_fresh(begun: datetime | None, *, now: datetime) -> bool:
    """Whether a session began by a one-time code just now."""
    return begun is not None and now - begun <= FRESH
