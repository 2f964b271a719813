"""Traces of requests and jobs: what a span says, whose trace it goes on in, and what never leaves the process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import httpx
import msgspec
import pytest
import structlog
from opentelemetry import trace

from backend.app import create_app
from backend.kit.clock import utc_now
from backend.kit.db import Database, Scope
from backend.kit.tracing import part, traced_job, traceparent, tracing
from backend.settings import Settings, SettingsRefused, load_settings
from tests.backend.running import running
from tests.backend.tracing.collector import Collector, collecting
from tests.backend.world import World

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
# All that a span may carry.
ATTRIBUTES = {
    *("doorward.surface", "http.request.method", "http.route", "http.response.status_code", "error.type"),
    *("messaging.system", "doorward.queued_s", "read_only", "step", "erasures"),
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@asynccontextmanager
async def traced_api(settings: Settings, collector: Collector, share: float = 1.0) -> AsyncIterator[httpx.AsyncClient]:
    """An API whose spans are at the collector when the block is over."""
    app = create_app(msgspec.structs.replace(settings, traces_url=collector.url, traces_share=share))
    transport = httpx.ASGITransport(app=cast("Any", app))
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://doorward.test") as client:
        yield client


async def test_a_request_is_a_span_by_its_template_and_its_transaction_is_a_part(
    settings: Settings, collector: Collector
) -> None:
    async with traced_api(settings, collector) as api:
        await api.post("/resident/v1/login", json={"phone": "+12025550199"})
    (span,) = collector.named("POST /resident/v1/login")
    assert (span.process, span.parent, span.failed) == ("doorward-api", "", False)
    assert span.attributes == {
        "doorward.surface": "resident",
        "http.request.method": "POST",
        "http.route": "/resident/v1/login",
        "http.response.status_code": "202",
    }
    parts = collector.named("transaction")
    assert parts
    assert {one.trace for one in parts} == {span.trace}
    assert {one.parent for one in parts} == {span.id}


async def test_it_goes_on_in_its_caller_s_trace(settings: Settings, collector: Collector) -> None:
    async with traced_api(settings, collector) as api:
        await api.get("/health/live", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    (span,) = collector.named("GET /health/live")
    assert (span.trace, span.parent) == (TRACE, SPAN)


async def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(settings: Settings, collector: Collector) -> None:
    sent = [
        *("", "x", "é" * 55, f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-"),
        *(f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01"),
    ]
    async with traced_api(settings, collector) as api:
        for text in sent:
            await api.get("/health/live", headers={b"traceparent": text.encode("latin-1")})
    assert [span.parent for span in collector.named("GET /health/live")] == [""] * len(sent)


async def test_a_caller_s_flag_gets_no_more_recorded_than_the_share(settings: Settings, collector: Collector) -> None:
    async with traced_api(settings, collector, share=0.0) as api:
        for _ in range(20):
            await api.get("/health/live", headers={"traceparent": f"00-{uuid4().hex}-{SPAN}-01"})
    assert collector.spans == []


async def test_nothing_that_a_caller_chooses_leaves_the_process(
    settings: Settings, collector: Collector, world: World
) -> None:
    world.clock.now = utc_now()
    resident = await world.resident(name="Margarete")
    sent = [f"mark{uuid4().hex}" for _ in range(7)]
    async with traced_api(settings, collector) as api:
        await api.get(f"/{sent[0]}")
        await api.get(f"/staff/v1/{sent[1]}?q={sent[2]}")
        await api.request(sent[3].upper(), "/health/live")
        await api.get("/health/live", headers={"Host": sent[4], "User-Agent": sent[5], "tracestate": f"a={sent[6]}"})
        await api.post("/resident/v1/login", json={"phone": "+12025550199"})
        me = await api.get("/resident/v1/me", headers=resident.headers)
    told = b"".join(collector.raw).lower()
    assert me.status_code == 200
    ids = [text for name, text in me.json().items() if name.endswith("_id")]
    assert ids
    assert collector.named("GET /resident/v1/me")
    for text in [*sent, "2025550199", "margarete", *ids, resident.headers["Authorization"][7:]]:
        assert text.lower().encode() not in told
    assert {name for span in collector.spans for name in span.attributes} <= ATTRIBUTES


@contextmanager
def erasing() -> Iterator[None]:
    now = utc_now()
    with traced_job("erasure", headers=None, created=now, now=now), part("erasure-step", step="key"):
        yield


async def test_of_an_exception_only_its_kind_is_told(collector: Collector) -> None:
    async with tracing("worker", url=collector.url, share=1.0):
        with pytest.raises(ValueError, match="row's own words"), erasing():
            raise ValueError("a row's own words")
    assert {(span.name, span.failed, span.attributes["error.type"]) for span in collector.spans} == {
        ("process erasure", True, "ValueError"),
        ("erasure-step", True, "ValueError"),
    }
    assert b"own words" not in b"".join(collector.raw)


async def test_a_job_goes_on_in_the_trace_of_whoever_enqueued_it(settings: Settings, collector: Collector) -> None:
    db = Database(str(settings.worker_database_url))
    await db.open()
    async with tracing("worker", url=collector.url, share=1.0):
        with traced_job("first", headers=None, created=utc_now() - timedelta(seconds=3), now=utc_now()):
            async with db.transaction(Scope(platform=True)) as conn:
                await conn.execute("SELECT jobs.enqueue('second', 'x'::bytea, 'second/x')")
                headers = await conn.fetchval("SELECT headers FROM jobs.pgqueuer WHERE entrypoint = 'second'")
        with traced_job("second", headers=msgspec.json.decode(headers), created=utc_now(), now=utc_now()):
            pass
    async with db.transaction(Scope(platform=True)) as conn:
        await conn.execute("SELECT jobs.enqueue('third', 'x'::bytea, 'third/x')")
        assert await conn.fetchval("SELECT headers FROM jobs.pgqueuer WHERE entrypoint = 'third'") is None
    await db.close()
    (first,), (second,), (transaction,) = (
        collector.named(name) for name in ("process first", "process second", "transaction")
    )
    assert first.trace == second.trace == transaction.trace
    assert (transaction.parent, second.parent) == (first.id, transaction.id)
    assert 3.0 <= float(first.attributes["doorward.queued_s"]) < 60.0


@pytest.mark.parametrize("headers", [{}, {"otel": None}, {"otel": {}}, {"otel": {"traceparent": 7}}, {"other": "x"}])
async def test_a_job_with_headers_of_another_make_begins_a_trace(
    collector: Collector, headers: dict[str, object]
) -> None:
    async with tracing("worker", url=collector.url, share=1.0):
        with traced_job("import", headers=headers, created=utc_now(), now=utc_now()):
            pass
    (span,) = collector.named("process import")
    assert span.parent == ""


async def test_what_is_logged_meanwhile_has_the_trace_s_id(collector: Collector) -> None:
    async with tracing("worker", url=collector.url, share=1.0):
        with traced_job("import", headers=None, created=utc_now(), now=utc_now()):
            bound = structlog.contextvars.get_contextvars()
        assert "trace_id" not in structlog.contextvars.get_contextvars()
    assert bound["trace_id"] == collector.spans[0].trace


async def test_without_a_collector_nothing_is_recorded() -> None:
    async with tracing("api", url=None, share=1.0):
        with traced_job("import", headers=None, created=utc_now(), now=utc_now()), part("transaction"):
            assert not trace.get_current_span().is_recording()
            assert traceparent() is None


async def test_a_collector_that_is_away_costs_the_spans_and_nothing_else(settings: Settings) -> None:
    with collecting() as gone:
        pass
    async with asyncio.timeout(120):
        async with traced_api(settings, gone) as api:
            assert (await api.get("/health/live")).status_code == 200
    assert gone.raw == []


@pytest.mark.parametrize(
    "name, value",
    [("URL", "collector:4318"), ("URL", "ftp://collector"), ("SHARE", "1.5"), ("SHARE", "-0.1"), ("SHARE", "some")],
)
def test_a_wrong_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=f"DOORWARD_TRACES_{name}"):
        load_settings({f"DOORWARD_TRACES_{name}": value}, env_file=None)
