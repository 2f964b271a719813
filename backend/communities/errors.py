"""CommunityNotFound 404, TimeZoneUnknown 422."""

from backend.kit.problems import NotFound, Unprocessable

__all__ = ["CommunityNotFound", "TimeZoneUnknown"]


class CommunityNotFound(NotFound):
    """There is no such community among yours."""

    code = "community-not-found"
    remedy = "Take the id from the list of your communities."


class TimeZoneUnknown(Unprocessable):
    """There is no such time zone."""

    code = "time-zone-unknown"
    remedy = "Give a name of the IANA time zone database, such as Asia/Shanghai."
