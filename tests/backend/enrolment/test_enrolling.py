"""From three photographs to an active face, and everything that somebody has to look at first."""

import asyncio

from backend.enrolment import service
from backend.kit.db import Database, Scope
from gate_sdk.wire import GrantKind
from tests.backend.enrolment.people import (
    active,
    agree,
    approve_all,
    begin,
    complete,
    enrol,
    enrol_and_approve,
    grant,
    others_photographs,
    put,
    reviews,
    subject_of,
    visitor,
)
from tests.backend.enrolment.photographs import framings
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_a_resident_waits_until_somebody_has_looked(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    answer = await enrol(tenant.actor)
    assert answer["state"] == "in_review"
    assert answer["communities"] == [
        {
            "community_id": str(town.community_id),
            "state": "in_review",
            "since": None,
            "reason": None,
            "reason_code": None,
            "messages": {},
        }
    ]
    assert await active(town, tenant.person_id) is None
    (status,) = (await tenant.actor.get("/resident/v1/enrolments")).json()["enrolments"]
    assert (status["state"], status["communities"][0]["state"]) == ("in_review", "in_review")
    assert status["communities"][0]["since"] == status["completed_at"]

    await approve_all(town)
    assert await active(town, tenant.person_id) is not None
    (status,) = (await tenant.actor.get("/resident/v1/enrolments")).json()["enrolments"]
    assert (status["state"], status["communities"][0]["state"]) == ("active", "active")


async def test_completing_twice_says_the_same(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    first = await enrol(tenant.actor)
    again = await complete(tenant.actor, first["enrolment_id"])
    assert (again.status_code, again.json()["state"]) == (200, "in_review")
    assert len(await reviews(town)) == 1
    await approve_all(town)
    assert (await complete(tenant.actor, first["enrolment_id"])).json()["state"] == "active"


async def test_completing_many_times_at_once_makes_one_template(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    for slot, photo in enumerate(framings(), start=1):
        await put(tenant.actor, enrolment_id, slot, photo)
    answers = await asyncio.gather(*(complete(tenant.actor, enrolment_id) for _ in range(5)))
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "in_review")] * 5
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM template") == 1


async def test_a_guest_enters_at_once(world: World) -> None:
    town = await build_town(world)
    guest, person_id = await visitor(world, town)
    answer = await enrol(guest, surface="visitor")
    assert answer["state"] == "active"
    assert await active(town, person_id) is not None
    assert await reviews(town) == []


async def test_a_courier_whom_nobody_knows_yet_is_attached_when_his_shift_is_asserted(world: World) -> None:
    town = await build_town(world)
    courier, person_id = await visitor(world, town)
    await enrol(courier, surface="visitor")
    other = await build_town(world, office=town.office, name="Second Court")
    subject_id = await grant(world, other, person_id, GrantKind.COURIER)
    resources = world.resources
    attached = await service.attach(
        resources.db,
        resources.keys,
        community_id=other.community_id,
        subject_id=subject_id,
        person_id=person_id,
        now=world.clock(),
    )
    assert attached
    assert await active(other, person_id) == await active(town, person_id)


async def test_nothing_is_attached_for_somebody_without_a_face(world: World) -> None:
    town = await build_town(world)
    _, person_id = await visitor(world, town)
    subject_id = await grant(world, town, person_id, GrantKind.COURIER)
    resources = world.resources
    assert not await service.attach(
        resources.db,
        resources.keys,
        community_id=town.community_id,
        subject_id=subject_id,
        person_id=person_id,
        now=world.clock(),
    )


async def test_attaching_does_not_pass_by_a_review(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    subject_id = await grant(world, town, tenant.person_id, GrantKind.COURIER)
    resources = world.resources
    assert not await service.attach(
        resources.db,
        resources.keys,
        community_id=town.community_id,
        subject_id=subject_id,
        person_id=tenant.person_id,
        now=world.clock(),
    )
    assert await active(town, tenant.person_id) is None


async def test_one_face_under_two_names_is_found_and_nobody_is_told_whose(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant("1-101")
    await enrol_and_approve(town, tenant.actor)
    guest, guest_id = await visitor(world, town)
    answer = await enrol(guest, surface="visitor")
    assert answer["state"] == "in_review"
    assert "duplicate" not in str(answer)
    assert await active(town, guest_id) is None
    (review,) = await reviews(town)
    assert review["findings"] == ["possible_duplicate"]
    subject = await subject_of(town, tenant.person_id)
    assert str(subject) not in str(review)


async def test_of_two_that_wait_with_one_face_the_second_is_found_at_approval(world: World) -> None:
    town = await build_town(world)
    first, second = await town.tenant("1-101"), await town.tenant("1-102")
    await enrol(first.actor)
    await enrol(second.actor)
    one, other = await reviews(town)
    assert one["findings"] == other["findings"] == []
    base = f"{town.staff_path}/reviews"
    assert (await town.office.post(f"{base}/{one['review_id']}/approve", json={"basis": "register_photo"})).is_success
    held = await town.office.post(f"{base}/{other['review_id']}/approve", json={"basis": "register_photo"})
    assert (held.status_code, held.json()["code"]) == (409, "review-changed")
    assert held.json()["extra"]["findings"] == ["possible_duplicate"]
    (seen,) = await reviews(town)
    assert seen["findings"] == ["possible_duplicate"]
    # Who has seen it may still say yes: they may be twins.
    assert (await town.office.post(f"{base}/{other['review_id']}/approve", json={"basis": "seen_in_person"})).is_success


async def test_enrolling_again_with_the_same_face_is_active_at_once_and_the_old_one_goes(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    old = await active(town, tenant.person_id)
    world.clock.advance(minutes=5)
    answer = await enrol(tenant.actor)
    assert answer["state"] == "active"
    new = await active(town, tenant.person_id)
    assert new not in {None, old}
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        assert await conn.fetchval("SELECT array_agg(template_id) FROM template") == [new]


async def test_a_changed_face_waits_and_the_old_one_opens_meanwhile(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    old = await active(town, tenant.person_id)
    answer = await enrol(tenant.actor, others_photographs())
    assert answer["state"] == "in_review"
    assert await active(town, tenant.person_id) == old
    (review,) = await reviews(town)
    assert review["findings"] == ["changed_face"]
    await approve_all(town)
    assert await active(town, tenant.person_id) not in {None, old}


async def test_a_changed_face_of_a_guest_waits_too(world: World) -> None:
    town = await build_town(world)
    guest, person_id = await visitor(world, town)
    await enrol(guest, surface="visitor")
    old = await active(town, person_id)
    answer = await enrol(guest, others_photographs(), surface="visitor")
    assert answer["state"] == "in_review"
    assert await active(town, person_id) == old


async def test_photographs_of_two_people_make_no_template(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    for slot, photo in enumerate(framings()[:2], start=1):
        assert (await put(tenant.actor, enrolment_id, slot, photo)).status_code == 200
    answer = await put(tenant.actor, enrolment_id, 3, others_photographs()[0])
    assert (answer.status_code, answer.json()["code"]) == (422, "not_the_same_person")
    answer = await complete(tenant.actor, enrolment_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "photos-missing")
    # It is still open: he takes the picture again.
    assert (await put(tenant.actor, enrolment_id, 3, framings()[2])).status_code == 200
    assert (await complete(tenant.actor, enrolment_id)).status_code == 200


async def test_no_template_when_consent_was_withdrawn_meanwhile(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    for slot, photo in enumerate(framings(), start=1):
        await put(tenant.actor, enrolment_id, slot, photo)
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        await conn.execute("UPDATE consent SET withdrawn_at = given_at")
    answer = await complete(tenant.actor, enrolment_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "consent-missing")


async def test_only_bins_of_impostors_scores_are_kept(world: World) -> None:
    town = await build_town(world)
    first, second = await town.tenant("1-101"), await town.tenant("1-102")
    await enrol_and_approve(town, first.actor)
    await enrol(second.actor, others_photographs())
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        rows = await conn.fetch("SELECT bin, count FROM impostor_histogram")
    assert sum(row["count"] for row in rows) == 3
    assert all(-40 < row["bin"] < 50 for row in rows)


async def test_who_comes_to_a_community_after_he_enrolled_is_found_by_the_job(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    guest, person_id = await visitor(world, town)
    await enrol(guest, surface="visitor")
    other = await build_town(world, office=town.office, name="Second Court")
    await grant(world, other, person_id, GrantKind.GUEST)
    assert await active(other, person_id) is None
    done = await service.attach_waiting(worker_db, world.resources.keys, now=world.clock())
    assert done == 1
    assert await active(other, person_id) is not None
    assert await service.attach_waiting(worker_db, world.resources.keys, now=world.clock()) == 0
