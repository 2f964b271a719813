"""Reading the table of rules with a community's own times, and setting those."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.kit.db import Connection
from backend.privacy.retention import repository
from backend.privacy.retention.errors import RetentionFixed, RetentionOutOfBounds, RuleUnknown
from backend.privacy.retention.repository import PLATFORM, RunRow
from backend.privacy.retention.rules import Rule, period_of
from backend.privacy.retention.table import RULES

__all__ = ["Standing", "change", "in_community"]


class Standing(msgspec.Struct, frozen=True):
    """A rule as it holds in one community, and how far it is enforced there."""

    rule: Rule
    period: timedelta | None
    set_by_community: bool
    run: RunRow | None


async def in_community(conn: Connection, *, community_id: UUID) -> list[Standing]:
    """Every rule with the community's times. In the scopes of the community and the platform."""
    days = {row.rule: row.days for row in await repository.list_settings(conn, community_id=community_id)}
    runs = {row.rule: row for row in await repository.list_runs(conn, community_id=PLATFORM)}
    runs |= {row.rule: row for row in await repository.list_runs(conn, community_id=community_id)}
    return [
        Standing(
            rule=rule,
            period=None if rule.period is None else period_of(rule, days=days.get(rule.key)),
            set_by_community=rule.bounds is not None and rule.key in days,
            run=runs.get(rule.key),
        )
        for rule in RULES.values()
    ]


async def change(conn: Connection, *, community_id: UUID, key: str, days: int, staff_id: UUID, now: datetime) -> None:
    """Let a community keep something for another time.

    Raises:
        RuleUnknown: there is no such rule.
        RetentionFixed: the rule is the same everywhere.
        RetentionOutOfBounds: the number is outside the rule's bounds.
    """
    rule = RULES.get(key)
    if rule is None:
        raise RuleUnknown
    if rule.bounds is None:
        raise RetentionFixed
    if not rule.bounds.least <= days <= rule.bounds.most:
        raise RetentionOutOfBounds(least=rule.bounds.least, most=rule.bounds.most)
    await repository.put_setting(conn, community_id=community_id, rule=key, days=days, staff_id=staff_id, now=now)
