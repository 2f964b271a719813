"""Whose a link is: the rule of backend.links, and what somebody who reads along can do with it."""

from datetime import timedelta

from backend.links.service import MOST_SESSIONS
from tests.backend.couriers.company import open_link
from tests.backend.couriers.roster import grants
from tests.backend.households.town import build_town
from tests.backend.visitors.test_passes import invite
from tests.backend.world import World


async def test_nobody_opens_a_link_that_was_never_made(world: World) -> None:
    for token in ("x" * 43, "", "\0"):
        answer = await world.api.post("/visitor/v1/session", json={"token": token})
        assert answer.status_code == (400 if not token else 404)
    refused = await world.api.post("/visitor/v1/token", json={"refresh_token": "x" * 43})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorised")


async def test_until_somebody_accepts_the_link_opens_again_as_the_same_person(world: World) -> None:
    town = await build_town(world)
    token = (await invite(town, await town.tenant()))["link_token"]
    first, second = await open_link(world.api, token), await open_link(world.api, token)
    assert (await second.accept()).status_code == 200
    assert len(await grants(town, "guest")) == 1
    # The phone that accepted holds the link; the other one's session is over, though its access token is not.
    for answer in (
        await first.invitation(),
        await first.accept(),
        await first.withdraw(),
        await first.actor.get("/visitor/v1/consents"),
        await world.api.post("/visitor/v1/token", json={"refresh_token": first.actor.refresh_token}),
        await world.api.post("/visitor/v1/session", json={"token": token}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "link-held")
        assert "cancel" in answer.json()["remedy"]


async def test_the_phone_that_accepted_renews_its_access_to_the_end(world: World) -> None:
    town = await build_town(world)
    guest = await open_link(world.api, (await invite(town, await town.tenant()))["link_token"])
    await guest.accept()
    world.clock.advance(minutes=11)
    assert (await guest.invitation()).status_code == 401
    renewed = (await world.api.post("/visitor/v1/token", json={"refresh_token": guest.actor.refresh_token})).json()
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert (await world.api.get("/visitor/v1/invitation", headers=headers)).status_code == 200
    world.clock.advance(timedelta(hours=4))
    # After the end it is renewed for what is his by right, and for nothing else.
    after = await world.api.post("/visitor/v1/token", json={"refresh_token": guest.actor.refresh_token})
    headers = {"Authorization": f"Bearer {after.json()['access_token']}"}
    for path, status in (("invitation", 410), ("code", 410), ("enrolments", 410), ("consents", 200)):
        assert (await world.api.get(f"/visitor/v1/{path}", headers=headers)).status_code == status


async def test_a_phone_that_only_opened_a_link_has_nothing_after_its_end(world: World) -> None:
    town = await build_town(world)
    guest = await open_link(world.api, (await invite(town, await town.tenant()))["link_token"])
    world.clock.advance(timedelta(hours=5))
    over = await world.api.post("/visitor/v1/token", json={"refresh_token": guest.actor.refresh_token})
    assert (over.status_code, over.json()["code"]) == (410, "link-expired")


async def test_a_link_fills_no_table(world: World) -> None:
    town = await build_town(world)
    token = (await invite(town, await town.tenant()))["link_token"]
    for _ in range(MOST_SESSIONS):
        await open_link(world.api, token)
    answer = await world.api.post("/visitor/v1/session", json={"token": token})
    assert (answer.status_code, answer.json()["code"]) == (409, "link-opened-too-often")


async def test_a_guests_token_opens_no_other_surface(world: World) -> None:
    town = await build_town(world)
    guest = await open_link(world.api, (await invite(town, await town.tenant()))["link_token"])
    assert (await guest.actor.get("/resident/v1/homes")).status_code == 401
    assert (await guest.actor.get("/partner/v1/communities")).status_code == 401
