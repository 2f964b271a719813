"""The arithmetic of limits, and what counts as one address."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.accounts.limits import Limit, address_group, wait_seconds

NOW = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = Limit(3, timedelta(hours=1))
DAY = Limit(9, timedelta(days=1))


def test_nothing_asked_for_nothing_to_wait_for() -> None:
    assert wait_seconds([], now=NOW) == 0
    assert wait_seconds([(HOUR, None), (DAY, None)], now=NOW) == 0


def test_the_longest_wait_counts_and_is_rounded_up() -> None:
    half_ago, long_ago = NOW - timedelta(minutes=30), NOW - timedelta(hours=23, microseconds=-1)
    assert wait_seconds([(HOUR, half_ago)], now=NOW) == 1800
    assert wait_seconds([(HOUR, half_ago), (DAY, long_ago)], now=NOW) == 3601


def test_a_full_window_ago_is_no_wait() -> None:
    assert wait_seconds([(HOUR, NOW - timedelta(hours=1))], now=NOW) == 0


@pytest.mark.parametrize(
    "address,group",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
        ("", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, group: str) -> None:
    assert address_group(address) == group
