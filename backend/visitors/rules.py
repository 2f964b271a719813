"""What decides about passes, as data and pure functions."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, Protocol

__all__ = [
    "AHEAD",
    "DELIVERY_SPAN",
    "GUEST_DAYS",
    "GUEST_DAYS_OF_ONE",
    "GUEST_DAYS_PERIOD",
    "LINKS_A_DAY",
    "LINKS_A_DAY_TO_ONE",
    "LONGEST_SPAN",
    "OPEN_PASSES_PER_HOME",
    "PassState",
    "given_name",
    "graced",
    "guest_days",
    "state_of",
]

# A visit, not a tenancy: somebody who stays longer stands on the register as a member of the household.
LONGEST_SPAN = timedelta(days=30)
AHEAD = timedelta(days=90)
# Somebody who brings one thing once.
DELIVERY_SPAN = timedelta(days=1)
OPEN_PASSES_PER_HOME = 10
# Days of guests that one home may have within the last 90 days and all that lies ahead: a family of three for a month.
# More is a sub-tenancy by another name; and so is one guest for more than two months of it, which is a helper twice a
# week for half a year: whoever is there all the time lives there.
GUEST_DAYS = 90
GUEST_DAYS_OF_ONE = 60
GUEST_DAYS_PERIOD = timedelta(days=90)

# Links sent by text message within a day, by one host and to one number: a party's guests, and one who has deleted his.
# More would be somebody who has messages written at our cost, or to a telephone that did not ask for them.
LINKS_A_DAY = 20
LINKS_A_DAY_TO_ONE = 3

PassState = Literal["pending", "accepted", "cancelled", "withdrawn", "expired"]
_DAY = timedelta(days=1)


class _Pass(Protocol):
    @property
    def valid_until(self) -> datetime: ...
    @property
    def accepted_at(self) -> datetime | None: ...
    @property
    def ended_by(self) -> str | None: ...


def state_of(row: _Pass, now: datetime) -> PassState:
    """Where a pass stands."""
    if row.ended_by is not None:
        return "withdrawn" if row.ended_by == "guest" else "cancelled"
    if row.valid_until <= now:
        return "expired"
    return "pending" if row.accepted_at is None else "accepted"


def guest_days(windows: Iterable[tuple[datetime, datetime]]) -> int:
    """Days of guests: each window counts its days of 24 hours, begun ones whole."""
    return sum(-((begin - until) // _DAY) for begin, until in windows if until > begin)


def given_name(name: str | None) -> str | None:
    """What a guest learns of his host's name: enough to know who invites him.

    The first of several words; of a Chinese name written together what follows the family name's first character.
    """
    words = (name or "").split()
    if not words:
        return None
    first = words[0]
    together = len(words) == 1 and len(first) > 1 and "\u4e00" <= first[0] <= "\u9fff"
    return first[1:] if together else first


def graced(begin: datetime, until: datetime, minutes: int) -> tuple[datetime, datetime]:
    """When gates open for a window: a little before and after, for whoever is early or late."""
    return begin - timedelta(minutes=minutes), until + timedelta(minutes=minutes)
