"""What staff may look at and decide, and what they may not."""

from uuid import UUID, uuid4

import msgspec

from backend.enrolment import service
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from tests.backend.ending import end_subject
from tests.backend.enrolment.people import active, agree, approve_all, enrol, reviews, subject_of
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_a_photograph_is_shown_in_memory_only_and_each_look_is_recorded(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await tenant.actor.patch("/resident/v1/me", json={"name": "A Name"})
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    assert (review["name"], review["state"], review["slots"]) == ("A Name", "pending", [1, 2, 3])
    path = f"{town.staff_path}/reviews/{review['review_id']}/photos/2"
    photo = await town.office.get(path)
    assert photo.status_code == 200
    assert photo.headers["content-type"] == "image/jpeg"
    assert "no-store" in photo.headers["cache-control"]
    assert photo.content.startswith(b"\xff\xd8\xff")
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        looks = await conn.fetch("SELECT actor, target FROM audit_entry WHERE action = 'review.photo.read'")
    (look,) = looks
    assert look["actor"].startswith("staff:")
    assert look["target"] == f"review:{review['review_id']}/2"


async def test_photographs_go_with_the_decision_unless_the_person_lets_them_be_kept(world: World) -> None:
    town = await build_town(world)
    kept, not_kept = await town.tenant("1-101"), await town.tenant("1-102")
    await agree(kept.actor, "photo_retention")
    objects = world.resources.objects
    for tenant, left in ((kept, 3), (not_kept, 0)):
        await enrol(tenant.actor)
        (review,) = await reviews(town)
        path = f"{town.staff_path}/reviews/{review['review_id']}"
        for _ in range(2):  # the second face is the first one's duplicate, which has to be seen before it is approved
            await town.office.post(f"{path}/approve", json={"basis": "seen_in_person"})
        assert await active(town, tenant.person_id) is not None
        assert len([key async for key in objects.list(f"people/{tenant.person_id}/")]) == left
        # Decided: nobody looks any more, kept or not.
        assert (await town.office.get(f"{path}/photos/1")).status_code == 404


async def test_a_refused_face_is_erased_and_the_person_told(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    path = f"{town.staff_path}/reviews/{review['review_id']}"
    answer = await town.office.post(
        f"{path}/refuse", json={"reason": "not_the_person", "note": "Not the person on the register."}
    )
    assert (answer.status_code, answer.json()["state"]) == (200, "refused")
    assert await active(town, tenant.person_id) is None
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM template") == 0
        assert await conn.fetchval("SELECT count(*) FROM enrolment_photo") == 0
    assert [key async for key in world.resources.objects.list("people/")] == []
    (status,) = (await tenant.actor.get("/resident/v1/enrolments")).json()["enrolments"]
    assert status["state"] == "refused"
    (place,) = status["communities"]
    assert (place["reason_code"], place["reason"]) == ("not_the_person", "Not the person on the register.")
    assert place["messages"]["zh-CN"]
    assert place["messages"]["en"]
    await world.send_messages()
    assert [message["template"] for message in world.messages(tenant.actor.phone)][-1] == "face_refused"
    # He may try again.
    assert (await enrol(tenant.actor))["state"] == "in_review"


async def test_a_review_is_decided_once(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    path = f"{town.staff_path}/reviews/{review['review_id']}"
    assert (await town.office.post(f"{path}/approve", json={"basis": "seen_in_person"})).status_code == 200
    for action, body in (
        ("approve", {"basis": "seen_in_person"}),
        ("refuse", {"reason": "other"}),
        ("retake", {"reason": "face_covered"}),
    ):
        again = await town.office.post(f"{path}/{action}", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "review-decided")
    read = (await town.office.get(path)).json()
    assert (read["state"], read["basis"], read["slots"]) == ("approved", "seen_in_person", [])
    assert await reviews(town) == []


async def test_enrolling_again_takes_the_place_of_the_open_review(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (first,) = await reviews(town)
    await enrol(tenant.actor)
    (second,) = await reviews(town)
    assert first["review_id"] != second["review_id"]
    read = (await town.office.get(f"{town.staff_path}/reviews/{first['review_id']}")).json()
    assert read["state"] == "superseded"


async def test_another_communitys_reviews_are_not_found(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    second = await build_town(world, office=town.office, name="Second Court")
    other = await build_town(world, office=await world.administrator("Another Authority"), name="Elsewhere")
    paths = [
        (town.office, f"{second.staff_path}/reviews/{review['review_id']}"),
        (other.office, f"{town.staff_path}/reviews/{review['review_id']}"),
        (town.office, f"{town.staff_path}/reviews/{uuid4()}"),
    ]
    for staff, path in paths:
        assert (await staff.get(path)).status_code == 404
        assert (await staff.get(f"{path}/photos/1")).status_code == 404
        assert (await staff.post(f"{path}/approve", json={"basis": "seen_in_person"})).status_code == 404
        assert (await staff.post(f"{path}/refuse", json={"reason": "other"})).status_code == 404
    assert (await town.office.get(f"{second.staff_path}/reviews")).json()["reviews"] == []
    assert len(await reviews(town)) == 1


async def test_the_front_desk_sees_no_faces(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    path = f"{town.staff_path}/reviews"
    assert (await desk.get(path)).status_code == 403
    assert (await desk.get(f"{path}/{review['review_id']}/photos/1")).status_code == 403
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    assert (await manager.get(f"{path}/{review['review_id']}/photos/1")).status_code == 200


async def test_what_is_wrong_in_a_decision_is_refused(world: World) -> None:
    town = await build_town(world)
    path = f"{town.staff_path}/reviews/{uuid4()}"
    for action, body in (
        ("approve", {}),
        ("approve", {"basis": "looks_fine"}),
        ("approve", {"basis": "seen_in_person", "more": 1}),
        ("refuse", {"reason": "Because I say so"}),
        ("refuse", {"reason": "other", "note": ""}),
        ("retake", {"reason": "not_the_person"}),
        ("refuse", {"reason": "other", "note": "x" * 201}),
    ):
        answer = await town.office.post(f"{path}/{action}", json=body)
        assert answer.status_code == 400, (action, body)


async def test_the_queue_comes_in_pages_the_longest_waiting_first(world: World) -> None:
    town = await build_town(world)
    tenants = [await town.tenant(f"1-10{number}") for number in range(3)]
    for tenant in tenants:
        await enrol(tenant.actor)
        world.clock.advance(seconds=1)
    path = f"{town.staff_path}/reviews"
    first = (await town.office.get(path, params={"limit": 2})).json()
    rest = (await town.office.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    opened = [one["opened_at"] for one in (*first["reviews"], *rest["reviews"])]
    assert opened == sorted(opened)
    assert (len(first["reviews"]), len(rest["reviews"]), rest["next_cursor"]) == (2, 1, None)


async def test_a_face_refused_in_one_community_stays_where_another_uses_it(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    second = await build_town(world, office=town.office, name="Second Court")
    home_id = await second.home()
    created = await second.tenancy(home_id, tenant.actor.phone)
    joined = await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert joined.status_code == 201
    await enrol(tenant.actor)
    await approve_all(town)
    (review,) = await reviews(second)
    path = f"{second.staff_path}/reviews/{review['review_id']}"
    assert (await town.office.get(f"{path}/photos/1")).status_code == 200
    assert (await second.office.post(f"{path}/refuse", json={"reason": "not_entitled"})).status_code == 200
    assert await active(town, tenant.person_id) is not None
    assert await active(second, tenant.person_id) is None
    (status,) = (await tenant.actor.get("/resident/v1/enrolments")).json()["enrolments"]
    states = {UUID(place["community_id"]): place["state"] for place in status["communities"]}
    assert states == {town.community_id: "active", second.community_id: "refused"}


async def test_nobody_decides_on_who_has_left_and_his_photographs_go(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    now = world.clock()
    subject_id = await subject_of(town, tenant.person_id)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=now)
    path = f"{town.staff_path}/reviews/{review['review_id']}"
    late = await town.office.post(f"{path}/approve", json={"basis": "seen_in_person"})
    assert (late.status_code, late.json()["code"]) == (409, "review-moot")
    assert await active(town, tenant.person_id) is None
    assert await service.sweep(worker_db, world.resources.objects, now=now) == 1
    assert await reviews(town) == []
    assert [key async for key in world.resources.objects.list("people/")] == []


async def test_staff_ask_for_new_photographs_and_the_person_begins_anew(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol(tenant.actor)
    (review,) = await reviews(town)
    path = f"{town.staff_path}/reviews/{review['review_id']}"
    answer = await town.office.post(f"{path}/retake", json={"reason": "face_covered"})
    assert (answer.status_code, answer.json()["state"]) == (200, "retake")
    assert (await town.office.get(f"{path}/photos/1")).status_code == 404
    assert [key async for key in world.resources.objects.list("people/")] == []
    await world.send_messages()
    told = world.messages(tenant.actor.phone)[-1]
    assert (told["template"], told["values"]) == ("face_retake", {})
    (status,) = (await tenant.actor.get("/resident/v1/enrolments")).json()["enrolments"]
    (place,) = status["communities"]
    assert (status["state"], place["state"], place["reason_code"]) == ("enrol_again", "enrol_again", "face_covered")
    assert "mask" in place["messages"]["en"]
    # Nothing brings the face in behind the reviewer's back.
    subject_id = await subject_of(town, tenant.person_id)
    assert not await service.attach(
        world.resources.db,
        world.resources.keys,
        community_id=town.community_id,
        subject_id=subject_id,
        person_id=tenant.person_id,
        now=world.clock(),
    )
    assert (await enrol(tenant.actor))["state"] == "in_review"
    await approve_all(town)
    assert await active(town, tenant.person_id) is not None


async def test_staff_see_whom_a_face_is_like_and_photographs_only_where_they_wait_themselves(world: World) -> None:
    town = await build_town(world)
    settled, first, second = [await town.tenant(f"1-10{n}") for n in (1, 2, 3)]
    await agree(settled.actor, "photo_retention")
    await settled.actor.patch("/resident/v1/me", json={"name": "Settled"})
    await enrol(settled.actor)
    await approve_all(town)
    await enrol(first.actor)
    await enrol(second.actor)
    by_subject = {one["subject_id"]: one for one in await reviews(town)}
    mine = by_subject[str(await subject_of(town, second.person_id))]
    answer = await town.office.get(f"{town.staff_path}/reviews/{mine['review_id']}/alike")
    assert answer.status_code == 200, answer.text
    found = {one["subject_id"]: one for one in answer.json()["alike"]}
    assert {one["finding"] for one in found.values()} == {"possible_duplicate"}
    waiting = found[str(await subject_of(town, first.person_id))]
    assert waiting["slots"] == [1, 2, 3]
    other = f"{town.staff_path}/reviews/{waiting['review_id']}/photos/1"
    assert (await town.office.get(other)).status_code == 200
    # Who let his photographs be kept did so for other purposes than this.
    kept = found[str(await subject_of(town, settled.person_id))]
    assert (kept["name"], kept["review_id"], kept["slots"]) == ("Settled", None, [])
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'review.alike.read'") == 1
    elsewhere = await build_town(world, office=town.office, name="Second Court")
    strange = f"{elsewhere.staff_path}/reviews/{mine['review_id']}/alike"
    assert (await town.office.get(strange)).status_code == 404


async def test_the_mark_of_look_alikes_goes_when_the_other_one_has_left(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    first, second = await town.tenant("1-101"), await town.tenant("1-102")
    for tenant in (first, second):
        await enrol(tenant.actor)
        (review,) = await reviews(town)
        path = f"{town.staff_path}/reviews/{review['review_id']}/approve"
        await town.office.post(path, json={"basis": "seen_in_person"})

    async def marked() -> list[bool]:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            return [row["lookalike"] for row in await conn.fetch("SELECT lookalike FROM face_credential")]

    async def told() -> list[bool | None]:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            bodies = await conn.fetch("SELECT body FROM roster WHERE body IS NOT NULL")
        return [msgspec.json.decode(row["body"]).get("lookalike") for row in bodies]

    assert await marked() == [True, True]
    assert await told() == [True, True]
    assert await service.settle_lookalikes(worker_db) == 0
    ended = await town.office.post(f"{town.staff_path}/tenancies/{second.tenancy_id}/end", json={})
    assert ended.is_success
    async with worker_db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.detach(
            conn, community_id=town.community_id, subject_ids=[await subject_of(town, second.person_id)]
        )
    assert await service.settle_lookalikes(worker_db) == 1
    assert await marked() == [False]
    # Left out where it is not so: the entry has the bytes that it had before he had a look-alike.
    assert await told() == [None]
