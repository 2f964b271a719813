"""Requests and answers of Web Push."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.notifications.subscriptions.repository import SubscriptionRow

__all__ = ["ApplicationServerKey", "NewSubscription", "Subscription", "SubscriptionKeys", "SubscriptionList"]

_Base64 = Annotated[str, Meta(min_length=1, max_length=120, pattern="^[A-Za-z0-9_-]+={0,2}$")]


class ApplicationServerKey(msgspec.Struct, frozen=True):
    """What a browser's ``pushManager.subscribe`` wants as ``applicationServerKey``: base64url, a P-256 point."""

    application_server_key: str


class SubscriptionKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The browser's keys (RFC 8291), base64url."""

    p256dh: _Base64
    auth: _Base64


class NewSubscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What ``PushSubscription.toJSON()`` gives in a browser."""

    endpoint: Annotated[str, Meta(min_length=10, max_length=1000)]
    keys: SubscriptionKeys
    expiration_time: float | None = None


class Subscription(msgspec.Struct, frozen=True):
    """A browser that is told; ``current`` is the one of this log-in."""

    subscription_id: UUID
    device: str | None
    created_at: datetime
    current: bool

    @classmethod
    def of(cls, row: SubscriptionRow, *, session_id: UUID) -> "Subscription":
        """Of a row, for whoever asks by that session."""
        return cls(row.subscription_id, row.device, row.created_at, row.session_id == session_id)


class SubscriptionList(msgspec.Struct, frozen=True):
    """The caller's browsers, the newest first."""

    subscriptions: tuple[Subscription, ...]
