"""Whether a span of time may be asked for: not over, not too long, not too far ahead. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from backend.kit.problems import Unprocessable

__all__ = ["Moment", "WindowEmpty", "WindowOver", "WindowTooFar", "WindowTooLong", "check_window"]

Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with a time zone")]


class WindowEmpty(Unprocessable):
    """The window ends before it begins."""

    code = "window-empty"
    remedy = "Give an end that lies after the beginning."


class WindowOver(Unprocessable):
    """The window lies in the past."""

    code = "window-over"
    remedy = "Give an end that is still to come."


class WindowTooLong(Unprocessable):
    """The window is longer than is allowed here."""

    code = "window-too-long"
    remedy = "Ask for at most as long as `longest_s` says, in seconds."


class WindowTooFar(Unprocessable):
    """The window begins too far ahead."""

    code = "window-too-far"
    remedy = "Ask again when the beginning is at most `ahead_s` seconds away."


def check_window(
    begin: datetime, until: datetime, *, now: datetime, longest: timedelta, ahead: timedelta
) -> tuple[datetime, datetime]:
    """The window in UTC, if it may be asked for.

    A window that is not over and not too long cannot lie near the ends of the calendar, so whatever is later added to
    or taken from it stays a time.

    Args:
        begin: with time zone.
        until: with time zone.
        now: the present.
        longest: the longest window allowed.
        ahead: how long before its beginning it may be asked for.

    Raises:
        WindowEmpty: it ends before it begins.
        WindowOver: it has ended.
        WindowTooLong: it is longer than ``longest``.
        WindowTooFar: it begins more than ``ahead`` from now.
    """
    if until <= begin:
        raise WindowEmpty
    if until <= now:
        raise WindowOver
    if until - begin > longest:
        raise WindowTooLong(longest_s=int(longest.total_seconds()))
    if begin - now > ahead:
        raise WindowTooFar(ahead_s=int(ahead.total_seconds()))
    return begin.astimezone(UTC), until.astimezone(UTC)
