"""The table of rules as everybody and as staff see it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from backend.privacy.retention.rules import Rule, in_words
from backend.privacy.retention.service import Standing

__all__ = ["CommunityRetention", "CommunityRule", "NewPeriod", "PublicRule", "Retention"]

By = Literal["job", "erasure", "never_kept", "kept", "operator"]


class DayBounds(msgspec.Struct, frozen=True):
    """Days within which a community may set the time."""

    least: int
    most: int


class PublicRule(msgspec.Struct, frozen=True):
    """What is kept, how long, why and by which law.

    ``period_s`` counts from ``since`` in seconds; 0 is never kept, null is kept as ``since`` says.
    """

    key: str
    what: str
    what_zh: str
    period: str
    period_s: int | None
    since: str
    since_zh: str
    why: str
    laws: tuple[str, ...]
    enforced_by: By
    bounds: DayBounds | None

    @classmethod
    def of(cls, rule: Rule) -> "PublicRule":
        """From the table's rule."""
        return cls(
            key=rule.key,
            what=rule.what,
            what_zh=rule.what_zh,
            period=in_words(rule.period),
            period_s=None if rule.period is None else int(rule.period.total_seconds()),
            since=rule.since,
            since_zh=rule.since_zh,
            why=rule.why,
            laws=tuple(law.value for law in rule.laws),
            enforced_by=rule.by.value,
            bounds=None if rule.bounds is None else DayBounds(rule.bounds.least, rule.bounds.most),
        )


class Retention(msgspec.Struct, frozen=True):
    """Every rule, as it holds where a community has not set another time within the bounds."""

    rules: tuple[PublicRule, ...]

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "Retention":
        """From the table."""
        return cls(tuple(PublicRule.of(rule) for rule in rules))


class CommunityRule(msgspec.Struct, frozen=True):
    """A rule in one community.

    ``enforced_at`` is when nothing over its time was left; ``removed`` how many rows the jobs have removed so far.
    """

    rule: PublicRule
    period: str
    period_s: int | None
    set_by_community: bool
    enforced_at: datetime | None
    removed: int

    @classmethod
    def of(cls, standing: Standing) -> "CommunityRule":
        """From what stands in the community."""
        run = standing.run
        return cls(
            rule=PublicRule.of(standing.rule),
            period=in_words(standing.period),
            period_s=None if standing.period is None else int(standing.period.total_seconds()),
            set_by_community=standing.set_by_community,
            enforced_at=None if run is None else run.enforced_at,
            removed=0 if run is None else run.removed,
        )


class CommunityRetention(msgspec.Struct, frozen=True):
    """Every rule as it holds in one community."""

    rules: tuple[CommunityRule, ...]


class NewPeriod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many days a community keeps something, within the rule's bounds."""

    days: Annotated[int, Meta(ge=1, le=3650)]
