"""Many lines in one request: each answered by itself, done before it is answered, and harmless to send again."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from backend.couriers.bulk.lines import MAX_LINES
from backend.kit.db import Scope
from tests.backend.couriers.company import Company, admit, open_link
from tests.backend.couriers.roster import grants
from tests.backend.households.town import build_town
from tests.backend.world import World

NDJSON = "application/x-ndjson"


async def send(
    company: Company, what: str, body: bytes | AsyncIterator[bytes], form: str = NDJSON, after_line: int = 0
) -> httpx.Response:
    return await company.town.world.api.post(
        f"/partner/v1/{what}/bulk",
        content=body,
        params={"after_line": after_line},
        headers={**company.actor.headers, "Content-Type": form},
    )


def answered(response: httpx.Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The lines, and what the last one says."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith(NDJSON)
    *lines, last = [json.loads(line) for line in response.text.splitlines()]
    return lines, last["end"]


def lines_of(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def shift_line(worker_id: str, communities: list[UUID], begin: datetime, *, hours: float = 8) -> dict[str, Any]:
    return {
        "worker_id": worker_id,
        "community_ids": [str(one) for one in communities],
        "starts_at": begin.isoformat(),
        "ends_at": (begin + timedelta(hours=hours)).isoformat(),
    }


async def test_each_line_is_answered_and_a_bad_one_takes_no_other_with_it(world: World) -> None:
    company = await admit(await build_town(world))
    phone, other = world.new_phone(), world.new_phone()
    body = lines_of(
        {"worker_id": "W-1", "phone": phone},
        {"worker_id": "W-2", "phone": "12345"},
        {"worker_id": "W-3", "phone": other, "sex": "f"},
        {"worker_id": "W-4", "phone": phone},
    )
    body += b"\nnot json\n" + b'{"worker_id":"' + b"x" * 5000 + b'"}\n' + b'{"worker_id":"W-5","phone":"\xff"}\n'
    body += lines_of({"worker_id": "W-6", "phone": other, "name": "Li", "language": "en"}).rstrip()
    lines, end = answered(await send(company, "couriers", body))
    assert [line.get("problem", {}).get("code", line.get("state")) for line in lines] == [
        "pending", "phone-invalid", "line-invalid", "courier-has-worker-id",
        "line-unreadable", "line-unreadable", "line-unreadable", "pending",
    ]  # fmt: skip
    assert [line["line"] for line in lines] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert lines[0] == {"line": 1, "worker_id": "W-1", "state": "pending"}
    assert all(line["problem"]["remedy"] for line in lines if "problem" in line)
    assert end == {"lines": 8, "refused": 6}
    assert [len(world.messages(one)) for one in (phone, other)] == [1, 1]
    await (await open_link(world.api, company.link_sent_to(phone))).accept()
    assert (await company.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "active"


async def test_the_same_body_again_changes_nothing_and_writes_to_nobody(world: World) -> None:
    company = await admit(await build_town(world))
    numbers = [world.new_phone() for _ in range(7)]
    body = lines_of(*({"worker_id": f"W-{n}", "phone": phone} for n, phone in enumerate(numbers)))
    first = answered(await send(company, "couriers", body))
    assert answered(await send(company, "couriers", body)) == first
    assert [len(world.messages(phone)) for phone in numbers] == [1] * 7
    rest, end = answered(await send(company, "couriers", body, after_line=5))
    assert [line["line"] for line in rest] == [6, 7]
    assert end["lines"] == 2


async def test_a_worker_twice_in_one_body_is_whom_the_later_line_says(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    before, after = world.new_phone(), world.new_phone()
    await (await company.courier("W-1", before)).accept()
    await company.shift("W-1")
    assert len(await grants(town, "courier")) == 1
    lines, _ = answered(
        await send(
            company,
            "couriers",
            lines_of({"worker_id": "W-1", "phone": before}, {"worker_id": "W-1", "phone": after}),
        )
    )
    assert [line["state"] for line in lines] == ["active", "pending"]
    assert await grants(town, "courier") == []
    assert len(world.messages(after)) == 1


async def test_csv_says_the_same(world: World) -> None:
    town = await build_town(world)
    second = await world.community(town.office, name="Second")
    company = await admit(town, second)
    phone = world.new_phone()
    body = f'\ufeffworker_id,name,phone\r\nW-1,"Li, Hua",{phone}\r\nW-2,{world.new_phone()}\r\nW-3,"open,1\r\n'.encode()
    lines, end = answered(await send(company, "couriers", body, "text/csv; charset=utf-8"))
    assert [line.get("problem", {}).get("code", line.get("state")) for line in lines] == [
        "pending",
        "line-unreadable",
        "line-unreadable",
    ]
    assert (lines[0]["line"], end["lines"]) == (2, 3)
    begin = world.clock()
    shifts = (
        "worker_id,community_ids,starts_at,ends_at\n"
        f"W-1,{town.community_id} {second},{begin.isoformat()},{(begin + timedelta(hours=2)).isoformat()}\n"
    )
    (line,), _ = answered(await send(company, "shifts", shifts.encode(), "text/csv"))
    assert [UUID(shift["community_id"]) for shift in line["shifts"]] == [town.community_id, second]


async def test_shifts_stand_on_the_gates_of_all_their_communities_once_he_says_yes(world: World) -> None:
    town = await build_town(world)
    second = await world.community(town.office, name="Second")
    company = await admit(town, second)
    courier = await company.courier("W-1")
    now = world.clock()
    body = lines_of(
        shift_line("W-1", [town.community_id, second, second], now),
        shift_line("W-1", [town.community_id], now + timedelta(days=1)),
    )
    first, end = answered(await send(company, "shifts", body))
    assert [[shift["state"] for shift in line["shifts"]] for line in first] == [["waiting", "waiting"], ["waiting"]]
    assert end == {"lines": 2, "refused": 0}
    assert await grants(town, "courier") == []
    await courier.accept()
    again, _ = answered(await send(company, "shifts", body))
    assert [[shift["state"] for shift in line["shifts"]] for line in again] == [["granted", "granted"], ["granted"]]
    assert [[s["shift_id"] for s in line["shifts"]] for line in again] == [
        [s["shift_id"] for s in line["shifts"]] for line in first
    ]
    # Tomorrow's is not on the gates today.
    assert len(await grants(town, "courier")) == len(await grants(town, "courier", community=second)) == 1
    # The single route knows the same shift.
    assert (await company.shift("W-1")).json()["shift_id"] == first[0]["shifts"][0]["shift_id"]


async def test_lines_of_shifts_that_may_not_be_asserted(world: World) -> None:
    town = await build_town(world)
    elsewhere = await world.community(town.office, name="Elsewhere")
    company, other = await admit(town), await admit(town, name="Meals")
    await other.courier("M-1")
    await company.courier("W-1")
    now, here = world.clock(), [town.community_id]
    lines, end = answered(
        await send(
            company,
            "shifts",
            lines_of(
                shift_line("W-1", [*here, elsewhere], now),
                shift_line("M-1", here, now),
                shift_line("W-1", here, now, hours=17),
                shift_line("W-1", here, now - timedelta(hours=9)),
                shift_line("W-1", [], now),
                shift_line("W-1", [uuid4()], now),
                shift_line("W-1", here, now),
            ),
        )
    )
    assert [line.get("problem", {}).get("code") for line in lines] == [
        "partner-not-admitted", "worker-not-found", "window-too-long", "window-over", "line-invalid",
        "partner-not-admitted", None,
    ]  # fmt: skip
    assert end == {"lines": 7, "refused": 6}
    # Of a line that is refused nothing is done anywhere.
    assert len({shift["shift_id"] for shift in lines[-1]["shifts"]}) == 1
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM courier_shift") == 1


@pytest.mark.parametrize("form", ["application/json", "text/plain", ""])
async def test_a_body_of_another_kind_is_refused(world: World, form: str) -> None:
    company = await admit(await build_town(world))
    answer = await send(company, "couriers", b"{}\n", form)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_a_body_too_large_and_one_line_too_many(world: World) -> None:
    company = await admit(await build_town(world))
    answer = await send(company, "couriers", b" " * 8_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "bulk-too-large")

    async def endless() -> AsyncIterator[bytes]:
        yield lines_of({"worker_id": "W-1", "phone": world.new_phone()})
        for _ in range(90):
            yield b"\n" * 100_000

    lines, end = answered(await send(company, "couriers", endless()))
    assert [line["state"] for line in lines] == ["pending"]
    assert end["problem"]["code"] == "bulk-too-large"
    lines, end = answered(await send(company, "couriers", b"x\n" * (MAX_LINES + 1)))
    assert (len(lines), end["refused"], end["problem"]["code"]) == (MAX_LINES, MAX_LINES, "too-many-lines")
    none, end = answered(await send(company, "couriers", b""))
    assert (none, end) == ([], {"lines": 0, "refused": 0})


async def test_what_has_arrived_is_done_while_the_rest_is_still_to_come(world: World) -> None:
    company = await admit(await build_town(world))
    phone = world.new_phone()

    async def slowly() -> AsyncIterator[bytes]:
        yield lines_of({"worker_id": "W-1", "phone": phone})
        for _ in range(200):
            if world.messages(phone):
                break
            await asyncio.sleep(0.05)
        yield lines_of({"worker_id": "W-2", "phone": world.new_phone()})

    sending = asyncio.create_task(send(company, "couriers", slowly()))
    lines, _ = answered(await sending)
    assert [line["worker_id"] for line in lines] == ["W-1", "W-2"]
    assert len(world.messages(phone)) == 1


async def test_the_same_bodies_at_once_make_each_worker_and_shift_once(world: World) -> None:
    town = await build_town(world)
    company, other = await admit(town), await admit(town, name="Meals")
    numbers = [world.new_phone() for _ in range(20)]
    forth = lines_of(*({"worker_id": f"W-{n}", "phone": phone} for n, phone in enumerate(numbers)))
    back = lines_of(*({"worker_id": f"W-{n}", "phone": phone} for n, phone in reversed(list(enumerate(numbers)))))
    for response in await asyncio.gather(
        *(send(whose, "couriers", body) for whose in (company, other) for body in (forth, back, forth))
    ):
        lines, end = answered(response)
        assert (len(lines), end["refused"]) == (20, 0)
    shifts = lines_of(*(shift_line(f"W-{n}", [town.community_id], world.clock()) for n in range(20)))
    for response in await asyncio.gather(*(send(company, "shifts", shifts) for _ in range(4))):
        assert answered(response)[1]["refused"] == 0
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM courier_shift") == 20


async def test_a_company_learns_nothing_of_couriers_whom_others_have_enrolled(world: World) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    known, unknown = world.new_phone(), world.new_phone()
    await (await one.courier("W-1", known)).accept()
    for name in ("couriers", "shifts"):
        bodies = []
        for worker_id, phone in (("A-1", known), ("A-2", unknown)):
            line = (
                {"worker_id": worker_id, "phone": phone}
                if name == "couriers"
                else shift_line(worker_id, [town.community_id], world.clock())
            )
            answer = await send(other, name, lines_of(line))
            ids = ("shift_id", worker_id)
            text = answer.text.replace(worker_id, "A")
            lines, _ = answered(answer)
            for shift in lines[0].get("shifts", []):
                text = text.replace(shift[ids[0]], "shift")
            bodies.append((answer.status_code, sorted(set(answer.headers) - {"x-request-id"}), text))
        assert bodies[0] == bodies[1]
    assert len(await grants(town, "courier")) == 0
