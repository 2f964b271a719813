"""Ages, and what a guardian may do at each. Pure."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec
from dateutil.relativedelta import relativedelta

__all__ = [
    "ANSWER_WITHIN",
    "CONSENT_AGE",
    "MAJORITY",
    "Power",
    "Recapture",
    "Stage",
    "is_birth_date",
    "may",
    "recapture_due",
    "stage_of",
    "turns",
]

#: From this birthday on a young person agrees for himself (PIPL art. 31; GDPR art. 8 lets states choose 13 to 16).
CONSENT_AGE = 14
#: Civil Code of China, art. 17.
MAJORITY = 18
#: How long a guardian's consent outlives the fourteenth birthday, for the young person to answer.
ANSWER_WITHIN = timedelta(days=30)
_OLDEST = 130


class Stage(StrEnum):
    """How far somebody decides for himself."""

    CHILD = "child"  # under fourteen: his guardians decide
    ASKED = "asked"  # fourteen, and has not answered: what his guardians agreed to stands for thirty days
    YOUNG = "young"  # decides for himself
    ADULT = "adult"


class Power(StrEnum):
    """What a guardian does for a child."""

    LOOK = "look"
    CONSENT = "consent"
    WITHDRAW = "withdraw"
    ENROL = "enrol"
    COPY = "copy"
    RESTRICT = "restrict"
    SPEAK = "speak"  # corrections and objections, which staff decide


# Who decides for himself is also shielded from his family: from fourteen on nobody else fetches the copy of his data,
# in which his entries stand. Staff hear a guardian about a minor until the day he is of age.
_POWERS = {
    Stage.CHILD: frozenset(Power),
    Stage.ASKED: frozenset({Power.LOOK, Power.WITHDRAW, Power.RESTRICT, Power.SPEAK}),
    Stage.YOUNG: frozenset({Power.LOOK, Power.SPEAK}),
    Stage.ADULT: frozenset[Power](),
}


class Recapture(msgspec.Struct, frozen=True):
    """After how many months a child is reminded to have his face taken anew.

    Children's faces change faster than adults', the younger the faster, and verification gets worse with each year
    between two pictures (Deb, Nain, Jain: Longitudinal Study of Child Face Recognition, ICB 2018, on 919 children of 2
    to 18 years). Theirs are other matchers than ours, so these are starting points for the operator to set, not
    measurements: a year for those who grow fastest, two for the rest.
    """

    under_10: int = 12
    under_18: int = 24


_GROWS_FAST = 10


def turns(birth_date: date, years: int, zone: str) -> datetime:
    """When he turns that age: as the day begins in the community's time zone. Who was born on 29 February, on 1 March.

    In a year without that day, 28 February would be before the whole year is over.
    """
    day = birth_date + relativedelta(years=years)
    if (day.month, day.day) != (birth_date.month, birth_date.day):
        day += timedelta(days=1)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


def is_birth_date(birth_date: date, *, now: datetime, zone: str) -> bool:
    """Whether somebody can have been born then."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return today - relativedelta(years=_OLDEST) <= birth_date <= today


def stage_of(birth_date: date, zone: str, *, decided: bool, now: datetime) -> Stage:
    """How far he decides for himself.

    Args:
        birth_date: as staff confirmed it.
        zone: the community's, an IANA name.
        decided: whether he has answered, or the time for it is over.
        now: the time.
    """
    if now >= turns(birth_date, MAJORITY, zone):
        return Stage.ADULT
    if now < turns(birth_date, CONSENT_AGE, zone):
        return Stage.CHILD
    return Stage.YOUNG if decided else Stage.ASKED


def may(stage: Stage, power: Power) -> bool:
    """Whether a guardian may do that for somebody at this stage."""
    return power in _POWERS[stage]


def recapture_due(birth_date: date, zone: str, made_at: datetime, recapture: Recapture) -> datetime:
    """When a minor's face should be taken anew: counted from the template, by his age when it was made."""
    fast = made_at < turns(birth_date, _GROWS_FAST, zone)
    return made_at + relativedelta(months=recapture.under_10 if fast else recapture.under_18)
