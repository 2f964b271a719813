"""People without a smartphone: staff take their photographs at the desk, with what they signed on record."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from tests.backend.enrolment.people import active, enrol_and_approve, others_photographs, put, reviews
from tests.backend.enrolment.photographs import framings
from tests.backend.guardians.children import child_of
from tests.backend.households.town import Town, build_town
from tests.backend.world import Actor, World

SIGNED = {"paper_reference": "2026/118", "texts": [{"purpose": "face_access", "version": 1}]}


async def begin(town: Town, member_id: UUID | str, by: Actor | None = None, **body: Any) -> httpx.Response:
    return await (by or town.office).post(
        f"{town.staff_path}/members/{member_id}/desk-enrolments", json={**SIGNED, **body}
    )


async def taken(town: Town, member_id: UUID | str, photos: tuple[bytes, ...] | None = None) -> dict[str, Any]:
    begun = await begin(town, member_id)
    assert begun.status_code == 201, begun.text
    path = f"{town.staff_path}/members/{member_id}/desk-enrolments/{begun.json()['enrolment_id']}"
    for slot, photo in enumerate(photos or framings(), start=1):
        answer = await town.office.put(f"{path}/photos/{slot}", content=photo, headers={"Content-Type": "image/jpeg"})
        assert answer.status_code == 200, answer.text
    assert (await town.office.get(path)).json()["done"] == [1, 2, 3]
    answer = await town.office.post(f"{path}/complete")
    assert answer.status_code == 200, answer.text
    completed: dict[str, Any] = answer.json()
    return completed


async def test_somebody_without_an_account_is_enrolled_at_the_desk_and_active_at_once(world: World) -> None:
    town = await build_town(world)
    created = await town.tenancy(await town.home(), world.new_phone())
    answer = await taken(town, created["member_id"])
    assert answer["state"] == "active"
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        person_id = await conn.fetchval("SELECT person_id FROM member WHERE member_id = $1", UUID(created["member_id"]))
        assert await conn.fetchval("SELECT count(*) FROM account WHERE person_id = $1", person_id) == 0
        recorded = await conn.fetchrow("SELECT * FROM consent WHERE person_id = $1", person_id)
        told = await conn.fetchrow("SELECT actor, reason FROM audit_entry WHERE action = 'face.activate'")
    assert await active(town, person_id) is not None
    assert recorded is not None
    assert (recorded["purpose"], recorded["version"], recorded["surface"]) == ("face_access", 1, "desk")
    assert (recorded["paper_reference"], len(recorded["text_sha256"])) == ("2026/118", 32)
    assert told is not None
    assert (told["actor"], told["reason"]) == (f"staff:{recorded['recorded_by']}", "seen_in_person")
    # The code that was given out for him is used up by that.
    stranger = await world.resident()
    joined = await stranger.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert not joined.is_success


async def test_a_resident_who_has_changed_is_enrolled_anew_at_the_desk(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    old = await active(town, tenant.person_id)
    assert (await taken(town, tenant.member_id, others_photographs()))["state"] == "active"
    assert await active(town, tenant.person_id) not in {None, old}
    assert await reviews(town) == []


async def test_a_face_that_another_has_already_is_looked_at_even_from_the_desk(world: World) -> None:
    town = await build_town(world)
    first, second = await town.tenant("1-101"), await town.tenant("1-102")
    await enrol_and_approve(town, first.actor)
    assert (await taken(town, second.member_id))["state"] == "in_review"
    (review,) = await reviews(town)
    assert review["findings"] == ["possible_duplicate"]


async def test_the_person_himself_puts_no_picture_into_an_enrolment_of_the_desk(world: World) -> None:
    """Or a face would pass for seen in person that nobody has seen."""
    town = await build_town(world)
    tenant = await town.tenant()
    begun = await begin(town, tenant.member_id)
    enrolment_id = begun.json()["enrolment_id"]
    answer = await put(tenant.actor, enrolment_id, 1, others_photographs()[0])
    assert answer.status_code == 404
    assert (await tenant.actor.post(f"/resident/v1/enrolments/{enrolment_id}/complete")).status_code == 404
    assert (await tenant.actor.get(f"/resident/v1/enrolments/{enrolment_id}")).status_code == 404
    # Nor does staff finish by its look what he has begun at home.
    own = (await tenant.actor.post("/resident/v1/enrolments", json={})).json()["enrolment_id"]
    path = f"{town.staff_path}/members/{tenant.member_id}/desk-enrolments/{own}"
    assert (await town.office.post(f"{path}/complete")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"paper_reference": ""},
        {"paper_reference": "Zhang San, signed"},
        {"texts": []},
        {"texts": [{"purpose": "marketing", "version": 1}]},
        {"spoken": True},
    ],
)
async def test_without_a_signed_sheet_nothing_begins(world: World, body: dict[str, Any]) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    assert (await begin(town, tenant.member_id, **body)).status_code == 400


async def test_the_text_must_be_the_current_one_and_the_one_to_entry_by_face(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    later = await begin(town, tenant.member_id, texts=[{"purpose": "face_access", "version": 9}])
    assert (later.status_code, later.json()["code"]) == (404, "consent-document-not-found")
    other = await begin(town, tenant.member_id, texts=[{"purpose": "photo_retention", "version": 1}])
    assert (other.status_code, other.json()["code"]) == (409, "consent-missing")


async def test_only_for_members_of_this_community_by_those_who_may(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await begin(town, tenant.member_id, by=desk)).status_code == 403
    other = await build_town(world, office=await world.administrator("Another Authority"), name="Elsewhere")
    assert (await begin(other, tenant.member_id)).status_code == 404
    assert (await begin(town, tenant.member_id, by=other.office)).status_code == 404
    proposed = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
        json={"name": "Cousin", "relation": "sibling"},
    )
    # Whom the tenant has named alone, the office approves first.
    answer = await begin(town, proposed.json()["member_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "member-not-open")


async def test_a_guardian_signs_at_the_desk_for_a_child_and_for_nobody_older(world: World) -> None:
    town = await build_town(world)
    tenant, neighbour = await town.tenant("1-101"), await town.tenant("1-102")
    today = world.clock().date()
    child = await child_of(town, tenant, today - timedelta(days=10 * 365))
    other = await child_of(town, neighbour, today - timedelta(days=9 * 365))
    young = await child_of(town, tenant, today - timedelta(days=16 * 365))

    async def tie(member_id: UUID) -> str:
        listed = await town.office.get(f"{town.staff_path}/members/{member_id}/guardians")
        return str(listed.json()["guardians"][0]["guardianship_id"])

    def code(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["code"]

    assert code(await begin(town, child.member_id)) == (403, "guardian-needed")
    assert code(await begin(town, child.member_id, guardianship_id=await tie(other.member_id))) == (
        404, "ward-not-found",
    )  # fmt: skip
    assert code(await begin(town, young.member_id, guardianship_id=await tie(young.member_id))) == (
        403, "decides-himself",
    )  # fmt: skip
    begun = await begin(town, child.member_id, guardianship_id=await tie(child.member_id))
    assert begun.status_code == 201, begun.text
    async with world.resources.db.transaction(Scope(person_id=child.person_id)) as conn:
        recorded = await conn.fetchrow("SELECT given_by, paper_reference, surface FROM consent")
    assert recorded is not None
    assert tuple(recorded) == (tenant.person_id, "2026/118", "desk")
