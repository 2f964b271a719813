"""Numbers that were lost, and numbers that somebody else has by now."""

from datetime import timedelta

import httpx
import pytest

from backend.accounts.number import desk
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import Actor, World

HALF_A_YEAR = timedelta(days=180)


@pytest.fixture
async def town(world: World) -> Town:
    """A community with its office."""
    return await build_town(world)


def path(town: Town, member: Resident) -> str:
    return f"{town.staff_path}/members/{member.member_id}/number"


async def log_in(world: World, phone: str, surface: str = "resident") -> httpx.Response:
    asked = await world.api.post(f"/{surface}/v1/login", json={"phone": phone})
    assert asked.status_code == 202, asked.text
    return await world.api.post(
        f"/{surface}/v1/login/verify",
        json={"challenge_id": asked.json()["challenge_id"], "code": world.code_sent_to(phone)},
    )


async def person_of(actor: Actor) -> str:
    return str((await actor.get("/resident/v1/me")).json()["person_id"])


async def carry_out(world: World, worker_db: Database) -> int:
    return await desk.finish_due(worker_db, pepper=world.resources.pepper, now=world.clock())


async def renew(world: World, actor: Actor) -> httpx.Response:
    return await world.api.post("/resident/v1/token", json={"refresh_token": actor.refresh_token})


async def test_after_a_day_the_account_has_the_new_number_and_all_sessions_end(
    town: Town, world: World, worker_db: Database
) -> None:
    tenant = await town.tenant()
    old, new = tenant.actor.phone, world.new_phone()
    planned = await town.office.post(path(town, tenant), json={"phone": new})
    assert planned.status_code == 202, planned.text
    assert world.messages(old)[-1]["template"] == "number_change_asked"
    assert not world.messages(new)
    world.clock.advance(hours=23, minutes=59)
    assert await carry_out(world, worker_db) == 0
    assert await person_of(await world.resident(old)) == str(tenant.person_id)
    world.clock.advance(minutes=1)
    assert await carry_out(world, worker_db) == 1
    assert await carry_out(world, worker_db) == 0
    assert (await renew(world, tenant.actor)).json()["code"] == "session-ended"
    assert await person_of(await world.resident(new)) == str(tenant.person_id)
    # Whoever finds the old telephone is a stranger.
    assert await person_of(await world.resident(old)) != str(tenant.person_id)


async def test_any_device_and_the_office_call_it_off(town: Town, world: World, worker_db: Database) -> None:
    tenant = await town.tenant()
    elsewhere = await world.resident(tenant.actor.phone)
    for actor, where in ((elsewhere, "/resident/v1/me/number"), (town.office, path(town, tenant))):
        planned = await town.office.post(path(town, tenant), json={"phone": world.new_phone()})
        assert planned.status_code == 202, planned.text
        assert (await actor.delete(where)).status_code == 204
        again = await actor.delete(where)
        assert (again.status_code, again.json()["code"]) == (409, "no-number-change")
    world.clock.advance(days=2)
    assert await carry_out(world, worker_db) == 0
    assert await person_of(await world.resident(tenant.actor.phone)) == str(tenant.person_id)


async def test_the_owner_sees_the_planned_move_and_nobody_else_does(town: Town, world: World) -> None:
    tenant, neighbour = await town.tenant(), await town.tenant("1-102")
    new = world.new_phone()
    planned = await town.office.post(path(town, tenant), json={"phone": new})
    seen = (await tenant.actor.get("/resident/v1/me")).json()["number_move"]
    # Two digits tell an owner his own new number; whoever holds the account for him learns no more.
    assert seen == {"at": planned.json()["moves_at"], "ends_in": new[-2:]}
    assert (await neighbour.actor.get("/resident/v1/me")).json()["number_move"] is None
    await tenant.actor.delete("/resident/v1/me/number")
    assert (await tenant.actor.get("/resident/v1/me")).json()["number_move"] is None


async def test_a_device_that_was_logged_out_calls_nothing_off(town: Town, world: World) -> None:
    tenant = await town.tenant()
    stolen = await world.resident(tenant.actor.phone)
    assert (await tenant.actor.delete("/resident/v1/me/sessions")).status_code == 204
    await town.office.post(path(town, tenant), json={"phone": world.new_phone()})
    assert (await stolen.delete("/resident/v1/me/number")).status_code == 401
    assert (await tenant.actor.delete("/resident/v1/me/number")).status_code == 204


async def test_a_number_that_has_an_account_is_neither_told_of_nor_taken(
    town: Town, world: World, worker_db: Database
) -> None:
    tenant, other = await town.tenant(), await world.resident()
    others = await person_of(other)
    # The desk learns nothing of whose numbers have accounts.
    assert (await town.office.post(path(town, tenant), json={"phone": other.phone})).status_code == 202
    world.clock.advance(days=1)
    assert await carry_out(world, worker_db) == 0
    assert await person_of(await world.resident(other.phone)) == others
    assert await person_of(await world.resident(tenant.actor.phone)) == str(tenant.person_id)
    assert (await renew(world, tenant.actor)).status_code == 200


async def test_two_members_do_not_both_get_one_number(town: Town, world: World, worker_db: Database) -> None:
    new = world.new_phone()
    for tenant in (await town.tenant(), await town.tenant("1-102")):
        assert (await town.office.post(path(town, tenant), json={"phone": new})).status_code == 202
    world.clock.advance(days=1)
    assert await carry_out(world, worker_db) == 1


async def test_a_desk_takes_over_nobodys_staff_account(town: Town, world: World, worker_db: Database) -> None:
    tenant = await town.tenant()
    desk_path = path(town, tenant)
    assert (await town.office.post(desk_path, json={"phone": world.new_phone()})).status_code == 202
    added = await town.office.post(
        "/staff/v1/staff",
        json={"phone": tenant.actor.phone, "name": "Member", "roles": [{"role": StaffRole.FRONT_DESK.value}]},
    )
    assert added.status_code == 201, added.text
    for method, where, body in (
        ("POST", desk_path, {"phone": world.new_phone()}),
        ("DELETE", desk_path, None),
        ("POST", f"{desk_path}/seen", None),
    ):
        answer = await town.office.request(method, where, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "number-of-staff")
    # Nor by a plan from before he was.
    world.clock.advance(days=1)
    assert await carry_out(world, worker_db) == 0
    assert await person_of(await world.resident(tenant.actor.phone)) == str(tenant.person_id)


async def test_only_a_community_in_which_he_lives_and_a_proven_role_may(town: Town, world: World) -> None:
    tenant = await town.tenant()
    stranger = await world.administrator("Other Authority")
    elsewhere = await world.community(stranger)
    body = {"phone": world.new_phone()}
    for actor, where in (
        (stranger, path(town, tenant)),
        (stranger, f"/staff/v1/communities/{elsewhere}/members/{tenant.member_id}/number"),
    ):
        assert (await actor.post(where, json=body)).status_code == 404
        assert (await actor.post(f"{where}/seen")).status_code == 404
        assert (await actor.delete(where)).status_code == 404
    front = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    unproven = await world.login(front.phone, surface="staff", second_factor=False)
    assert (await unproven.post(path(town, tenant), json=body)).json()["code"] == "second-factor-required"
    assert (await front.post(path(town, tenant), json=body)).status_code == 202
    same = await front.post(path(town, tenant), json={"phone": tenant.actor.phone})
    assert (same.status_code, same.json()["code"]) == (409, "same-number")


async def test_who_got_a_number_unused_for_half_a_year_sees_nothing(town: Town, world: World) -> None:
    tenant = await town.tenant()
    world.clock.advance(HALF_A_YEAR)
    for _ in range(2):
        answer = await log_in(world, tenant.actor.phone)
        assert (answer.status_code, answer.json()["code"]) == (403, "account-dormant")
        assert "access_token" not in answer.text
        assert str(tenant.person_id) not in answer.text
    # Another's number, never seen before, is as good as any.
    assert (await log_in(world, world.new_phone())).status_code == 200


async def test_a_number_used_a_moment_less_ago_opens_and_counts_anew(town: Town, world: World) -> None:
    tenant = await town.tenant()
    for _ in range(2):
        world.clock.advance(HALF_A_YEAR - timedelta(seconds=1))
        assert await person_of(await world.resident(tenant.actor.phone)) == str(tenant.person_id)


async def test_renewing_counts_as_use(town: Town, world: World) -> None:
    tenant = await town.tenant()
    world.clock.advance(days=20)
    assert (await renew(world, tenant.actor)).status_code == 200
    world.clock.advance(days=179)
    assert (await log_in(world, tenant.actor.phone)).status_code == 200


async def test_who_was_seen_logs_in_within_a_day_and_not_later(town: Town, world: World) -> None:
    tenant = await town.tenant()
    world.clock.advance(HALF_A_YEAR)
    office = await office_again(town, world)
    assert (await log_in(world, tenant.actor.phone)).status_code == 403
    assert (await office.post(f"{path(town, tenant)}/seen")).status_code == 200
    world.clock.advance(days=1)
    assert (await log_in(world, tenant.actor.phone)).status_code == 403
    office = await world.login(office.phone, surface="staff")
    assert (await office.post(f"{path(town, tenant)}/seen")).status_code == 200
    assert await person_of(await world.resident(tenant.actor.phone)) == str(tenant.person_id)


async def test_moving_an_unused_account_sets_its_number_free(town: Town, world: World, worker_db: Database) -> None:
    tenant = await town.tenant()
    old, new = tenant.actor.phone, world.new_phone()
    world.clock.advance(HALF_A_YEAR)
    office = await office_again(town, world)
    assert (await office.post(path(town, tenant), json={"phone": new})).status_code == 202
    assert (await log_in(world, old)).status_code == 403
    world.clock.advance(days=1)
    assert await carry_out(world, worker_db) == 1
    assert await person_of(await world.resident(old)) != str(tenant.person_id)
    assert await person_of(await world.resident(new)) == str(tenant.person_id)


async def test_staff_away_for_half_a_year_are_added_anew(town: Town, world: World) -> None:
    front = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    world.clock.advance(days=100)
    office = await world.login(town.office.phone, surface="staff")
    world.clock.advance(days=80)
    assert (await log_in(world, front.phone, "staff")).json()["code"] == "account-dormant"
    office = await world.login(office.phone, surface="staff")
    (row,) = [one for one in (await office.get("/staff/v1/staff")).json()["staff"] if one["name"] == "Member"]
    assert (await office.delete(f"/staff/v1/staff/{row['staff_id']}")).status_code == 204
    added = await office.post(
        "/staff/v1/staff", json={"phone": front.phone, "name": "Member", "roles": [{"role": "front_desk"}]}
    )
    assert added.status_code == 201, added.text
    assert (await log_in(world, front.phone, "staff")).status_code == 200


async def test_what_was_planned_goes_when_one_changes_the_number_oneself(
    town: Town, world: World, worker_db: Database
) -> None:
    tenant = await town.tenant()
    mine = world.new_phone()
    begun = (await tenant.actor.post("/resident/v1/me/number", json={"phone": mine})).json()
    await town.office.post(path(town, tenant), json={"phone": world.new_phone()})
    body = {name: begun[name] for name in ("current_challenge_id", "new_challenge_id")}
    codes = {"current_code": world.code_sent_to(tenant.actor.phone), "new_code": world.code_sent_to(mine)}
    assert (await tenant.actor.post("/resident/v1/me/number/verify", json={**body, **codes})).status_code == 204
    world.clock.advance(days=1)
    assert await carry_out(world, worker_db) == 0
    assert await person_of(await world.resident(mine)) == str(tenant.person_id)


async def office_again(town: Town, world: World) -> Actor:
    """The office, which has worked meanwhile."""
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await conn.execute("UPDATE account SET used_at = $1 WHERE phone = $2", world.clock(), town.office.phone)
    return await world.login(town.office.phone, surface="staff")
