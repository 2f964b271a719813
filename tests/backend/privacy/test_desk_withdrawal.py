"""People without an account take their consent back on paper, and the office records it."""

from uuid import UUID

from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import give_face
from tests.backend.world import World

PAPER = {"paper_reference": "2026/119"}


async def test_a_withdrawal_on_paper_erases_as_one_s_own_does(world: World) -> None:
    town = await build_town(world)
    created = await town.tenancy(await town.home(), world.new_phone())
    members = f"{town.staff_path}/members/{created['member_id']}"
    signed = {"paper_reference": "2026/118", "texts": [{"purpose": "face_access", "version": 1}]}
    begun = await town.office.post(f"{members}/desk-enrolments", json=signed)
    assert begun.status_code == 201, begun.text
    path = f"{members}/consents/face_access/withdraw"
    withdrawn = await town.office.post(path, json=PAPER)
    assert withdrawn.status_code == 201, withdrawn.text
    assert withdrawn.json()["withdrawn"] is True
    (erasure,) = withdrawn.json()["erasures"]
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        told = await conn.fetchrow("SELECT target, reason FROM audit_entry WHERE action = 'consent.withdraw_at_desk'")
        person_id = await conn.fetchval("SELECT person_id FROM member WHERE member_id = $1", UUID(created["member_id"]))
        state = await conn.fetchval("SELECT state FROM access_grant")
        standing = await conn.fetchval(
            "SELECT count(*) FROM consent WHERE person_id = $1 AND withdrawn_at IS NULL", person_id
        )
    assert told is not None
    assert (told["target"], told["reason"]) == (f"member:{created['member_id']}/face_access", "2026/119")
    # The right to enter stays, without the face.
    assert (standing, state == "ended") == (0, False)
    assert (await town.office.get(f"{town.staff_path}/erasures/{erasure['erasure_id']}")).status_code == 200
    again = await town.office.post(path, json=PAPER)
    assert (again.status_code, again.json()["withdrawn"], again.json()["erasures"]) == (201, False, [])


async def test_a_face_of_somebody_with_an_account_goes_by_paper_too(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    path = f"{town.staff_path}/members/{tenant.member_id}/consents/face_access/withdraw"
    assert (await town.office.post(path, json=PAPER)).json()["withdrawn"] is True
    (erasure,) = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"]
    assert erasure["reason"] == "consent_withdrawn"


async def test_the_desk_withdraws_for_nobody_else_s_people(world: World) -> None:
    town, other = await build_town(world), await build_town(world, name="Far Court")
    tenant, waiting = await town.tenant(), await town.tenancy(await town.home("1-102"), world.new_phone())
    for path in (
        f"{other.staff_path}/members/{tenant.member_id}/consents/face_access/withdraw",
        f"{town.staff_path}/members/{waiting['member_id']}/consents/face_access/withdraw",
        f"{town.staff_path}/members/{tenant.home_id}/consents/face_access/withdraw",
    ):
        refused = await town.office.post(path, json=PAPER)
        assert refused.status_code == 404, refused.text
    path = f"{town.staff_path}/members/{tenant.member_id}/consents/face_access/withdraw"
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.post(path, json=PAPER)).status_code == 403
    assert (await town.office.post(path, json={"paper_reference": "王某"})).status_code == 400
