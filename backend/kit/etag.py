"""Entity tags (RFC 9110, section 8.8.3): reads that need not be sent again, and edits that overwrite nobody else's.

The tag is a digest of the answer's bytes, so that it needs no column and no route forgets it; the representation that a
GET shows and the one that an edit begins with are the same struct, and so have the same tag.
"""

import base64
import hashlib
from collections.abc import Awaitable
from typing import Annotated

import msgspec
from litestar.params import HeaderParameter
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from backend.kit.layers import Layer
from backend.kit.problems import Problem

__all__ = [
    "EntityTagLayer",
    "IfMatch",
    "IfMatchNeeded",
    "PreconditionFailed",
    "PreconditionRequired",
    "entity_tag",
    "require_match",
]

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", max_length=1000, description="ETag of the state that the edit begins with; absent: any state"
    ),
]
IfMatchNeeded = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", max_length=1000, description="ETag of the state that the edit begins with; `*`: any state"
    ),
]
_NOT_MODIFIED = 304


class PreconditionFailed(Problem):
    """It has been changed since you read it."""

    status = 412
    code = "precondition-failed"
    title = "Changed meanwhile"
    remedy = "Read it again, and repeat the edit with the new ETag if it still makes sense."


class PreconditionRequired(Problem):
    """This edit replaces all that is there, and with it what somebody else may have put there meanwhile."""

    status = 428
    code = "precondition-required"
    title = "Say what you edit"
    remedy = "Read it, and send its ETag as If-Match; `*` replaces it whatever it is."


def entity_tag(body: bytes) -> str:
    """The strong tag of an answer's bytes, quotes included."""
    digest = hashlib.blake2b(body, digest_size=16).digest()
    return f'"{base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}"'


def require_match(if_match: str | None, current: msgspec.Struct, *, needed: bool = False) -> None:
    """Go on only if the caller edits the present state, or any.

    Args:
        if_match: the header as it came.
        current: what a GET would show, read in the transaction of the edit with the row locked.
        needed: whether the caller has to say which state he edits.

    Raises:
        PreconditionFailed: somebody has changed it since.
        PreconditionRequired: it is needed and was not sent.
    """
    if needed and if_match is None:
        raise PreconditionRequired
    if if_match is None or if_match.strip() == "*":
        return
    if entity_tag(msgspec.json.encode(current)) not in [tag.strip() for tag in if_match.split(",")]:
        raise PreconditionFailed


class EntityTagLayer(Layer):
    """Tags JSON answers to GET, and answers 304 to who has the same already."""

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        if scope["method"] != "GET":
            return app(scope, receive, send)
        held: list[HTTPResponseStartEvent] = []

        async def tag(message: Message) -> None:
            if message["type"] == "http.response.start" and _taggable(message):
                held.append(message)
                return
            if held and message["type"] == "http.response.body":
                start = held.pop()
                if message.get("more_body", False):
                    # A stream: its bytes are not known before the header has to go out.
                    await send(start)
                else:
                    await _send_tagged(scope, send, start, message.get("body", b""))
                    return
            await send(message)

        return app(scope, receive, tag)


def _taggable(start: HTTPResponseStartEvent) -> bool:
    headers = {bytes(name).lower(): bytes(value).lower() for name, value in start["headers"]}
    return (
        start["status"] == 200  # noqa: PLR2004 - OK
        and headers.get(b"content-type", b"").startswith(b"application/json")
        and b"no-store" not in headers.get(b"cache-control", b"")
        and b"etag" not in headers
    )


async def _send_tagged(scope: Scope, send: Send, start: HTTPResponseStartEvent, body: bytes) -> None:
    etag = entity_tag(body)
    headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
    headers.append((b"etag", etag.encode()))
    if not any(name.lower() == b"cache-control" for name, _ in headers):
        # Whose answer it is depends on the token: only his own cache may keep it, and has to ask each time.
        headers.append((b"cache-control", b"private, no-cache"))
    status = start["status"]
    if _matches(scope, etag):
        status, body = _NOT_MODIFIED, b""
        headers = [(name, value) for name, value in headers if name.lower() not in {b"content-length", b"content-type"}]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _matches(scope: Scope, etag: str) -> bool:
    asked = b",".join(value for name, value in scope["headers"] if name.lower() == b"if-none-match").decode("latin-1")
    # Weak comparison (RFC 9110, section 13.1.2).
    tags = [tag.strip().removeprefix("W/") for tag in asked.split(",")]
    return etag in tags or "*" in tags
