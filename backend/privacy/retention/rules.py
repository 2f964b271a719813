"""What a rule about keeping is, and what follows from one. The rules themselves are table.py's. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

__all__ = ["Bounds", "Enforcement", "Law", "Rule", "cut_off", "in_words", "period_of"]

_DAY = timedelta(days=1)


class Enforcement(StrEnum):
    """What makes sure of a rule."""

    #: The hourly job of this package.
    JOB = "job"
    #: The saga of erasures, begun by the end of a right, a withdrawal or a face that nobody needs.
    ERASURE = "erasure"
    #: It is never written.
    NEVER_KEPT = "never_kept"
    #: Nothing ends it; the rule says why.
    KEPT = "kept"
    #: What the operator sets up outside of this software.
    OPERATOR = "operator"


class Law(StrEnum):
    """What a time rests on."""

    PIPL_NECESSITY = "PIPL art. 6"
    PIPL_DUTY = "PIPL art. 13"
    PIPL_SHORTEST = "PIPL art. 19"
    PIPL_SENSITIVE = "PIPL art. 28"
    PIPL_DELETE = "PIPL art. 47"
    PIPL_SECURITY = "PIPL art. 51"
    PIPL_RECORDS = "PIPL art. 56"
    PIPL_PROOF = "PIPL art. 69"
    LIMITATION = "PRC Civil Code art. 188"
    GDPR_STORAGE = "GDPR art. 5(1)(e)"
    GDPR_ACCOUNTABILITY = "GDPR art. 5(2)"
    GDPR_CONSENT = "GDPR art. 7(1)"
    GDPR_BIOMETRIC = "GDPR art. 9"
    GDPR_REQUESTS = "GDPR art. 12"
    GDPR_ERASURE = "GDPR art. 17"
    GDPR_SECURITY = "GDPR art. 32"


class Bounds(msgspec.Struct, frozen=True):
    """Days within which a community may set a rule, both included."""

    least: int
    most: int


class Rule(msgspec.Struct, frozen=True):
    """How long one kind of data is kept.

    Attributes:
        key: stable name.
        tables: the tables whose rows it is about; objects and files stand in ``what``.
        what: what is kept, in English; ``what_zh`` in Chinese.
        since: from when the time counts, or, where there is no period, until when it is kept;
            ``since_zh`` in Chinese.
        period: how long; None where it ends with something and not after a time, zero where it is never kept.
        why: what it is needed for.
        laws: what the time rests on.
        by: what enforces it.
        bounds: within what a community may set it; None where it may not.
    """

    key: str
    tables: tuple[str, ...]
    what: str
    what_zh: str
    since: str
    since_zh: str
    period: timedelta | None
    why: str
    laws: tuple[Law, ...]
    by: Enforcement
    bounds: Bounds | None = None


def period_of(rule: Rule, *, days: int | None) -> timedelta:
    """How long, where a community has set ``days``; clamped, so that a narrowed bound holds for older settings too.

    Raises:
        LookupError: the rule names no period.
    """
    if rule.period is None:
        raise LookupError(rule.key)
    if days is None or rule.bounds is None:
        return rule.period
    return _DAY * min(max(days, rule.bounds.least), rule.bounds.most)


def cut_off(rule: Rule, *, days: int | None, now: datetime) -> datetime:
    """What is older goes."""
    return now - period_of(rule, days=days)


def in_words(period: timedelta | None) -> str:
    """The period as a table shows it: "90 days", "24 hours", "not kept"."""
    if period is None:
        return "see the next column"
    if not period:
        return "not kept"
    for unit, name in ((_DAY, "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        count, rest = divmod(period, unit)
        # A day is said in hours, as the texts do that people agree to.
        if not rest and not (unit == _DAY and count == 1):
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{int(period.total_seconds())} seconds"
