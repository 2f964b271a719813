"""Guided enrolment: each picture is answered while the person waits, and a lost connection loses nothing."""

from gate_sdk.face import LivenessManifest, LivenessModel
from tests.backend.enrolment.people import agree, begin, complete, others_photographs, put
from tests.backend.enrolment.photographs import jpeg, portrait, tilted_print, turned
from tests.backend.households.town import build_town
from tests.backend.world import Actor, World
from tests.data import models_dir


async def guided(world: World) -> tuple[Actor, str]:
    office = await world.administrator()
    town = await build_town(world, office=office)
    answer = await office.patch(town.staff_path, json={"capture_policy": "guided"})
    assert answer.is_success, answer.text
    tenant = await town.tenant()
    await agree(tenant.actor)
    return tenant.actor, await begin(tenant.actor)


async def test_an_enrolment_goes_on_after_a_lost_connection(world: World) -> None:
    actor, enrolment = await guided(world)
    path = f"/resident/v1/enrolments/{enrolment}"
    fresh = (await actor.get(path)).json()
    assert (fresh["state"], fresh["done"], [one["slot"] for one in fresh["captures"]]) == ("open", [], [1, 2, 3])
    assert (await put(actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    # The answer was lost, so the phone sends it again.
    assert (await put(actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    half = (await actor.get(path)).json()
    assert (half["done"], [one["pose"] for one in half["captures"]]) == ([1], ["slightly_left", "slightly_right"])
    assert half["attempts_left"] == fresh["attempts_left"] - 2
    assert len([key async for key in world.resources.objects.list("people/")]) == 1
    for slot, degrees in ((2, 16), (3, -16)):
        taken = await put(actor, enrolment, slot, jpeg(turned(degrees)))
        assert taken.status_code == 200, taken.text
    assert (await actor.get(path)).json()["captures"] == []
    assert (await complete(actor, enrolment)).status_code == 200
    done = (await actor.get(path)).json()
    assert (done["state"], done["attempts_left"]) == ("completed", 0)


async def test_an_enrolment_that_is_over_asks_for_nothing(world: World) -> None:
    actor, enrolment = await guided(world)
    world.clock.advance(minutes=31)
    again = await world.login(actor.phone, surface="resident")
    found = (await again.get(f"/resident/v1/enrolments/{enrolment}")).json()
    assert (found["state"], found["captures"], found["attempts_left"]) == ("expired", [], 0)


async def test_anothers_enrolment_is_not_found(world: World) -> None:
    _, enrolment = await guided(world)
    stranger = await world.resident()
    assert (await stranger.get(f"/resident/v1/enrolments/{enrolment}")).status_code == 404


async def test_another_persons_picture_is_refused_at_once(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment = await begin(tenant.actor)
    assert (await put(tenant.actor, enrolment, 1, jpeg(portrait()))).status_code == 200
    answer = await put(tenant.actor, enrolment, 2, others_photographs()[0])
    assert (answer.status_code, answer.json()["code"]) == (422, "not_the_same_person")
    assert set(answer.json()["extra"]["messages"]) == {"zh-CN", "en"}


async def test_a_print_turned_before_the_camera_is_refused_with_the_third_picture(world: World) -> None:
    actor, enrolment = await guided(world)
    answers = [await put(actor, enrolment, 1, jpeg(portrait()))]
    answers += [await put(actor, enrolment, slot, jpeg(tilted_print(degrees))) for slot, degrees in ((2, 40), (3, -40))]
    assert not all(answer.is_success for answer in answers)
    assert {answer.json()["code"] for answer in answers if not answer.is_success} <= {
        "not_solid",
        "turn_more",
        "turned_sideways",
        "turn_other_side",
    }


async def test_a_packs_liveness_model_refuses_what_it_takes_for_a_picture(world: World) -> None:
    """With a line that nothing reaches: that the model is asked, and of people alone, is what is tested here."""
    file = models_dir() / "minifas_128_int8.onnx"
    manifest = LivenessManifest(sha256="0" * 64, licence="x", origin="x", threshold=0.999999999, measured="x")
    model = LivenessModel(manifest, file.read_bytes())
    model.threshold = 1.1
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment = await begin(tenant.actor)
    faces = world.resources.faces
    assert faces is not None
    before, faces.liveness = faces.liveness, model
    try:
        answer = await put(tenant.actor, enrolment, 1, jpeg(portrait()))
        assert (answer.status_code, answer.json()["code"]) == (422, "not_live")
        # The office's photograph is a picture of a picture, and may be.
        kept = await town.office.put(
            f"{town.staff_path}/members/{tenant.member_id}/register-photo",
            content=jpeg(portrait()),
            headers={"Content-Type": "image/jpeg"},
        )
        assert kept.status_code == 200
    finally:
        faces.liveness = before
