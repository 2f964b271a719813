"""Carriers of Web Push: what one promises, and the one that speaks with push services (RFC 8030, 8291, 8292)."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from io import BytesIO
from typing import Protocol

import httpx
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from webpush import WebPush, WebPushSubscription
from webpush.types import WebPushKeys

from backend.kit.clock import Clock, utc_now
from backend.kit.outgoing import AddressRefused, Outgoing
from backend.notifications.vapid import private_key

__all__ = ["Browser", "Push", "PushAnswer", "PushResult", "PushService"]

#: How long a push service keeps a message for a telephone that is off.
TTL = timedelta(days=1)
_LONGEST_WAIT = timedelta(hours=6)
_GONE = frozenset({404, 410})
_LATER = frozenset({408, 425, 429})
_SERVER_ERRORS = 500


class PushResult(StrEnum):
    """What became of one message to one browser."""

    SENT = "sent"
    #: The browser is not subscribed any more.
    GONE = "gone"
    #: Never will be: the push service does not want this message, or the address is none to send to.
    REFUSED = "refused"
    #: Not now.
    LATER = "later"


class PushAnswer(msgspec.Struct, frozen=True):
    """The result, and how long the push service wants to be left alone, if it said so."""

    result: PushResult
    wait: timedelta | None = None


class Browser(msgspec.Struct, frozen=True):
    """Where to send, and the browser's keys: an uncompressed point of P-256 (65 bytes) and 16 secret bytes."""

    endpoint: str
    p256dh: bytes
    auth: bytes

    def __repr__(self) -> str:
        """Nothing of it: whoever knows the address and the secret can do half of what we can."""
        return "Browser()"


class Push(Protocol):
    """Sends a short message to a browser, encrypted for it."""

    async def send(self, browser: Browser, payload: bytes, *, topic: str, urgent: bool) -> PushAnswer:
        """Send it. Never raises for what the other side does or does not do.

        Args:
            browser: where to.
            payload: at most 3,000 bytes.
            topic: at most 32 characters of the base64url alphabet. Of two messages of one topic that wait for the
                telephone, the push service keeps the later: a repetition is shown once.
            urgent: whether to wake the telephone up.
        """
        ...


class PushService:
    """Speaks with whichever push service the browser's maker runs."""

    def __init__(self, outgoing: Outgoing, *, pepper: bytes, contact: str, clock: Clock = utc_now) -> None:
        """Send by ``outgoing``, which decides where to.

        Args:
            outgoing: connects to public addresses only.
            pepper: our key pair is made of it.
            contact: an e-mail address at which a push service may complain.
            clock: for what is asked for by date.
        """
        key = private_key(pepper)
        self._outgoing = outgoing
        self._clock = clock
        self._messages = WebPush(
            private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            # Of the forms that the library reads, the only one that is not a file's path.
            public_key=BytesIO(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
            subscriber=contact,
            ttl=int(TTL.total_seconds()),
        )

    async def send(self, browser: Browser, payload: bytes, *, topic: str, urgent: bool) -> PushAnswer:
        """See :class:`Push`."""
        try:
            content, headers = self._sealed(browser, payload)
        except ValueError:
            return PushAnswer(PushResult.REFUSED)
        headers = {**headers, "Topic": topic, "Urgency": "high" if urgent else "normal"}
        try:
            answer = await self._outgoing.post(browser.endpoint, content=content, headers=headers)
        except (AddressRefused, httpx.HTTPError, TimeoutError):
            # A name may resolve again tomorrow; one that never does is given up after the last attempt.
            return PushAnswer(PushResult.LATER)
        if answer.status in _GONE:
            return PushAnswer(PushResult.GONE)
        if httpx.codes.is_success(answer.status):
            return PushAnswer(PushResult.SENT)
        if answer.status in _LATER or answer.status >= _SERVER_ERRORS:
            return PushAnswer(PushResult.LATER, _wait(answer.retry_after, now=self._clock()))
        return PushAnswer(PushResult.REFUSED)

    def _sealed(self, browser: Browser, payload: bytes) -> tuple[bytes, Mapping[str, str]]:
        """The message encrypted (aes128gcm), and headers that say who sends it."""
        message = self._messages.get(
            payload,
            WebPushSubscription(
                endpoint=browser.endpoint,  # which the library parses
                keys=WebPushKeys(auth=_base64(browser.auth), p256dh=_base64(browser.p256dh)),
            ),
        )
        return message.encrypted, dict(message.headers)


def _wait(header: str | None, *, now: datetime) -> timedelta | None:
    """What a Retry-After header (RFC 9110, section 10.2.3) asks for, at most six hours; hostile input."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return min(timedelta(seconds=int(header[:9])), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(header)
        return max(timedelta(0), min(at.astimezone(UTC) - now, _LONGEST_WAIT))
    except (ValueError, OverflowError):
        return None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
