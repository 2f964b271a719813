"""Today's gate at a server of the first release: the very bytes that it answered with."""

import json
import threading
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import GateClient, Reason
from gate_sdk.testing import synthetic as syn
from tests.gate_sdk import previous, previous_bytes
from tests.gate_sdk.conftest import HandClock
from tests.gate_sdk.test_sync import States

COMMUNITY = UUID("11111111-2222-4333-8444-555555555555")
RESIDENT = UUID("0190b5a2-3c4d-7e5f-8a9b-0c1d2e3f4a5b")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PROVISIONED = {
    "gate_id": "33333333-2222-4333-8444-555555555555",
    "community_id": str(COMMUNITY),
    "name": "North gate",
    "pack": None,
    "server_keys": [{"kid": "k1", "public_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}],
}


class FirstRelease:
    """Answers with recorded bytes; what it does not know it answers with 404, as that release did."""

    def __init__(self) -> None:
        self.events: list[previous.Event] = []
        self.reported = threading.Event()
        self._idle = threading.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/gate/v1/")
        if path == "provision":
            return httpx.Response(201, json=PROVISIONED)
        if path == "token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600, "token_type": "Bearer"})
        if path == "events":
            batch = msgspec.msgpack.decode(request.content, type=previous.Batch)
            self.events += batch.events
            if len(self.events) == 2:
                self.reported.set()
            last = batch.events[-1]
            return httpx.Response(200, content=msgspec.msgpack.encode(previous.Receipt(last.store_epoch, last.seq)))
        if path == "sync":
            version = request.url.params.get("version")
            answers = {None: previous_bytes.SNAPSHOT, "2": previous_bytes.DELTA, "3": previous_bytes.SAME}
            if version == "3":
                self._idle.wait(0.2)  # it held a poll while there was no news
            return httpx.Response(200, content=answers[version])
        problem = {"type": "about:blank", "title": "Not found", "status": 404, "code": "not-found"}
        return httpx.Response(404, content=json.dumps(problem))


def test_todays_gate_syncs_decides_and_reports_at_a_server_of_the_first_release(tmp_path: Path) -> None:
    server, clock, states = FirstRelease(), HandClock(1_700_000_110_000_000), States()
    transport = httpx.MockTransport(server)
    GateClient.provision("https://first.test", "CLAIM", data_dir=tmp_path, transport=transport).close()
    with GateClient(
        tmp_path, transport=transport, recognition=syn.SyntheticRecognition(), clock=clock, on_state=states
    ) as gate:
        assert gate.start(wait=60)
        assert states.wait_version(3)
        decision = gate.decide(syn.frame(1))
        assert (decision.subject, decision.allowed) == (RESIDENT, True)
        assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
        assert (gate.status().count, gate.status().plan) == (1, None)
        assert server.reported.wait(60)
    assert [(one.outcome, one.reason, one.subject) for one in server.events] == [
        ("allow", "matched", RESIDENT),
        ("deny", "unknown", None),
    ]


def test_the_recorded_bytes_are_what_the_frozen_gate_takes() -> None:
    gate = previous.Gate(COMMUNITY, {"k1": KEY.public_key().public_bytes_raw()})
    for answer, people in ((previous_bytes.SNAPSHOT, 2), (previous_bytes.DELTA, 1), (previous_bytes.SAME, 1)):
        gate.take([answer])
        assert len(gate.items) == people
    assert gate.entry(RESIDENT).grants[0].kind == "resident"
