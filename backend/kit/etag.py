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
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Send

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
_OK, _NOT_MODIFIED = 200, 304


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
    # The processor has instructions for this one: of a long list it takes half as long as the next best.
    digest = hashlib.sha256(body).digest()[:16]
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
            if message["type"] == "http.response.start" and _is_taggable(message):
                held.append(message)
                return
            if held and message["type"] == "http.response.body":
                start = held.pop()
                # Of a stream the bytes are not known before the head has to go out.
                if not message.get("more_body", False):
                    message["body"] = _tag(scope, start, message.get("body", b""))
                await send(start)
            await send(message)

        return app(scope, receive, tag)


def _is_taggable(start: HTTPResponseStartEvent) -> bool:
    if start["status"] != _OK:
        return False
    json = False
    for name, value in start["headers"]:
        if name == b"content-type":
            json = value.startswith(b"application/json")
        elif name == b"etag" or (name == b"cache-control" and b"no-store" in value):
            return False
    return json


def _tag(scope: HTTPScope, start: HTTPResponseStartEvent, body: bytes) -> bytes:
    """Put the tag into the head of the answer; the body that is left to send."""
    etag = entity_tag(body)
    headers = [*start["headers"], (b"etag", etag.encode())]
    if not any(name == b"cache-control" for name, _ in headers):
        # Whose answer it is depends on the token: only his own cache may keep it, and has to ask each time.
        headers.append((b"cache-control", b"private, no-cache"))
    if _has_it(scope, etag):
        start["status"], body = _NOT_MODIFIED, b""
        headers = [one for one in headers if one[0] not in {b"content-length", b"content-type"}]
    start["headers"] = headers
    return body


def _has_it(scope: HTTPScope, etag: str) -> bool:
    asked = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
    if not asked:
        return False
    # Weak comparison (RFC 9110, section 13.1.2).
    tags = [tag.strip().removeprefix("W/") for tag in asked.decode("latin-1").split(",")]
    return etag in tags or "*" in tags
