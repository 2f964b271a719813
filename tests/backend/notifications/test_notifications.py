"""What people are told in the app: by whom, in which language, and nobody else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from backend.households.notices.service import tell_ending
from backend.kit.db import Database, Scope
from backend.notifications import service
from backend.notifications.export import export_of
from backend.notifications.kinds import KINDS, Channel, Kind, channels
from backend.notifications.repository import delete_old
from backend.notifications.texts import LOCKED, text_of
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import Actor, World

NOTIFICATIONS = "/resident/v1/notifications"


async def told(actor: Actor, **query: Any) -> list[dict[str, Any]]:
    """What he reads, the newest first."""
    answer = await actor.get(NOTIFICATIONS, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["notifications"]
    return found


async def tell(town: Town, who: Resident, *, occasion: str | None = None, kind: Kind = Kind.FACE_ACTIVE) -> None:
    """Tell him something, as whoever works for his community would."""
    world = town.world
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.tell(
            conn,
            person_id=who.person_id,
            kind=kind,
            occasion=occasion or str(uuid4()),
            community_id=town.community_id,
            now=world.clock(),
        )


def test_every_kind_has_its_texts_and_says_which_place() -> None:
    for kind in Kind:
        for language in LOCKED:
            text = text_of(kind, community="Garden Court", detail="2026-12-01", language=language)
            assert "$" not in text
            assert text != LOCKED[language]
    assert text_of("of_another_release", community=None, detail=None, language="en") == LOCKED["en"]


def test_what_guards_an_account_or_is_owed_cannot_be_refused() -> None:
    no = dict.fromkeys(Channel, False)
    for kind, rule in KINDS.items():
        assert bool(channels(kind, no)) is not rule.refusable
    assert channels(Kind.NEW_DEVICE, no) == {Channel.SMS, Channel.PUSH}
    assert channels(Kind.FACE_ACTIVE, {Channel.SMS: True}) == {Channel.PUSH}


async def test_a_notification_is_read_in_the_language_asked_for_and_else_in_ones_own(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await tell(town, tenant)
    (first,) = await told(tenant.actor)
    assert "Garden Court" in first["text"]
    assert "已在" in first["text"]
    answer = await tenant.actor.get(NOTIFICATIONS, headers={"Accept-Language": "en"})
    assert answer.json()["notifications"][0]["text"] == "Your face now opens the gates of Garden Court."
    assert (await tenant.actor.patch("/resident/v1/me", json={"language": "en"})).status_code == 200
    assert (await told(tenant.actor))[0]["text"].startswith("Your face")


async def test_an_occasion_is_told_once(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    for _ in range(2):
        await tell(town, tenant, occasion="the same")
    await tell(town, tenant, occasion="another")
    assert len(await told(tenant.actor)) == 2


async def test_pages_show_everything_once_while_more_comes_in(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    for number in range(5):
        world.clock.advance(seconds=number % 2)  # some at the same moment
        await tell(town, tenant)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await tenant.actor.get(NOTIFICATIONS, params={"limit": 2, **cursor})).json()
        seen += [one["notification_id"] for one in answer["notifications"]]
        await tell(town, tenant)
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
        world.clock.advance(seconds=1)
    assert len(seen) == len(set(seen))
    assert len(seen) >= 5
    refused = await tenant.actor.get(NOTIFICATIONS, params={"cursor": "bm9uc2Vuc2U"})
    assert refused.json()["code"] == "cursor-invalid"


async def test_what_is_read_is_counted_and_stays_read(world: World) -> None:
    town = await build_town(world)
    tenant, other = await town.tenant(), await town.tenant("1-102")
    for _ in range(3):
        await tell(town, tenant)
        world.clock.advance(minutes=1)
    newest, middle, oldest = await told(tenant.actor)
    path = f"{NOTIFICATIONS}/{middle['notification_id']}/read"
    assert (await other.actor.put(path)).json()["code"] == "notification-not-found"
    assert (await tenant.actor.put(path)).status_code == 204
    first = (await told(tenant.actor))[1]["read_at"]
    world.clock.advance(minutes=1)
    assert (await tenant.actor.put(path)).status_code == 204
    assert (await told(tenant.actor))[1]["read_at"] == first
    answer = (await tenant.actor.get(NOTIFICATIONS, params={"unread": True})).json()
    assert answer["unread"] == 2
    assert [one["notification_id"] for one in answer["notifications"]] == [
        newest["notification_id"],
        oldest["notification_id"],
    ]
    # Up to the oldest only: the newest may have come in while he was reading.
    assert (await tenant.actor.put(f"{NOTIFICATIONS}/read", json={"until": oldest["created_at"]})).status_code == 204
    assert [one["notification_id"] for one in await told(tenant.actor, unread=True)] == [newest["notification_id"]]
    no_zone = await tenant.actor.put(f"{NOTIFICATIONS}/read", json={"until": "2026-11-02T10:00:00"})
    assert no_zone.status_code == 400


async def test_nobody_reads_what_another_was_told(world: World) -> None:
    town = await build_town(world)
    tenant, other = await town.tenant(), await town.tenant("1-102")
    await tell(town, tenant)
    assert await told(other.actor) == []
    assert (await world.api.get(NOTIFICATIONS)).status_code == 401
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM notification") == 0


async def test_telling_somebody_who_is_gone_undoes_nothing(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.tell(conn, person_id=uuid4(), kind=Kind.FACE_ACTIVE, occasion="x", now=world.clock())
        await service.tell(conn, person_id=tenant.person_id, kind=Kind.FACE_ACTIVE, occasion="x", now=world.clock())
    assert len(await told(tenant.actor)) == 1


async def test_preferences_are_by_kind_and_way_and_keep_off_what_must_be_told(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    path = f"{NOTIFICATIONS}/preferences"
    listed = {one["kind"]: one for one in (await tenant.actor.get(path)).json()["preferences"]}
    assert set(listed) == {kind.value for kind in Kind}
    assert listed["guest_arrived"] == {"kind": "guest_arrived", "refusable": True, "push": True, "sms": True}
    assert listed["face_active"]["sms"] is None
    changed = await tenant.actor.put(f"{path}/guest_arrived", json={"sms": False})
    assert changed.json() == {"kind": "guest_arrived", "refusable": True, "push": True, "sms": False}
    assert (await tenant.actor.put(f"{path}/guest_arrived", json={"push": False})).json()["sms"] is False
    assert (await tenant.actor.put(f"{path}/guest_arrived", json={"sms": True})).json()["sms"] is True
    for kind, body, code in (
        ("new_device", {"sms": False}, "notification-not-refusable"),
        ("face_active", {"sms": True}, "notification-channel-unused"),
        ("unheard_of", {"push": False}, "notification-kind-unknown"),
    ):
        assert (await tenant.actor.put(f"{path}/{kind}", json=body)).json()["code"] == code
    assert (await tenant.actor.put(f"{path}/guest_arrived", json={"mail": True})).status_code == 400


async def test_a_household_is_told_whom_it_gains(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    spouse = await town.family(tenant)
    assert [one["kind"] for one in await told(tenant.actor)] == ["member_approved"]
    world.clock.advance(minutes=1)
    await town.family(tenant, relation="other")
    assert [one["kind"] for one in await told(spouse.actor)].count("member_proposed") == 1
    assert [one["kind"] for one in await told(tenant.actor)].count("member_approved") == 2


async def test_a_household_is_told_once_that_its_tenancy_ends_and_again_of_another_end(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    soon = world.clock() + timedelta(days=20)
    tenant = await town.tenant(ends_at=soon)
    later = await town.tenant("1-102", ends_at=world.clock() + timedelta(days=60))
    assert await tell_ending(worker_db, now=world.clock()) == 1
    assert await tell_ending(worker_db, now=world.clock()) == 0
    (one,) = await told(tenant.actor)
    # The day in Shanghai.
    assert (one["kind"], one["about_id"]) == ("tenancy_ending", str(tenant.tenancy_id))
    assert "2026-11-22" in one["text"]
    assert await told(later.actor) == []
    moved = await town.office.put(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/planned-end",
        json={"ends_at": (soon + timedelta(days=5)).isoformat()},
    )
    assert moved.status_code == 200, moved.text
    world.clock.advance(minutes=1)
    assert await tell_ending(worker_db, now=world.clock()) == 1
    assert "2026-11-27" in (await told(tenant.actor))[0]["text"]


async def test_what_was_told_is_deleted_after_its_time(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await tell(town, tenant)
    world.clock.advance(days=1)
    await tell(town, tenant)
    async with worker_db.transaction(Scope(platform=True)) as conn:
        assert await delete_old(conn, before=world.clock() - timedelta(hours=1), limit=100) == 1
    # The first log-in has run out.
    again = await world.login(tenant.actor.phone, surface="resident")
    assert len([one for one in await told(again) if one["kind"] == "face_active"]) == 1


async def test_a_copy_of_ones_data_has_what_one_was_told(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await tell(town, tenant)
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        found = await export_of(conn, person_id=tenant.person_id)
    assert [row["kind"] for row in found["notification"]] == ["face_active"]
