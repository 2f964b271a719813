"""Events from gates, each counted once, and who may read them."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from backend.people import repository as people
from backend.resources import Resources
from gate_sdk.wire import EventBatch, EventKind, EventReceipt, GateEvent, Outcome, Reason
from tests.backend.gates.devices import Device
from tests.backend.world import Actor, World

STORE = 4711


def _at(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _came(world: World, seq: int, subject: UUID | None = None, **changed: Any) -> GateEvent:
    plain = GateEvent(
        store_epoch=STORE,
        seq=seq,
        kind=EventKind.ENTRY,
        at_us=_at(world.clock() - timedelta(minutes=100 - seq)),
        outcome=Outcome.ALLOW if subject else Outcome.DENY,
        reason=Reason.MATCHED if subject else Reason.UNKNOWN,
        subject=subject,
    )
    return msgspec.structs.replace(plain, **changed)


async def _entries(actor: Actor, community_id: UUID, **query: Any) -> list[dict[str, Any]]:
    answer = await actor.get(f"/staff/v1/communities/{community_id}/entries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def test_what_is_delivered_twice_counts_once(
    device: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    events = [_came(world, seq, uuid4()) for seq in (1, 2, 3)]
    assert await device.delivered(*events[:2]) == EventReceipt(store_epoch=STORE, seq=2)
    assert await device.delivered(*events) == EventReceipt(store_epoch=STORE, seq=3)
    assert await device.delivered(*events) == EventReceipt(store_epoch=STORE, seq=3)
    assert len(await _entries(manager, community_id)) == 3


async def test_deliveries_at_once_count_once(device: Device, manager: Actor, community_id: UUID, world: World) -> None:
    events = [_came(world, seq) for seq in range(1, 41)]
    await asyncio.gather(device.delivered(*events), device.delivered(*events[:20]), device.delivered(*events[10:]))
    assert len(await _entries(manager, community_id, limit=200)) == 40


async def test_a_new_store_and_another_gate_are_other_events(
    api: httpx.AsyncClient, device: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    other = await Device.provisioned(api, manager, community_id, world)
    await device.delivered(_came(world, 1))
    await device.delivered(_came(world, 1, store_epoch=STORE + 1))
    await other.delivered(_came(world, 1))
    assert len(await _entries(manager, community_id)) == 3
    mine = await _entries(manager, community_id, gate_id=str(other.identity.gate_id))
    assert [entry["gate_id"] for entry in mine] == [str(other.identity.gate_id)]


async def test_events_of_the_unknown_and_of_impossible_times_are_not_lost(
    device: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    erased = uuid4()
    await device.delivered(
        _came(world, 1, erased),
        _came(world, 2, erased, at_us=0),
        _came(world, 3, None),
        GateEvent(store_epoch=STORE, seq=4, kind=EventKind.ALARM, at_us=2**63, detail="door\0forced"),
    )
    alarm, in_1970, stranger, known = sorted(await _entries(manager, community_id), key=_rank)
    assert (known["subject_id"], known["name"], known["clock_wrong"]) == (str(erased), None, False)
    assert (in_1970["at"], in_1970["clock_wrong"]) == (world.clock().isoformat().replace("+00:00", "Z"), True)
    assert (stranger["subject_id"], stranger["reason"]) == (None, "unknown")
    assert (alarm["detail"], alarm["clock_wrong"]) == ("doorforced", True)


async def test_how_near_a_face_came_is_kept_of_nobody(
    device: Device, resources: Resources, community_id: UUID, world: World
) -> None:
    # As a gate of an earlier release tells it.
    (event,) = msgspec.to_builtins(EventBatch((_came(world, 1, uuid4()),)))["events"]
    told = msgspec.msgpack.encode({"events": [{**event, "score": 0.8125}]})
    headers = {**device.headers, "Content-Type": "application/vnd.msgpack"}
    assert (await device.api.post("/gate/v1/events", content=told, headers=headers)).status_code == 200
    async with resources.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        kept = await conn.fetchval("SELECT row_to_json(e)::text FROM entry e")
    assert "matched" in kept
    assert "score" not in kept
    assert "0.8125" not in kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"nonsense",
        msgspec.msgpack.encode({"events": [{"store_epoch": 1}]}),
        msgspec.msgpack.encode({"events": 5}),
        msgspec.msgpack.encode([1, 2]),
        b"\x91" * 5000,
    ],
)
async def test_a_body_that_is_no_batch_is_refused(device: Device, body: bytes) -> None:
    answer = await device.api.post(
        "/gate/v1/events", content=body, headers={**device.headers, "Content-Type": "application/vnd.msgpack"}
    )
    assert answer.status_code == 400, answer.text


async def test_a_batch_that_is_too_large_is_refused(device: Device, world: World) -> None:
    answer = await device.deliver(*[_came(world, seq) for seq in range(1, 502)])
    assert (answer.status_code, answer.json()["code"]) == (422, "batch-invalid")
    answer = await device.deliver(_came(world, 1, detail="x" * 1_000_000))
    assert answer.status_code == 413
    assert (await device.deliver()).status_code == 422


async def test_nobody_reports_without_a_gate_s_token(api: httpx.AsyncClient, manager: Actor, device: Device) -> None:
    assert (await api.post("/gate/v1/events", content=b"\x80")).status_code == 401
    assert (await manager.post("/gate/v1/events", content=b"\x80")).status_code == 401


async def test_pages_follow_each_other_and_filters_hold(
    device: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    subject = uuid4()
    events = [_came(world, seq, subject if seq % 3 == 0 else None) for seq in range(1, 26)]
    await device.delivered(*events)
    path = f"/staff/v1/communities/{community_id}/entries"
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await manager.get(path, params={"limit": 10, **cursor})).json()
        seen += answer["entries"]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert len(seen) == 25
    assert [entry["at"] for entry in seen] == sorted((entry["at"] for entry in seen), reverse=True)
    assert len(await _entries(manager, community_id, subject_id=str(subject))) == 8
    assert len(await _entries(manager, community_id, outcome="deny")) == 17
    assert await _entries(manager, community_id, kind="alarm") == []
    since = (world.clock() - timedelta(minutes=80)).isoformat()
    assert len(await _entries(manager, community_id, since=since)) == 6
    assert len(await _entries(manager, community_id, until=since)) == 19


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "!"},
        {"cursor": "bm9uc2Vuc2U"},
        {"cursor": "WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIiwxLDFd"},
        {"limit": "0"},
        {"limit": "201"},
        {"kind": "other"},
        {"outcome": "other"},
        {"gate_id": "x"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-12:00"},
    ],
)
async def test_a_malformed_question_is_refused(manager: Actor, community_id: UUID, query: dict[str, str]) -> None:
    answer = await manager.get(f"/staff/v1/communities/{community_id}/entries", params=query)
    assert answer.status_code == 400, answer.text


async def test_who_may_read_a_community_s_entries(
    world: World, manager: Actor, community_id: UUID, device: Device
) -> None:
    path = f"/staff/v1/communities/{community_id}/entries"
    auditor = await world.staff(manager, StaffRole.AUDITOR, community_id=community_id)
    assert (await auditor.get(path)).status_code == 403
    stranger = await world.administrator("Another Authority")
    assert (await stranger.get(path)).status_code == 404
    resident = await world.resident()
    assert (await resident.get(path)).status_code == 401
    assert (await world.api.get(path)).status_code == 401


async def test_a_resident_reads_his_own_entries_everywhere_and_nobody_else_s(
    api: httpx.AsyncClient, world: World, manager: Actor, community_id: UUID, device: Device, resources: Resources
) -> None:
    resident, neighbour = await world.resident(), await world.resident()
    elsewhere = await world.community(manager, name="Lake Court")
    far = await Device.provisioned(api, manager, elsewhere, world)
    me, other = await _person(resident), await _person(neighbour)
    here = await _subject(resources, community_id, me)
    there = await _subject(resources, elsewhere, me)
    next_door = await _subject(resources, community_id, other)
    await device.delivered(_came(world, 1, here), _came(world, 2, next_door), _came(world, 3))
    await far.delivered(_came(world, 4, there), _came(world, 5, here))

    mine = (await resident.get("/resident/v1/entries")).json()["entries"]
    # The last one names a subject of another community, where nobody is called so.
    assert [(entry["community_id"], entry["outcome"]) for entry in mine] == [
        (str(elsewhere), "allow"),
        (str(community_id), "allow"),
    ]
    first = (await resident.get("/resident/v1/entries", params={"limit": 1})).json()
    rest = await resident.get("/resident/v1/entries", params={"limit": 1, "cursor": first["next_cursor"]})
    assert [first["entries"][0], *rest.json()["entries"]] == mine
    assert rest.json()["next_cursor"] is None
    assert len((await neighbour.get("/resident/v1/entries")).json()["entries"]) == 1
    assert (await manager.get("/resident/v1/entries")).status_code == 401


def _rank(entry: dict[str, Any]) -> int:
    if entry["kind"] == "alarm":
        return 0
    if entry["clock_wrong"]:
        return 1
    return 2 if entry["subject_id"] is None else 3


async def _person(actor: Actor) -> UUID:
    answer = await actor.get("/resident/v1/me")
    assert answer.status_code == 200, answer.text
    return UUID(answer.json()["person_id"])


async def _subject(resources: Resources, community_id: UUID, person_id: UUID) -> UUID:
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        return await people.ensure_subject(conn, community_id=community_id, person_id=person_id)
