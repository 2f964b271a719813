"""What people try with a guest's link and code, by name; what they try at a gate stands with the gate's own tests."""

from base64 import urlsafe_b64decode
from contextlib import AsyncExitStack
from typing import Any, cast
from uuid import uuid4

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.app import create_app
from backend.kit.crypto import keyed_hash
from backend.kit.db import Scope
from backend.kit.rates.limiter import window_of
from backend.links.guards import OPENINGS, RENEWALS
from backend.settings import Settings
from gate_sdk import Reason
from gate_sdk.wire import VisitorCode, encode_visitor, parse_code, sign_visitor
from tests.backend.approvals.test_approvals import code_of
from tests.backend.codes.test_codes import OpenGate, guest_of, has_all, open_gate, shown, town
from tests.backend.couriers.company import open_link
from tests.backend.gates.test_gate_client import until
from tests.backend.households.town import Town
from tests.backend.running import running
from tests.backend.visitors.test_passes import invite, passes
from tests.backend.world import MovableClock

__all__ = ["open_gate", "town"]


async def test_link_guessing(town: Town) -> None:
    """A link has at least 128 random bits, and whatever is near a real one is nothing."""
    host = await town.tenant()
    tokens = [(await invite(town, host))["link_token"] for _ in range(8)]
    assert len(set(tokens)) == 8
    for token in tokens:
        assert len(urlsafe_b64decode(token + "==")) * 8 >= 128
    real = tokens[0]
    for near in (real[:-1], f"{real}A", real.swapcase(), real[1:] + real[0], "A" * len(real)):
        answer = await town.world.api.post("/visitor/v1/session", json={"token": near})
        assert answer.status_code in (400, 404), near
        assert real not in answer.text


async def test_link_guessing_from_one_address_ends_in_all_processes_together(settings: Settings, town: Town) -> None:
    link = (await invite(town, await town.tenant()))["link_token"]
    clock = MovableClock()
    async with AsyncExitStack() as opened:
        apis = []
        for _ in range(2):
            app = create_app(settings, clock=clock)
            await opened.enter_async_context(running(app))
            for address in ("198.51.100.7", "198.51.100.8"):
                transport = httpx.ASGITransport(app=cast("Any", app), client=(address, 1))
                client = httpx.AsyncClient(transport=transport, base_url="http://doorward.test")
                apis.append(await opened.enter_async_context(client))
        one, elsewhere, other, _ = apis
        guessed = [await api.post("/visitor/v1/session", json={"token": "A" * 43}) for api in [one, other] * 301]
        assert [answer.status_code for answer in guessed].count(404) == OPENINGS.limit
        for path, body in (
            # Also with a right one, or the limit would tell which is.
            ("/visitor/v1/session", {"token": link}),
            (f"/certificates/{uuid4()}/document", {"secret": "A" * 43}),
        ):
            refused = await other.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate-exceeded")
            assert 1 <= int(refused.headers["retry-after"]) <= OPENINGS.window_s
        # Who has a session goes on, and so does who opens his link elsewhere, or a little later.
        assert (await one.post("/visitor/v1/token", json={"refresh_token": "A" * 43})).status_code == 401
        assert (await elsewhere.post("/visitor/v1/session", json={"token": link})).status_code == 201
        clock.advance(minutes=10)
        assert (await one.post("/visitor/v1/session", json={"token": link})).status_code == 201


async def test_guessing_sessions_of_links_ends_too(settings: Settings, town: Town) -> None:
    app = create_app(settings, clock=town.world.clock)
    async with running(app):
        transport = httpx.ASGITransport(app=cast("Any", app), client=("2001:db8:1::1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://doorward.test") as api:
            whose = keyed_hash(town.world.resources.pepper, "link-address", "2001:db8:1::/64").hex()
            async with town.world.resources.db.transaction(Scope(platform=True)) as conn:
                began_at, _ = window_of(RENEWALS, town.world.clock())
                await conn.execute(
                    "INSERT INTO rate_window VALUES ($1, $2, $3)",
                    f"{RENEWALS.name}:{whose}", began_at, RENEWALS.limit,
                )  # fmt: skip
            refused = await api.post("/visitor/v1/token", json={"refresh_token": "A" * 43})
            assert (refused.status_code, refused.json()["code"]) == (429, "rate-exceeded")
            # Nothing of an address is kept.
            assert "2001" not in whose


async def test_link_reuse_after_the_pass_has_ended(town: Town) -> None:
    host = await town.tenant()
    made = await invite(town, host)
    guest = await open_link(town.world.api, made["link_token"])
    await guest.accept()
    await host.actor.delete(f"{passes(town, host)}/{made['pass_id']}")
    again = await town.world.api.post("/visitor/v1/session", json={"token": made["link_token"]})
    assert (again.status_code, again.json()["code"]) == (410, "link-closed")
    assert (await guest.actor.get("/visitor/v1/code")).status_code == 410


async def test_a_second_person_on_one_link_gets_neither_session_nor_code(town: Town) -> None:
    made = await invite(town, await town.tenant())
    first, second = [await open_link(town.world.api, made["link_token"]) for _ in range(2)]
    assert (await first.accept()).status_code == 200
    for answer in (await second.accept(), await second.actor.get("/visitor/v1/code")):
        assert (answer.status_code, answer.json()["code"]) == (409, "link-held")
    third = await town.world.api.post("/visitor/v1/session", json={"token": made["link_token"]})
    assert (third.status_code, third.json()["code"]) == (409, "link-held")


async def test_a_forged_token_and_an_altered_window_over_http(town: Town, open_gate: OpenGate) -> None:
    gate = await open_gate("north")
    _, guest = await guest_of(town, await town.tenant())
    code = parse_code(await code_of(guest))
    assert isinstance(code, VisitorCode)
    await has_all(gate, town)
    forged = sign_visitor(code, community=town.community_id, key=Ed25519PrivateKey.generate())
    altered = msgspec.structs.replace(code, until_s=code.until_s + 86_400)
    for attempt in (forged, altered):
        assert (await shown(gate, encode_visitor(attempt))).reason is Reason.CODE_FORGED


async def test_a_copied_code_at_two_gates_within_moments_is_told_to_the_staff(town: Town, open_gate: OpenGate) -> None:
    north, south = await open_gate("north"), await open_gate("south")
    _, guest = await guest_of(town, await town.tenant())
    text = await code_of(guest)
    for gate in (north, south):
        await has_all(gate, town)
        assert (await shown(gate, text)).allowed
    await until(lambda: north.status().pending + south.status().pending == 0)
    alarms = (await town.office.get(f"{town.staff_path}/entries", params={"kind": "alarm"})).json()["entries"]
    (double,) = [one for one in alarms if one["detail"].startswith("code-at-two-gates:")]
    assert double["detail"].startswith("code-at-two-gates:token:")
