"""Carriers of messages: a file for the single box, an HTTP provider for production."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec

from backend.kit.clock import Clock, utc_now
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.tracing import part
from backend.notifications.templates import render

__all__ = ["ConsoleSender", "HttpSender", "Message", "Sender"]

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class Message(msgspec.Struct, frozen=True):
    """One message as it is handed over: ``text`` is ready, the rest is for carriers with templates of their own."""

    to: str
    template: str
    language: str
    values: Mapping[str, str]
    text: str


class _Line(Message, frozen=True):
    """A message in the file, with its time as ISO 8601."""

    at: str


def _message(to: str, template: str, values: Mapping[str, str], language: str) -> Message:
    return Message(to=to, template=template, language=language, values=values, text=render(template, values, language))


class ConsoleSender:
    """Appends messages to a file of JSON lines that only its owner can read, where the operator looks them up.

    For the single box and for demonstrations: nothing is sent to anybody.
    """

    def __init__(self, file: Path, *, clock: Clock = utc_now) -> None:
        """Write to ``file``, made with its folder at the first message."""
        self._file = file
        self._clock = clock

    async def send(
        self, *, to: str, template: str, values: Mapping[str, str], language: str, key: str | None = None
    ) -> None:
        """See :class:`Sender`. A repetition is a line of its own.

        Raises:
            MessagesUnavailable: the file cannot be written.
        """
        del key
        message = _message(to, template, values, language)
        line = _Line(**msgspec.structs.asdict(message), at=self._clock().isoformat())
        try:
            await asyncio.to_thread(self._append, msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise MessagesUnavailable from error

    def _append(self, line: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: lines of several processes do not mix.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class HttpSender:
    """Posts messages as JSON to a provider, or to a small bridge in front of one.

    The body is a :class:`Message`; ``Idempotency-Key`` is new for every message, and the same where one is
    sent again because nobody knows whether it was taken. Any 2xx answer means taken.
    """

    def __init__(self, url: str, token: str | None, *, timeout: httpx.Timeout = _TIMEOUT) -> None:
        """Post to ``url``, with ``token`` as bearer token where there is one."""
        self._url = url
        headers = {"Content-Type": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        # Redirects are not followed: they could carry the token and the number elsewhere.
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout, follow_redirects=False)

    async def send(
        self, *, to: str, template: str, values: Mapping[str, str], language: str, key: str | None = None
    ) -> None:
        """See :class:`Sender`."""
        body = msgspec.json.encode(_message(to, template, values, language))
        try:
            with part("message"):
                answer = await self._client.post(
                    self._url, content=body, headers={"Idempotency-Key": key or str(uuid4())}
                )
        except httpx.HTTPError:
            # Without the cause: its text may hold the address with what stands in its query.
            raise MessagesUnavailable from None
        if not answer.is_success:
            raise MessagesUnavailable(provider_status=answer.status_code)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
