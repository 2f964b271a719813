"""Numbers for Prometheus: what is counted, and what never becomes a label."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from backend.kit.db import Database, Scope
from backend.kit.metrics import REGISTRY, shown
from backend.measures.service import FRESH_S, GAUGES, Gauges
from backend.settings import Settings
from tests.backend.processes import PATIENCE_S
from tests.backend.world import World
from tests.ports import free_ports

LABELS = {
    "surface": {"resident", "visitor", "partner", "gate", "staff", "public"},
    "method": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"},
    "status": {str(status) for status in range(100, 600)},
    "outcome": {
        *("accepted", "refused", "busy", "failed", "sent", "delivered", "dead"),
        *("allow", "deny", "needs_approval", "needs_second_factor"),
    },
}


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every number by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return samples().get((name, tuple(sorted(labels.items()))), 0.0)


async def test_a_request_is_counted_by_its_routes_template(api: httpx.AsyncClient) -> None:
    labels = {"surface": "staff", "method": "GET", "route": "/staff/v1/communities/{community_id}/gates"}
    before, timed = value("doorward_requests_total", **labels, status="401"), value("doorward_request_seconds_count",
                                                                                     **labels)  # fmt: skip
    await api.get(f"/staff/v1/communities/{uuid4()}/gates")
    assert value("doorward_requests_total", **labels, status="401") == before + 1
    assert value("doorward_request_seconds_count", **labels) == timed + 1


async def test_nothing_that_a_caller_chooses_becomes_a_label(app: Litestar, api: httpx.AsyncClient) -> None:
    sent = [f"mark{uuid4().hex}" for _ in range(6)]
    await api.get(f"/{sent[0]}")
    await api.get(f"/staff/v1/{sent[1]}?q={sent[2]}")
    await api.request(sent[3].upper(), "/health/live")
    await api.get("/health/live", headers={"Host": sent[4], "User-Agent": sent[5]})
    await api.post("/resident/v1/login", json={"phone": "+12025550199"})
    text = generate_latest(REGISTRY).decode().lower()
    assert not [mark for mark in sent if mark in text]
    assert "2025550199" not in text
    routes = {route.path_format for route in app.routes} | {"unmatched"}
    seen = {name: values for name, values in by_label().items() if name != "le"}
    assert set(seen) <= {*LABELS, "route"}
    assert seen["route"] <= routes
    assert all(seen[name] <= LABELS[name] for name in seen if name != "route")


def by_label() -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for _, labels in samples():
        for name, text in labels:
            found.setdefault(name, set()).add(text)
    return found


async def test_codes_sent_and_refused_are_counted(world: World, api: httpx.AsyncClient) -> None:
    phone = world.new_phone()
    sent, refused = value("doorward_otp_total", outcome="sent"), value("doorward_otp_total", outcome="refused")
    answers = [(await api.post("/resident/v1/login", json={"phone": phone})).status_code for _ in range(7)]
    assert value("doorward_otp_total", outcome="sent") == sent + answers.count(202)
    assert value("doorward_otp_total", outcome="refused") == refused + answers.count(429) > refused


async def test_gauges_say_what_waits_and_hide_when_they_are_old(world: World, worker_db: Database) -> None:
    at = [0.0]
    gauges = Gauges(monotonic=lambda: at[0])
    assert list(gauges.collect()) == []
    await gauges.measure(worker_db, world.resources.schema, now=world.clock())
    shown_now = {family.name: family.samples[0].value for family in gauges.collect()}
    assert set(shown_now) == set(GAUGES)
    assert shown_now["doorward_gates_stale"] == 0
    at[0] = FRESH_S + 1
    assert list(gauges.collect()) == []


async def test_an_erasure_is_overdue_when_a_step_of_it_should_have_been_done(world: World, worker_db: Database) -> None:
    resident = await world.resident()
    begun = world.clock()
    answer = await resident.delete("/resident/v1/me")
    assert answer.is_success, answer.text

    async def erasures() -> tuple[float, float, float, float]:
        gauges = Gauges()
        await gauges.measure(worker_db, world.resources.schema, now=world.clock())
        value = {family.name: family.samples[0].value for family in gauges.collect()}
        return (value["doorward_erasures_open"], value["doorward_erasures_overdue"],
                value["doorward_jobs_waiting"], value["doorward_jobs_oldest_seconds"])  # fmt: skip

    opened, overdue, waiting, oldest = await erasures()
    assert (opened, overdue, waiting) == (1, 0, 1)
    assert oldest >= 0
    world.clock.advance(timedelta(hours=2))
    assert (await erasures())[:2] == (1, 1)
    async with worker_db.transaction(Scope(platform=True)) as conn:
        await conn.execute("UPDATE erasure_step SET done_at = $1 WHERE name <> 'gates'", begun)
    assert (await erasures())[:2] == (1, 0)
    world.clock.advance(timedelta(days=9))
    assert (await erasures())[:2] == (1, 1)


def test_the_page_is_for_this_machine_alone() -> None:
    with shown(0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert "doorward_requests" in page
        assert len(list(text_string_to_metric_families(page))) > 5
        listening = Path("/proc/net/tcp").read_text("ascii") if Path("/proc/net/tcp").exists() else ""
        if listening:
            assert re.search(rf"0100007F:{port:04X} 00000000:0000 0A", listening)
            assert not re.search(rf"00000000:{port:04X} 00000000:0000 0A", listening)


@pytest.fixture
def served(settings: Settings) -> Iterator[tuple[str, str]]:
    """A real API of two processes: its address, and that of its numbers."""
    port, other = free_ports(2)
    environment = {
        **os.environ,
        "DOORWARD_DATA_DIR": str(settings.data_dir),
        "DOORWARD_API_DATABASE_URL": str(settings.api_database_url),
        "DOORWARD_KEYS_DATABASE_URL": str(settings.keys_database_url),
        "DOORWARD_PORT": str(port),
        "DOORWARD_METRICS_PORT": str(other),
        "DOORWARD_API_WORKERS": "2",
        "DOORWARD_PARENT_PID": str(os.getpid()),
    }
    process = subprocess.Popen([sys.executable, "-m", "backend.cli", "api"], env=environment)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert process.poll() is None
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_S)


@pytest.mark.deep
def test_two_processes_of_one_server_show_their_numbers_together(served: tuple[str, str]) -> None:
    api, numbers = served
    for _ in range(60):
        # A connection each: the system deals them out to both processes.
        httpx.get(f"{api}/nowhere", trust_env=False, timeout=PATIENCE_S)
    page = httpx.get(f"{numbers}/metrics", trust_env=False, timeout=PATIENCE_S).text
    counted = re.search(
        r'doorward_requests_total\{method="GET",route="unmatched",status="404",surface="public"\} ([0-9.]+)', page
    )
    assert counted, page
    assert float(counted[1]) == 60
    assert httpx.get(f"{api}/metrics", trust_env=False, timeout=PATIENCE_S).status_code == 404
