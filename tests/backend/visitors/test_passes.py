"""A guest's pass from invitation to end, and what a home may not do with it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from backend.households import service as households
from backend.kit.db import Database, Scope
from backend.visitors import service
from backend.visitors.rules import GUEST_DAYS, OPEN_PASSES_PER_HOME, guest_days
from tests.backend.couriers.company import open_link
from tests.backend.couriers.roster import grants
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import World


def passes(town: Town, host: Resident) -> str:
    return f"/resident/v1/homes/{town.community_id}/{host.home_id}/passes"


async def ask(
    town: Town,
    host: Resident,
    *,
    begin: datetime | None = None,
    until: datetime | None = None,
    fields: dict[str, object] | None = None,
    **span: float,
) -> httpx.Response:
    begin = begin or town.world.clock()
    until = until or begin + timedelta(**(span or {"hours": 4}))
    return await host.actor.post(
        passes(town, host),
        json={
            "guest_name": "A Guest",
            "kind": "guest",
            "valid_from": begin.isoformat(),
            "valid_until": until.isoformat(),
            **(fields or {}),
        },
    )


async def invite(town: Town, host: Resident, **options: Any) -> dict[str, Any]:
    answer = await ask(town, host, **options)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def states(town: Town, host: Resident) -> list[str]:
    answer = await host.actor.get(passes(town, host))
    return [item["state"] for item in answer.json()["passes"]]


async def test_a_guest_accepts_and_is_on_the_gates_for_his_window(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    created = await invite(town, host)
    assert created["link"] == f"http://127.0.0.1:8480/visit#{created['link_token']}"
    guest = await open_link(world.api, created["link_token"])
    shown = (await guest.invitation()).json()
    assert (shown["kind"], shown["state"], shown["inviting"], shown["name"]) == (
        "guest", "pending", "Garden Court", "A Guest",
    )  # fmt: skip
    assert await states(town, host) == ["pending"]
    assert await grants(town, "guest") == []

    assert (await guest.accept()).json()["state"] == "accepted"
    assert await states(town, host) == ["accepted"]
    (granted,) = await grants(town, "guest")
    assert granted.until_us == int(datetime.fromisoformat(created["valid_until"]).timestamp()) * 1_000_000
    # Saying yes twice is saying yes.
    assert (await guest.accept()).status_code == 200
    assert len(await grants(town, "guest")) == 1


async def test_a_cancelled_pass_ends_at_the_gates_and_on_the_guests_phone_at_once(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    created = await invite(town, host)
    guest = await open_link(world.api, created["link_token"])
    await guest.accept()
    path = f"{passes(town, host)}/{created['pass_id']}"
    assert (await host.actor.delete(path)).status_code == 204
    assert await grants(town, "guest") == []
    assert await states(town, host) == ["cancelled"]
    # His access token has nine minutes left, and opens nothing.
    for answer in (
        await guest.invitation(),
        await guest.accept(),
        await guest.actor.get("/visitor/v1/code"),
        await guest.actor.get("/visitor/v1/enrolments"),
        await world.api.post("/visitor/v1/session", json={"token": created["link_token"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "link-closed")
        assert answer.json()["remedy"]
    assert (await host.actor.delete(path)).status_code == 204
    changed = await host.actor.patch(path, json={"valid_until": (world.clock() + timedelta(days=1)).isoformat()})
    assert (changed.status_code, changed.json()["code"]) == (409, "pass-over")


async def test_a_pass_that_is_over_opens_nothing(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    created = await invite(town, host, minutes=5)
    guest = await open_link(world.api, created["link_token"])
    world.clock.advance(minutes=5)
    for answer in (
        await guest.accept(),
        await world.api.post("/visitor/v1/session", json={"token": created["link_token"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "link-expired")
    assert await states(town, host) == ["expired"]


async def test_the_window_is_moved_at_the_gates_at_once(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    created = await invite(town, host)
    guest = await open_link(world.api, created["link_token"])
    await guest.accept()
    later = world.clock() + timedelta(days=2)
    path = f"{passes(town, host)}/{created['pass_id']}"
    answer = await host.actor.patch(path, json={"valid_until": later.isoformat()})
    assert answer.status_code == 200
    (granted,) = await grants(town, "guest")
    assert granted.until_us == int(later.timestamp()) * 1_000_000
    # The link lives as long as the pass does now.
    world.clock.advance(days=1)
    renewed = await world.api.post("/visitor/v1/token", json={"refresh_token": guest.actor.refresh_token})
    assert renewed.status_code == 201


async def test_the_guest_withdraws_and_his_grant_ends(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    guest = await open_link(world.api, (await invite(town, host))["link_token"])
    await guest.accept()
    assert (await guest.withdraw()).json()["state"] == "withdrawn"
    assert await grants(town, "guest") == []
    assert await states(town, host) == ["withdrawn"]
    assert (await guest.accept()).status_code == 410


async def test_a_guest_may_decline_before_he_accepts(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    guest = await open_link(world.api, (await invite(town, host))["link_token"])
    assert (await guest.withdraw()).status_code == 200
    assert await states(town, host) == ["withdrawn"]


async def test_windows_that_may_not_be_asked_for(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    now = world.clock()
    for begin, until, code in (
        (now, now, "window-empty"),
        (now - timedelta(hours=2), now - timedelta(hours=1), "window-over"),
        (now, now + timedelta(days=31), "window-too-long"),
        (now + timedelta(days=91), now + timedelta(days=92), "window-too-far"),
        (datetime.fromisoformat("0001-01-01T00:00:00+14:00"), now + timedelta(days=1), "window-too-long"),
        (
            datetime.fromisoformat("9999-12-30T00:00:00-14:00"),
            datetime.max.replace(tzinfo=now.tzinfo),
            "window-too-far",
        ),
    ):
        answer = await ask(town, host, begin=begin, until=until)
        assert (answer.status_code, answer.json()["code"]) == (422, code), (begin, until)
    without_zone = await host.actor.post(
        passes(town, host),
        json={"guest_name": "G", "valid_from": "2026-11-02T10:00:00", "valid_until": "2026-11-02T11:00:00"},
    )
    assert (without_zone.status_code, without_zone.json()["code"]) == (400, "invalid-input")


async def test_a_home_has_so_many_open_passes_and_so_many_days_of_guests(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    made = [await invite(town, host) for _ in range(OPEN_PASSES_PER_HOME)]
    refused = await ask(town, host)
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-passes")
    for one in made:
        await host.actor.delete(f"{passes(town, host)}/{one['pass_id']}")

    # Cancelled before they began, those count for nothing; three guests for a month are all that is left.
    tomorrow = world.clock() + timedelta(days=1)
    months = [await invite(town, host, begin=tomorrow, days=30, fields={"guest_name": name}) for name in "XYZ"]
    refused = await ask(town, host)
    assert (refused.status_code, refused.json()["code"]) == (409, "guest-days-spent")
    assert refused.json()["extra"] == {"days": GUEST_DAYS + 1, "limit": GUEST_DAYS}
    path = f"{passes(town, host)}/{months[0]['pass_id']}"
    shorter = (tomorrow + timedelta(days=29)).isoformat()
    assert (await host.actor.patch(path, json={"valid_until": shorter})).status_code == 200
    assert (await ask(town, host)).status_code == 201


def test_days_are_counted_as_begun() -> None:
    begin = datetime.fromisoformat("2026-11-02T10:00:00+08:00")
    hour = timedelta(hours=1)
    assert guest_days([(begin, begin + hour)]) == 1
    assert guest_days([(begin, begin + 24 * hour)]) == 1
    assert guest_days([(begin, begin + 25 * hour), (begin, begin + hour)]) == 3
    assert guest_days([(begin, begin)]) == 0


async def test_passes_of_another_home_are_not_there(world: World) -> None:
    town = await build_town(world)
    host, neighbour = await town.tenant("1-101"), await town.tenant("1-102")
    created = await invite(town, host)
    theirs = f"{passes(town, host)}"
    mine = f"{passes(town, neighbour)}/{created['pass_id']}"
    for answer, code in (
        (await neighbour.actor.get(theirs), "home-not-found"),
        (await neighbour.actor.delete(f"{theirs}/{created['pass_id']}"), "home-not-found"),
        (await neighbour.actor.delete(mine), "pass-not-found"),
        (await neighbour.actor.patch(mine, json={}), "pass-not-found"),
        (await host.actor.delete(f"{theirs}/{uuid4()}"), "pass-not-found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert await states(town, host) == ["pending"]


async def test_passes_are_listed_in_pages(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    for _ in range(3):
        await invite(town, host)
    first = (await host.actor.get(passes(town, host), params={"limit": 2})).json()
    rest = (await host.actor.get(passes(town, host), params={"cursor": first["next_cursor"]})).json()
    assert (len(first["passes"]), len(rest["passes"]), rest["next_cursor"]) == (2, 1, None)


async def test_a_home_that_is_left_keeps_no_guests(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    guest = await open_link(world.api, (await invite(town, host))["link_token"])
    await guest.accept()
    async with worker_db.transaction(Scope(community_id=town.community_id)) as conn:
        ended = await service.end_passes_of_home(
            conn, community_id=town.community_id, home_id=host.home_id, now=world.clock()
        )
    assert ended == 1
    assert await grants(town, "guest") == []
    assert (await guest.invitation()).status_code == 410


async def test_nobody_invites_for_the_time_before_he_lives_there_or_after(world: World) -> None:
    town = await build_town(world)
    now = world.clock()
    host = await town.tenant(ends_at=now + timedelta(days=20))
    late = await ask(town, host, begin=now + timedelta(days=19), days=2)
    assert (late.status_code, late.json()["code"]) == (422, "outside-tenancy")
    assert late.json()["extra"]["lives_until"] == (now + timedelta(days=20)).isoformat()
    created = await invite(town, host)
    moved = await host.actor.patch(
        f"{passes(town, host)}/{created['pass_id']}", json={"valid_until": (now + timedelta(days=21)).isoformat()}
    )
    assert (moved.status_code, moved.json()["code"]) == (422, "outside-tenancy")

    next_home, phone = await town.home("1-102"), world.new_phone()
    begins = now + timedelta(days=5)
    coming = await town.tenancy(next_home, phone, starts_at=begins.isoformat())
    newcomer = await town.joined(phone, coming)
    early = await ask(town, newcomer)
    assert (early.status_code, early.json()["code"]) == (422, "outside-tenancy")
    assert early.json()["extra"]["lives_from"] == begins.isoformat()
    await invite(town, newcomer, begin=begins)


async def test_an_invitation_at_the_moment_of_moving_out_does_not_outlive_it(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await households.end_tenancy(
            conn, community_id=town.community_id, tenancy_id=host.tenancy_id, now=world.clock()
        )
        asking = asyncio.create_task(ask(town, host))
        # It has read that the home is his and now waits; had it not, it would find the same a moment later.
        await asyncio.sleep(0.2)
        assert not asking.done()
    answer = await asking
    assert (answer.status_code, answer.json()["code"]) == (404, "home-not-found")


async def test_the_household_lists_the_doors_that_a_pass_may_be_for(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes/door-groups"
    assert (await tenant.actor.get(path)).json() == {"door_groups": []}
    made = await town.office.post(f"{town.staff_path}/door-groups", json={"name": "Playground"})
    assert made.status_code == 201, made.text
    assert (await tenant.actor.get(path)).json() == {
        "door_groups": [{"group_id": made.json()["id"], "name": "Playground"}]
    }
    neighbour = await town.tenant("1-102")
    assert (await neighbour.actor.get(path)).status_code == 404
