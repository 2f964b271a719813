"""Who may hold what, why and how long; and that all of it is in the trail."""

from datetime import datetime, timedelta
from uuid import uuid4

import httpx

from backend.audit.checking import check_chain
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.privacy.holds.rules import held_key, hold_of_key, is_period
from tests.backend.privacy.held import MONTH, hold, objects_of, order, release, town_with_officer
from tests.backend.world import World


async def test_only_the_legal_officer_has_to_do_with_holds(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    path = f"{town.staff_path}/holds"
    one = f"{path}/{made['hold_id']}"
    photo = f"{one}/photographs/{made['kept'][0]['photo_id']}"
    renewal = {"ends_at": (world.clock() + MONTH).isoformat()}
    roles = (StaffRole.COMMUNITY_MANAGER, StaffRole.FRONT_DESK, StaffRole.AUDITOR)
    others = [
        town.office,
        *[await world.staff(town.office, role, community_id=town.community_id) for role in roles],
    ]
    for actor in others:
        answers = [
            await actor.post(path, json=order(world, tenant)),
            await actor.get(path),
            await actor.get(one),
            await actor.post(f"{one}/renew", json=renewal),
            await actor.post(f"{one}/end"),
            await actor.get(photo),
        ]
        assert [answer.status_code for answer in answers] == [403] * 6
    # He himself does nothing else, and nobody else's officer sees anything.
    assert (await officer.get(f"{town.staff_path}/reviews")).status_code == 403
    assert (await officer.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})).status_code == 403
    there = await world.staff(await world.administrator("There"), StaffRole.LEGAL_OFFICER)
    assert (await there.get(one)).status_code == 404
    assert (await there.get(photo)).status_code == 404
    assert (await world.api.get(one)).status_code == 401


async def test_a_legal_officer_is_nothing_else_and_serves_the_whole_authority(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin)

    async def appoint(*roles: dict[str, str]) -> httpx.Response:
        return await admin.post(
            "/staff/v1/staff", json={"phone": world.new_phone(), "name": "Member", "roles": list(roles)}
        )

    role = {"role": "legal_officer"}
    assert (await appoint({**role, "community_id": str(community)})).json()["code"] == "role-reaches-further"
    for other in ("authority_administrator", "community_manager", "front_desk", "auditor"):
        refused = await appoint(role, {"role": other})
        assert (refused.status_code, refused.json()["code"]) == (422, "legal-officer-alone")
    assert (await appoint(role)).status_code == 201


async def test_orders_that_cannot_be_are_refused(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    other = await town.tenant("1-102")
    path = f"{town.staff_path}/holds"

    def at(days: int) -> str:
        return (world.clock() + timedelta(days=days)).isoformat()

    for fields, status, code in (
        ({"ends_at": at(0)}, 422, "hold-period-invalid"),
        ({"ends_at": at(185)}, 422, "hold-period-invalid"),
        ({"basis": "legal_claim", "forbidden_to_tell": True}, 422, "secrecy-unfounded"),
        ({"member_id": str(uuid4())}, 404, "held-person-not-found"),
        ({"member_id": None}, 404, "held-person-not-found"),
        ({"subject_id": str(uuid4())}, 404, "held-person-not-found"),
        ({"member_id": None, "subject_id": str(uuid4())}, 404, "held-person-not-found"),
        ({"member_id": str(other.member_id)}, 409, "nothing-to-hold"),
        ({"basis": "curiosity"}, 400, None),
        ({"reference": ""}, 400, None),
        ({"ends_at": "2027-01-01T00:00:00"}, 400, None),
    ):
        answer = await officer.post(path, json=order(world, tenant, **fields))
        assert answer.status_code == status, (fields, answer.text)
        assert code in (None, answer.json()["code"])
    assert (await officer.get(path)).json()["holds"] == []
    assert await objects_of(world) == []


async def test_every_act_is_in_the_trail_and_none_says_more_than_ids(world: World, worker_db: Database) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    path = f"{town.staff_path}/holds/{made['hold_id']}"
    await officer.get(f"{path}/photographs/{made['kept'][0]['photo_id']}")
    await officer.post(f"{path}/renew", json={"ends_at": (world.clock() + 2 * MONTH).isoformat()})
    await officer.post(f"{path}/end")
    await release(world, worker_db)
    entries = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    acts = [entry for entry in entries if entry["action"].startswith("hold.")]
    assert [entry["action"] for entry in acts] == [
        "hold.release", "hold.end", "hold.renew", "hold.photo.read", "hold.set"
    ]  # fmt: skip
    assert all(entry["reason"] == "criminal_investigation" for entry in acts)
    assert not any(made["reference"] in str(entry) for entry in entries)
    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        checked = await check_chain(conn, chain=town.community_id, kept=(), keys={})
    assert checked.findings == ()


async def test_his_copy_names_the_hold_that_he_may_know_of(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    shown = await hold(town, officer, tenant)
    hidden = await hold(town, officer, tenant, forbidden_to_tell=True)
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id), read_only=True) as conn:
        seen = {str(row["hold_id"]) for row in await conn.fetch("SELECT hold_id FROM legal_hold")}
        assert await conn.fetchval("SELECT count(*) FROM hold_photo") == 0
    assert shown["hold_id"] in seen
    assert hidden["hold_id"] not in seen


def test_six_months_are_months_of_the_calendar() -> None:
    now = datetime.fromisoformat("2026-08-31T10:00:00+08:00")
    assert is_period(datetime.fromisoformat("2027-02-28T10:00:00+08:00"), now=now)
    assert not is_period(datetime.fromisoformat("2027-02-28T10:00:01+08:00"), now=now)
    assert not is_period(now, now=now)


def test_an_object_names_its_hold_and_others_name_none() -> None:
    hold_id = uuid4()
    assert hold_of_key(held_key(hold_id, uuid4(), written_s=17)) == (hold_id, 17)
    for key in ("held/x/17-1", "people/a/b", f"held/{hold_id}/x-1", "held/"):
        assert hold_of_key(key) is None
