"""A home is asked before its guest comes in: over HTTP, with the SDK's own client at the gate."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from backend.approvals.export import export_of
from backend.approvals.rules import MOST_ASKED
from backend.kit.db import Database, Scope
from backend.privacy.retention.jobs import enforce_in_community
from gate_sdk import Decision, GateClient, Outcome, Reason
from gate_sdk.testing import Phone
from gate_sdk.wire import AskAnswer, AskRequest, AskState, VisitorCode, parse_code
from tests.backend.codes.test_codes import OpenGate, guest_of, has_all, now_us, register, shown
from tests.backend.couriers.company import Visitor, admit
from tests.backend.gates.devices import Device
from tests.backend.gates.test_gate_client import until
from tests.backend.households.town import Resident, Town, build_town

ASKED = (Outcome.NEEDS_APPROVAL, Reason.ASK_FIRST)


def home(town: Town, host: Resident) -> str:
    return f"/resident/v1/homes/{town.community_id}/{host.home_id}"


async def code_of(guest: Visitor) -> str:
    await guest.accept()
    answer = await guest.actor.get("/visitor/v1/code")
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["code"]
    return text


async def ring(town: Town, host: Resident) -> dict[str, Any]:
    """Wait until the home is asked one thing; the question."""
    async with asyncio.timeout(60):
        while True:
            answer = await host.actor.get(f"{home(town, host)}/approvals")
            assert answer.status_code == 200, answer.text
            if open_now := answer.json()["approvals"]:
                (question,) = open_now
                found: dict[str, Any] = question
                return found
            await asyncio.sleep(0.02)


async def said(town: Town, host: Resident, question: dict[str, Any], word: str) -> Any:
    return await host.actor.post(f"{home(town, host)}/approvals/{question['approval_id']}/{word}")


def settling(gate: GateClient, decision: Decision, timeout: float = 20) -> "asyncio.Task[Decision]":
    return asyncio.create_task(asyncio.to_thread(gate.resolve, decision, timeout))


async def rows(town: Town, sql: str, *args: object) -> list[Any]:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        return list(await conn.fetch(sql, *args))


async def test_a_guest_waits_at_the_gate_until_somebody_of_the_home_says_yes(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    spouse = await town.family(host)
    gate = await open_gate("north")
    pass_id, guest = await guest_of(town, host, ask_first=True)
    text = await code_of(guest)
    await has_all(gate, town)
    asked = await shown(gate, text)
    assert (asked.outcome, asked.reason) == ASKED
    waiting = settling(gate, asked)
    question = await ring(town, spouse)
    assert (question["gate"], question["about"], question["about_id"], question["guest_name"], question["state"]) == (
        "north", "pass", pass_id, "A Guest", "waiting",
    )  # fmt: skip
    for member in (host, spouse):
        told = (await member.actor.get("/resident/v1/notifications")).json()["notifications"]
        (news,) = [one for one in told if one["kind"] == "approval_asked"]
        assert (news["about"], news["about_id"]) == ("approval", question["approval_id"])
        assert "A Guest" not in news["text"]
    answer = await said(town, spouse, question, "approve")
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    settled = await waiting
    assert (settled.outcome, settled.reason) == (Outcome.ALLOW, Reason.APPROVED)

    await until(lambda: gate.status().pending == 0)
    (entry,) = (await town.office.get(f"{town.staff_path}/entries")).json()["entries"]
    assert (entry["outcome"], entry["reason"]) == ("allow", "approved")
    # That it was approved, and not by whom; that stands in the audit trail.
    assert str(spouse.person_id) not in str(entry)
    (act,) = await rows(town, "SELECT actor FROM audit_entry WHERE action = 'approval.approve'")
    assert act["actor"] == f"resident:{spouse.person_id}"
    told = (await host.actor.get("/resident/v1/notifications")).json()["notifications"]
    assert "guest_arrived" in [one["kind"] for one in told]
    assert (await host.actor.get(f"{home(town, host)}/approvals")).json() == {"approvals": []}


async def test_a_no_keeps_the_guest_outside_and_his_pass_goes_on(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    pass_id, guest = await guest_of(town, host, ask_first=True)
    text = await code_of(guest)
    await has_all(gate, town)
    waiting = settling(gate, await shown(gate, text))
    assert (await said(town, host, await ring(town, host), "deny")).status_code == 200
    assert (await waiting).reason is Reason.APPROVAL_REFUSED
    read = await host.actor.get(f"{home(town, host)}/passes/{pass_id}")
    assert (read.json()["state"], read.json()["ask_first"]) == ("accepted", True)
    waiting = settling(gate, await shown(gate, text))
    assert (await said(town, host, await ring(town, host), "approve")).status_code == 200
    assert (await waiting).allowed


async def test_answers_said_twice_too_late_or_against_each_other(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    neighbour = await town.tenant("1-102")
    gate = await open_gate("north")
    _, guest = await guest_of(town, host, ask_first=True)
    text = await code_of(guest)
    await has_all(gate, town)
    waiting = settling(gate, await shown(gate, text))
    question = await ring(town, host)
    path = f"{home(town, neighbour)}/approvals/{question['approval_id']}/approve"
    assert (await neighbour.actor.post(path)).json()["code"] == "approval-not-found"
    assert (await neighbour.actor.post(path.replace(str(neighbour.home_id), str(host.home_id)))).status_code == 404
    together = await asyncio.gather(*(said(town, host, question, "approve") for _ in range(4)))
    assert [answer.status_code for answer in together] == [200] * 4
    refused = await said(town, host, question, "deny")
    assert (refused.status_code, refused.json()["code"]) == (409, "approval-answered")
    assert (await waiting).allowed
    assert len(await rows(town, "SELECT 1 FROM audit_entry WHERE action LIKE 'approval.%'")) == 1

    late = settling(gate, await shown(gate, text))
    question = await ring(town, host)
    town.world.clock.advance(minutes=2)
    # Elsewhere than in a test time passes for the gate, too.
    for word in ("approve", "deny"):
        refused = await said(town, host, question, word)
        assert (refused.status_code, refused.json()["code"]) == (409, "approval-over")
    assert (await late).reason is Reason.APPROVAL_TIMEOUT
    assert (await said(town, host, {"approval_id": uuid4()}, "approve")).status_code == 404


async def test_one_of_two_answers_at_the_same_moment_stands(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    _, guest = await guest_of(town, host, ask_first=True)
    text = await code_of(guest)
    await has_all(gate, town)
    waiting = settling(gate, await shown(gate, text))
    question = await ring(town, host)
    yes, no = await asyncio.gather(said(town, host, question, "approve"), said(town, host, question, "deny"))
    assert sorted([yes.status_code, no.status_code]) == [200, 409]
    assert (await waiting).allowed is (yes.status_code == 200)


async def test_the_list_is_cheap_to_poll(town: Town) -> None:
    host = await town.tenant()
    first = await host.actor.get(f"{home(town, host)}/approvals")
    again = await host.actor.get(f"{home(town, host)}/approvals", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_doubled_question_is_one_and_nobody_is_told_twice(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    await open_gate("north")
    _, guest = await guest_of(town, host, ask_first=True)
    await code_of(guest)
    device = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    (subject,) = await rows(town, "SELECT subject_id FROM guest_pass")
    question = AskRequest(uuid4(), subject["subject_id"], for_s=30)
    answers = await asyncio.gather(*(ask(device, question) for _ in range(5)))
    assert set(answers) == {AskState.WAITING}
    assert len(await rows(town, "SELECT 1 FROM approval")) == 1
    told = (await host.actor.get("/resident/v1/notifications")).json()["notifications"]
    assert [one["kind"] for one in told].count("approval_asked") == 1
    # Asked again it lasts no longer.
    town.world.clock.advance(seconds=20)
    assert await ask(device, msgspec.structs.replace(question, for_s=120)) is AskState.WAITING
    town.world.clock.advance(seconds=11)
    assert await ask(device, msgspec.structs.replace(question, for_s=120)) is AskState.CLOSED


async def ask(device: Device, question: AskRequest) -> AskState:
    answer = await device.api.post(
        "/gate/v1/asks",
        content=msgspec.msgpack.encode(question),
        headers={**device.headers, "Content-Type": "application/vnd.msgpack"},
    )
    assert answer.status_code == 200, answer.text
    return msgspec.msgpack.decode(answer.content, type=AskAnswer).state


async def test_with_the_next_approach_the_question_before_it_is_closed(town: Town) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host, ask_first=True)
    await code_of(guest)
    here = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    there = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    (subject,) = await rows(town, "SELECT subject_id FROM guest_pass")
    first, second = (AskRequest(uuid4(), subject["subject_id"], for_s=60, wait=15) for _ in range(2))
    waiting = asyncio.create_task(ask(here, first))
    old = await ring(town, host)
    asyncio.create_task(ask(here, second))  # noqa: RUF006 - ends with its answer below
    # Whoever stood there first is not let in by the answer to whoever rings now.
    assert await waiting is AskState.CLOSED
    assert (await said(town, host, old, "approve")).json()["code"] == "approval-over"
    new = await ring(town, host)
    assert new["approval_id"] != old["approval_id"]
    # At another gate he may stand besides.
    elsewhere = AskRequest(uuid4(), subject["subject_id"], for_s=60)
    assert await ask(there, elsewhere) is AskState.WAITING
    assert (await said(town, host, new, "approve")).status_code == 200
    assert await ask(here, msgspec.structs.replace(second, wait=0)) is AskState.APPROVED
    assert await ask(there, elsewhere) is AskState.WAITING


async def test_who_goes_on_ringing_rings_no_more(town: Town) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host, ask_first=True)
    await code_of(guest)
    device = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    (subject,) = await rows(town, "SELECT subject_id FROM guest_pass")
    states = [await ask(device, AskRequest(uuid4(), subject["subject_id"], for_s=30)) for _ in range(MOST_ASKED + 1)]
    assert states == [AskState.WAITING] * MOST_ASKED + [AskState.CLOSED]
    assert len(await rows(town, "SELECT 1 FROM approval")) == MOST_ASKED
    town.world.clock.advance(minutes=61)
    await device.log_in()
    assert await ask(device, AskRequest(uuid4(), subject["subject_id"], for_s=30)) is AskState.WAITING


@pytest.mark.parametrize("changes", [{}, {"ask_first": False}])
async def test_about_whom_nobody_is_to_be_asked(town: Town, changes: dict[str, bool]) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host, **changes)
    await guest.accept()
    device = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    (subject,) = await rows(town, "SELECT subject_id FROM guest_pass")
    for somebody in (subject["subject_id"], uuid4()):
        assert await ask(device, AskRequest(uuid4(), somebody, for_s=30, wait=5)) is AskState.CLOSED
    assert await rows(town, "SELECT 1 FROM approval") == []


async def test_another_communitys_gate_asks_about_nobody_here(town: Town) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host, ask_first=True)
    await guest.accept()
    elsewhere = await build_town(town.world, name="Other Court")
    device = await Device.provisioned(town.world.api, elsewhere.office, elsewhere.community_id, town.world)
    (subject,) = await rows(town, "SELECT subject_id FROM guest_pass")
    assert await ask(device, AskRequest(uuid4(), subject["subject_id"], for_s=30)) is AskState.CLOSED
    assert (await host.actor.get(f"{home(town, host)}/approvals")).json()["approvals"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"approach": "x"}),
        msgspec.msgpack.encode({"approach": str(uuid4()), "subject": str(uuid4()), "for_s": 0}),
        msgspec.msgpack.encode({"approach": str(uuid4()), "subject": str(uuid4()), "for_s": 10**9}),
        msgspec.msgpack.encode({"approach": str(uuid4()), "subject": str(uuid4()), "for_s": 5, "wait": 600}),
    ],
)
async def test_garbage_is_refused(town: Town, body: bytes) -> None:
    device = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    answer = await town.world.api.post(
        "/gate/v1/asks", content=body, headers={**device.headers, "Content-Type": "application/vnd.msgpack"}
    )
    assert answer.status_code == 400, answer.text


async def test_a_pass_that_is_cancelled_while_the_guest_waits(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    pass_id, guest = await guest_of(town, host, ask_first=True)
    text = await code_of(guest)
    await has_all(gate, town)
    waiting = settling(gate, await shown(gate, text), timeout=4)
    question = await ring(town, host)
    assert (await host.actor.delete(f"{home(town, host)}/passes/{pass_id}")).status_code == 204
    refused = await said(town, host, question, "approve")
    assert (refused.status_code, refused.json()["code"]) == (409, "approval-over")
    assert not (await waiting).allowed


async def test_asking_is_changed_at_the_gates_at_once(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    pass_id, guest = await guest_of(town, host)
    await guest.accept()
    phone = Phone(town.community_id)
    assert (await register(guest.actor, town, phone, surface="visitor")).status_code == 201
    await has_all(gate, town)
    assert (await shown(gate, phone.code(now_us(town.world)))).allowed
    path = f"{home(town, host)}/passes/{pass_id}"
    changed = await host.actor.patch(path, json={"ask_first": True})
    assert (changed.status_code, changed.json()["ask_first"]) == (200, True)
    town.world.clock.advance(seconds=30)
    await has_all(gate, town)
    assert (await shown(gate, phone.code(now_us(town.world)))).reason is Reason.ASK_FIRST
    # Another change leaves it as it is.
    later = (town.world.clock() + timedelta(hours=2)).isoformat()
    assert (await host.actor.patch(path, json={"valid_until": later})).json()["ask_first"] is True


async def test_a_gate_that_has_not_heard_of_such_a_pass_does_not_open_by_its_signature(town: Town) -> None:
    _, guest = await guest_of(town, await town.tenant(), ask_first=True)
    code = parse_code(await code_of(guest))
    assert isinstance(code, VisitorCode)
    # Known since ever: a gate that does not find it in its roster refuses it.
    assert code.since_s == 0


async def test_a_use_is_counted_once_however_often_is_asked(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    _, guest = await guest_of(town, host, ask_first=True, uses=1)
    text = await code_of(guest)
    await has_all(gate, town)
    waiting = settling(gate, await shown(gate, text))
    assert (await said(town, host, await ring(town, host), "deny")).status_code == 200
    assert not (await waiting).allowed
    assert await rows(town, "SELECT 1 FROM visitor_token_use") == []
    waiting = settling(gate, await shown(gate, text))
    assert (await said(town, host, await ring(town, host), "approve")).status_code == 200
    assert (await waiting).reason is Reason.APPROVED
    await until(lambda: gate.status().pending == 0)
    assert len(await rows(town, "SELECT 1 FROM visitor_token_use")) == 1


async def test_a_courier_with_an_order_that_the_home_wants_to_be_asked_about(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    company = await admit(town)
    courier = await company.courier()
    await courier.accept()
    announced = await company.expected_by(host, "O-1", ask_first=True)
    assert (announced.status_code, announced.json()["ask_first"]) == (201, True), announced.text
    assert (await company.deliver("O-1")).status_code == 200
    phone = Phone(town.community_id)
    assert (await register(courier.actor, town, phone, surface="visitor")).status_code == 201
    await has_all(gate, town)
    waiting = settling(gate, await shown(gate, phone.code(now_us(town.world))))
    question = await ring(town, host)
    assert (question["about"], question["order_ref"], question["guest_name"]) == ("delivery", "O-1", None)
    assert (await said(town, host, question, "approve")).status_code == 200
    assert (await waiting).reason is Reason.APPROVED


async def test_a_gate_out_of_service_asks_nobody(town: Town) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host, ask_first=True)
    await guest.accept()
    device = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    (subject,) = await rows(town, "SELECT subject_id FROM guest_pass")
    gate_id = device.identity.gate_id
    assert (await town.office.post(f"{town.staff_path}/gates/{gate_id}/revoke", json={"reason": "x"})).is_success
    question = AskRequest(uuid4(), subject["subject_id"], for_s=30)
    answer = await town.world.api.post(
        "/gate/v1/asks",
        content=msgspec.msgpack.encode(question),
        headers={**device.headers, "Content-Type": "application/vnd.msgpack"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "gate-revoked")


async def test_what_was_asked_is_in_both_copies_and_gone_a_day_later(town: Town, worker_db: Database) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host, ask_first=True)
    await guest.accept()
    device = await Device.provisioned(town.world.api, town.office, town.community_id, town.world)
    (row,) = await rows(
        town, "SELECT subject_id, person_id FROM guest_pass JOIN subject USING (community_id, subject_id)"
    )
    await ask(device, AskRequest(uuid4(), row["subject_id"], for_s=30))
    for person_id, others in ((host.person_id, "subject_id"), (row["person_id"], "home_id")):
        scope = Scope(person_id=UUID(str(person_id)))
        async with town.world.resources.db.transaction(scope, read_only=True) as conn:
            (copied,) = (await export_of(conn, person_id=UUID(str(person_id))))["approval"]
        assert copied[others] is None
    now = town.world.clock()
    await enforce_in_community(worker_db, community_id=town.community_id, now=now + timedelta(hours=23))
    assert len(await rows(town, "SELECT 1 FROM approval")) == 1
    await enforce_in_community(worker_db, community_id=town.community_id, now=now + timedelta(hours=25))
    assert await rows(town, "SELECT 1 FROM approval") == []
