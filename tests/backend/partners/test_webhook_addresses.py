"""Webhooks: where they may go. A company names an address; that of a machine of ours it never reaches."""

import ssl
from collections.abc import Sequence

import pytest

from backend.kit.outgoing import Outgoing
from backend.partners.events.kinds import EventKind
from backend.partners.webhooks.sending.service import Webhooks
from tests.backend.notifications.pushing import HOST
from tests.backend.partners.receiving import PATH, Receiver

ACTIVE = EventKind.COURIER_ACTIVE


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["127.0.0.2"],
        ["::1"],
        ["fe80::1"],
        ["fd00::1"],
        ["::ffff:10.0.0.7"],
        ["::ffff:93.184.216.34"],
        ["64:ff9b::a00:7"],
        ["2002:a00:7::1"],
        ["100.64.0.1"],
        ["93.184.216.34", "10.0.0.7"],
        [],
    ],
)
async def test_a_name_that_means_a_machine_of_ours_gets_nothing(hooks: Receiver, addresses: list[str]) -> None:
    await hooks.happen(ACTIVE)
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return addresses

    # What is allowed stands as in life.
    outgoing = Outgoing(resolve=resolve, connect_to=hooks.service.port)
    try:
        webhooks = Webhooks(hooks.worker_db, outgoing, pepper=hooks.world.resources.pepper, clock=hooks.world.clock)
        assert await webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) == 0
    finally:
        await outgoing.aclose()
    assert asked == [f"{HOST}:443"]
    assert hooks.service.received == []


async def test_a_name_that_means_another_machine_a_moment_later_gains_nothing(hooks: Receiver) -> None:
    await hooks.happen(ACTIVE)
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    outgoing = Outgoing(
        is_allowed=lambda address: address == "127.0.0.1",
        resolve=resolve,
        connect_to=hooks.service.port,
        trusted=ssl.create_default_context(cafile=str(hooks.service.certificate)),
    )
    try:
        webhooks = Webhooks(hooks.worker_db, outgoing, pepper=hooks.world.resources.pepper, clock=hooks.world.clock)
        assert await webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) == 1
    finally:
        await outgoing.aclose()
    # Looked up once; connected to what was checked, by the certificate and under the name that was given.
    assert asked == [f"{HOST}:443"]
    assert hooks.service.received[0].headers["host"] == HOST


async def test_addresses_that_a_webhook_cannot_have(hooks: Receiver) -> None:
    for url in (
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://a.example:8443/x",
        "https://user:secret@a.example/x",
        "https://0x7f.1/xx",
        "https://2130706433/",
    ):
        for answer in (
            await hooks.company.actor.post(PATH, json={"url": url}),
            await hooks.company.actor.put(hooks.path, json={"url": url}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (422, "webhook-url-refused"), url
    for url in ("http://a.example/x", "file:///etc/passwd", "https://a.example/ x", "x"):
        assert (await hooks.company.actor.post(PATH, json={"url": url})).status_code == 400, url
