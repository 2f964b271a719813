"""The worker, birthday by birthday: asked at fourteen, concluded thirty days later, let go at eighteen; reminders."""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from backend.guardians.rules import Recapture
from backend.kit.db import Database, Scope
from backend.privacy.saga import Saga
from backend.privacy.wards.jobs import GrowingUp
from tests.backend.guardians.children import Child, agree, child_of, ward, with_face, young_session
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import ALL, NOTHING, left_of
from tests.backend.world import World

# The clock stands at 10:00 on 2 November 2026 in Shanghai; the birthday is the day after.
THIRTEEN = date(2012, 11, 3)
BIRTHDAY = datetime.fromisoformat("2026-11-02T16:00:00+00:00")
PUBLIC_URL = "https://gate.example"


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock, sender=world.resources.sender)


@pytest.fixture
def growing_up(world: World, worker_db: Database) -> GrowingUp:
    return GrowingUp(worker_db, world.resources.sender, pepper=world.resources.pepper, public_url=PUBLIC_URL)


async def erased(saga: Saga, world: World, child: Child) -> list[str]:
    """Carry out the child's erasures; their reasons."""
    async with world.resources.db.transaction(Scope(person_id=child.person_id), read_only=True) as conn:
        rows = await conn.fetch("SELECT erasure_id, reason FROM erasure WHERE person_id = $1", child.person_id)
    for row in rows:
        assert await saga.resume(row["erasure_id"])
    return [row["reason"] for row in rows]


async def anew(world: World, child: Child) -> Child:
    """The same with a guardian who has logged in just now."""
    tenant = child.tenant
    actor = await world.login(tenant.actor.phone, surface="resident")
    return msgspec.structs.replace(child, tenant=msgspec.structs.replace(tenant, actor=actor))


async def left(town: Town, child: Child) -> object:
    return await left_of(town.world.resources, child.person_id, [town.community_id])


def link_sent_to(world: World, guardian: Resident) -> str:
    return str(world.messages(guardian.actor.phone)[-1]["values"]["link"])


async def may_enter(town: Town, child: Child) -> bool:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        found: bool = await conn.fetchval(
            """
            SELECT EXISTS (SELECT FROM access_grant g JOIN subject s USING (community_id, subject_id)
            WHERE s.person_id = $1 AND g.state = 'present')
            """,
            child.person_id,
        )
    return found


async def test_without_an_answer_the_face_goes_thirty_days_after_the_birthday_and_the_right_to_enter_stays(
    world: World, saga: Saga, growing_up: GrowingUp
) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), THIRTEEN)
    await with_face(town, child)
    world.clock.now = BIRTHDAY - timedelta(seconds=1)
    await growing_up.turn(now=world.clock())
    child = await anew(world, child)
    assert (await agree(child)).status_code == 200
    told = len(world.messages(child.tenant.actor.phone))
    world.clock.now = BIRTHDAY
    # From the first moment on, also before the worker comes.
    assert (await agree(child)).json()["code"] == "decides-himself"
    await growing_up.turn(now=world.clock())
    await growing_up.turn(now=world.clock())
    sent = world.messages(child.tenant.actor.phone)[told:]
    assert [message["template"] for message in sent] == ["own_consent_of_child"]
    assert sent[0]["values"]["link"].startswith(f"{PUBLIC_URL}/visit#")
    found = await ward(child.tenant, child.member_id)
    assert found is not None
    assert (found["stage"], found["decides_until"]) == ("asked", "2026-12-02T16:00:00Z")
    world.clock.now = BIRTHDAY + timedelta(days=30) - timedelta(seconds=1)
    await growing_up.turn(now=world.clock())
    assert await left(town, child) == ALL
    world.clock.advance(seconds=1)
    await growing_up.turn(now=world.clock())
    assert await erased(saga, world, child) == ["consent_lapsed"]
    assert await left(town, child) == NOTHING
    assert await may_enter(town, child)
    await growing_up.turn(now=world.clock())
    assert await erased(saga, world, child) == ["consent_lapsed"]
    guardian = await world.login(child.tenant.actor.phone, surface="resident")
    (seen,) = (await guardian.get(f"{child.path}/erasures")).json()["erasures"]
    assert (seen["reason"], seen["state"]) == ("consent_lapsed", "completed")


async def test_a_young_person_without_a_phone_decides_by_the_link_on_any_phone(
    world: World, saga: Saga, growing_up: GrowingUp
) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), THIRTEEN)
    await with_face(town, child)
    world.clock.now = BIRTHDAY
    await growing_up.turn(now=world.clock())
    headers = await young_session(town, link_sent_to(world, child.tenant))
    given = await world.api.put("/visitor/v1/consents/face_access", json={"version": 1}, headers=headers)
    assert (given.status_code, given.json()["guardian_relation"]) == (200, None), given.text
    guardian = await world.login(child.tenant.actor.phone, surface="resident")
    (found,) = (await guardian.get("/resident/v1/wards")).json()["wards"]
    assert (found["stage"], found["may"], found["decides_until"]) == ("young", ["look", "speak"], None)
    # His own word now; nobody takes it back for him.
    for path in ("consents/face_access/withdraw", "enrolments"):
        answer = await guardian.post(f"{child.path}/{path}", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "decides-himself")
    copy = await guardian.post(f"{child.path}/requests", json={"kind": "access"})
    assert (copy.status_code, copy.json()["code"]) == (403, "decides-himself")
    world.clock.advance(days=31)
    await growing_up.turn(now=world.clock())
    assert await erased(saga, world, child) == []
    assert await left(town, child) == ALL
    # The link is over; the office gives him another, with which he takes it back.
    answer = await (await world.login(town.office.phone, surface="staff")).post(
        f"{town.staff_path}/members/{child.member_id}/young-link"
    )
    assert answer.status_code == 201, answer.text
    headers = await young_session(town, answer.json()["link"])
    withdrawn = await world.api.post("/visitor/v1/consents/face_access/withdraw", headers=headers)
    assert withdrawn.json()["withdrawn"] is True
    assert await erased(saga, world, child) == ["consent_withdrawn"]
    assert await left(town, child) == NOTHING


async def test_a_no_of_his_own_is_an_answer_too(world: World, saga: Saga, growing_up: GrowingUp) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), THIRTEEN)
    await with_face(town, child)
    world.clock.now = BIRTHDAY
    await growing_up.turn(now=world.clock())
    headers = await young_session(town, link_sent_to(world, child.tenant))
    withdrawn = await world.api.post("/visitor/v1/consents/face_access/withdraw", headers=headers)
    assert withdrawn.json()["withdrawn"] is True
    assert await erased(saga, world, child) == ["consent_withdrawn"]
    guardian = await world.login(child.tenant.actor.phone, surface="resident")
    (found,) = (await guardian.get("/resident/v1/wards")).json()["wards"]
    assert found["stage"] == "young"
    assert await may_enter(town, child)


async def test_a_young_person_with_a_phone_is_written_to_himself(world: World, growing_up: GrowingUp) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    phone = world.new_phone()
    added = await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members",
        json={"name": "Child", "relation": "child", "phone": phone, "birth_date": THIRTEEN.isoformat()},
    )
    actor = await world.resident(phone)
    await actor.post("/resident/v1/join", json={"activation_code": added.json()["activation_code"]})
    world.clock.now = BIRTHDAY
    await growing_up.turn(now=world.clock())
    assert world.messages(phone)[-1]["template"] == "own_consent"
    assert all(message["template"] != "own_consent_of_child" for message in world.messages(tenant.actor.phone))
    own = await world.login(phone, surface="resident")
    assert (await own.get("/resident/v1/age")).json()["decides_until"] == "2026-12-02T16:00:00Z"
    assert (await own.put("/resident/v1/consents/face_access", json={"version": 1})).status_code == 200
    assert (await own.get("/resident/v1/age")).json()["stage"] == "young"


async def test_the_birthday_is_the_communitys_and_not_the_servers(world: World, growing_up: GrowingUp) -> None:
    office = await world.administrator()
    towns = {}
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        town = await build_town(world, office=office, name=zone)
        changed = await office.patch(town.staff_path, json={"time_zone": zone})
        assert changed.status_code == 200, changed.text
        towns[zone] = await child_of(town, await town.tenant(), THIRTEEN)
    # 3 November begins there at 10:00 and 08:00 UTC of 2 and 3 November.
    for at, stages in (
        ("2026-11-02T09:59:59+00:00", ["child", "child"]),
        ("2026-11-02T10:00:00+00:00", ["asked", "child"]),
        ("2026-11-03T07:59:59+00:00", ["asked", "child"]),
        ("2026-11-03T08:00:00+00:00", ["asked", "asked"]),
    ):
        world.clock.now = datetime.fromisoformat(at)
        await growing_up.turn(now=world.clock())
        seen, asked = [], []
        for zone, child in towns.items():
            guardian = await world.login(child.tenant.actor.phone, surface="resident")
            (found,) = (await guardian.get("/resident/v1/wards")).json()["wards"]
            assert found["time_zone"] == zone
            seen.append(found["stage"])
            asked.append("child" if found["decides_until"] is None else "asked")
        assert seen == asked == stages


async def test_at_eighteen_nobody_acts_for_him_and_no_birth_date_is_kept(world: World, growing_up: GrowingUp) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), date(2008, 11, 3))
    assert (await ward(child.tenant, child.member_id)) is not None
    world.clock.now = BIRTHDAY
    # Not even before the worker has come.
    guardian = await world.login(child.tenant.actor.phone, surface="resident")
    assert (await guardian.get("/resident/v1/wards")).json() == {"wards": []}
    assert (await guardian.get(f"{child.path}/consents")).status_code == 404
    await growing_up.turn(now=world.clock())
    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM minor") == 0
        assert await conn.fetchval("SELECT count(*) FROM guardianship WHERE ended_at IS NULL") == 0
    assert await may_enter(town, child)


async def test_a_child_is_reminded_of_new_pictures_once_and_the_old_ones_serve_meanwhile(
    world: World, growing_up: GrowingUp
) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), date(2020, 5, 4))
    await growing_up.turn(now=world.clock())
    await with_face(town, child)
    found = await ward(child.tenant, child.member_id)
    assert found is not None
    assert found["recapture_due_at"] == "2027-11-02T02:00:00Z"
    phone = child.tenant.actor.phone

    def reminders() -> int:
        return [message["template"] for message in world.messages(phone)].count("recapture")

    # The worker's day by day, a month at a time.
    for _ in range(12):
        world.clock.advance(days=30)
        await growing_up.turn(now=world.clock())
    assert reminders() == 0
    world.clock.now = datetime.fromisoformat("2027-11-02T02:00:00+00:00")
    for _ in range(4):
        await growing_up.turn(now=world.clock())
        world.clock.advance(days=31)
    assert reminders() == 1
    assert await left(town, child) == ALL


async def test_the_operator_sets_how_often(world: World, worker_db: Database) -> None:
    often = GrowingUp(
        worker_db,
        world.resources.sender,
        pepper=world.resources.pepper,
        public_url=PUBLIC_URL,
        recapture=Recapture(under_10=1, under_18=1),
    )
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), date(2014, 5, 4))
    await with_face(town, child)
    world.clock.advance(days=31)
    await often.turn(now=world.clock())
    assert world.messages(child.tenant.actor.phone)[-1]["template"] == "recapture"


async def test_the_link_ends_with_the_membership(world: World, growing_up: GrowingUp) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), THIRTEEN)
    world.clock.now = BIRTHDAY
    await growing_up.turn(now=world.clock())
    link = link_sent_to(world, child.tenant)
    headers = await young_session(town, link)
    office = await world.login(town.office.phone, surface="staff")
    ended = await office.post(f"{town.staff_path}/members/{child.member_id}/end")
    assert ended.status_code == 201, ended.text
    assert (await world.api.get("/visitor/v1/consents", headers=headers)).status_code == 410
    again = await world.api.post("/visitor/v1/session", json={"token": link.partition("#")[2]})
    assert again.status_code == 410


@pytest.mark.parametrize("age", ["child", "adult"])
async def test_a_link_to_decide_is_for_young_people_alone(world: World, age: str) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    member_id: UUID = tenant.member_id
    if age == "child":
        member_id = (await child_of(town, tenant, THIRTEEN)).member_id
    answer = await town.office.post(f"{town.staff_path}/members/{member_id}/young-link")
    assert (answer.status_code, answer.json()["code"]) == (409, "member-of-age")
