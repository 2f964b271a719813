"""Legal holds: photographs that an order keeps, for a time, while everything else of the person goes."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from backend.kit.db import Database, Scope
from backend.privacy import jobs
from backend.privacy.saga import Saga
from tests.backend.ending import end_subject
from tests.backend.privacy.ending import end_tenancy, read
from tests.backend.privacy.faces import NOTHING, give_face, left_of
from tests.backend.privacy.held import (
    MONTH,
    certificate,
    has_key,
    hold,
    later,
    moved_out,
    objects_of,
    order,
    release,
    subject_of,
    town_with_officer,
)
from tests.backend.world import World


async def test_photographs_under_hold_outlive_the_person_and_go_at_its_end(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    assert (made["state"], made["photographs"], len(made["kept"])) == ("standing", 3, 3)
    erasure_id = await moved_out(town, tenant, saga)

    # All of his is gone, his key included; what is left opens by the hold's key alone.
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    erasure = await read(town, erasure_id)
    assert erasure["state"] == "held"
    assert erasure["completed_at"] is None
    assert [(one["basis"], one["photographs"]) for one in erasure["held"]] == [("criminal_investigation", 3)]
    paper = await certificate(town, erasure_id)
    assert paper["status"] == "provisional"
    (remains,) = [one for one in paper["remains"] if one["what"] == "held_photographs"]
    assert remains["until"] == made["ends_at"]
    assert "Criminal Procedure Law (CN) art. 54" in remains["laws"]
    photo_id = made["kept"][0]["photo_id"]
    look = await officer.get(f"{town.staff_path}/holds/{made['hold_id']}/photographs/{photo_id}")
    assert (look.status_code, len(look.content)) == (200, 100)

    # Before its end nothing of this changes, however often somebody looks.
    assert await release(world, worker_db) == 0
    assert not await saga.resume(UUID(erasure_id))
    town, officer = await later(town, officer, MONTH)
    assert await release(world, worker_db) == 1
    assert await release(world, worker_db) == 0
    assert await objects_of(world) == []
    assert not await has_key(world, made["hold_id"])
    assert await saga.resume(UUID(erasure_id))
    paper = await certificate(town, erasure_id)
    assert paper["status"] == "complete"
    assert all(one["what"] != "held_photographs" for one in paper["remains"])
    (told,) = paper["held"]
    assert told["released_at"] is not None
    assert (await read(town, erasure_id))["state"] == "completed"
    gone = await officer.get(f"{town.staff_path}/holds/{made['hold_id']}/photographs/{photo_id}")
    assert gone.status_code == 404


async def test_a_hold_that_is_lifted_lets_the_erasure_go_on(world: World, worker_db: Database, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    erasure_id = await moved_out(town, tenant, saga)
    path = f"{town.staff_path}/holds/{made['hold_id']}"
    assert (await officer.post(f"{path}/end")).json()["state"] == "ended"
    assert (await officer.post(f"{path}/end")).status_code == 409
    renewal = {"ends_at": (world.clock() + MONTH).isoformat()}
    assert (await officer.post(f"{path}/renew", json=renewal)).json()["code"] == "hold-ended"
    assert await release(world, worker_db) == 1
    # It has asked for the next attempt by itself.
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        waiting = await conn.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE payload = $1", erasure_id.encode())
    assert waiting == 1
    assert await saga.resume(UUID(erasure_id))


async def test_two_holds_each_keep_for_themselves(world: World, worker_db: Database, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    first = await hold(town, officer, tenant)
    second = await hold(
        town, officer, tenant, basis="court_preservation", ends_at=(world.clock() + 2 * MONTH).isoformat()
    )
    erasure_id = await moved_out(town, tenant, saga)
    town, officer = await later(town, officer, MONTH)
    assert await release(world, worker_db) == 1
    assert [await has_key(world, one["hold_id"]) for one in (first, second)] == [False, True]
    assert not await saga.resume(UUID(erasure_id))
    (remains,) = [one for one in (await certificate(town, erasure_id))["remains"] if one["what"] == "held_photographs"]
    assert remains["until"] == second["ends_at"]
    town, officer = await later(town, officer, MONTH)
    assert await release(world, worker_db) == 1
    assert await saga.resume(UUID(erasure_id))
    assert len((await certificate(town, erasure_id))["held"]) == 2


async def test_a_hold_is_renewed_while_it_stands(world: World, worker_db: Database) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    path = f"{town.staff_path}/holds/{made['hold_id']}"
    town, officer = await later(town, officer, MONTH - timedelta(days=1))
    end = (world.clock() + 2 * MONTH).isoformat()
    renewed = await officer.post(f"{path}/renew", json={"ends_at": end, "reference": "2026-0901"})
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["reference"] == "2026-0901"
    world.clock.now += 2 * timedelta(days=1)
    assert await release(world, worker_db) == 0


async def test_once_an_erasure_has_begun_it_is_too_late(world: World, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    subject_id = await subject_of(town, tenant)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    by_subject = order(world, tenant, member_id=None, subject_id=str(subject_id))
    refused = await officer.post(f"{town.staff_path}/holds", json=by_subject)
    assert (refused.status_code, refused.json()["code"]) == (409, "erasure-begun")
    assert "not undone" in refused.json()["detail"]
    await saga.resume(UUID(begun["erasure_id"]))
    assert (await officer.post(f"{town.staff_path}/holds", json=by_subject)).status_code == 404
    assert await objects_of(world) == []


async def test_a_hold_and_an_erasure_at_once_are_one_after_the_other(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    set_, ended = await asyncio.gather(
        officer.post(f"{town.staff_path}/holds", json=order(world, tenant)),
        town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={}),
    )
    assert ended.status_code == 201
    erasure_id = ended.json()["erasures"][0]["erasure_id"]
    complete = await saga.resume(UUID(erasure_id))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    # Either it was first, and everything waits for it; or it was refused, and nothing does.
    assert (set_.status_code, complete) in {(201, False), (409, True), (404, True)}
    if set_.status_code == 201:
        hold_id = set_.json()["hold_id"]
        photo_id = set_.json()["kept"][0]["photo_id"]
        look = await officer.get(f"{town.staff_path}/holds/{hold_id}/photographs/{photo_id}")
        assert look.status_code == 200


async def test_whoever_is_told_reads_it_and_whoever_may_not_be_told_does_not(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    secret = await hold(town, officer, tenant, forbidden_to_tell=True)
    withdrawn = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
    erasure_id = withdrawn.json()["erasures"][0]["erasure_id"]
    assert not await saga.resume(UUID(erasure_id))

    async def told() -> tuple[str, list[Any], str, str]:
        (erasure,) = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"]
        paper = await tenant.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate")
        page = await tenant.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate/page?language=en")
        assert page.status_code == 200
        return erasure["state"], erasure["held"], paper.text, page.text

    state, held, paper, page = await told()
    assert (state, held) == ("waiting_for_gates", [])
    # It is not said, and nothing else is said in its place: no certificate says that all is done.
    assert "held" not in paper
    assert '"provisional"' in paper
    assert "an order" not in page
    assert (await read(town, erasure_id))["held"] == []
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM legal_hold") == 0

    assert (await officer.post(f"{town.staff_path}/holds/{secret['hold_id']}/end")).status_code == 200
    await release(world, worker_db)
    assert await saga.resume(UUID(erasure_id))
    state, held, paper, page = await told()
    assert state == "completed"
    assert held[0]["basis"] == "criminal_investigation"
    assert '"complete"' in paper
    assert "a criminal investigation" in page


async def test_photographs_alone_that_go_are_kept_by_a_hold_too(world: World, worker_db: Database, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant, basis="legal_claim")
    # Photographs of an enrolment that was completed just now may still be needed for a moment.
    world.clock.now += timedelta(minutes=11)
    actor, officer = [
        await world.login(one.phone, surface=at) for one, at in ((tenant.actor, "resident"), (officer, "staff"))
    ]
    withdrawn = await actor.post("/resident/v1/consents/photo_retention/withdraw")
    erasure_id = UUID(withdrawn.json()["erasures"][0]["erasure_id"])
    assert not await saga.resume(erasure_id)
    left = await left_of(world.resources, tenant.person_id, [town.community_id])
    assert (left.photos, left.templates, left.key) == (0, 1, True)
    assert (await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")).status_code == 200
    await release(world, worker_db)
    assert await saga.resume(erasure_id)
    assert (await left_of(world.resources, tenant.person_id, [town.community_id])).templates == 1


async def test_an_erasure_that_waits_for_a_hold_keeps_no_later_face_from_being_erased_in_time(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    await hold(town, officer, tenant)
    withdrawn = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
    waiting = withdrawn.json()["erasures"][0]["erasure_id"]
    assert not await saga.resume(UUID(waiting))
    # He agrees anew, and then has no right any more.
    subject_id = await give_face(town, tenant)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=world.clock())
    world.clock.now += timedelta(hours=25)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        begun = await conn.fetchval("SELECT erasure_id FROM erasure WHERE reason = 'unused'")
    # The hold was there before it, and keeps what it kept; the face is gone.
    assert not await saga.resume(begun)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
