"""Couriers at gates: only with their own yes, only for the shift, only where their company may send them."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from backend.access import service as access
from backend.couriers.employments import repository
from backend.couriers.employments import service as couriers
from backend.couriers.settling import settle
from backend.kit.db import Database, Scope
from backend.links import service as links
from tests.backend.couriers.company import admit, open_link
from tests.backend.couriers.roster import grants
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_a_shift_counts_once_the_courier_has_said_yes(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier()
    waiting = await company.shift()
    assert (waiting.status_code, waiting.json()["state"]) == (201, "waiting")
    assert await grants(town, "courier") == []
    shown = (await courier.invitation()).json()
    assert (shown["kind"], shown["state"], shown["inviting"]) == ("courier", "pending", "Parcels")

    assert (await courier.accept()).json()["state"] == "accepted"
    (granted,) = await grants(town, "courier")
    assert granted.until_us == int((world.clock() + timedelta(hours=8)).timestamp()) * 1_000_000
    again = await company.shift()
    assert (again.status_code, again.json()["state"]) == (200, "granted")
    assert again.json()["shift_id"] == waiting.json()["shift_id"]
    assert len(await grants(town, "courier")) == 1
    assert (await company.actor.get("/partner/v1/couriers/W-1")).json() == {"worker_id": "W-1", "state": "active"}


async def test_a_later_shift_is_on_the_gates_ten_minutes_before_it_begins(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    await (await company.courier()).accept()
    begin = world.clock() + timedelta(hours=3)
    assert (await company.shift(begin=begin)).json()["state"] == "granted"

    async def tick() -> None:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await access.tick(conn, community_id=town.community_id, at=world.clock())

    await tick()
    assert await grants(town, "courier") == []
    world.clock.advance(hours=2, minutes=51)
    await tick()
    assert len(await grants(town, "courier")) == 1
    world.clock.advance(hours=8, minutes=20)
    await tick()
    assert await grants(town, "courier") == []


async def test_ending_a_shift_takes_the_courier_off_the_gates_at_once(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    await (await company.courier()).accept()
    path = f"/partner/v1/shifts/{(await company.shift()).json()['shift_id']}"
    assert (await company.actor.delete(path)).status_code == 204
    assert await grants(town, "courier") == []
    assert (await company.actor.delete(path)).status_code == 204
    # The same window asserted anew is a new shift.
    assert (await company.shift()).status_code == 201
    assert len(await grants(town, "courier")) == 1


async def test_shifts_that_may_not_be_asserted(world: World) -> None:
    town = await build_town(world)
    elsewhere = await world.community(town.office, name="Elsewhere")
    company = await admit(town)
    await company.courier()
    now = world.clock()
    for answer, status, code in (
        (await company.shift(community=elsewhere), 404, "partner-not-admitted"),
        (await company.shift(community=uuid4()), 404, "partner-not-admitted"),
        (await company.shift("W-2"), 404, "worker-not-found"),
        (await company.shift(hours=16.1), 422, "window-too-long"),
        (await company.shift(begin=now - timedelta(hours=9)), 422, "window-over"),
        (await company.shift(begin=now + timedelta(days=31)), 422, "window-too-far"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["remedy"]


async def test_a_company_neither_sees_nor_ends_anothers_shift(world: World) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    await (await one.courier()).accept()
    shift = (await one.shift()).json()["shift_id"]
    answer = await other.actor.delete(f"/partner/v1/shifts/{shift}")
    assert (answer.status_code, answer.json()["code"]) == (404, "shift-not-found")
    answer = await other.shift("W-1")
    assert (answer.status_code, answer.json()["code"]) == (404, "worker-not-found")
    assert (await other.actor.get("/partner/v1/couriers/W-1")).status_code == 404
    assert len(await grants(town, "courier")) == 1


async def test_a_company_learns_nothing_of_a_courier_before_he_accepts_it(world: World) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    await (await one.courier("W-1", phone)).accept()
    # The same man for another company: pending, like somebody whom nobody knows; and nothing else in the answer.
    known = await other.name("M-7", phone)
    unknown = await other.name("M-8", world.new_phone())
    assert known.json() == {"worker_id": "M-7", "state": "pending"}
    assert unknown.json() == {"worker_id": "M-8", "state": "pending"}
    assert (await other.shift("M-7")).json()["state"] == "waiting"
    assert await grants(town, "courier") == []

    courier = await open_link(world.api, other.link_sent_to(phone))
    companies = (await courier.actor.get("/visitor/v1/companies")).json()["companies"]
    assert [(c["company"], c["state"]) for c in companies] == [("Meals", "pending"), ("Parcels", "active")]
    await courier.accept()
    await one.shift()
    # One natural person: one pseudonym at the community, for both companies.
    assert len({granted.subject_id for granted in await grants(town, "courier")}) == 1
    assert len(await grants(town, "courier")) == 2


async def test_the_link_goes_to_the_phone_and_to_nobody_else(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    phone = world.new_phone()
    answer = await company.name("W-1", phone, name="Zhang", language="en")
    assert company.link_sent_to(phone) not in answer.text
    # A retry writes to him once an hour at most, and the earlier link then ends.
    await company.name("W-1", phone)
    assert len(world.messages(phone)) == 1
    first = company.link_sent_to(phone)
    world.clock.advance(minutes=61)
    company = await company.logged_in_again()
    await company.name("W-1", phone)
    assert len(world.messages(phone)) == 2
    closed = await world.api.post("/visitor/v1/session", json={"token": first})
    assert (closed.status_code, closed.json()["code"]) == (410, "link-closed")
    # Once he has said yes, nothing is sent any more.
    await (await open_link(world.api, company.link_sent_to(phone))).accept()
    world.clock.advance(days=1)
    await (await company.logged_in_again()).name("W-1", phone)
    assert len(world.messages(phone)) == 2


async def test_a_courier_leaves_a_company_and_comes_back(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier()
    await courier.accept()
    await company.shift()
    assert (await courier.withdraw()).json()["state"] == "withdrawn"
    assert await grants(town, "courier") == []
    assert (await company.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "suspended"
    # He may think again while the shift lasts; nothing has to be asserted anew.
    assert (await courier.accept()).status_code == 200
    assert len(await grants(town, "courier")) == 1
    partner = f"/visitor/v1/companies/{company.partner_id}"
    assert (await courier.actor.delete(partner)).status_code == 204
    assert await grants(town, "courier") == []
    assert (await courier.actor.delete(f"/visitor/v1/companies/{uuid4()}")).status_code == 404


async def test_another_number_makes_the_worker_another_person(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    phone = world.new_phone()
    first = await company.courier("W-1", phone)
    await first.accept()
    await company.shift()
    assert (await company.name("W-1", world.new_phone())).json()["state"] == "pending"
    assert await grants(town, "courier") == []
    assert (await first.invitation()).status_code == 410
    # And one man is not two workers of one company.
    assert (await company.name("W-2", phone)).status_code == 200
    twice = await company.name("W-3", phone)
    assert (twice.status_code, twice.json()["code"]) == (409, "courier-has-worker-id")
    assert twice.json()["extra"] == {"worker_id": "W-2"}


async def test_a_worker_who_is_named_no_longer_is_gone_at_once(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier()
    await courier.accept()
    await company.shift()
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    assert await grants(town, "courier") == []
    assert (await courier.invitation()).status_code == 410
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 404


async def test_a_suspended_company_is_off_the_gates_at_once_and_back_when_resumed(world: World) -> None:
    town = await build_town(world)
    second = await world.community(town.office, name="Second")
    company = await admit(town, second)
    await (await company.courier()).accept()
    await company.shift()
    await company.shift(community=second)
    path = f"{town.staff_path}/partners/{company.partner_id}"
    assert (await town.office.post(f"{path}/suspend", json={"reason": "safety"})).status_code == 204
    assert await grants(town, "courier") == []
    assert len(await grants(town, "courier", community=second)) == 1
    refused = await company.shift(begin=world.clock() + timedelta(hours=1))
    assert (refused.status_code, refused.json()["code"]) == (404, "partner-not-admitted")
    assert (await town.office.post(f"{path}/resume")).status_code == 204
    assert len(await grants(town, "courier")) == 1
    unknown = await town.office.post(f"{town.staff_path}/partners/{uuid4()}/suspend", json={"reason": "safety"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "partner-not-found")


async def test_settling_completes_what_a_crash_left_undone(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    await company.courier()
    await company.shift()
    # His yes was committed, and the process died before a community was told.
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await conn.execute("UPDATE courier_employment SET accepted_at = $1", world.clock())
    assert await grants(town, "courier") == []
    assert await settle(worker_db, world.resources.keys, now=world.clock()) == 1
    assert len(await grants(town, "courier")) == 1
    # The other way round: his no.
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await conn.execute("UPDATE courier_employment SET accepted_at = NULL, left_at = $1", world.clock())
    assert await settle(worker_db, world.resources.keys, now=world.clock()) == 1
    assert await grants(town, "courier") == []
    assert await settle(worker_db, world.resources.keys, now=world.clock()) == 0


async def test_twenty_retries_at_once_are_one_shift(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    await (await company.courier()).accept()
    answers = await asyncio.gather(*(company.shift() for _ in range(20)))
    assert sorted(a.status_code for a in answers) == [200] * 19 + [201]
    assert len({a.json()["shift_id"] for a in answers}) == 1
    assert len(await grants(town, "courier")) == 1


async def test_a_yes_while_the_company_sends_another_link_waits_and_is_refused(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier()
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        employment = await repository.get_employment(conn, partner_id=company.partner_id, worker_id="W-1")
        assert employment is not None
        await repository.upsert_employment(
            conn,
            partner_id=company.partner_id,
            worker_id="W-1",
            courier_id=employment.courier_id,
            person_id=employment.person_id,
            name=None,
        )
        accepting = asyncio.create_task(courier.accept())
        await asyncio.sleep(0.2)
        # Had he the link in hand while he waits for the employment, this would be a deadlock.
        await links.close(conn, invitation_id=employment.courier_id, now=world.clock())
    answer = await accepting
    assert (answer.status_code, answer.json()["code"]) == (410, "link-closed")
    assert (await company.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "pending"


async def test_who_is_named_no_longer_cannot_say_yes_in_between(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier()
    await courier.accept()
    assert (await company.shift(begin=world.clock() + timedelta(days=2))).json()["state"] == "granted"
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await couriers.unname(conn, partner_id=company.partner_id, worker_id="W-1", now=world.clock())
    assert (await courier.accept()).status_code in {409, 410}
    await settle(worker_db, world.resources.keys, now=world.clock())
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await repository.delete_left_employment(conn, partner_id=company.partner_id, worker_id="W-1")
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        standing = await conn.fetchval("SELECT count(*) FROM access_grant WHERE state <> 'ended'")
    assert standing == 0
