"""Staff and what their roles reach."""

from uuid import uuid4

from backend.kit.auth import StaffRole
from tests.backend.world import Actor, World


async def id_of(administrator: Actor, name: str = "Member") -> str:
    listed = (await administrator.get("/staff/v1/staff")).json()["staff"]
    return str(next(member["staff_id"] for member in listed if member["name"] == name))


async def test_a_manager_reaches_his_community_and_no_other(world: World) -> None:
    admin = await world.administrator()
    mine, other = await world.community(admin), await world.community(admin)
    manager = await world.staff(admin, StaffRole.COMMUNITY_MANAGER, community_id=mine)
    assert (await manager.get(f"/staff/v1/communities/{mine}")).status_code == 200
    refused = await manager.get(f"/staff/v1/communities/{other}")
    assert (refused.status_code, refused.json()["code"]) == (404, "community-not-found")
    listed = (await manager.get("/staff/v1/communities")).json()["communities"]
    assert [community["community_id"] for community in listed] == [str(mine)]


async def test_a_manager_of_the_whole_authority_reaches_communities_that_come_later(world: World) -> None:
    admin = await world.administrator()
    manager = await world.staff(admin, StaffRole.COMMUNITY_MANAGER)
    assert (await manager.get(f"/staff/v1/communities/{await world.community(admin)}")).status_code == 200


async def test_another_authoritys_community_does_not_exist_for_an_administrator(world: World) -> None:
    here, there = await world.administrator("Here"), await world.administrator("There")
    community = await world.community(there)
    for path in (f"/staff/v1/communities/{community}", f"/staff/v1/communities/{uuid4()}"):
        refused = await here.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "community-not-found")
    assert (await here.get("/staff/v1/communities")).json()["communities"] == []


async def test_roles_say_what_is_allowed(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin)
    desk = await world.staff(admin, StaffRole.FRONT_DESK, community_id=community)
    assert (await desk.get(f"/staff/v1/communities/{community}")).status_code == 200
    refused = await desk.patch(f"/staff/v1/communities/{community}", json={"name": "Mine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    auditor = await world.staff(admin, StaffRole.AUDITOR, community_id=community)
    assert (await auditor.get(f"/staff/v1/communities/{community}")).status_code == 403
    assert (await auditor.get(f"/staff/v1/communities/{community}/audit")).status_code == 200


async def test_only_administrators_keep_staff(world: World) -> None:
    admin = await world.administrator()
    for role in set(StaffRole) - {StaffRole.AUTHORITY_ADMINISTRATOR}:
        other = await world.staff(admin, role)
        body = {"phone": world.new_phone(), "name": "X", "roles": [{"role": role.value}]}
        assert (await other.get("/staff/v1/staff")).status_code == 403
        assert (await other.post("/staff/v1/staff", json=body)).status_code == 403
        member = await id_of(admin)
        assert (await other.patch(f"/staff/v1/staff/{member}", json={"name": "Y"})).status_code == 403
        assert (await other.delete(f"/staff/v1/staff/{member}")).status_code == 403


async def test_a_changed_role_counts_from_the_next_request(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin)
    member = await world.staff(admin, StaffRole.COMMUNITY_MANAGER, community_id=community)
    demoted = await admin.patch(
        f"/staff/v1/staff/{await id_of(admin)}",
        json={"name": "Demoted", "roles": [{"role": "front_desk", "community_id": str(community)}] * 2},
        headers={"If-Match": "*"},
    )
    assert demoted.json()["name"] == "Demoted"
    assert demoted.json()["roles"] == [{"role": "front_desk", "community_id": str(community)}]
    assert (await member.patch(f"/staff/v1/communities/{community}", json={"name": "X"})).status_code == 403


async def test_who_is_removed_is_out_at_once(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin)
    member = await world.staff(admin, StaffRole.COMMUNITY_MANAGER)
    assert (await admin.delete(f"/staff/v1/staff/{await id_of(admin)}")).status_code == 204
    assert (await member.get(f"/staff/v1/communities/{community}")).status_code == 401
    token = await world.api.post("/staff/v1/token", json={"refresh_token": member.refresh_token})
    assert token.status_code == 401
    before = len(world.messages(member.phone))
    assert (await world.api.post("/staff/v1/login", json={"phone": member.phone})).status_code == 202
    assert len(world.messages(member.phone)) == before


async def test_removed_staff_remain_residents(world: World) -> None:
    admin = await world.administrator()
    member = await world.staff(admin, StaffRole.FRONT_DESK)
    resident = await world.resident(member.phone)
    assert (await admin.delete(f"/staff/v1/staff/{await id_of(admin)}")).status_code == 204
    token = await world.api.post("/resident/v1/token", json={"refresh_token": resident.refresh_token})
    assert token.status_code == 200


async def test_staff_of_another_authority_do_not_exist(world: World) -> None:
    here, there = await world.administrator("Here"), await world.administrator("There")
    await world.staff(there, StaffRole.FRONT_DESK)
    stranger = await id_of(there)
    changed = await here.patch(f"/staff/v1/staff/{stranger}", json={"name": "Mine"})
    assert (changed.status_code, changed.json()["code"]) == (404, "staff-not-found")
    assert (await here.delete(f"/staff/v1/staff/{stranger}")).status_code == 404
    assert (await here.delete(f"/staff/v1/staff/{uuid4()}")).status_code == 404


async def test_a_role_in_another_authoritys_community_is_refused_and_nothing_is_kept(world: World) -> None:
    here, there = await world.administrator("Here"), await world.administrator("There")
    roles = [{"role": "community_manager", "community_id": str(await world.community(there))}]
    body = {"phone": world.new_phone(), "name": "Spy", "roles": roles}
    refused = await here.post("/staff/v1/staff", json=body)
    assert (refused.status_code, refused.json()["code"]) == (404, "community-not-found")
    assert len((await here.get("/staff/v1/staff")).json()["staff"]) == 1


async def test_a_number_is_one_member(world: World) -> None:
    admin = await world.administrator()
    body = {"phone": admin.phone, "name": "Again", "roles": [{"role": "auditor"}]}
    refused = await admin.post("/staff/v1/staff", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "staff-exists")


async def test_the_last_administrator_stays(world: World) -> None:
    admin = await world.administrator()
    own = await id_of(admin, "Administrator")
    removed = await admin.delete(f"/staff/v1/staff/{own}")
    assert (removed.status_code, removed.json()["code"]) == (409, "last-administrator")
    demoted = await admin.patch(
        f"/staff/v1/staff/{own}", json={"roles": [{"role": "auditor"}]}, headers={"If-Match": "*"}
    )
    assert (demoted.status_code, demoted.json()["code"]) == (409, "last-administrator")
    assert (await admin.get("/staff/v1/staff")).status_code == 200
    await world.staff(admin, StaffRole.AUTHORITY_ADMINISTRATOR)
    assert (await admin.delete(f"/staff/v1/staff/{own}")).status_code == 204


async def test_an_administrator_of_a_single_community_is_a_contradiction(world: World) -> None:
    admin = await world.administrator()
    roles = [{"role": "authority_administrator", "community_id": str(await world.community(admin))}]
    refused = await admin.post("/staff/v1/staff", json={"phone": world.new_phone(), "name": "X", "roles": roles})
    assert (refused.status_code, refused.json()["code"]) == (422, "role-reaches-further")


async def test_a_malformed_member_is_refused(world: World) -> None:
    admin = await world.administrator()
    sound = {"phone": "+12025550199", "name": "X", "roles": [{"role": "auditor"}]}
    wrongs: tuple[dict[str, object], ...] = (
        {"phone": None},
        {"roles": []},
        {"roles": [{"role": "king"}]},
        {"roles": [{"role": "auditor", "community_id": "7"}]},
        {"name": ""},
    )
    for wrong in wrongs:
        assert (await admin.post("/staff/v1/staff", json={**sound, **wrong})).status_code == 400
