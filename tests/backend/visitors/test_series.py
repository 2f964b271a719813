"""Passes that recur, for some doors, with a grace; a community's limits; whom it does not admit."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from backend.access import service as access
from backend.kit.db import Database, Scope
from backend.privacy.retention import jobs as retention
from backend.visitors.rules import GUEST_DAYS_OF_ONE
from backend.worker import tick
from gate_sdk.wire import VisitorCode, parse_code
from tests.backend.couriers.company import open_link
from tests.backend.couriers.roster import grants
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.visitors.test_passes import ask, invite, passes
from tests.backend.world import World


def weekly(count: int = 3, **options: Any) -> dict[str, object]:
    return {"recurrence": {"rule": f"FREQ=WEEKLY;COUNT={count}", **options}}


async def accepted(town: Town, host: Resident, **options: Any) -> dict[str, Any]:
    created = await invite(town, host, **options)
    guest = await open_link(town.world.api, created["link_token"])
    assert (await guest.accept()).status_code == 200
    return created


async def version(town: Town) -> int:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        return (await access.roster_version(conn, community_id=town.community_id)).version


async def door_group(town: Town) -> str:
    answer = await town.office.post(f"{town.staff_path}/door-groups", json={"name": "Garden doors"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def again(town: Town, host: Resident) -> Resident:
    """The same host, logged in once more: access lasts for minutes."""
    actor = await town.world.login(host.actor.phone, surface="resident")
    return msgspec.structs.replace(host, actor=actor)


async def test_a_guest_of_every_week_is_on_the_gates_around_each_visit_only(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    begin = world.clock() + timedelta(hours=1)
    created = await accepted(town, host, begin=begin, hours=3, fields=weekly())
    assert datetime.fromisoformat(created["valid_until"]) == begin + timedelta(days=14, hours=3)
    for week in range(3):
        at = begin + timedelta(weeks=week)
        world.clock.now = at
        await tick(worker_db, world.clock)
        (granted,) = await grants(town, "guest")
        assert granted.from_us == int(at.timestamp() * 1_000_000)
        assert granted.until_us == int((at + timedelta(hours=3)).timestamp() * 1_000_000)
        world.clock.now = at + timedelta(hours=3)
        await tick(worker_db, world.clock)
        assert await grants(town, "guest") == []
    host = await again(town, host)
    (shown,) = (await host.actor.get(passes(town, host))).json()["passes"]
    assert shown["state"] == "expired"


async def test_a_series_is_cancelled_and_changed_in_one_step_at_the_gates(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    begin = world.clock() + timedelta(hours=1)
    created = await accepted(town, host, begin=begin, hours=3, fields=weekly())
    path = f"{passes(town, host)}/{created['pass_id']}"
    before = await version(town)
    later = begin + timedelta(hours=2)
    answer = await host.actor.patch(
        path, json={"valid_from": later.isoformat(), "valid_until": (later + timedelta(hours=1)).isoformat()}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["recurrence"] == {"rule": "FREQ=WEEKLY;COUNT=3", "except_dates": []}
    assert await version(town) > before
    (granted,) = await grants(town, "guest")
    assert granted.from_us == int(later.timestamp() * 1_000_000)
    # A week on it goes on for longer.
    world.clock.advance(weeks=1, hours=12)
    host = await again(town, host)
    longer = await host.actor.patch(path, json=weekly(6))
    assert longer.status_code == 200, longer.text
    world.clock.now = later + timedelta(weeks=5)
    await tick(worker_db, world.clock)
    assert len(await grants(town, "guest")) == 1
    before = await version(town)
    host = await again(town, host)
    assert (await host.actor.delete(path)).status_code == 204
    assert await version(town) > before
    assert await grants(town, "guest") == []


async def test_a_pass_for_some_doors_with_a_grace(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    group = await door_group(town)
    begin = world.clock() + timedelta(hours=1)
    created = await accepted(town, host, begin=begin, hours=2, fields={"door_groups": [group], "grace_minutes": 15})
    (granted,) = await grants(town, "guest")
    assert granted.doors == [group]
    assert granted.from_us == int((begin - timedelta(minutes=15)).timestamp() * 1_000_000)
    assert granted.until_us == int((begin + timedelta(hours=2, minutes=15)).timestamp() * 1_000_000)
    everywhere = await host.actor.patch(f"{passes(town, host)}/{created['pass_id']}", json={"door_groups": []})
    assert everywhere.json()["door_groups"] == []
    (granted,) = await grants(town, "guest")
    assert granted.doors is None

    unknown = await ask(town, host, fields={"door_groups": [str(uuid4())]})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "door-group-unknown")


async def test_no_gate_opens_by_the_signature_alone_between_two_visits(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    created = await accepted(town, host, begin=world.clock(), hours=3, fields=weekly())
    answer = await host.actor.get(f"{passes(town, host)}/{created['pass_id']}/code")
    assert answer.status_code == 200, answer.text
    code = parse_code(answer.json()["code"])
    assert isinstance(code, VisitorCode)
    # Known since ever: a gate that does not find it in its roster refuses it.
    assert code.since_s == 0


async def test_one_delivery_is_used_once_within_a_day(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    await invite(town, host, fields={"kind": "delivery"})
    (shown,) = (await host.actor.get(passes(town, host))).json()["passes"]
    assert (shown["kind"], shown["uses"]) == ("delivery", 1)
    refused = await ask(town, host, days=2, fields={"kind": "delivery"})
    assert (refused.status_code, refused.json()["code"]) == (422, "window-too-long")


async def test_the_endless_guest_of_a_subletter_is_refused(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    for month in range(GUEST_DAYS_OF_ONE // 30):
        await invite(town, host, days=30, fields={"guest_name": "Sub Tenant" if month else "sub  tenant"})
        world.clock.advance(days=30)
        host = await again(town, host)
    refused = await ask(town, host, days=30, fields={"guest_name": "SUB TENANT"})
    assert (refused.status_code, refused.json()["code"]) == (409, "guest-days-spent")
    assert refused.json()["extra"]["limit"] == GUEST_DAYS_OF_ONE
    # Under another name, the home's own days end him.
    await invite(town, host, days=30, fields={"guest_name": "Somebody Else"})
    world.clock.advance(days=29)
    host = await again(town, host)
    still = await ask(town, host, days=30, fields={"guest_name": "Yet Another"})
    assert (still.status_code, still.json()["code"]) == (409, "guest-days-spent")


async def test_the_same_number_under_two_names_is_one_guest(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    phone = world.new_phone()
    tomorrow = world.clock() + timedelta(days=1)
    for name in ("One Name", "Another Name"):
        await invite(town, host, begin=tomorrow, days=30, fields={"guest_name": name, "phone": phone})
    refused = await ask(town, host, begin=tomorrow, fields={"guest_name": "A Third", "phone": phone})
    assert (refused.status_code, refused.json()["code"]) == (409, "guest-days-spent")


async def test_a_community_sets_its_own_limits(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    manager = town.office
    path = f"{town.staff_path}/guest-policy"
    assert (await manager.get(path)).json()["guest_days"] == GUEST_DAYS_OF_ONE
    wanted = {"open_passes": 1, "home_days": 5, "guest_days": 2, "phone_required": True, "grace_hours": 2}
    answer = await manager.put(path, json=wanted, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()) == (200, wanted)
    refused = await ask(town, host)
    assert (refused.status_code, refused.json()["code"]) == (422, "guest-phone-needed")
    phone: dict[str, object] = {"phone": world.new_phone()}
    refused = await ask(town, host, days=3, fields=phone)
    assert (refused.status_code, refused.json()["code"]) == (409, "guest-days-spent")
    await invite(town, host, days=2, fields=phone)
    refused = await ask(town, host, fields={"phone": world.new_phone()})
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-passes")


async def test_whom_the_community_does_not_admit(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    phone = world.new_phone()
    path = f"{town.staff_path}/guest-blocks"
    made = await town.office.post(path, json={"phone": phone, "reason": "threat", "days": 30})
    assert made.status_code == 201, made.text
    # Nobody reads whom.
    (shown,) = (await town.office.get(path)).json()["blocks"]
    assert shown == made.json()
    assert phone not in str(shown)
    refused = await ask(town, host, fields={"phone": phone})
    assert (refused.status_code, refused.json()["code"]) == (409, "guest-blocked")
    assert (await ask(town, host, fields={"phone": world.new_phone()})).status_code == 201
    assert (await ask(town, host, fields={"phone": "12"})).status_code == 400
    assert (await town.office.delete(f"{path}/{shown['block_id']}")).status_code == 204
    gone = await town.office.delete(f"{path}/{shown['block_id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "block-not-found")
    assert (await ask(town, host, fields={"phone": phone})).status_code == 201

    await town.office.post(path, json={"phone": phone, "reason": "order", "days": 1})
    world.clock.advance(days=3)
    host = await again(town, host)
    assert (await ask(town, host, fields={"phone": phone})).status_code == 201
    assert await retention.enforce_in_community(worker_db, community_id=town.community_id, now=world.clock()) >= 1


async def test_hostile_rules_are_refused_by_name(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    for rule in ("FREQ=SECONDLY;COUNT=9", "FREQ=DAILY", "FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12;COUNT=3"):
        refused = await ask(town, host, fields={"recurrence": {"rule": rule}})
        assert (refused.status_code, refused.json()["code"]) == (422, "recurrence-invalid")
        assert refused.json()["remedy"]
