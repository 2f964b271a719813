"""A guest who withdraws is forgotten at once, and reads the certificate on the phone on which he did."""

from datetime import timedelta
from uuid import UUID

import pytest

from backend.consent.service import Purpose
from backend.kit.db import Database, Scope
from backend.privacy import jobs
from backend.privacy.retention import jobs as retention
from backend.privacy.saga import Saga
from backend.worker import tick
from tests.backend.couriers.company import Visitor, open_link
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import ALL, NOTHING, Left, left_of, store_face
from tests.backend.visitors.test_passes import invite, passes
from tests.backend.world import Actor, World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)


async def person_of(town: Town, pass_id: str) -> UUID:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        person_id: UUID = await conn.fetchval(
            "SELECT s.person_id FROM guest_pass JOIN subject s USING (community_id, subject_id) WHERE pass_id = $1",
            UUID(pass_id),
        )
    return person_id


async def guest_with_face(town: Town, host: Resident) -> tuple[Visitor, UUID, str]:
    created = await invite(town, host)
    guest = await open_link(town.world.api, created["link_token"])
    assert (await guest.accept()).status_code == 200
    person_id = await person_of(town, created["pass_id"])
    for purpose in Purpose:
        assert (await guest.actor.put(f"/visitor/v1/consents/{purpose}", json={"version": 1})).status_code == 200
    who = Resident(guest.actor, person_id, host.member_id, host.tenancy_id, host.home_id)
    await store_face(town, who)
    return guest, person_id, created["pass_id"]


async def test_a_guest_withdraws_and_his_face_is_gone_with_a_certificate(
    world: World, saga: Saga, worker_db: Database
) -> None:
    town = await build_town(world)
    guest, person_id, _ = await guest_with_face(town, await town.tenant())
    assert await left_of(world.resources, person_id, [town.community_id]) == ALL
    answer = await guest.withdraw()
    assert answer.status_code == 200
    assert answer.json()["state"] == "withdrawn"
    (begun,) = answer.json()["erasures"]
    assert begun["extent"] == "everything"
    assert "/certificates/" in answer.json()["certificate_link"]
    # The answer was lost, and he says it again.
    again = await guest.withdraw()
    assert (again.json()["erasures"], again.json()["certificate_link"]) == (
        [begun],
        answer.json()["certificate_link"],
    )

    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, person_id, [town.community_id]) == NOTHING
    # He himself is gone, and his phone reads on.
    (erasure,) = (await guest.actor.get("/visitor/v1/erasures")).json()["erasures"]
    assert (erasure["reason"], erasure["completed_at"] is not None) == ("invitation_withdrawn", True)
    page = await guest.actor.get(f"/visitor/v1/erasures/{begun['erasure_id']}/certificate/page?language=en")
    assert page.status_code == 200
    assert "the guest withdrew" in page.text
    renewed = await world.api.post("/visitor/v1/token", json={"refresh_token": guest.actor.refresh_token})
    assert renewed.status_code == 201

    for refused in (
        await guest.actor.get("/visitor/v1/consents"),
        await guest.actor.post("/visitor/v1/enrolments", json={}),
        await guest.accept(),
    ):
        assert (refused.status_code, refused.json()["code"]) == (410, "link-closed")

    world.clock.advance(days=6)
    await retention.enforce(worker_db, world.resources.keys, world.resources.objects, now=world.clock())
    assert (await guest.actor.get("/visitor/v1/erasures")).status_code in (200, 401)
    assert await _links(worker_db) == 1
    world.clock.advance(days=2)
    await retention.enforce(worker_db, world.resources.keys, world.resources.objects, now=world.clock())
    assert await _links(worker_db) == 0


async def test_the_link_of_who_withdrew_stays_while_his_erasure_waits(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    guest, _, _ = await guest_with_face(town, await town.tenant())
    await guest.withdraw()
    world.clock.advance(days=30)
    await retention.enforce(worker_db, world.resources.keys, world.resources.objects, now=world.clock())
    assert await _links(worker_db) == 1


async def test_who_only_opened_the_link_reads_nothing_after_another_withdrew(world: World) -> None:
    town = await build_town(world)
    created = await invite(town, await town.tenant())
    first = await open_link(world.api, created["link_token"])
    second = await open_link(world.api, created["link_token"])
    assert (await first.withdraw()).json()["erasures"]
    refused = await second.actor.get("/visitor/v1/erasures")
    assert (refused.status_code, refused.json()["code"]) == (409, "link-held")


async def test_a_guest_whose_host_cancelled_has_nothing_to_decline_and_yet_takes_back_his_consent(
    world: World, saga: Saga
) -> None:
    town = await build_town(world)
    host = await town.tenant()
    guest, person_id, pass_id = await guest_with_face(town, host)
    await host.actor.delete(f"{passes(town, host)}/{pass_id}")
    assert (await guest.withdraw()).status_code == 410
    given = (await guest.actor.get("/visitor/v1/consents")).json()["consents"]
    assert sorted(one["purpose"] for one in given) == ["face_access", "photo_retention"]
    begun = (await guest.actor.post("/visitor/v1/consents/face_access/withdraw")).json()
    erasure_id = UUID(begun["erasures"][0]["erasure_id"])
    assert await saga.resume(erasure_id)
    assert await left_of(world.resources, person_id, [town.community_id]) == NOTHING
    page = await guest.actor.get(f"/visitor/v1/erasures/{erasure_id}/certificate/page?language=en")
    assert page.status_code == 200


async def test_a_withdrawal_is_not_begun_a_second_time_by_the_job(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    guest, person_id, _ = await guest_with_face(town, await town.tenant())
    await guest.withdraw()
    world.clock.advance(timedelta(hours=25))
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    assert isinstance(await left_of(world.resources, person_id, [town.community_id]), Left)


async def test_a_guest_who_comes_again_need_not_register_anew(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    guest, person_id, _ = await guest_with_face(town, host)
    second = await invite(town, host)
    opened = await world.api.post(
        "/visitor/v1/session", json={"token": second["link_token"], "known": guest.actor.refresh_token}
    )
    assert opened.status_code == 201
    known = Visitor(Actor(world.api, "", opened.json()["access_token"], opened.json()["refresh_token"]))
    # Nobody learns of it from the pass, and nobody else becomes him by its link.
    assert (await known.invitation()).json()["state"] == "pending"
    assert {one["state"] for one in (await host.actor.get(passes(town, host))).json()["passes"]} == {
        "pending",
        "accepted",
    }
    stranger = await world.api.post("/visitor/v1/session", json={"token": second["link_token"]})
    assert (stranger.status_code, stranger.json()["code"]) == (409, "link-held")
    assert (await known.accept()).status_code == 200
    assert await person_of(town, second["pass_id"]) == person_id
    # He withdraws from one visit; the other still needs his face.
    answer = await known.withdraw()
    assert (answer.json()["state"], answer.json()["erasures"]) == ("withdrawn", [])
    assert await left_of(world.resources, person_id, [town.community_id]) == ALL
    answer = await guest.withdraw()
    assert [one["extent"] for one in answer.json()["erasures"]] == ["everything"]


async def test_whoever_only_opened_an_earlier_link_is_nobody_known(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    first = await invite(town, host)
    onlooker = await open_link(world.api, first["link_token"])
    guest = await open_link(world.api, first["link_token"])
    await guest.accept()
    second = await invite(town, host)
    opened = await world.api.post(
        "/visitor/v1/session", json={"token": second["link_token"], "known": onlooker.actor.refresh_token}
    )
    assert opened.status_code == 201
    await Visitor(Actor(world.api, "", opened.json()["access_token"], "")).accept()
    assert await person_of(town, second["pass_id"]) != await person_of(town, first["pass_id"])


async def test_a_community_erases_its_guests_sooner(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    await town.office.put(
        f"{town.staff_path}/guest-policy",
        headers={"If-Match": "*"},
        json={"open_passes": 10, "home_days": 90, "guest_days": 60, "grace_hours": 2},
    )
    await guest_with_face(town, host)
    world.clock.advance(hours=4)
    await tick(worker_db, world.clock)
    world.clock.advance(minutes=119)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    world.clock.advance(minutes=2)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1


async def _links(worker_db: Database) -> int:
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM visitor_link WHERE withdrawn_by IS NOT NULL")
    return count
