"""Another number for an account: both numbers proven, and nothing by one of them alone."""

import asyncio

import httpx

from tests.backend.world import Actor, World

NUMBER = "/resident/v1/me/number"


async def begin(resident: Actor, phone: str) -> dict[str, str]:
    answer = await resident.post(NUMBER, json={"phone": phone})
    assert answer.status_code == 202, answer.text
    return {name: answer.json()[name] for name in ("current_challenge_id", "new_challenge_id")}


async def finish(resident: Actor, begun: dict[str, str], current: str, new: str) -> httpx.Response:
    return await resident.post(f"{NUMBER}/verify", json={**begun, "current_code": current, "new_code": new})


async def test_with_both_codes_the_account_moves_and_the_old_number_is_free(world: World) -> None:
    resident = await world.resident(name="Resident")
    elsewhere = await world.resident(resident.phone)
    old, new = resident.phone, world.new_phone()
    begun = await begin(resident, new)
    assert (await finish(resident, begun, world.code_sent_to(old), world.code_sent_to(new))).status_code == 204
    me = (await resident.get("/resident/v1/me")).json()
    assert (me["phone"], me["name"]) == (new, "Resident")
    assert world.messages(old)[-1]["template"] == "number_changed"
    renewed = await world.api.post("/resident/v1/token", json={"refresh_token": elsewhere.refresh_token})
    assert renewed.status_code == 401
    assert (
        await world.api.post("/resident/v1/token", json={"refresh_token": resident.refresh_token})
    ).status_code == 200
    # Whoever has the old number now is somebody else.
    stranger = await world.resident(old)
    assert (await stranger.get("/resident/v1/me")).json()["person_id"] != me["person_id"]
    again = await world.resident(new)
    assert (await again.get("/resident/v1/me")).json()["person_id"] == me["person_id"]


def mistyped(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_one_code_alone_moves_nothing_and_is_guessed_five_times_at_most(world: World) -> None:
    resident = await world.resident()
    new = world.new_phone()
    for at in ("current", "new"):
        begun = await begin(resident, new)
        right = {"current": world.code_sent_to(resident.phone), "new": world.code_sent_to(new)}
        for _ in range(5):
            answer = await finish(resident, begun, **{**right, at: mistyped(right[at])})
            assert (answer.status_code, answer.json()["code"]) == (422, "number-not-proven")
        assert (await finish(resident, begun, **right)).status_code == 422
        assert (await resident.get("/resident/v1/me")).json()["phone"] == resident.phone


async def test_a_mistyped_code_costs_the_other_number_nothing(world: World) -> None:
    resident = await world.resident()
    new = world.new_phone()
    begun = await begin(resident, new)
    current_code, new_code = world.code_sent_to(resident.phone), world.code_sent_to(new)
    for _ in range(4):
        assert (await finish(resident, begun, current_code, mistyped(new_code))).status_code == 422
        assert (await finish(resident, begun, mistyped(current_code), new_code)).status_code == 422
    assert (await finish(resident, begun, current_code, new_code)).status_code == 204
    # Both are used now, and neither is good a second time.
    assert (await finish(resident, begun, current_code, new_code)).status_code == 422


async def test_codes_of_another_account_or_of_a_log_in_prove_nothing(world: World) -> None:
    resident, other = await world.resident(), await world.resident()
    new = world.new_phone()
    begun = await begin(other, new)
    codes = world.code_sent_to(other.phone), world.code_sent_to(new)
    assert (await finish(resident, begun, *codes)).status_code == 422
    swapped = {"current_challenge_id": begun["new_challenge_id"], "new_challenge_id": begun["current_challenge_id"]}
    assert (await finish(other, swapped, codes[1], codes[0])).status_code == 422
    fresh = await begin(resident, new)
    asked = await world.api.post("/resident/v1/login", json={"phone": resident.phone})
    log_in = {**fresh, "current_challenge_id": asked.json()["challenge_id"]}
    answer = await finish(resident, log_in, world.code_sent_to(resident.phone), world.code_sent_to(new))
    assert answer.status_code == 422
    # Nor does a code of a change log anybody in.
    verified = await world.api.post(
        "/resident/v1/login/verify",
        json={"challenge_id": fresh["current_challenge_id"], "code": world.code_sent_to(resident.phone)},
    )
    assert verified.status_code == 401


async def test_a_number_that_somebody_has_is_refused_only_to_who_holds_it(world: World) -> None:
    resident, other = await world.resident(), await world.resident()
    begun = await begin(resident, other.phone)
    answer = await finish(resident, begun, world.code_sent_to(resident.phone), world.code_sent_to(other.phone))
    assert (answer.status_code, answer.json()["code"]) == (409, "number-taken")
    same = await resident.post(NUMBER, json={"phone": resident.phone})
    assert (same.status_code, same.json()["code"]) == (409, "same-number")


async def test_two_who_want_the_same_number_at_once_do_not_both_get_it(world: World) -> None:
    new = world.new_phone()
    begun = []
    for _ in range(3):
        resident = await world.resident()
        challenges = await begin(resident, new)
        begun.append((resident, challenges, world.code_sent_to(resident.phone), world.code_sent_to(new)))
    answers = await asyncio.gather(*(finish(*one) for one in begun))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409]


async def test_a_device_that_was_logged_out_changes_nothing(world: World) -> None:
    phone = world.new_phone()
    stolen, mine = await world.resident(phone), await world.resident(phone)
    assert (await mine.delete("/resident/v1/me/sessions")).status_code == 204
    assert (await stolen.post(NUMBER, json={"phone": world.new_phone()})).status_code == 401
