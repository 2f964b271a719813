"""Companies and couriers that a community keeps out: at once, by its manager, and the company hears why in a word."""

from datetime import timedelta
from uuid import UUID, uuid4

from backend.access.service import RosterVersion, roster_version
from backend.couriers.settling import settle
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from tests.backend.couriers.company import admit
from tests.backend.couriers.roster import grants
from tests.backend.couriers.test_events import told
from tests.backend.households.town import Town, build_town
from tests.backend.world import Actor, World


async def version(town: Town) -> RosterVersion:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        return await roster_version(conn, community_id=town.community_id)


async def manager_of(town: Town) -> Actor:
    return await town.world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)


async def subject_of(town: Town) -> UUID:
    """The pseudonym of the one courier whom the gates know."""
    return next(iter({one.subject_id for one in await grants(town, "courier")}))


async def test_a_manager_suspends_a_company_at_once_and_it_hears_why(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    company = await admit(town)
    manager = await manager_of(town)
    await (await company.courier()).accept()
    await company.shift()
    path = f"{town.staff_path}/partners/{company.partner_id}"
    before = await version(town)
    body = {"reason": "conduct", "note": "blocked the fire lane"}
    assert (await manager.post(f"{path}/suspend", json=body)).status_code == 204
    after = await version(town)
    assert (after.epoch, after.version) == (before.epoch, before.version + 1)
    assert await grants(town, "courier") == []
    # Again, and for another reason: nothing more happens.
    assert (await manager.post(f"{path}/suspend", json={"reason": "other"})).status_code == 204
    assert await version(town) == after
    (mine,) = (await company.actor.get("/partner/v1/communities")).json()["communities"]
    assert (mine["suspended"], mine["reason"]) == (True, "conduct")
    for _ in range(2):
        assert (await manager.post(f"{path}/resume")).status_code == 204
    assert len(await grants(town, "courier")) == 1
    here = {"community_id": str(town.community_id)}
    suspended = [one for one in await told(company, worker_db) if one[0].startswith("company.")]
    assert sorted(suspended) == [("company.restored", here), ("company.suspended", {**here, "reason": "conduct"})]
    trail = (await town.office.get(f"{town.staff_path}/audit?limit=200")).json()
    reasons = [one["reason"] for one in trail["entries"] if one["action"] == "partner.suspend"]
    assert reasons == ["conduct: blocked the fire lane"]


async def test_a_reason_is_needed_and_is_one_of_five(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    path = f"{town.staff_path}/partners/{company.partner_id}/suspend"
    for body in ({}, {"reason": "hearsay"}, {"reason": "other", "note": ""}, {"reason": "other", "who": "x"}):
        assert (await town.office.post(path, json=body)).status_code == 400
    assert (await town.office.post(path)).status_code == 400


async def test_one_courier_is_off_the_gates_at_once_for_all_his_companies(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    second = await world.community(town.office, name="Second")
    mine, other, third = await admit(town, second), await admit(town, name="Meals"), await admit(town, name="Third")
    manager = await manager_of(town)
    phone = world.new_phone()
    await (await mine.courier(phone=phone)).accept()
    await (await other.courier("M-7", phone=phone)).accept()
    # It has his yes and has never sent him here; it is not to learn that others did.
    await (await third.courier("T-1", phone=phone)).accept()
    await mine.shift()
    await mine.shift(community=second)
    await other.shift("M-7", hours=3)
    subject = await subject_of(town)
    before = await version(town)
    world.clock.advance(seconds=1)
    path = f"{town.staff_path}/couriers/{subject}/suspend"
    answer = await manager.post(path, json={"reason": "identity"})
    assert answer.status_code == 200, answer.text
    assert await grants(town, "courier") == []
    assert len(await grants(town, "courier", community=second)) == 1
    after = await version(town)
    assert after.version > before.version
    # Again: the same suspension.
    assert (await manager.post(path, json={"reason": "other"})).json() == answer.json()
    assert await version(town) == after
    refused = await mine.shift(hours=2)
    assert (refused.status_code, refused.json()["code"]) == (409, "courier-suspended")
    begin, until = world.clock(), world.clock() + timedelta(hours=2)
    bulk = await mine.actor.post(
        "/partner/v1/shifts/bulk",
        content=f"worker_id,community_ids,starts_at,ends_at\nW-1,{town.community_id},{begin.isoformat()},"
        f"{until.isoformat()}\n",
        headers={"Content-Type": "text/csv"},
    )
    assert '"code":"courier-suspended"' in bulk.text.replace(" ", "")
    listed = (await manager.get(f"{town.staff_path}/courier-suspensions")).json()["suspensions"]
    assert listed == [answer.json()]
    assert (listed[0]["reason"], listed[0]["subject_id"]) == ("identity", str(subject))
    world.clock.advance(seconds=1)
    lifted = f"{town.staff_path}/courier-suspensions/{listed[0]['suspension_id']}"
    assert (await manager.delete(lifted)).status_code == 204
    assert (await manager.delete(lifted)).json()["code"] == "suspension-not-found"
    assert len(await grants(town, "courier")) == 2
    for company, worker_id in ((mine, "W-1"), (other, "M-7")):
        here = {"worker_id": worker_id, "community_id": str(town.community_id)}
        assert (await told(company, worker_db))[-2:] == [
            ("courier.suspended", {**here, "reason": "identity"}),
            ("courier.restored", here),
        ]
    assert [kind for kind, _ in await told(third, worker_db)] == ["courier.active"]


async def test_a_company_that_has_no_yes_is_not_told_that_the_community_knows_him(world: World) -> None:
    town = await build_town(world)
    mine, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    await (await mine.courier(phone=phone)).accept()
    await mine.shift()
    answer = await town.office.post(
        f"{town.staff_path}/couriers/{await subject_of(town)}/suspend", json={"reason": "safety"}
    )
    assert answer.status_code == 200
    await other.courier("M-7", phone=phone)
    assert (await other.shift("M-7")).json()["state"] == "waiting"


async def test_settling_gives_a_suspended_courier_nothing(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    mine, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    await (await mine.courier(phone=phone)).accept()
    await mine.shift()
    subject = await subject_of(town)
    answer = await town.office.post(f"{town.staff_path}/couriers/{subject}/suspend", json={"reason": "safety"})
    courier = await other.courier("M-7", phone=phone)
    await other.shift("M-7")
    await courier.accept()
    assert await grants(town, "courier") == []
    assert await settle(worker_db, world.resources.keys, now=world.clock()) == 0
    path = f"{town.staff_path}/courier-suspensions/{answer.json()['suspension_id']}"
    assert (await town.office.delete(path)).status_code == 204
    assert len(await grants(town, "courier")) == 2


async def test_only_couriers_are_suspended_so_and_only_at_one_s_own_community(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    (resident,) = await grants(town, "resident")
    for subject in (resident.subject_id, uuid4()):
        answer = await town.office.post(f"{town.staff_path}/couriers/{subject}/suspend", json={"reason": "safety"})
        assert (answer.status_code, answer.json()["code"]) == (404, "courier-not-found")
    assert await grants(town, "resident") == [resident]
    assert (await tenant.actor.get("/resident/v1/me")).status_code == 200
