"""What people try with a guest's link and code, by name; what they try at a gate stands with the gate's own tests."""

from base64 import urlsafe_b64decode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import Reason
from gate_sdk.wire import VisitorCode, encode_visitor, parse_code, sign_visitor
from tests.backend.approvals.test_approvals import code_of
from tests.backend.codes.test_codes import OpenGate, guest_of, has_all, open_gate, shown, town
from tests.backend.couriers.company import open_link
from tests.backend.gates.test_gate_client import until
from tests.backend.households.town import Town
from tests.backend.visitors.test_passes import invite, passes

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
