"""RuleUnknown 404, RetentionFixed 409, RetentionOutOfBounds 422."""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = ["RetentionFixed", "RetentionOutOfBounds", "RuleUnknown"]


class RuleUnknown(NotFound):
    """There is no such rule."""

    code = "retention-rule-unknown"
    remedy = "Take the key from the table of rules."


class RetentionFixed(Conflict):
    """This time is the same everywhere: a law or a text that people have agreed to names it."""

    code = "retention-fixed"
    remedy = "Only rules with bounds can be set by a community."


class RetentionOutOfBounds(Unprocessable):
    """The number of days is outside the rule's bounds."""

    code = "retention-out-of-bounds"
    remedy = "Give a number of days within the bounds that the rule names."
