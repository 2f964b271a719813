"""When a number alone opens an account no more. No I/O."""

from datetime import datetime, timedelta

from backend.accounts.number.repository import UseRow

__all__ = ["DORMANT_AFTER", "NOTED_EVERY", "SEEN_FOR", "is_dormant"]

# Carriers keep a number unassigned for 45 to 90 days after its owner gave it up (47 CFR 52.15(f)(1)(ii)), so within
# this it can have another owner. Were it much shorter, all who only pass by their faces would stand in the office.
DORMANT_AFTER = timedelta(days=180)
# So long somebody who was seen has to log in: long enough for the way home, too short for a number to change hands.
SEEN_FOR = timedelta(days=1)
# Renewals come every few minutes; for a period of months a day is exact enough.
NOTED_EVERY = timedelta(days=1)


def is_dormant(use: UseRow, *, now: datetime) -> bool:
    """Whether a code sent to the number proves nothing about the account's owner any more."""
    if use.used_at is None or now - use.used_at < DORMANT_AFTER:
        return False
    return use.seen_until is None or use.seen_until <= now
