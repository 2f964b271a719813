"""Who leaves: his rights at once, and his face once no company speaks for him any more, after the authority's days."""

from uuid import UUID, uuid4

from backend.access import service as access
from backend.kit.db import Database, Scope
from backend.privacy import jobs
from backend.privacy.retention.jobs import enforce
from backend.privacy.saga import Saga
from tests.backend.couriers.company import Company, Visitor, admit, open_link
from tests.backend.couriers.roster import grants
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import store_face
from tests.backend.world import Actor, World


async def with_a_face(town: Town, company: Company, phone: str) -> tuple[Visitor, UUID]:
    """A courier who has said yes, works for an hour and has enrolled."""
    courier = await company.courier("W-1", phone)
    await courier.accept()
    assert (await company.shift(hours=1)).json()["state"] == "granted"
    async with town.world.resources.db.transaction(Scope(platform=True)) as conn:
        person_id: UUID = await conn.fetchval("SELECT person_id FROM courier")
    await store_face(town, Resident(courier.actor, person_id, uuid4(), uuid4(), uuid4()))
    return courier, person_id


async def renewed(courier: Visitor) -> Visitor:
    api, token = courier.actor.api, courier.actor.refresh_token
    answer = await api.post("/visitor/v1/token", json={"refresh_token": token})
    assert answer.status_code == 201, answer.text
    return Visitor(Actor(api, "", answer.json()["access_token"], token))


async def tick(town: Town, worker_db: Database) -> None:
    async with worker_db.transaction(Scope(community_id=town.community_id)) as conn:
        await access.tick(conn, community_id=town.community_id, at=town.world.clock())


async def erased(town: Town, worker_db: Database) -> int:
    """How many erasures begin now."""
    await tick(town, worker_db)
    return await jobs.begin_unused_erasures(worker_db, now=town.world.clock())


async def templates_of(world: World, person_id: UUID) -> int:
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM template WHERE person_id = $1", person_id)
    return count


async def test_his_face_goes_seven_days_after_he_left_the_last_company(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    courier, person_id = await with_a_face(town, one, phone)
    await other.name("M-1", phone)
    at_other = await open_link(world.api, other.link_sent_to(phone))
    await at_other.accept()
    # The first company's rights fall at once; the face stays for the second.
    assert len(await grants(town, "courier")) == 1
    assert (await courier.withdraw()).status_code == 200
    assert await grants(town, "courier") == []
    world.clock.advance(days=9)
    assert await erased(town, worker_db) == 0
    assert (await (await renewed(at_other)).withdraw()).status_code == 200
    world.clock.advance(days=6, hours=23)
    assert await erased(town, worker_db) == 0
    world.clock.advance(hours=2)
    assert await erased(town, worker_db) == 1
    async with worker_db.transaction(Scope(platform=True)) as conn:
        erasure_id = await conn.fetchval("SELECT erasure_id FROM erasure")
    await Saga(worker_db, world.resources.keys, world.resources.objects, world.clock).resume(erasure_id)
    assert await templates_of(world, person_id) == 0
    # He himself is gone, and his phone reads the certificate; nothing else opens for it.
    phone_of_his = await renewed(at_other)
    (erasure,) = (await phone_of_his.actor.get("/visitor/v1/erasures")).json()["erasures"]
    assert (erasure["reason"], erasure["completed_at"] is not None) == ("unused", True)
    paper = await phone_of_his.actor.get(f"/visitor/v1/erasures/{erasure_id}/certificate")
    assert paper.status_code == 200, paper.text
    body = paper.json()["certificate"]
    assert (body["status"], body["reason"], body["kept_roles"]) == ("complete", "unused", [])
    for path in ("consents", "requests", "companies"):
        assert (await phone_of_his.actor.get(f"/visitor/v1/{path}")).status_code == 410
    assert (await phone_of_his.withdraw()).status_code == 410


async def test_a_company_that_lets_him_go_begins_the_days_too(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    await with_a_face(town, company, world.new_phone())
    world.clock.advance(hours=2)
    await tick(town, worker_db)
    world.clock.advance(days=10)
    company = await company.logged_in_again()
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    world.clock.advance(days=6, hours=23)
    assert await erased(town, worker_db) == 0
    world.clock.advance(hours=2)
    # Whichever of the worker's jobs comes first: the link says from when the days count.
    await clean(world, worker_db)
    assert await erased(town, worker_db) == 1


async def clean(world: World, worker_db: Database) -> None:
    await enforce(worker_db, world.resources.keys, world.resources.objects, now=world.clock())


async def test_the_phone_of_whom_a_company_let_go_reads_the_certificate_for_a_week(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    company = await admit(town)
    assert (await town.office.put("/staff/v1/courier-faces", json={"days": 20})).status_code == 200
    courier, _ = await with_a_face(town, company, world.new_phone())
    unanswered = await company.courier("W-2", world.new_phone())
    world.clock.advance(hours=2)
    await tick(town, worker_db)
    company = await company.logged_in_again()
    for worker in ("W-1", "W-2"):
        assert (await company.actor.delete(f"/partner/v1/couriers/{worker}")).status_code == 204
    world.clock.advance(days=19)
    await clean(world, worker_db)
    assert await erased(town, worker_db) == 0
    # Long after his link's end his phone reads that there is nothing yet, and does nothing that needs a link.
    his = (await renewed(courier)).actor
    assert (await his.get("/visitor/v1/erasures")).json() == {"erasures": []}
    assert [
        (await his.get("/visitor/v1/invitation")).json()["code"],
        (await his.get("/visitor/v1/enrolments")).json()["code"],
        (await his.post("/visitor/v1/invitation/accept")).json()["code"],
        (await his.put("/visitor/v1/consents/face_access", json={"version": 1})).json()["code"],
    ] == ["link-closed"] * 4
    # Of a phone that never said yes nothing was kept.
    api, token = unanswered.actor.api, unanswered.actor.refresh_token
    assert (await api.post("/visitor/v1/token", json={"refresh_token": token})).status_code == 401
    world.clock.advance(days=1, hours=3)
    assert await erased(town, worker_db) == 1
    async with worker_db.transaction(Scope(platform=True)) as conn:
        erasure_id = await conn.fetchval("SELECT erasure_id FROM erasure")
    await Saga(worker_db, world.resources.keys, world.resources.objects, world.clock).resume(erasure_id)
    world.clock.advance(days=6, hours=23)
    await clean(world, worker_db)
    his = (await renewed(courier)).actor
    paper = await his.get(f"/visitor/v1/erasures/{erasure_id}/certificate")
    assert (paper.status_code, paper.json()["certificate"]["status"]) == (200, "complete")
    world.clock.advance(hours=2)
    await clean(world, worker_db)
    gone = await his.api.post("/visitor/v1/token", json={"refresh_token": his.refresh_token})
    assert gone.status_code == 401


async def test_of_the_links_that_a_courier_answered_one_outlives_its_week(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    first, _ = await with_a_face(town, one, phone)
    await other.name("M-1", phone)
    second = await open_link(world.api, other.link_sent_to(phone))
    await second.accept()
    for company, worker in ((one, "W-1"), (other, "M-1")):
        assert (await company.actor.delete(f"/partner/v1/couriers/{worker}")).status_code == 204
        world.clock.advance(minutes=1)
    world.clock.advance(days=8)
    await clean(world, worker_db)
    answers = [
        await v.actor.api.post("/visitor/v1/token", json={"refresh_token": v.actor.refresh_token})
        for v in (first, second)
    ]
    assert [answer.status_code for answer in answers] == [401, 201]


async def test_whom_a_company_still_names_keeps_his_face_thirty_days_between_shifts(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    await with_a_face(town, await admit(town), world.new_phone())
    world.clock.advance(hours=2)
    await tick(town, worker_db)
    world.clock.advance(days=29)
    assert await erased(town, worker_db) == 0
    world.clock.advance(days=2)
    assert await erased(town, worker_db) == 1


async def test_an_authority_sets_the_days_within_bounds(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    courier, _ = await with_a_face(town, await admit(town), world.new_phone())
    assert (await town.office.get("/staff/v1/courier-faces")).json() == {"days": 7}
    for days in (0, 31):
        assert (await town.office.put("/staff/v1/courier-faces", json={"days": days})).status_code == 400
    assert (await town.office.put("/staff/v1/courier-faces", json={"days": 2})).json() == {"days": 2}
    await courier.withdraw()
    world.clock.advance(days=1, hours=23)
    assert await erased(town, worker_db) == 0
    world.clock.advance(hours=2)
    assert await erased(town, worker_db) == 1
