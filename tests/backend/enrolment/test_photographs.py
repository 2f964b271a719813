"""Photographs over HTTP: what is kept, what is refused and with which words."""

import asyncio
from uuid import UUID

from backend.enrolment.faces import MAX_PHOTO_BYTES
from backend.kit.db import Scope
from tests.backend.enrolment.people import agree, begin, complete, put
from tests.backend.enrolment.photographs import jpeg, large, portrait, refused, tilted_print, turned
from tests.backend.households.town import Town, build_town
from tests.backend.world import Actor, World
from tests.data import encoded


async def enrolling(world: World, *, policy: str = "photos") -> tuple[Town, Actor, str]:
    town = await build_town(world)
    changed = await town.office.patch(f"/staff/v1/communities/{town.community_id}", json={"capture_policy": policy})
    assert changed.status_code == 200
    tenant = await town.tenant()
    await agree(tenant.actor)
    return town, tenant.actor, await begin(tenant.actor)


async def test_a_good_photograph_is_kept_with_its_numbers(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    answer = await put(actor, enrolment, 1, jpeg(portrait()))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["slot"] == 1
    assert 150 < body["quality"]["face_width"] < 230
    assert body["quality"].keys() == {"face_width", "sharpness", "luminance", "contrast"}


async def test_other_formats_and_twelve_megapixels_are_taken(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    for kind in ("PNG", "WEBP"):
        answer = await put(actor, enrolment, 1, encoded(portrait(), kind), kind=f"image/{kind.lower()}; q=1")
        assert answer.status_code == 200, answer.text
    assert (await put(actor, enrolment, 1, large(12))).status_code == 200


async def test_every_refusal_says_what_to_do_in_two_languages(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    for code, photo in refused().items():
        answer = await put(actor, enrolment, 1, photo)
        assert answer.status_code == 422, (code, answer.text)
        body = answer.json()
        assert body["code"] == code
        assert body["type"] == f"urn:doorward:problem:{code}"
        assert body["remedy"] == body["extra"]["messages"]["en"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in body["extra"]["messages"]["zh-CN"])
        assert code in body["extra"]["refusals"]
    # Nothing of them was kept.
    missing = await complete(actor, enrolment)
    assert missing.status_code == 409
    assert (missing.json()["code"], missing.json()["extra"]["missing"]) == ("photos-missing", [1, 2, 3])


async def test_what_is_no_photograph_or_mislabelled_is_415(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    for kind, photo in (
        ("image/png", jpeg(portrait(0.5))),
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("", jpeg(portrait(0.5))),
    ):
        answer = await put(actor, enrolment, 1, photo, kind=kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "photo-type-unsupported"), kind


async def test_what_is_no_picture_is_said_to_be_none(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    for kind, file in (("image/gif", b"GIF89a" + bytes(50)), ("image/jpeg", b"<svg/>"), ("image/jpeg", b"")):
        answer = await put(actor, enrolment, 1, file, kind=kind)
        assert (answer.status_code, answer.json()["code"]) == (422, "not_a_picture"), kind
        assert set(answer.json()["extra"]["messages"]) == {"zh-CN", "en"}


async def test_too_many_bytes_are_413_announced_or_not(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    announced = await put(actor, enrolment, 1, bytes(MAX_PHOTO_BYTES + 1))
    assert (announced.status_code, announced.json()["code"]) == (413, "photo-too-large")

    async def stream() -> object:
        for _ in range(16):
            yield bytes(1024 * 1024)

    streamed = await actor.put(
        f"/resident/v1/enrolments/{enrolment}/photos/1", content=stream(), headers={"Content-Type": "image/jpeg"}
    )
    assert (streamed.status_code, streamed.json()["code"]) == (413, "photo-too-large")


async def test_there_are_three_slots(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    for slot in ("0", "4", "-1", "x", "99999999999999999999"):
        answer = await actor.put(
            f"/resident/v1/enrolments/{enrolment}/photos/{slot}", content=b"", headers={"Content-Type": "image/jpeg"}
        )
        assert answer.status_code in {400, 404}, slot


async def test_no_photograph_without_consent(world: World) -> None:
    actor = await world.resident()
    answer = await actor.post("/resident/v1/enrolments", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "consent-missing")


async def test_somebody_elses_enrolment_is_not_found(world: World) -> None:
    _, _, enrolment = await enrolling(world)
    other = await world.resident()
    await agree(other)
    assert (await put(other, enrolment, 1, jpeg(portrait()))).status_code == 404
    assert (await complete(other, enrolment)).status_code == 404


async def test_a_community_that_does_not_know_the_person_is_not_found(world: World) -> None:
    town = await build_town(world)
    stranger = await world.resident()
    await agree(stranger)
    answer = await stranger.post("/resident/v1/enrolments", json={"community_id": str(town.community_id)})
    assert (answer.status_code, answer.json()["code"]) == (404, "community-not-found")


async def test_an_enrolment_lasts_thirty_minutes(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    world.clock.advance(minutes=9)
    assert (await put(actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    world.clock.advance(minutes=21)
    actor = await world.login(actor.phone, surface="resident")
    late = await put(actor, enrolment, 2, jpeg(portrait()))
    assert (late.status_code, late.json()["code"]) == (410, "enrolment-expired")
    assert (await complete(actor, enrolment)).status_code == 410


async def test_beginning_again_ends_the_one_before_and_erases_it(world: World) -> None:
    _, actor, first = await enrolling(world)
    await put(actor, first, 1, jpeg(portrait()))
    second = await begin(actor)
    assert (await put(actor, first, 1, jpeg(portrait()))).status_code == 404
    assert [key async for key in world.resources.objects.list("people/")] == []
    assert (await put(actor, second, 1, jpeg(portrait()))).status_code == 200


async def test_two_beginnings_at_once_leave_one_open(world: World) -> None:
    _, actor, _ = await enrolling(world)
    answers = await asyncio.gather(*(actor.post("/resident/v1/enrolments", json={}) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    listed = (await actor.get("/resident/v1/enrolments")).json()["enrolments"]
    assert [one["state"] for one in listed] == ["open"]


async def test_a_retake_takes_the_place_of_the_first(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    for _ in range(2):
        assert (await put(actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    keys = [key async for key in world.resources.objects.list("people/")]
    assert len(keys) == 1
    (listed,) = (await actor.get("/resident/v1/enrolments")).json()["enrolments"]
    assert (listed["state"], listed["slots"]) == ("open", [1])


async def test_tries_are_counted(world: World) -> None:
    _, actor, enrolment = await enrolling(world)
    me = (await actor.get("/resident/v1/me")).json()["person_id"]
    async with world.resources.db.transaction(Scope(person_id=UUID(me))) as conn:
        await conn.execute("UPDATE enrolment SET attempts = 60")
    answer = await put(actor, enrolment, 1, jpeg(portrait()))
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-photos")
    assert "Retry-After" in answer.headers


async def test_guided_pictures_of_a_head_that_turns(world: World) -> None:
    _, actor, enrolment = await enrolling(world, policy="guided")
    poses = [(1, turned(25), "not_frontal"), (2, portrait(), "turn_more")]
    for slot, picture, code in poses:
        answer = await put(actor, enrolment, slot, jpeg(picture))
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert (await put(actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    assert (await put(actor, enrolment, 2, jpeg(turned(22)))).status_code == 200
    same = await put(actor, enrolment, 3, jpeg(turned(24)))
    assert (same.status_code, same.json()["code"]) == (422, "turn_other_side")
    assert (await put(actor, enrolment, 3, jpeg(turned(-22)))).status_code == 200
    answer = await complete(actor, enrolment)
    assert (answer.status_code, answer.json()["state"]) == (200, "in_review")


async def test_a_print_that_is_tilted_never_turns_enough(world: World) -> None:
    _, actor, enrolment = await enrolling(world, policy="guided")
    assert (await put(actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    for degrees in (-35, -20, 20, 35):
        answer = await put(actor, enrolment, 2, jpeg(tilted_print(degrees)))
        assert (answer.status_code, answer.json()["code"]) == (422, "turn_more")


async def test_when_too_many_send_at_once_the_rest_is_told_when_to_come_back(world: World) -> None:
    """Nobody waits without an end, and no more pictures are held in memory than there is room for."""
    town = await build_town(world)
    people = []
    for number in range(8):
        tenant = await town.tenant(f"2-{number}")
        await agree(tenant.actor)
        people.append((tenant.actor, await begin(tenant.actor)))
    photo = jpeg(portrait(1.2))
    answers = await asyncio.gather(
        *(put(actor, enrolment, slot % 3 + 1, photo) for slot in range(6) for actor, enrolment in people)
    )
    found = {answer.status_code for answer in answers}
    assert found == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["code"] == "faces-busy"
            assert int(answer.headers["Retry-After"]) > 0
    # And then there is room again for each of them.
    for actor, enrolment in people:
        assert (await put(actor, enrolment, 1, photo)).status_code == 200
