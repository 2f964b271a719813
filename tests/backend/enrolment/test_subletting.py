"""What a tenant may try who lets his home to another in secret: each attempt is refused or looked at.

The sub-tenant's face must not come to open the gate on the tenant's word alone.
"""

from datetime import timedelta

from backend.enrolment import service
from backend.kit.db import Scope
from gate_sdk.wire import GrantKind
from tests.backend.couriers.company import open_link
from tests.backend.enrolment.archives import keep
from tests.backend.enrolment.people import (
    active,
    approve_all,
    enrol,
    enrol_and_approve,
    grant,
    others_photographs,
    reviews,
    visitor,
)
from tests.backend.enrolment.photographs import framings
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_the_subtenants_face_as_my_own_is_looked_at_beside_the_registers_photograph(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await keep(town, tenant.member_id, framings()[0])
    assert (await enrol(tenant.actor, others_photographs()))["state"] == "in_review"
    assert await active(town, tenant.person_id) is None
    (review,) = await reviews(town)
    assert (review["findings"], review["register_photo_of"]) == (["unlike_register"], str(tenant.member_id))
    beside = f"{town.staff_path}/members/{tenant.member_id}/register-photo/picture"
    assert (await town.office.get(beside)).status_code == 200


async def test_the_subtenants_face_as_my_own_is_looked_at_where_the_register_has_no_photograph(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    assert (await enrol(tenant.actor, others_photographs()))["state"] == "in_review"
    assert await active(town, tenant.person_id) is None


async def test_the_subtenant_as_family_is_on_the_register_first_and_looked_at_then(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    proposed = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
        json={"name": "Cousin", "relation": "sibling"},
    )
    # The tenant's word gives no code and no entry; the office's does, and its look.
    assert proposed.json()["state"] == "proposed"
    assert "activation_code" not in proposed.json()
    relative = await town.family(tenant)
    assert (await enrol(relative.actor, others_photographs()))["state"] == "in_review"
    assert await active(town, relative.person_id) is None


async def test_the_subtenants_face_by_re_enrolment_is_looked_at_and_mine_serves_meanwhile(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    mine = await active(town, tenant.person_id)
    assert (await enrol(tenant.actor, others_photographs()))["state"] == "in_review"
    assert await active(town, tenant.person_id) == mine
    (review,) = await reviews(town)
    assert review["findings"] == ["changed_face"]
    path = f"{town.staff_path}/reviews/{review['review_id']}/refuse"
    assert (await town.office.post(path, json={"reason": "not_the_person"})).status_code == 200
    assert await active(town, tenant.person_id) == mine


async def test_three_photographs_of_the_two_of_us_are_refused(world: World) -> None:
    """A mean of two people would open the gate to both."""
    town = await build_town(world)
    tenant = await town.tenant()
    mixed = (*framings()[:2], others_photographs()[0])
    await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1})
    begun = await tenant.actor.post("/resident/v1/enrolments", json={})
    enrolment = f"/resident/v1/enrolments/{begun.json()['enrolment_id']}"
    answers = [
        await tenant.actor.put(f"{enrolment}/photos/{slot}", content=photo, headers={"Content-Type": "image/jpeg"})
        for slot, photo in enumerate(mixed, start=1)
    ]
    done = await tenant.actor.post(f"{enrolment}/complete")
    assert not done.is_success
    assert answers[2].json()["code"] == "not_the_same_person"


async def test_the_subtenants_face_enrolled_in_two_homes_is_found(world: World) -> None:
    town = await build_town(world)
    tenant, other = await town.tenant("1-101"), await town.tenant("1-102")
    await enrol_and_approve(town, other.actor)
    await keep(town, tenant.member_id, framings()[1])
    # Even where the register's photograph is like it.
    assert (await enrol(tenant.actor))["state"] == "in_review"
    (review,) = await reviews(town)
    assert review["findings"] == ["possible_duplicate"]


async def test_an_endless_guest_pass_ends_by_itself(world: World) -> None:
    """How long it may be, and how many days of guests a home has, the passes' own tests say."""
    town = await build_town(world)
    tenant = await town.tenant()
    now = world.clock()
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes"
    body = {"guest_name": "A Guest", "valid_from": now.isoformat()}
    endless = await tenant.actor.post(path, json={**body, "valid_until": (now + timedelta(days=365)).isoformat()})
    assert endless.status_code in (400, 409, 422)
    # One after the other comes to an end as well.
    answers = []
    for week in range(20):
        begin = now + timedelta(days=7 * week)
        answers.append(
            await tenant.actor.post(
                path,
                json={
                    **body,
                    "valid_from": begin.isoformat(),
                    "valid_until": (begin + timedelta(days=6)).isoformat(),
                },
            )
        )
    assert not all(answer.is_success for answer in answers)


async def test_a_face_enrolled_as_a_guest_does_not_become_a_residents_unseen(world: World) -> None:
    """The sub-tenant comes as a guest, enrols at once, and is then given the tenant's activation code."""
    town = await build_town(world)
    guest, person_id = await visitor(world, town)
    assert (await enrol(guest, others_photographs(), surface="visitor"))["state"] == "active"
    assert await active(town, person_id) is not None
    subject_id = await grant(world, town, person_id, GrantKind.RESIDENT)
    assert await active(town, person_id) is None
    resources = world.resources
    assert not await service.attach(
        resources.db,
        resources.keys,
        community_id=town.community_id,
        subject_id=subject_id,
        person_id=person_id,
        now=world.clock(),
    )
    assert await active(town, person_id) is None


async def test_a_face_that_was_vouched_for_stays_when_its_owner_moves_within_the_community(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    mine = await active(town, tenant.person_id)
    await grant(world, town, tenant.person_id, GrantKind.RESIDENT)
    assert await active(town, tenant.person_id) == mine


async def test_a_guest_pass_for_the_tenants_own_phone_brings_no_other_face_in(world: World) -> None:
    """He accepts his own invitation as a guest, so that his face would need nobody's look."""
    town = await build_town(world)
    tenant = await town.tenant()
    await grant(world, town, tenant.person_id, GrantKind.GUEST)
    assert (await enrol(tenant.actor, others_photographs()))["state"] == "in_review"
    assert await active(town, tenant.person_id) is None


async def test_the_tenants_face_under_a_guests_name_is_looked_at(world: World) -> None:
    """Two entries with one face would lock both out, or let one pass as the other."""
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    guest, person_id = await visitor(world, town, tenant)
    assert (await enrol(guest, surface="visitor"))["state"] == "in_review"
    assert await active(town, person_id) is None
    await approve_all(town)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        marked = await conn.fetch("SELECT lookalike FROM face_credential")
    assert [row["lookalike"] for row in marked] == [True, True]


async def test_somebody_elses_link_does_not_open_twice(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    now = world.clock()
    answer = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes",
        json={
            "guest_name": "A Guest",
            "valid_from": now.isoformat(),
            "valid_until": (now + timedelta(hours=4)).isoformat(),
        },
    )
    first = await open_link(world.api, answer.json()["link_token"])
    assert (await first.accept()).status_code == 200
    second = await world.api.post("/visitor/v1/session", json={"token": answer.json()["link_token"]})
    assert (
        not second.is_success
        or not (
            await world.api.post(
                "/visitor/v1/enrolments",
                json={},
                headers={"Authorization": f"Bearer {second.json()['access_token']}"},
            )
        ).is_success
    )
