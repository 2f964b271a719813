"""A household's end is planned, changed or withdrawn; it moves to another home, or to another community."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import msgspec

from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.privacy.jobs import end_due_tenancies
from backend.privacy.moving import service
from gate_sdk.wire import GrantKind
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import World


async def until(town: Town, member_id: UUID) -> tuple[datetime | None, str]:
    """When the member's right ends, and how it stands."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        row = await conn.fetchrow(
            "SELECT valid_until, state FROM access_grant WHERE community_id = $1 AND source_id = $2",
            town.community_id, member_id,
        )  # fmt: skip
    assert row is not None
    return row["valid_until"], row["state"]


async def plan(town: Town, tenancy_id: UUID, at: datetime | None) -> httpx.Response:
    return await town.office.put(
        f"{town.staff_path}/tenancies/{tenancy_id}/planned-end",
        json={"ends_at": None if at is None else at.isoformat()},
    )


async def transfer(town: Town, tenancy_id: UUID, home_id: UUID, **fields: object) -> httpx.Response:
    return await town.office.post(
        f"{town.staff_path}/tenancies/{tenancy_id}/transfer", json={"home_id": str(home_id), **fields}
    )


async def members(town: Town, home_id: UUID) -> list[tuple[str, str]]:
    answer = await town.office.get(f"{town.staff_path}/homes/{home_id}")
    return sorted((m["relation"], m["state"]) for t in answer.json()["tenancies"] for m in t["members"])


async def test_a_planned_end_is_in_every_gates_roster_and_ends_by_itself(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    end = world.clock() + timedelta(days=10)
    answer = await plan(town, tenant.tenancy_id, end)
    assert (answer.status_code, datetime.fromisoformat(answer.json()["ends_at"])) == (200, end)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        bodies = [bytes(row["body"]) for row in await conn.fetch("SELECT body FROM roster WHERE body IS NOT NULL")]
    assert len(bodies) == 2
    assert all(f'"until_us": {int(end.timestamp() * 1_000_000)}'.encode() in body for body in bodies)
    world.clock.advance(days=10)
    assert await end_due_tenancies(worker_db, now=world.clock()) == 1
    town = msgspec.structs.replace(town, office=await world.login(town.office.phone, surface="staff"))
    assert await members(town, tenant.home_id) == [("spouse", "ended"), ("tenant", "ended")]
    assert await town.kinds(relative.person_id) == frozenset()


async def test_a_planned_end_is_changed_and_withdrawn(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    for days in (10, 3, 20):
        end = world.clock() + timedelta(days=days)
        assert (await plan(town, tenant.tenancy_id, end)).status_code == 200
        assert await until(town, tenant.member_id) == (end, "present")
    assert (await plan(town, tenant.tenancy_id, None)).status_code == 200
    assert await until(town, tenant.member_id) == (None, "present")
    world.clock.advance(days=30)
    assert await end_due_tenancies(worker_db, now=world.clock()) == 0


async def test_an_end_that_cannot_be_is_refused(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant(ends_at=world.clock() + timedelta(days=10))
    past = await plan(town, tenant.tenancy_id, world.clock())
    assert (past.status_code, past.json()["code"]) == (422, "period-invalid")
    next_in = world.clock() + timedelta(days=12)
    await town.tenancy(tenant.home_id, world.new_phone(), starts_at=next_in.isoformat())
    for end in (None, next_in + timedelta(seconds=1)):
        late = await plan(town, tenant.tenancy_id, end)
        assert (late.status_code, late.json()["code"]) == (409, "home-occupied")
    assert (await plan(town, tenant.tenancy_id, next_in)).status_code == 200
    assert (await plan(town, uuid4(), None)).status_code == 404
    await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    over = await plan(town, tenant.tenancy_id, None)
    assert (over.status_code, over.json()["code"]) == (409, "tenancy-ended")


async def test_a_household_moves_to_another_home_with_all_that_it_has(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    before = await until(town, tenant.member_id)
    new_home = await town.home("1-202")
    moved = await transfer(town, tenant.tenancy_id, new_home)
    assert moved.status_code == 200, moved.text
    assert (moved.json()["home_id"], moved.json()["erasures"]) == (str(new_home), [])
    assert await until(town, tenant.member_id) == before
    assert await members(town, new_home) == [("spouse", "active"), ("tenant", "active")]
    assert await members(town, tenant.home_id) == []
    for one in (tenant, relative):
        (home,) = (await one.actor.get("/resident/v1/homes")).json()["homes"]
        assert home["label"] == "1-202"
    # Its old home is somebody else's to have.
    await town.tenancy(tenant.home_id, world.new_phone())


async def test_guests_of_the_old_home_end_with_the_move(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes"
    window = {"valid_from": world.clock().isoformat(), "valid_until": (world.clock() + timedelta(hours=4)).isoformat()}
    made = await tenant.actor.post(path, json={"guest_name": "Guest", **window})
    assert made.status_code == 201, made.text
    assert (await transfer(town, tenant.tenancy_id, await town.home("1-202"))).status_code == 200
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM guest_pass WHERE ended_at IS NULL") == 0


async def test_a_home_that_is_too_small_taken_or_the_same_is_refused(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await town.family(tenant)
    small, taken = await town.home("1-202", member_limit=1), await town.tenant("1-203")
    for home_id, status, code in (
        (small, 409, "home-full"),
        (taken.home_id, 409, "home-occupied"),
        (tenant.home_id, 409, "same-home"),
        (uuid4(), 404, "home-not-found"),
    ):
        answer = await transfer(town, tenant.tenancy_id, home_id)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await members(town, tenant.home_id) == [("spouse", "active"), ("tenant", "active")]
    assert (await transfer(town, uuid4(), small)).json()["code"] == "tenancy-not-found"


async def test_a_household_moves_to_another_community_and_the_old_one_forgets_it(world: World) -> None:
    town = await build_town(world)
    far = await build_town(world, office=town.office, name="Far Court")
    tenant = await town.tenant(ends_at=world.clock() + timedelta(days=90))
    relative = await town.family(tenant)
    await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members", json={"name": "Waiting", "relation": "parent"}
    )
    new_home = await far.home("9-901")
    moved = await transfer(town, tenant.tenancy_id, new_home, community_id=str(far.community_id))
    assert moved.status_code == 200, moved.text
    said = moved.json()
    assert (said["invited"], said["faces"], len(said["erasures"])) == (1, 0, 2)
    # What else the person has is kept: only the community that was left forgets him.
    assert {one["extent"] for one in said["erasures"]} == {"community"}
    assert await members(far, new_home) == [("parent", "invited"), ("spouse", "active"), ("tenant", "active")]
    for one in (tenant, relative):
        assert await far.kinds(one.person_id) == {GrantKind.RESIDENT}
        assert await town.kinds(one.person_id) == frozenset()
        assert [home["label"] for home in (await one.actor.get("/resident/v1/homes")).json()["homes"]] == ["9-901"]


async def test_a_move_that_broke_off_is_finished_by_asking_again(world: World) -> None:
    town = await build_town(world)
    far = await build_town(world, office=town.office, name="Far Court")
    tenant = await town.tenant()
    new_home = await far.home("9-901")
    first = await _arrived_only(town, far, tenant, new_home)
    again = await transfer(town, tenant.tenancy_id, new_home, community_id=str(far.community_id))
    assert (again.status_code, again.json()["tenancy_id"]) == (200, str(first))
    assert await members(far, new_home) == [("tenant", "active")]
    over = await transfer(town, tenant.tenancy_id, new_home, community_id=str(far.community_id))
    assert (over.status_code, over.json()["code"]) == (409, "tenancy-ended")


async def _arrived_only(town: Town, far: Town, tenant: Resident, home_id: UUID) -> UUID:
    db, now = town.world.resources.db, town.world.clock()
    async with db.transaction(Scope(community_id=town.community_id)) as conn:
        left, moving = await service.leaving(
            conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, now=now
        )
    async with db.transaction(Scope(community_id=far.community_id)) as conn:
        arrival = await service.arrive(
            conn, community_id=far.community_id, home_id=home_id, left=left, members=moving, now=now
        )
    return arrival.tenancy_id


async def test_nobody_moves_a_household_where_he_has_no_say(world: World) -> None:
    town = await build_town(world)
    far = await build_town(world, office=town.office, name="Far Court")
    abroad = await build_town(world, office=await world.administrator("Another Authority"), name="Abroad")
    tenant = await town.tenant()
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    path = f"{town.staff_path}/tenancies/{tenant.tenancy_id}/transfer"
    for office, to, home_id in (
        (manager, far.community_id, await far.home()),
        (town.office, abroad.community_id, await abroad.home()),
    ):
        answer = await office.post(path, json={"home_id": str(home_id), "community_id": str(to)})
        assert (answer.status_code, answer.json()["code"]) == (404, "community-not-found")
    assert await town.kinds(tenant.person_id) == {GrantKind.RESIDENT}
