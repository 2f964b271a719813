"""Legal holds: photographs that an order keeps, for a time, while everything else of the person goes."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest

from backend.access import service as access
from backend.audit.service import verify_chain
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore, StorageUnavailable
from backend.privacy import jobs
from backend.privacy.holds.release import release_ended, sweep
from backend.privacy.holds.rules import held_key, hold_of_key, is_period
from backend.privacy.saga import Saga
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import ALL, NOTHING, give_face, left_of
from tests.backend.privacy.test_erasure import end_tenancy, read
from tests.backend.world import Actor, World
from tests.databases import DatabaseUrls

MONTH = timedelta(days=30)


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)


async def town_with_officer(world: World) -> tuple[Town, Resident, Actor]:
    """A tenant with a face and photographs, and the authority's legal officer."""
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    return town, tenant, await world.staff(town.office, StaffRole.LEGAL_OFFICER)


def order(world: World, tenant: Resident, **fields: object) -> dict[str, object]:
    return {
        "basis": "criminal_investigation",
        "reference": "2026-0815",
        "ends_at": (world.clock() + MONTH).isoformat(),
        "member_id": str(tenant.member_id),
        **fields,
    }


async def hold(town: Town, officer: Actor, tenant: Resident, **fields: object) -> dict[str, Any]:
    answer = await officer.post(f"{town.staff_path}/holds", json=order(town.world, tenant, **fields))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def moved_out(town: Town, tenant: Resident, saga: Saga) -> str:
    """The tenancy has ended and the erasure has gone as far as it can; its id."""
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    await saga.resume(UUID(begun["erasure_id"]))
    return begun["erasure_id"]


async def certificate(town: Town, erasure_id: str) -> dict[str, Any]:
    answer = await town.office.get(f"{town.staff_path}/erasures/{erasure_id}/certificate")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["certificate"]
    return found


async def later(town: Town, officer: Actor, passed: timedelta) -> tuple[Town, Actor]:
    """The two, logged in anew when that time has passed."""
    town.world.clock.now += passed
    office = await town.world.login(town.office.phone, surface="staff")
    return msgspec.structs.replace(town, office=office), await town.world.login(officer.phone, surface="staff")


async def release(world: World, worker_db: Database) -> int:
    return await release_ended(worker_db, world.resources.keys, world.resources.objects, now=world.clock())


async def objects_of(world: World, prefix: str = "held/") -> list[str]:
    return [key async for key in world.resources.objects.list(prefix)]


async def has_key(world: World, hold_id: str) -> bool:
    try:
        await world.resources.keys.person_key(UUID(hold_id))
    except (KeyMissing, KeyDestroyed):
        return False
    return True


async def test_photographs_under_hold_outlive_the_person_and_go_at_its_end(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    assert (made["state"], made["photographs"], len(made["kept"])) == ("standing", 3, 3)
    erasure_id = await moved_out(town, tenant, saga)

    # All of his is gone, his key included; what is left opens by the hold's key alone.
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    erasure = await read(town, erasure_id)
    assert erasure["state"] == "held"
    assert erasure["completed_at"] is None
    assert [(one["basis"], one["photographs"]) for one in erasure["held"]] == [("criminal_investigation", 3)]
    paper = await certificate(town, erasure_id)
    assert paper["status"] == "provisional"
    (remains,) = [one for one in paper["remains"] if one["what"] == "held_photographs"]
    assert remains["until"] == made["ends_at"]
    assert "Criminal Procedure Law (CN) art. 54" in remains["laws"]
    photo_id = made["kept"][0]["photo_id"]
    look = await officer.get(f"{town.staff_path}/holds/{made['hold_id']}/photographs/{photo_id}")
    assert (look.status_code, len(look.content)) == (200, 100)

    # Before its end nothing of this changes, however often somebody looks.
    assert await release(world, worker_db) == 0
    assert not await saga.resume(UUID(erasure_id))
    town, officer = await later(town, officer, MONTH)
    assert await release(world, worker_db) == 1
    assert await release(world, worker_db) == 0
    assert await objects_of(world) == []
    assert not await has_key(world, made["hold_id"])
    assert await saga.resume(UUID(erasure_id))
    paper = await certificate(town, erasure_id)
    assert paper["status"] == "complete"
    assert all(one["what"] != "held_photographs" for one in paper["remains"])
    (told,) = paper["held"]
    assert told["released_at"] is not None
    assert (await read(town, erasure_id))["state"] == "completed"
    gone = await officer.get(f"{town.staff_path}/holds/{made['hold_id']}/photographs/{photo_id}")
    assert gone.status_code == 404


async def test_a_hold_that_is_lifted_lets_the_erasure_go_on(world: World, worker_db: Database, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    erasure_id = await moved_out(town, tenant, saga)
    path = f"{town.staff_path}/holds/{made['hold_id']}"
    assert (await officer.post(f"{path}/end")).json()["state"] == "ended"
    assert (await officer.post(f"{path}/end")).status_code == 409
    renewal = {"ends_at": (world.clock() + MONTH).isoformat()}
    assert (await officer.post(f"{path}/renew", json=renewal)).json()["code"] == "hold-ended"
    assert await release(world, worker_db) == 1
    # It has asked for the next attempt by itself.
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        waiting = await conn.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE payload = $1", erasure_id.encode())
    assert waiting == 1
    assert await saga.resume(UUID(erasure_id))


async def test_two_holds_each_keep_for_themselves(world: World, worker_db: Database, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    first = await hold(town, officer, tenant)
    second = await hold(
        town, officer, tenant, basis="court_preservation", ends_at=(world.clock() + 2 * MONTH).isoformat()
    )
    erasure_id = await moved_out(town, tenant, saga)
    town, officer = await later(town, officer, MONTH)
    assert await release(world, worker_db) == 1
    assert [await has_key(world, one["hold_id"]) for one in (first, second)] == [False, True]
    assert not await saga.resume(UUID(erasure_id))
    (remains,) = [one for one in (await certificate(town, erasure_id))["remains"] if one["what"] == "held_photographs"]
    assert remains["until"] == second["ends_at"]
    town, officer = await later(town, officer, MONTH)
    assert await release(world, worker_db) == 1
    assert await saga.resume(UUID(erasure_id))
    assert len((await certificate(town, erasure_id))["held"]) == 2


async def test_a_hold_is_renewed_while_it_stands(world: World, worker_db: Database) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    path = f"{town.staff_path}/holds/{made['hold_id']}"
    town, officer = await later(town, officer, MONTH - timedelta(days=1))
    end = (world.clock() + 2 * MONTH).isoformat()
    renewed = await officer.post(f"{path}/renew", json={"ends_at": end, "reference": "2026-0901"})
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["reference"] == "2026-0901"
    world.clock.now += 2 * timedelta(days=1)
    assert await release(world, worker_db) == 0


async def test_once_an_erasure_has_begun_it_is_too_late(world: World, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    subject_id = await subject_of(town, tenant)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    by_subject = order(world, tenant, member_id=None, subject_id=str(subject_id))
    refused = await officer.post(f"{town.staff_path}/holds", json=by_subject)
    assert (refused.status_code, refused.json()["code"]) == (409, "erasure-begun")
    assert "not undone" in refused.json()["detail"]
    await saga.resume(UUID(begun["erasure_id"]))
    assert (await officer.post(f"{town.staff_path}/holds", json=by_subject)).status_code == 404
    assert await objects_of(world) == []


async def test_a_hold_and_an_erasure_at_once_are_one_after_the_other(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    set_, ended = await asyncio.gather(
        officer.post(f"{town.staff_path}/holds", json=order(world, tenant)),
        town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={}),
    )
    assert ended.status_code == 201
    erasure_id = ended.json()["erasures"][0]["erasure_id"]
    complete = await saga.resume(UUID(erasure_id))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    # Either it was first, and everything waits for it; or it was refused, and nothing does.
    assert (set_.status_code, complete) in {(201, False), (409, True), (404, True)}
    if set_.status_code == 201:
        hold_id = set_.json()["hold_id"]
        photo_id = set_.json()["kept"][0]["photo_id"]
        look = await officer.get(f"{town.staff_path}/holds/{hold_id}/photographs/{photo_id}")
        assert look.status_code == 200


async def test_whoever_is_told_reads_it_and_whoever_may_not_be_told_does_not(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    secret = await hold(town, officer, tenant, forbidden_to_tell=True)
    withdrawn = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
    erasure_id = withdrawn.json()["erasures"][0]["erasure_id"]
    assert not await saga.resume(UUID(erasure_id))

    async def told() -> tuple[str, list[Any], str, str]:
        (erasure,) = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"]
        paper = await tenant.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate")
        page = await tenant.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate/page?language=en")
        assert page.status_code == 200
        return erasure["state"], erasure["held"], paper.text, page.text

    state, held, paper, page = await told()
    assert (state, held) == ("waiting_for_gates", [])
    # It is not said, and nothing else is said in its place: no certificate says that all is done.
    assert "held" not in paper
    assert '"provisional"' in paper
    assert "an order" not in page
    assert (await read(town, erasure_id))["held"] == []
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM legal_hold") == 0

    assert (await officer.post(f"{town.staff_path}/holds/{secret['hold_id']}/end")).status_code == 200
    await release(world, worker_db)
    assert await saga.resume(UUID(erasure_id))
    state, held, paper, page = await told()
    assert state == "completed"
    assert held[0]["basis"] == "criminal_investigation"
    assert '"complete"' in paper
    assert "a criminal investigation" in page


async def test_photographs_alone_that_go_are_kept_by_a_hold_too(world: World, worker_db: Database, saga: Saga) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant, basis="legal_claim")
    # Photographs of an enrolment that was completed just now may still be needed for a moment.
    world.clock.now += timedelta(minutes=11)
    actor, officer = [
        await world.login(one.phone, surface=at) for one, at in ((tenant.actor, "resident"), (officer, "staff"))
    ]
    withdrawn = await actor.post("/resident/v1/consents/photo_retention/withdraw")
    erasure_id = UUID(withdrawn.json()["erasures"][0]["erasure_id"])
    assert not await saga.resume(erasure_id)
    left = await left_of(world.resources, tenant.person_id, [town.community_id])
    assert (left.photos, left.templates, left.key) == (0, 1, True)
    assert (await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")).status_code == 200
    await release(world, worker_db)
    assert await saga.resume(erasure_id)
    assert (await left_of(world.resources, tenant.person_id, [town.community_id])).templates == 1


async def test_an_erasure_that_waits_for_a_hold_keeps_no_later_face_from_being_erased_in_time(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    await hold(town, officer, tenant)
    withdrawn = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
    waiting = withdrawn.json()["erasures"][0]["erasure_id"]
    assert not await saga.resume(UUID(waiting))
    # He agrees anew, and then has no right any more.
    subject_id = await give_face(town, tenant)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await access.end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=world.clock())
    world.clock.now += timedelta(hours=25)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        begun = await conn.fetchval("SELECT erasure_id FROM erasure WHERE reason = 'unused'")
    # The hold was there before it, and keeps what it kept; the face is gone.
    assert not await saga.resume(begun)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING


async def test_only_the_legal_officer_has_to_do_with_holds(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    path = f"{town.staff_path}/holds"
    one = f"{path}/{made['hold_id']}"
    photo = f"{one}/photographs/{made['kept'][0]['photo_id']}"
    renewal = {"ends_at": (world.clock() + MONTH).isoformat()}
    roles = (StaffRole.COMMUNITY_MANAGER, StaffRole.FRONT_DESK, StaffRole.AUDITOR)
    others = [
        town.office,
        *[await world.staff(town.office, role, community_id=town.community_id) for role in roles],
    ]
    for actor in others:
        answers = [
            await actor.post(path, json=order(world, tenant)),
            await actor.get(path),
            await actor.get(one),
            await actor.post(f"{one}/renew", json=renewal),
            await actor.post(f"{one}/end"),
            await actor.get(photo),
        ]
        assert [answer.status_code for answer in answers] == [403] * 6
    # He himself does nothing else, and nobody else's officer sees anything.
    assert (await officer.get(f"{town.staff_path}/reviews")).status_code == 403
    assert (await officer.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})).status_code == 403
    there = await world.staff(await world.administrator("There"), StaffRole.LEGAL_OFFICER)
    assert (await there.get(one)).status_code == 404
    assert (await there.get(photo)).status_code == 404
    assert (await world.api.get(one)).status_code == 401


async def test_a_legal_officer_is_nothing_else_and_serves_the_whole_authority(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin)

    async def appoint(*roles: dict[str, str]) -> httpx.Response:
        return await admin.post(
            "/staff/v1/staff", json={"phone": world.new_phone(), "name": "Member", "roles": list(roles)}
        )

    role = {"role": "legal_officer"}
    assert (await appoint({**role, "community_id": str(community)})).json()["code"] == "role-reaches-further"
    for other in ("authority_administrator", "community_manager", "front_desk", "auditor"):
        refused = await appoint(role, {"role": other})
        assert (refused.status_code, refused.json()["code"]) == (422, "legal-officer-alone")
    assert (await appoint(role)).status_code == 201


async def test_orders_that_cannot_be_are_refused(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    other = await town.tenant("1-102")
    path = f"{town.staff_path}/holds"

    def at(days: int) -> str:
        return (world.clock() + timedelta(days=days)).isoformat()

    for fields, status, code in (
        ({"ends_at": at(0)}, 422, "hold-period-invalid"),
        ({"ends_at": at(185)}, 422, "hold-period-invalid"),
        ({"basis": "legal_claim", "forbidden_to_tell": True}, 422, "secrecy-unfounded"),
        ({"member_id": str(uuid4())}, 404, "held-person-not-found"),
        ({"member_id": None}, 404, "held-person-not-found"),
        ({"subject_id": str(uuid4())}, 404, "held-person-not-found"),
        ({"member_id": None, "subject_id": str(uuid4())}, 404, "held-person-not-found"),
        ({"member_id": str(other.member_id)}, 409, "nothing-to-hold"),
        ({"basis": "curiosity"}, 400, None),
        ({"reference": ""}, 400, None),
        ({"ends_at": "2027-01-01T00:00:00"}, 400, None),
    ):
        answer = await officer.post(path, json=order(world, tenant, **fields))
        assert answer.status_code == status, (fields, answer.text)
        assert code in (None, answer.json()["code"])
    assert (await officer.get(path)).json()["holds"] == []
    assert await objects_of(world) == []


async def test_every_act_is_in_the_trail_and_none_says_more_than_ids(world: World, worker_db: Database) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    path = f"{town.staff_path}/holds/{made['hold_id']}"
    await officer.get(f"{path}/photographs/{made['kept'][0]['photo_id']}")
    await officer.post(f"{path}/renew", json={"ends_at": (world.clock() + 2 * MONTH).isoformat()})
    await officer.post(f"{path}/end")
    await release(world, worker_db)
    entries = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    acts = [entry for entry in entries if entry["action"].startswith("hold.")]
    assert [entry["action"] for entry in acts] == [
        "hold.release", "hold.end", "hold.renew", "hold.photo.read", "hold.set"
    ]  # fmt: skip
    assert all(entry["reason"] == "criminal_investigation" for entry in acts)
    assert not any(made["reference"] in str(entry) for entry in entries)
    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        assert (await verify_chain(conn, community_id=town.community_id)).intact


async def test_his_copy_names_the_hold_that_he_may_know_of(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    shown = await hold(town, officer, tenant)
    hidden = await hold(town, officer, tenant, forbidden_to_tell=True)
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id), read_only=True) as conn:
        seen = {str(row["hold_id"]) for row in await conn.fetch("SELECT hold_id FROM legal_hold")}
        assert await conn.fetchval("SELECT count(*) FROM hold_photo") == 0
    assert shown["hold_id"] in seen
    assert hidden["hold_id"] not in seen


async def test_a_crash_while_a_hold_is_set_leaves_none_and_is_swept(
    world: World, worker_db: Database, database_urls: DatabaseUrls
) -> None:
    town, tenant, officer = await town_with_officer(world)
    kept = await hold(town, officer, tenant)
    # As it stands when the process is killed between the copies and the row.
    orphan = uuid4()
    await world.resources.keys.ensure_person_key(orphan, owner_id=town.community_id)
    written_s = int(world.clock().timestamp())
    await world.resources.objects.put(held_key(orphan, uuid4(), written_s=written_s), b"sealed")
    keys, objects = world.resources.keys, world.resources.objects
    assert await sweep(worker_db, keys, objects, now=world.clock()) == 0
    assert await sweep(worker_db, keys, objects, now=world.clock() + timedelta(hours=2)) == 1
    assert not await has_key(world, str(orphan))
    assert await has_key(world, kept["hold_id"])
    assert len(await objects_of(world)) == 3
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == ALL


class Away:
    """An object store that is away when something is deleted, until told otherwise."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.away = True

    async def put(self, key: str, data: bytes) -> None:
        await self.inner.put(key, data)

    async def get(self, key: str) -> bytes:
        return await self.inner.get(key)

    async def delete(self, key: str) -> None:
        if self.away:
            raise StorageUnavailable
        await self.inner.delete(key)

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        return {} if self.away else await self.inner.delete_under(prefixes)

    async def exists(self, key: str) -> bool:
        return await self.inner.exists(key)

    def list(self, prefix: str) -> Any:
        return self.inner.list(prefix)


async def test_a_store_that_is_away_delays_the_release_and_skips_nothing(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    erasure_id = UUID(await moved_out(town, tenant, saga))
    await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")
    objects = Away(world.resources.objects)
    assert await release_ended(worker_db, world.resources.keys, objects, now=world.clock()) == 0
    assert await has_key(world, made["hold_id"])
    assert not await saga.resume(erasure_id)
    objects.away = False
    assert await release_ended(worker_db, world.resources.keys, objects, now=world.clock()) == 1
    assert await saga.resume(erasure_id)


async def test_two_workers_release_a_hold_once(world: World, worker_db: Database) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")
    done = await asyncio.gather(*(release(world, worker_db) for _ in range(3)))
    assert sum(done) == 1
    entries = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    assert sum(entry["action"] == "hold.release" for entry in entries) == 1


async def test_no_role_but_the_worker_says_that_a_hold_is_released(world: World, database_urls: DatabaseUrls) -> None:
    town, tenant, officer = await town_with_officer(world)
    await hold(town, officer, tenant)
    conn: asyncpg.Connection[Any] = await asyncpg.connect(database_urls.api)
    try:
        await conn.execute("SET doorward.platform = 'on'")
        await conn.execute(f"SET doorward.community = '{town.community_id}'")
        for statement in (
            "UPDATE legal_hold SET released_at = now()",
            "DELETE FROM legal_hold",
            "DELETE FROM hold_photo",
            "UPDATE legal_hold SET told = true",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(statement)
    finally:
        await conn.close()


def test_six_months_are_months_of_the_calendar() -> None:
    now = datetime.fromisoformat("2026-08-31T10:00:00+08:00")
    assert is_period(datetime.fromisoformat("2027-02-28T10:00:00+08:00"), now=now)
    assert not is_period(datetime.fromisoformat("2027-02-28T10:00:01+08:00"), now=now)
    assert not is_period(now, now=now)


def test_an_object_names_its_hold_and_others_name_none() -> None:
    hold_id = uuid4()
    assert hold_of_key(held_key(hold_id, uuid4(), written_s=17)) == (hold_id, 17)
    for key in ("held/x/17-1", "people/a/b", f"held/{hold_id}/x-1", "held/"):
        assert hold_of_key(key) is None


async def subject_of(town: Town, tenant: Resident) -> UUID:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        found: UUID = await conn.fetchval("SELECT subject_id FROM subject WHERE person_id = $1", tenant.person_id)
    return found
