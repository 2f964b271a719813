"""What companies are told: of their own couriers, within their own shifts, each thing once, and none skipped."""

import asyncio
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg

from backend.kit.db import Connection, Database, Scope
from backend.partners.events.kinds import EventKind
from backend.partners.events.service import NewEvent, tell
from backend.partners.publishing import publish
from backend.privacy.retention.jobs import ON_PLATFORM
from backend.upkeep.repository import skip_event_numbers
from gate_sdk.wire import EventKind as GateEventKind
from gate_sdk.wire import GateEvent, Outcome, Reason
from tests.backend.couriers.company import Company, admit, open_link, token
from tests.backend.couriers.roster import grants
from tests.backend.gates.devices import Device
from tests.backend.households.town import Town, build_town
from tests.backend.world import MovableClock, World

# Matters to what is sent, not to what is read.
NOW = MovableClock().now


async def feed(company: Company, **query: str) -> dict[str, Any]:
    answer = await company.actor.get("/partner/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def told(company: Company, worker_db: Database) -> list[tuple[str, dict[str, Any]]]:
    """Everything that the company is told by now: type and data."""
    await publish(worker_db, now=NOW)
    return [(one["type"], one["data"]) for one in (await feed(company))["events"]]


def passing(
    town: Town, subject: UUID | None, seq: int, *, outcome: Outcome = Outcome.ALLOW, ago: float = 0
) -> GateEvent:
    at = town.world.clock() - timedelta(minutes=ago)
    return GateEvent(
        store_epoch=1,
        seq=seq,
        kind=GateEventKind.ENTRY,
        at_us=int(at.timestamp() * 1_000_000),
        outcome=outcome,
        reason=Reason.MATCHED,
        subject=subject,
    )


async def gate_of(town: Town) -> Device:
    return await Device.provisioned(town.world.api, town.office, town.community_id, town.world)


async def entries(company: Company, worker_db: Database) -> list[dict[str, Any]]:
    return [data for kind, data in await told(company, worker_db) if kind == EventKind.COURIER_ENTRY]


async def test_a_company_reads_its_courier_s_yes_his_entries_and_his_no(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    device = await gate_of(town)
    courier = await company.courier()
    await courier.accept()
    await courier.accept()
    await company.shift()
    world.clock.advance(minutes=1)
    (granted,) = await grants(town, "courier")
    await device.delivered(
        passing(town, granted.subject_id, 1), passing(town, granted.subject_id, 2, outcome=Outcome.DENY)
    )
    # Delivered again, because the answer was lost.
    await device.delivered(passing(town, granted.subject_id, 1))
    world.clock.advance(minutes=1)
    await courier.withdraw()
    await courier.withdraw()
    await publish(worker_db, now=NOW)
    page = await feed(company)
    assert [(one["seq"], one["type"]) for one in page["events"]] == [
        (1, "courier.active"),
        *((n, "courier.entry") for n in (2, 3)),
        (4, "courier.left"),
    ]
    assert page["events"][0]["data"] == {"worker_id": "W-1"}
    entered = [one["data"] for one in page["events"][1:3]]
    assert {one.pop("outcome") for one in entered} == {"allow", "deny"}
    assert entered[0] == entered[1]
    assert entered[0].keys() == {"worker_id", "community_id", "gate_id", "gate"}
    assert entered[0]["community_id"] == str(town.community_id)
    assert entered[0]["gate_id"] == str(device.identity.gate_id)


async def test_the_other_company_of_the_same_courier_learns_nothing(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    mine, other = await admit(town), await admit(town, name="Meals")
    device = await gate_of(town)
    phone = world.new_phone()
    await (await mine.courier(phone=phone)).accept()
    await (await other.courier("M-7", phone=phone)).accept()
    now = world.clock()
    await mine.shift(hours=2)
    await other.shift("M-7", begin=now + timedelta(hours=2), hours=2)
    subject = (await grants(town, "courier"))[0].subject_id
    await device.delivered(passing(town, subject, 1))
    assert [one["worker_id"] for one in await entries(mine, worker_db)] == ["W-1"]
    assert await entries(other, worker_db) == []
    # On the boundary the second one's shift has begun and the first one's is over.
    world.clock.now = now + timedelta(hours=2)
    mine, other = await mine.logged_in_again(), await other.logged_in_again()
    await device.log_in()
    await device.delivered(passing(town, subject, 2))
    assert len(await entries(mine, worker_db)) == 1
    assert [one["worker_id"] for one in await entries(other, worker_db)] == ["M-7"]


async def test_what_a_gate_tells_late_is_told_as_it_was_then(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    device = await gate_of(town)
    courier = await company.courier()
    await courier.accept()
    await company.shift()
    subject = (await grants(town, "courier"))[0].subject_id
    world.clock.advance(minutes=5)
    await courier.withdraw()
    world.clock.advance(minutes=4)
    # While he worked for the company, and after he had left it; by a clock that cannot be; a stranger.
    await device.delivered(
        passing(town, subject, 1, ago=6),
        passing(town, subject, 2, ago=1),
        passing(town, subject, 3, ago=-60),
        passing(town, None, 4, ago=6),
    )
    assert len(await entries(company, worker_db)) == 1


async def test_a_delivery_s_entry_is_told_and_a_resident_s_is_not(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town)
    device = await gate_of(town)
    await (await company.courier()).accept()
    await company.expected_by(host, "O-1")
    await company.deliver("O-1")
    courier = (await grants(town, "courier"))[0].subject_id
    resident = (await grants(town, "resident"))[0].subject_id
    await device.delivered(passing(town, courier, 1), passing(town, resident, 2))
    assert [one["worker_id"] for one in await entries(company, worker_db)] == ["W-1"]


async def test_who_reads_on_misses_nobody_who_committed_late(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    db, now = world.resources.db, world.clock()

    def event(worker_id: str) -> NewEvent:
        return NewEvent(company.partner_id, EventKind.COURIER_ACTIVE, now, worker_id=worker_id)

    async with db.transaction(Scope(platform=True)) as slow:
        await tell(slow, events=[event("slow")], now=now)
        async with db.transaction(Scope(community_id=town.community_id)) as quick:
            await tell(quick, events=[event("quick")], now=now)
        assert await publish(worker_db, now=NOW) == 1
        page = await feed(company)
        assert [one["data"]["worker_id"] for one in page["events"]] == ["quick"]
        again = await feed(company, cursor=page["next_cursor"])
        assert (again["events"], again["next_cursor"], again["more"]) == ([], page["next_cursor"], False)
    assert await publish(worker_db, now=NOW) == 1
    later = await feed(company, cursor=page["next_cursor"])
    assert [(one["seq"], one["data"]["worker_id"]) for one in later["events"]] == [(2, "slow")]


async def test_two_workers_number_at_once_without_gap_or_repetition(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    now = world.clock()
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        events = [NewEvent(company.partner_id, EventKind.COURIER_LEFT, now, worker_id=f"W-{n}") for n in range(700)]
        await tell(conn, events=events, now=now)
    async with worker_db.transaction(Scope(platform=True)) as held:
        # One holds the head; the other waits for it and goes on from there.
        await held.execute("INSERT INTO partner_event_head (partner_id) VALUES ($1)", company.partner_id)
    assert sum(await asyncio.gather(publish(worker_db, now=NOW), publish(worker_db, now=NOW))) == 700
    cursor, found = "", []
    while True:
        page = await feed(company, **({"cursor": cursor} if cursor else {}))
        found += page["events"]
        cursor = page["next_cursor"]
        if not page["more"]:
            break
    assert [one["seq"] for one in found] == list(range(1, 701))
    assert len({one["id"] for one in found}) == 700


async def test_who_had_read_what_a_restored_backup_forgot_misses_nothing_that_comes(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    company = await admit(town)
    now = world.clock()

    async def happen(*worker_ids: str) -> None:
        async with world.resources.db.transaction(Scope(platform=True)) as conn:
            events = [NewEvent(company.partner_id, EventKind.COURIER_ACTIVE, now, worker_id=one) for one in worker_ids]
            await tell(conn, events=events, now=now)
        await publish(worker_db, now=NOW)

    await happen("W-1", "W-2", "W-3")
    read = (await feed(company))["next_cursor"]
    # As it was after the first of them.
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute("DELETE FROM partner_event WHERE seq > 1")
        await conn.execute("UPDATE partner_event_head SET seq = 1")
        await conn.execute("BEGIN")
        await skip_event_numbers(cast("Connection", conn))
        await conn.execute("COMMIT")
    finally:
        await conn.close()
    await happen("W-4")
    assert [one["data"]["worker_id"] for one in (await feed(company, cursor=read))["events"]] == ["W-4"]


async def test_the_feed_needs_its_scope_and_a_cursor_of_its_own(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    assert (await feed(company)) == {"events": [], "next_cursor": None, "more": False}
    refused = await company.actor.get("/partner/v1/events?cursor=bm9uc2Vuc2U")
    assert (refused.status_code, refused.json()["code"]) == (400, "cursor-invalid")
    issued = await token(
        world.api, client_id=company.client_id, client_secret=company.client_secret, scope="shifts:write"
    )
    answer = await world.api.get(
        "/partner/v1/events", headers={"Authorization": f"Bearer {issued.json()['access_token']}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")


async def test_events_go_after_fourteen_days_and_with_the_person(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    await (await company.courier()).accept()
    other = await company.name("W-2", world.new_phone())
    assert other.status_code == 200
    await publish(worker_db, now=NOW)
    assert len((await feed(company))["events"]) == 1
    delete = ON_PLATFORM["partner_events"]
    now = world.clock()
    async with worker_db.transaction(Scope(platform=True)) as conn:
        assert await delete(conn, now, now, 10) == 0
        assert await delete(conn, now + timedelta(seconds=1), now, 10) == 1
    assert (await feed(company))["events"] == []
    # The numbers go on where they were.
    phone = world.new_phone()
    await company.name("W-3", phone)
    await (await open_link(world.api, company.link_sent_to(phone))).accept()
    await publish(worker_db, now=NOW)
    assert [one["seq"] for one in (await feed(company))["events"]] == [2]
    async with worker_db.transaction(Scope(platform=True)) as conn:
        await conn.execute("DELETE FROM courier_employment WHERE worker_id = 'W-3'")
        person = await conn.fetchval("SELECT person_id FROM partner_event WHERE worker_id = 'W-3'")
    owner = await asyncpg.connect(world.urls.superuser)
    try:
        await owner.execute("DELETE FROM visitor_link WHERE person_id = $1", person)
        await owner.execute("DELETE FROM person WHERE person_id = $1", person)
        assert await owner.fetchval("SELECT count(*) FROM partner_event WHERE worker_id = 'W-3'") == 0
    finally:
        await owner.close()
