"""What is to go says so with every answer, a year before."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from litestar import Litestar, get
from litestar.routes import HTTPRoute
from litestar.testing import AsyncTestClient

from backend.app import create_app
from backend.kit.deprecation import NOTICE, DeprecationLayer, deprecated
from backend.kit.problems import NotFound, exception_handlers
from backend.settings import Settings

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
SUNSET = datetime(2027, 11, 1, 12, tzinfo=UTC)


@get("/old", **deprecated(since=SINCE, sunset=SUNSET, instead="https://doorward.example/changes", public=True))
async def old(ask: str = "") -> dict[str, str]:
    if ask == "gone":
        raise NotFound
    return {}


@get("/new")
async def new() -> dict[str, str]:
    return {}


async def test_a_deprecated_route_says_since_when_until_when_and_what_instead_also_when_it_refuses() -> None:
    app = Litestar(
        [old, new],
        middleware=[DeprecationLayer()],
        exception_handlers=exception_handlers,  # type: ignore[arg-type]  # Litestar's map is invariant
        logging_config=None,
    )
    async with AsyncTestClient(app) as client:
        for path, status in (("/old", 200), ("/old?ask=gone", 404)):
            answer = await client.get(path)
            assert answer.status_code == status
            # RFC 9745: a structured field's date; RFC 8594: an HTTP date.
            assert answer.headers["deprecation"] == f"@{int(SINCE.timestamp())}"
            assert answer.headers["sunset"] == "Mon, 01 Nov 2027 12:00:00 GMT"
            assert parsedate_to_datetime(answer.headers["sunset"]) == SUNSET
            assert answer.headers["link"].startswith('<https://doorward.example/changes>; rel="deprecation"')
        plain = await client.get("/new")
        assert not {"deprecation", "sunset", "link"} & plain.headers.keys()
    paths = app.openapi_schema.to_schema()["paths"]
    assert paths["/old"]["get"]["deprecated"] is True
    assert not paths["/new"]["get"]["deprecated"]


def test_nobody_is_given_less_than_a_year() -> None:
    with pytest.raises(ValueError, match="365 days"):
        deprecated(since=SINCE, sunset=SINCE + NOTICE - timedelta(seconds=1), instead="https://doorward.example")


def test_whatever_the_description_calls_deprecated_says_when_it_ends(settings: Settings) -> None:
    app = create_app(settings)
    assert any(isinstance(one, DeprecationLayer) for one in app.middleware)
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                assert bool(handler.deprecated) == ("deprecation" in handler.opt), route.path
