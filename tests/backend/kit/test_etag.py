"""Reads that need not be sent again, and edits that overwrite nobody else's."""

import asyncio

from tests.backend.world import World

ME = "/resident/v1/me"


async def test_a_read_that_has_not_changed_is_not_sent_again(world: World) -> None:
    resident = await world.resident(name="One")
    first = await resident.get(ME)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for header in (etag, f'"x", W/{etag}', "*"):
        again = await resident.get(ME, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert "content-type" not in again.headers
    await resident.patch(ME, json={"name": "Two"})
    changed = await resident.get(ME, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["name"]) == (200, "Two")


async def test_one_s_tag_is_not_another_s_and_says_nothing_without_log_in(world: World) -> None:
    mine, other = await world.resident(name="One"), await world.resident(name="One")
    etag = (await mine.get(ME)).headers["etag"]
    assert (await other.get(ME, headers={"If-None-Match": etag})).status_code == 200
    assert (await world.api.get(ME, headers={"If-None-Match": etag})).status_code == 401


async def test_secrets_and_failures_have_no_tag(world: World) -> None:
    resident = await world.resident()
    missing = await resident.get("/resident/v1/nothing")
    assert "etag" not in missing.headers


async def test_an_edit_of_what_somebody_else_has_changed_is_refused(world: World) -> None:
    resident = await world.resident(name="One")
    etag = (await resident.get(ME)).headers["etag"]
    answers = await asyncio.gather(
        *(resident.patch(ME, json={"name": name}, headers={"If-Match": etag}) for name in ("Two", "Three", "Four"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 412} == {"precondition-failed"}
    now = await resident.get(ME)
    assert now.json()["name"] in {"Two", "Three", "Four"}
    fresh = {"If-Match": now.headers["etag"]}
    assert (await resident.patch(ME, json={"name": "Five"}, headers=fresh)).status_code == 200
    assert (await resident.patch(ME, json={"name": "Six"}, headers={"If-Match": "*"})).status_code == 200
    assert (await resident.patch(ME, json={"name": "Six"}, headers={"If-Match": "nonsense"})).status_code == 412
