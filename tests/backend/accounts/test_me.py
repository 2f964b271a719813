"""Oneself."""

from tests.backend.world import World


async def test_a_resident_changes_his_name_and_language(world: World) -> None:
    resident = await world.resident()
    changed = await resident.patch("/resident/v1/me", json={"name": "Wei", "language": "en"})
    assert (changed.json()["name"], changed.json()["language"]) == ("Wei", "en")
    kept = await resident.patch("/resident/v1/me", json={"language": "zh-CN"})
    assert (kept.json()["name"], kept.json()["language"]) == ("Wei", "zh-CN")
    assert (await resident.get("/resident/v1/me")).json() == kept.json()


async def test_nobody_changes_anybody_else(world: World) -> None:
    one, two = await world.resident(name="One"), await world.resident(name="Two")
    await one.patch("/resident/v1/me", json={"name": "Changed"})
    assert (await two.get("/resident/v1/me")).json()["name"] == "Two"


async def test_what_cannot_be_changed_is_refused(world: World) -> None:
    resident = await world.resident()
    for body in ({"name": ""}, {"name": "x" * 201}, {"language": "fr"}, {"phone": "+12025550199"}):
        assert (await resident.patch("/resident/v1/me", json=body)).status_code == 400


async def test_nobody_reads_it_without_logging_in(world: World) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
        answer = await world.api.get("/resident/v1/me", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
