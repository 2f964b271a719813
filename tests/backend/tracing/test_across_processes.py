"""One trace across processes: from a gate's round into the API, from a request through the queue into the worker."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx

from backend.kit.clock import utc_now
from backend.settings import Settings
from tests.backend.households.town import build_town
from tests.backend.processes import PATIENCE_S, Api, Workers
from tests.backend.tracing.collector import Collector, Seen, collecting
from tests.backend.world import World

# A vendor's program that records traces.
GATE = """
import sys, time
from uuid import UUID
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from gate_sdk import GateClient
from gate_sdk.testing import Phone

collector, server, claim_code, community, folder = sys.argv[1:]
provider = TracerProvider(resource=Resource({"service.name": "vendor"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector + "/v1/traces")))
trace.set_tracer_provider(provider)
with GateClient.provision(server, claim_code, data_dir=folder) as gate:
    assert gate.start(30)
    phone = Phone(UUID(community))
    assert not gate.decide_qr(phone.code(time.time_ns() // 1000)).allowed
provider.shutdown()
"""


async def eventually(collector: Collector, condition: Callable[[list[Seen]], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition(collector.spans):  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.2)


async def test_gate_api_and_worker_tell_one_story(world: World, settings: Settings, tmp_path: Path) -> None:
    # The processes' own clock is the machine's.
    world.clock.now = utc_now()
    town = await build_town(world)
    tenant = await town.tenant()
    made = await town.office.post(f"{town.staff_path}/gates", json={"name": "North"})
    with collecting() as collector:
        traces = {"DOORWARD_TRACES_URL": collector.url, "DOORWARD_TRACES_SHARE": "1"}
        api = Api(settings, tmp_path / "api.log", **traces)
        workers = Workers(settings, tmp_path / "worker.log", **traces)
        try:
            await api.start()
            await workers.start()
            gate = await asyncio.to_thread(
                subprocess.run,
                [
                    *(sys.executable, "-c", GATE, collector.url, api.url),
                    *(made.json()["claim_code"], str(town.community_id), str(tmp_path / "gate")),
                ],
                env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
            assert gate.returncode == 0, gate.stderr
            async with httpx.AsyncClient(base_url=api.url) as client:
                deleted = await client.delete(
                    "/resident/v1/me", headers={**tenant.actor.headers, "Idempotency-Key": str(uuid4())}
                )
            assert deleted.status_code == 202, deleted.text
            await eventually(collector, lambda spans: any(span.name == "process privacy.erase" for span in spans))
            await eventually(collector, lambda spans: any(span.attributes.get("step") == "key" for span in spans))
        finally:
            await workers.stop()
            await api.kill()
    _gate_and_api(collector)
    _api_and_worker(collector)
    told = b"".join(collector.raw)
    assert not [text for text in (str(tenant.person_id), str(town.community_id)) if text.encode() in told]


def _gate_and_api(collector: Collector) -> None:
    rounds = {span.id: span for span in collector.named("gate.sync")}
    asked = {span.id: span for span in collector.named("GET /gate/v1/sync") if span.process == "vendor"}
    answered = [span for span in collector.named("GET /gate/v1/sync") if span.process == "doorward-api"]
    assert answered
    for span in answered:
        assert asked[span.parent].trace == span.trace
        assert asked[span.parent].parent in rounds
    (decision,) = collector.named("gate.decision")
    assert (decision.attributes["doorward.reason"], decision.attributes["doorward.via"]) == ("code_unknown", "qr")


def _api_and_worker(collector: Collector) -> None:
    (request,) = collector.named("DELETE /resident/v1/me")
    transactions = {span.id for span in collector.named("transaction") if span.trace == request.trace}
    (job,) = (span for span in collector.named("process privacy.erase") if span.trace == request.trace)
    assert (request.process, job.process) == ("doorward-api", "doorward-worker")
    assert job.parent in transactions
    steps = [span for span in collector.named("erasure-step") if span.trace == request.trace]
    assert {"grants", "templates", "photos", "key"} <= {span.attributes["step"] for span in steps}
