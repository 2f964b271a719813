"""Members without a phone, birth dates that only staff confirm, and who becomes a guardian."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from backend.access import service as access
from backend.kit.db import Scope
from backend.people import repository as people
from gate_sdk.wire import GrantKind
from tests.backend.guardians.children import agree, child_of, name_child, ward
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import World

TEN = date(2016, 11, 2)
SIXTEEN = date(2010, 11, 2)


async def kinds(town: Town, person_id: UUID) -> frozenset[GrantKind]:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject = await people.get_subject(conn, community_id=town.community_id, person_id=person_id)
        assert subject is not None
        return await access.kinds(conn, community_id=town.community_id, subject_id=subject.subject_id)


async def test_an_old_mother_without_a_phone_lives_there_once_the_office_has_approved(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    member_id = await name_child(town, tenant, name="Mother", relation="parent")
    approved = await town.office.post(f"{town.staff_path}/members/{member_id}/approve")
    assert approved.status_code == 201, approved.text
    assert approved.json() == {
        "member_id": member_id, "state": "active", "age": "adult", "activation_code": None, "expires_at": None,
    }  # fmt: skip
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        person_id = await conn.fetchval("SELECT person_id FROM member WHERE member_id = $1", UUID(member_id))
        person = await people.get_person(conn, person_id=person_id)
    assert person is not None
    assert person.name == "Mother"
    assert await kinds(town, person_id) == {GrantKind.RESIDENT}
    # She is nobody's ward, and approving her again changes nothing.
    assert await ward(tenant, member_id) is None
    again = await town.office.post(f"{town.staff_path}/members/{member_id}/approve")
    assert (again.status_code, again.json()["code"]) == (409, "member-not-open")


async def test_a_child_without_a_phone_has_the_tenant_act_for_it(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    child = await child_of(town, tenant, TEN)
    found = await ward(tenant, child.member_id)
    assert found is not None
    assert (found["name"], found["relation"], found["stage"]) == ("Child", "parent", "child")
    assert found["decides_from"] == "2030-11-01T16:00:00Z"
    assert found["recapture_due_at"] is None
    assert await kinds(town, child.person_id) == {GrantKind.RESIDENT}


async def test_of_a_child_the_office_has_to_say_how_old_it_is(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    member_id = await name_child(town, tenant)
    path = f"{town.staff_path}/members/{member_id}/approve"
    silent = await town.office.post(path)
    assert (silent.status_code, silent.json()["code"]) == (422, "age-needed")
    for impossible in ("2026-11-03", "1880-01-01"):
        answer = await town.office.post(path, json={"birth_date": impossible})
        assert (answer.status_code, answer.json()["code"]) == (422, "birth-date-invalid")
    assert (await town.office.post(path, json={"of_age": True})).json()["state"] == "active"
    assert await ward(tenant, member_id) is None


async def test_a_resident_says_no_birth_date_and_no_age(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    for said in ({"birth_date": "2008-01-01"}, {"of_age": True}):
        answer = await tenant.actor.post(
            f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
            json={"name": "Child", "relation": "child", **said},
        )
        assert answer.status_code == 400
    child = await child_of(town, tenant, TEN)
    body = {"birth_date": "2000-01-01"}
    staff_only = await tenant.actor.put(f"{town.staff_path}/members/{child.member_id}/birth-date", json=body)
    assert staff_only.status_code == 401


async def test_a_grown_up_child_keeps_no_birth_date_and_has_no_guardian(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    member_id = await name_child(town, tenant)
    path = f"{town.staff_path}/members/{member_id}"
    approved = await town.office.post(f"{path}/approve", json={"birth_date": "2008-11-02"})
    assert approved.json()["age"] == "adult"
    read = (await town.office.get(f"{path}/guardians")).json()
    assert (read["stage"], read["birth_date"], read["guardians"]) == ("adult", None, [])
    other = await town.family(tenant)
    refused = await town.office.post(
        f"{path}/guardians", json={"guardian_member_id": str(other.member_id), "relation": "mother"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "member-of-age")


async def test_a_child_with_a_phone_joins_by_its_code_and_still_cannot_agree_for_itself(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    phone = world.new_phone()
    added = await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members",
        json={"name": "Child", "relation": "child", "phone": phone, "birth_date": TEN.isoformat()},
    )
    assert (added.status_code, added.json()["age"]) == (201, "child"), added.text
    actor = await world.resident(phone)
    joined = await actor.post("/resident/v1/join", json={"activation_code": added.json()["activation_code"]})
    assert joined.status_code == 201, joined.text
    answer = await actor.put("/resident/v1/consents/face_access", json={"version": 1})
    assert (answer.status_code, answer.json()["code"]) == (403, "guardian-needed")
    age = (await actor.get("/resident/v1/age")).json()
    assert (age["stage"], age["decides_until"], age["time_zone"]) == ("child", None, "Asia/Shanghai")
    found = await ward(tenant, added.json()["member_id"])
    assert found is not None
    path = f"/resident/v1/wards/{found['person_id']}/consents/face_access"
    assert (await tenant.actor.put(path, json={"version": 1})).status_code == 200


async def test_a_tenant_who_joins_after_his_children_acts_for_them(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    created = await town.tenancy(await town.home(), phone)
    added = await town.office.post(
        f"{town.staff_path}/tenancies/{created['tenancy_id']}/members",
        json={"name": "Child", "relation": "child", "without_phone": True, "birth_date": TEN.isoformat()},
    )
    assert (added.status_code, added.json()["state"]) == (201, "active"), added.text
    tenant = await town.joined(phone, created)
    assert await ward(tenant, added.json()["member_id"]) is not None


async def test_a_number_and_no_phone_contradict_each_other(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    answer = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
        json={"name": "One", "relation": "parent", "without_phone": True, "phone": world.new_phone()},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "phone-contradicted")


async def test_members_without_a_phone_count_towards_the_homes_limit(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant(member_limit=2)
    await child_of(town, tenant, TEN)
    full = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
        json={"name": "Child", "relation": "child", "without_phone": True},
    )
    assert (full.status_code, full.json()["code"]) == (409, "home-full")


async def test_the_spouse_acts_for_the_child_once_staff_have_seen_papers(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    spouse = await town.family(tenant)
    child = await child_of(town, tenant, TEN)
    assert await ward(spouse, child.member_id) is None
    assert (await agree(child, spouse)).status_code == 404
    added = await _guardian(town, child.member_id, spouse)
    assert added["basis"] == "staff"
    assert (await agree(child, spouse)).status_code == 200
    (given,) = (await tenant.actor.get(f"{child.path}/consents")).json()["consents"]
    assert given["guardian_relation"] == "mother"


@pytest.mark.parametrize("unfit", ["not joined", "under age", "nobody", "elsewhere"])
async def test_who_is_no_guardian(world: World, unfit: str) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    child = await child_of(town, tenant, TEN)
    if unfit == "not joined":
        answer = await tenant.actor.post(
            f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
            json={"name": "Spouse", "relation": "spouse"},
        )
        member_id = answer.json()["member_id"]
    elif unfit == "under age":
        member_id = str((await child_of(town, tenant, SIXTEEN)).member_id)
    elif unfit == "elsewhere":
        far = await build_town(world, office=town.office, name="Far Court")
        member_id = str((await far.tenant()).member_id)
    else:
        member_id = str(uuid4())
    answer = await town.office.post(
        f"{town.staff_path}/members/{child.member_id}/guardians",
        json={"guardian_member_id": member_id, "relation": "other"},
    )
    expected = (409, "guardian-unfit") if unfit in {"not joined", "under age"} else (404, "member-not-found")
    assert (answer.status_code, answer.json()["code"]) == expected


async def _guardian(town: Town, member_id: UUID, who: Resident, relation: str = "mother") -> dict[str, str]:
    answer = await town.office.post(
        f"{town.staff_path}/members/{member_id}/guardians",
        json={"guardian_member_id": str(who.member_id), "relation": relation},
    )
    assert answer.status_code == 201, answer.text
    added: dict[str, str] = answer.json()
    return added
