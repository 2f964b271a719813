"""Who becomes a member, and how somebody who should not is kept from it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from backend.households import service
from backend.households.errors import HomeNotFound
from backend.kit.db import Scope
from gate_sdk.wire import GrantKind
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import World


async def test_the_tenant_joins_with_his_code_and_his_phone(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    assert await town.kinds(tenant.person_id) == {GrantKind.RESIDENT}
    (home,) = (await tenant.actor.get("/resident/v1/homes")).json()["homes"]
    assert (home["community"], home["building"], home["label"], home["relation"]) == (
        "Garden Court", "Building 1", "1-101", "tenant",
    )  # fmt: skip
    # His name is the register's, as he had not given one.
    assert (await tenant.actor.get("/resident/v1/me")).json()["name"] == "Tenant"


async def test_a_name_that_the_person_gave_himself_stays(world: World) -> None:
    town = await build_town(world)
    home_id = await town.home()
    phone = world.new_phone()
    created = await town.tenancy(home_id, phone)
    actor = await world.resident(phone, name="As I Am Called")
    assert (await actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})).is_success
    assert (await actor.get("/resident/v1/me")).json()["name"] == "As I Am Called"


async def test_a_code_may_be_typed_carelessly(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    created = await town.tenancy(await town.home(), phone)
    typed = " " + created["activation_code"].lower().replace("-", " ")
    actor = await world.resident(phone)
    assert (await actor.post("/resident/v1/join", json={"activation_code": typed})).status_code == 201


async def test_a_found_code_opens_nothing_for_another_phone(world: World) -> None:
    town = await build_town(world)
    created = await town.tenancy(await town.home(), world.new_phone())
    finder = await world.resident()
    answer = await finder.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "phone-differs")
    assert (await finder.get("/resident/v1/homes")).json() == {"homes": []}


async def test_a_recycled_number_alone_opens_nothing(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    await town.tenancy(await town.home(), phone)
    newcomer = await world.resident(phone)
    assert (await newcomer.get("/resident/v1/homes")).json() == {"homes": []}
    guessed = await newcomer.post("/resident/v1/join", json={"activation_code": "AAAA-BBBB-CCCC"})
    assert (guessed.status_code, guessed.json()["code"]) == (404, "activation-unknown")


async def test_a_code_is_used_once(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    created = await town.tenancy(await town.home(), phone)
    actor = await world.resident(phone)
    body = {"activation_code": created["activation_code"]}
    answers = await asyncio.gather(*(actor.post("/resident/v1/join", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]


async def test_a_code_expires_after_fourteen_days(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    created = await town.tenancy(await town.home(), phone)
    assert datetime.fromisoformat(created["activation_expires_at"]) == world.clock() + timedelta(days=14)
    world.clock.advance(days=14)
    actor = await world.resident(phone)
    answer = await actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert (answer.status_code, answer.json()["code"]) == (410, "activation-spent")


async def test_a_new_code_ends_the_lost_one(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    created = await town.tenancy(await town.home(), phone)
    fresh = await town.office.post(f"{town.staff_path}/members/{created['member_id']}/approve")
    actor = await world.resident(phone)
    lost = await actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert lost.status_code == 404
    assert (
        await actor.post("/resident/v1/join", json={"activation_code": fresh.json()["activation_code"]})
    ).status_code == 201
    joined = await town.office.post(f"{town.staff_path}/members/{created['member_id']}/approve")
    assert (joined.status_code, joined.json()["code"]) == (409, "member-not-open")


async def test_a_family_member_lives_there_only_once_the_office_has_approved(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members"
    named = await tenant.actor.post(path, json={"name": "Relative", "relation": "parent"})
    assert (named.status_code, named.json()["state"]) == (201, "proposed")
    waiting = (await town.office.get(f"{town.staff_path}/members")).json()["members"]
    assert [(m["name"], m["state"]) for m in waiting] == [("Relative", "proposed")]
    relative = await town.family(tenant, relation="spouse")
    assert await town.kinds(relative.person_id) == {GrantKind.RESIDENT}
    members = (await relative.actor.get(path)).json()["members"]
    assert [(m["relation"], m["state"]) for m in members] == [
        ("tenant", "active"), ("parent", "proposed"), ("spouse", "active"),
    ]  # fmt: skip


async def test_only_the_tenant_names_members(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members"
    answer = await relative.actor.post(path, json={"name": "Friend", "relation": "other"})
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant-only")


async def test_a_household_keeps_to_its_homes_limit_also_in_a_race(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant(member_limit=3)
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members"
    answers = await asyncio.gather(
        *(tenant.actor.post(path, json={"name": f"Relative {n}", "relation": "child"}) for n in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
    full = await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members", json={"name": "One more", "relation": "other"}
    )
    assert (full.status_code, full.json()["code"]) == (409, "home-full")


async def test_somebody_elses_home_is_not_found(world: World) -> None:
    town = await build_town(world)
    tenant, other = await town.tenant("1-101"), await town.tenant("1-102")
    far = await build_town(world, office=town.office, name="Far Court")
    for path in (
        f"/resident/v1/homes/{town.community_id}/{other.home_id}/members",
        f"/resident/v1/homes/{far.community_id}/{tenant.home_id}/members",
    ):
        assert (await tenant.actor.get(path)).status_code == 404
        body = {"name": "Me", "relation": "other"}
        assert (await tenant.actor.post(path, json=body)).status_code == 404


async def test_the_same_person_does_not_join_a_household_twice(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    added = await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members", json={"name": "Relative", "relation": "spouse"}
    )
    answer = await tenant.actor.post("/resident/v1/join", json={"activation_code": added.json()["activation_code"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "already-member")


async def test_a_tenancy_with_an_end_lets_in_until_then(world: World) -> None:
    town = await build_town(world)
    end = world.clock() + timedelta(days=365)
    tenant = await town.tenant(ends_at=end)
    assert await window(town, tenant) == (world.clock(), end)


async def test_a_changed_end_moves_every_members_grant(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    begin, now = world.clock(), world.clock()
    end = now + timedelta(days=10)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.schedule_end(conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, at=end, now=now)
    assert await window(town, tenant) == (begin, end)
    assert await window(town, relative) == (begin, end)


async def test_an_ended_tenancy_ends_members_codes_and_numbers(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    phone = world.new_phone()
    added = await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members",
        json={"name": "Relative", "relation": "spouse", "phone": phone},
    )
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        ended = await service.end_tenancy(
            conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, now=world.clock()
        )
    assert [(e.person_id, e.member_id) for e in ended] == [(tenant.person_id, tenant.member_id)]
    assert await town.kinds(tenant.person_id) == frozenset()
    late = await world.resident(phone)
    answer = await late.post("/resident/v1/join", json={"activation_code": added.json()["activation_code"]})
    assert answer.status_code == 404
    detail = (await town.office.get(f"{town.staff_path}/homes/{tenant.home_id}")).json()
    assert {(m["state"], m["phone_ends_in"]) for m in detail["tenancies"][0]["members"]} == {("ended", None)}
    assert (await tenant.actor.get("/resident/v1/homes")).json() == {"homes": []}
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        with pytest.raises(HomeNotFound):
            await service.require_home(
                conn, community_id=town.community_id, home_id=tenant.home_id, person_id=tenant.person_id
            )


async def test_joining_and_ending_at_once_leaves_nobody_inside(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    created = await town.tenancy(await town.home(), phone)
    actor = await world.resident(phone)

    async def end() -> None:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await service.end_tenancy(
                conn, community_id=town.community_id, tenancy_id=UUID(created["tenancy_id"]), now=world.clock()
            )

    joined, _ = await asyncio.gather(
        actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]}), end()
    )
    assert joined.status_code in (201, 404, 410)
    me = (await actor.get("/resident/v1/me")).json()
    assert await town.kinds(UUID(me["person_id"])) == frozenset()


async def window(town: Town, resident: Resident) -> tuple[datetime, datetime | None]:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        row = await conn.fetchrow(
            "SELECT valid_from, valid_until FROM access_grant WHERE community_id = $1 AND source_id = $2",
            town.community_id,
            resident.member_id,
        )
    assert row is not None
    return row["valid_from"].astimezone(UTC), row["valid_until"]
