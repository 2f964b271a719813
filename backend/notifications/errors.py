"""Failures of notifications.

NotFound
├── NotificationNotFound
├── KindUnknown
└── SubscriptionNotFound
Unprocessable
├── NotRefusable
├── ChannelUnused
└── SubscriptionRefused
Conflict
└── TooManySubscriptions
"""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = [
    "ChannelUnused",
    "KindUnknown",
    "NotRefusable",
    "NotificationNotFound",
    "SubscriptionNotFound",
    "SubscriptionRefused",
    "TooManySubscriptions",
]


class NotificationNotFound(NotFound):
    """There is no such notification."""

    code = "notification-not-found"
    remedy = "List the notifications; they are kept for 90 days."


class KindUnknown(NotFound):
    """There is no such kind of notification."""

    code = "notification-kind-unknown"
    remedy = "List the preferences for the kinds that there are."


class NotRefusable(Unprocessable):
    """Messages that guard the account, or that are owed by law, cannot be refused."""

    code = "notification-not-refusable"
    remedy = "Leave this kind as it is."


class ChannelUnused(Unprocessable):
    """There is no text message of this kind."""

    code = "notification-channel-unused"
    remedy = "Leave `sms` out."


class SubscriptionNotFound(NotFound):
    """There is no such subscription."""

    code = "push-subscription-not-found"
    remedy = "List the subscriptions."


class SubscriptionRefused(Unprocessable):
    """The push service's address or the browser's keys are none that could be sent to."""

    code = "push-subscription-refused"
    remedy = "Send what the browser's PushSubscription.toJSON() gives, unchanged."


class TooManySubscriptions(Conflict):
    """As many browsers get notifications as may."""

    code = "push-subscriptions-too-many"
    remedy = "Take one off first."
