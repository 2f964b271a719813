"""How often codes may be asked for, and what an address is for that purpose."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

__all__ = ["ADDRESS_LIMITS", "PHONE_LIMITS", "Limit", "address_group", "wait_seconds"]


class Limit(msgspec.Struct, frozen=True):
    """At most ``count`` in any ``window``."""

    count: int
    window: timedelta


# With five attempts a code, twenty codes a day leave a stranger one chance in ten thousand a day on one number.
PHONE_LIMITS = (Limit(5, timedelta(minutes=15)), Limit(20, timedelta(days=1)))
# Wide, because a whole community may stand behind one address of its mobile operator.
ADDRESS_LIMITS = (Limit(300, timedelta(hours=1)),)


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
