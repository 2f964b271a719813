"""What stands around every route, and stands aside."""

from collections.abc import Awaitable
from typing import Any, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from backend.kit.layers import Layer, header


class OfPosts(Layer):
    """Has to do with POSTs only."""

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._slowly(app, scope, receive, send) if scope["method"] == "POST" else app(scope, receive, send)

    async def _slowly(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
        seen.append("before")
        await app(scope, receive, send)
        seen.append("after")


seen: list[str] = []


async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
    seen.append("within")


def asked(kind: str, method: str, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    return {"type": kind, "method": method, "headers": headers or []}


async def test_a_layer_stands_around_what_it_has_to_do_with() -> None:
    seen.clear()
    await OfPosts()(application)(asked("http", "POST"), cast("Receive", None), cast("Send", None))
    assert seen == ["before", "within", "after"]


async def test_of_all_else_the_application_itself_is_awaited() -> None:
    made: list[Awaitable[None]] = []

    def watched(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        made.append(application(scope, receive, send))
        return made[-1]

    for scope in (asked("http", "GET"), asked("lifespan", "POST")):
        awaited = OfPosts()(watched)(scope, cast("Receive", None), cast("Send", None))
        assert awaited is made[-1]
        await awaited


def test_the_first_header_of_a_name_counts_in_whatever_case_it_came() -> None:
    scope = asked("http", "GET", [(b"x-other", b"0"), (b"X-Sent", b"1"), (b"x-sent", b"2")])
    assert header(scope, b"x-sent") == b"1"
    assert header(scope, b"x-missing") is None
