"""How often codes may be asked for, by number, range, address and in all, and what an address is there.

Whoever earns from messages to a range of numbers has many of them and many addresses: against him only the range and
the whole are left to count by.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

from backend.kit.crypto import keyed_hash
from backend.kit.rates.limiter import Quota

__all__ = ["ADDRESS_LIMITS", "PHONE_LIMITS", "Limit", "address_group", "code_budgets", "range_of", "wait_seconds"]


class Limit(msgspec.Struct, frozen=True):
    """At most ``count`` in any ``window``."""

    count: int
    window: timedelta


# With five attempts a code, twenty codes a day leave a stranger one chance in ten thousand a day on one number.
PHONE_LIMITS = (Limit(5, timedelta(minutes=15)), Limit(20, timedelta(days=1)))
# Wide, because a whole community may stand behind one address of its mobile operator.
ADDRESS_LIMITS = (Limit(300, timedelta(hours=1)),)

_HOUR_S = 3600
# Ranges are leased to carriers by ten thousand or more. Of ten million subscribers, two or three live in one community;
# a company that gave all its people numbers in a row stays below this too.
_TEN_THOUSAND, _MILLION = Quota("codes-4", 200, _HOUR_S), Quota("codes-6", 2_000, _HOUR_S)


def code_budgets(phone: str, *, pepper: bytes, codes_an_hour: int) -> list[tuple[Quota, str]]:
    """What a code to this number is counted against, besides the number and the address; the most shared one last.

    Args:
        phone: E.164.
        pepper: keys the hashes of ranges.
        codes_an_hour: of the whole deployment.
    """
    return [
        (_TEN_THOUSAND, range_of(phone, 4, pepper=pepper)),
        (_MILLION, range_of(phone, 6, pepper=pepper)),
        (Quota("codes", codes_an_hour, _HOUR_S), "all"),
    ]


def range_of(phone: str, digits: int, *, pepper: bytes) -> str:
    """The name under which all numbers that differ from this one in their last so many digits are counted together."""
    return keyed_hash(pepper, "login-range", phone[:-digits]).hex()


def wait_seconds(nth_latest: Sequence[tuple[Limit, datetime | None]], *, now: datetime) -> int:
    """Whole seconds until another one is allowed; 0 for at once.

    Args:
        nth_latest: for each limit, when the ``count``-th latest one was, or None where there were fewer.
        now: the present.
    """
    waits = [(at + limit.window - now).total_seconds() for limit, at in nth_latest if at is not None]
    return max(0, math.ceil(max(waits, default=0)))


def address_group(address: str) -> str:
    """What counts as one address: itself, or an IPv6 address's /64, since a household has 2^64 of those."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
