"""A guardian acts for a child: consents, face, copy, requests; two guardians, and those who are none."""

import io
import json
import zipfile
from datetime import date
from uuid import UUID

import httpx
import pytest

from backend.kit.db import Database, Scope
from backend.privacy.saga import Saga
from tests.backend.enrolment.photographs import framings
from tests.backend.guardians.children import Child, agree, child_of, ward, with_face
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import ALL, NOTHING, left_of
from tests.backend.world import World

TEN = date(2016, 11, 2)
WITHDRAW = "consents/face_access/withdraw"


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock, sender=world.resources.sender)


async def second(town: Town, child: Child, relation: str = "mother") -> tuple[Resident, str]:
    """The tenant's spouse as another guardian; with the guardianship's id."""
    spouse = await town.family(child.tenant)
    answer = await town.office.post(
        f"{town.staff_path}/members/{child.member_id}/guardians",
        json={"guardian_member_id": str(spouse.member_id), "relation": relation},
    )
    assert answer.status_code == 201, answer.text
    return spouse, answer.json()["guardianship_id"]


async def guardianship_of(town: Town, child: Child, guardian: Resident) -> str:
    read = (await town.office.get(f"{town.staff_path}/members/{child.member_id}/guardians")).json()
    return next(str(g["guardianship_id"]) for g in read["guardians"] if g["guardian_id"] == str(guardian.person_id))


async def finish(saga: Saga, withdrawn: httpx.Response) -> None:
    for begun in withdrawn.json()["erasures"]:
        assert await saga.resume(UUID(begun["erasure_id"]))


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_child_is_enrolled_by_its_guardian_and_not_without_his_consent(world: World) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    actor = child.tenant.actor
    assert refused(await actor.post(f"{child.path}/enrolments", json={})) == (409, "consent-missing")
    assert (await agree(child)).status_code == 200
    begun = await actor.post(f"{child.path}/enrolments", json={})
    assert begun.status_code == 201, begun.text
    enrolment = f"{child.path}/enrolments/{begun.json()['enrolment_id']}"
    for slot, photo in enumerate(framings(), start=1):
        taken = await actor.put(f"{enrolment}/photos/{slot}", content=photo, headers={"Content-Type": "image/jpeg"})
        assert taken.status_code == 200, taken.text
        # Where the connection is lost here, the guardian goes on with what is missing.
        left = (await actor.get(enrolment)).json()
        assert left["done"] == list(range(1, slot + 1))
        assert [capture["slot"] for capture in left["captures"]] == list(range(slot + 1, 4))
    completed = await actor.post(f"{enrolment}/complete")
    assert (completed.status_code, completed.json()["state"]) == (200, "in_review"), completed.text
    (review,) = (await town.office.get(f"{town.staff_path}/reviews")).json()["reviews"]
    decided = await town.office.post(
        f"{town.staff_path}/reviews/{review['review_id']}/approve", json={"basis": "seen_in_person"}
    )
    assert decided.status_code == 200, decided.text
    (listed,) = (await actor.get(f"{child.path}/enrolments")).json()["enrolments"]
    assert listed["state"] == "active"
    found = await ward(child.tenant, child.member_id)
    assert found is not None
    assert found["recapture_due_at"] == "2028-11-02T02:00:00Z"
    # The guardian's own face is another matter.
    assert (await actor.get("/resident/v1/enrolments")).json() == {"enrolments": []}


@pytest.mark.parametrize("who", ["neighbour", "household", "far guardian", "child itself"])
async def test_who_is_no_guardian_finds_no_child(world: World, who: str) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    if who == "neighbour":
        other = await town.tenant("2-202")
        # Also one who has a child of his own.
        await child_of(town, other, TEN)
    elif who == "household":
        other = await town.family(child.tenant)
    elif who == "child itself":
        other = await town.tenant("2-203")
        child = Child(other, other.person_id, other.member_id)
    else:
        far = await build_town(world, office=town.office, name="Far Court")
        other = (await child_of(far, await far.tenant(), TEN)).tenant
    photo = {"content": b"x", "headers": {"Content-Type": "image/jpeg"}}
    some = "00000000-0000-4000-8000-000000000000"
    for method, path, options in (
        ("GET", "consents", {}),
        ("PUT", "consents/face_access", {"json": {"version": 1}}),
        ("POST", WITHDRAW, {}),
        ("POST", "enrolments", {"json": {}}),
        ("PUT", f"enrolments/{some}/photos/1", photo),
        ("POST", f"enrolments/{some}/complete", {}),
        ("GET", "enrolments", {}),
        ("POST", "requests", {"json": {"kind": "access"}}),
        ("POST", "requests", {"json": {"kind": "erasure"}}),
        ("GET", "requests", {}),
        ("GET", f"requests/{some}/export", {}),
        ("POST", f"requests/{some}/lift", {}),
        ("GET", "erasures", {}),
    ):
        answer = await other.actor.request(method, f"{child.path}/{path}", **options)
        assert refused(answer) == (404, "ward-not-found"), (method, path)
    anonymous = await world.api.get(f"{child.path}/consents")
    assert anonymous.status_code == 401


async def test_a_withdrawal_erases_the_childs_face_and_leaves_its_right_to_enter(world: World, saga: Saga) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    await with_face(town, child)
    assert await left_of(world.resources, child.person_id, [town.community_id]) == ALL
    answer = await child.tenant.actor.post(f"{child.path}/{WITHDRAW}")
    (begun,) = answer.json()["erasures"]
    assert answer.json()["certificate_link"]
    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, child.person_id, [town.community_id]) == NOTHING
    (erasure,) = (await child.tenant.actor.get(f"{child.path}/erasures")).json()["erasures"]
    assert (erasure["reason"], erasure["state"]) == ("consent_withdrawn", "completed")
    # The guardian is written to, since the child has no phone.
    assert world.messages(child.tenant.actor.phone)[-1]["template"] == "erasure_complete"
    assert await ward(child.tenant, child.member_id) is not None


async def test_one_guardians_no_outweighs_the_others_yes(world: World, saga: Saga) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    spouse, guardianship_id = await second(town, child)
    assert (await agree(child)).status_code == 200
    withdrawn = await spouse.actor.post(f"{child.path}/{WITHDRAW}")
    assert withdrawn.json()["withdrawn"] is True
    await finish(saga, withdrawn)
    assert refused(await agree(child)) == (409, "guardian-refused")
    found = await ward(child.tenant, child.member_id)
    assert found is not None
    assert found["refused"] == ["face_access"]
    # The other purpose is another question.
    assert (await agree(child, purpose="photo_retention")).status_code == 200
    # She changes her mind; that is a yes already.
    assert (await agree(child, spouse)).status_code == 200
    # A no without anything to withdraw counts too, and ends with the guardianship alone.
    again = await spouse.actor.post(f"{child.path}/{WITHDRAW}")
    await finish(saga, again)
    assert refused(await agree(child)) == (409, "guardian-refused")
    ended = await town.office.post(f"{town.staff_path}/members/{child.member_id}/guardians/{guardianship_id}/end")
    assert (ended.status_code, ended.json()["erasures"]) == (200, [])
    assert (await agree(child)).status_code == 200
    assert refused(await spouse.actor.get(f"{child.path}/consents")) == (404, "ward-not-found")


async def test_after_a_divorce_the_other_guardians_word_stands_on_and_the_last_ones_falls(
    world: World, saga: Saga
) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    await second(town, child)
    await with_face(town, child)
    tie = await guardianship_of(town, child, child.tenant)
    path = f"{town.staff_path}/members/{child.member_id}/guardians"
    ended = await town.office.post(f"{path}/{tie}/end")
    assert ended.json()["erasures"] == []
    assert await left_of(world.resources, child.person_id, [town.community_id]) == ALL
    assert refused(await child.tenant.actor.post(f"{child.path}/{WITHDRAW}")) == (404, "ward-not-found")
    assert refused(await town.office.post(f"{path}/{tie}/end")) == (404, "ward-not-found")
    (last,) = [g["guardianship_id"] for g in (await town.office.get(path)).json()["guardians"] if not g["ended_at"]]
    (begun,) = (await town.office.post(f"{path}/{last}/end")).json()["erasures"]
    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, child.person_id, [town.community_id]) == NOTHING


async def test_a_guardian_who_moves_away_keeps_his_account_and_his_say(world: World, saga: Saga) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    spouse, _ = await second(town, child)
    assert (await agree(child, spouse)).status_code == 200
    # The tenant takes her off the household's list; that does not make her another mother.
    gone = await child.tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{child.tenant.home_id}/members/{spouse.member_id}/end"
    )
    (begun,) = gone.json()["erasures"]
    assert await saga.resume(UUID(begun["erasure_id"]))
    again = await world.login(spouse.actor.phone, surface="resident")
    (found,) = (await again.get("/resident/v1/wards")).json()["wards"]
    assert found["member_id"] == str(child.member_id)
    assert (await again.get("/resident/v1/homes")).json() == {"homes": []}
    withdrawn = await again.post(f"{child.path}/{WITHDRAW}")
    assert withdrawn.json()["withdrawn"] is True


async def test_a_guardian_who_deletes_his_account_is_none_any_more(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    spouse = await town.family(tenant)
    child = await child_of(town, tenant, TEN)
    added = await town.office.post(
        f"{town.staff_path}/members/{child.member_id}/guardians",
        json={"guardian_member_id": str(spouse.member_id), "relation": "mother"},
    )
    assert added.status_code == 201
    tie = await guardianship_of(town, child, tenant)
    await town.office.post(f"{town.staff_path}/members/{child.member_id}/guardians/{tie}/end")
    assert (await agree(child, spouse)).status_code == 200
    fresh = await world.login(spouse.actor.phone, surface="resident")
    deleted = await fresh.delete("/resident/v1/me")
    assert deleted.status_code == 202, deleted.text
    assert await saga.resume(UUID(deleted.json()["erasure_id"]))
    read = (await town.office.get(f"{town.staff_path}/members/{child.member_id}/guardians")).json()
    assert [g for g in read["guardians"] if g["ended_at"] is None] == []
    async with world.resources.db.transaction(Scope(person_id=child.person_id), read_only=True) as conn:
        rows = await conn.fetch("SELECT guardian_relation, given_by, withdrawn_at FROM consent")
    # It lapsed with her, and which tie it rested on is still known.
    assert [(r["guardian_relation"], r["given_by"], r["withdrawn_at"] is None) for r in rows] == [
        ("mother", None, False)
    ]


async def test_the_copy_of_a_childs_data_needs_a_fresh_log_in_and_names_the_guardian(world: World) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    await with_face(town, child)
    world.clock.advance(minutes=6)
    stale = await child.tenant.actor.post(f"{child.path}/requests", json={"kind": "access"})
    assert refused(stale) == (403, "fresh-log-in-needed")
    guardian = await world.login(child.tenant.actor.phone, surface="resident")
    asked = await guardian.post(f"{child.path}/requests", json={"kind": "access"})
    assert asked.status_code == 201, asked.text
    fetched = await guardian.get(f"{child.path}/requests/{asked.json()['request_id']}/export")
    assert fetched.status_code == 200, fetched.text
    packed = zipfile.ZipFile(io.BytesIO(fetched.content))
    assert json.loads(packed.read("manifest.json"))["person_id"] == str(child.person_id)
    kept = json.loads(packed.read("data/guardians.json"))
    assert [row["birth_date"] for row in kept["minor"]] == ["2016-11-02"]
    assert [row["guardian_id"] for row in kept["guardianship"]] == [str(child.tenant.person_id)]
    consent = json.loads(packed.read("data/consent.json"))["consent"][0]
    assert consent["given_by"] == str(child.tenant.person_id)
    trail = json.loads(packed.read("data/audit.json"))["audit_entry"]
    assert {"ward.consent.give", "request.export"} <= {entry["action"] for entry in trail}
    # It is the child's copy: nothing of the guardian's own.
    assert str(child.tenant.member_id) not in json.dumps(json.loads(packed.read("data/households.json")))
    # The guardian finds no request of the child's among his own, and the other way round.
    assert (await guardian.get("/resident/v1/requests")).json() == {"requests": []}
    own = await guardian.post("/resident/v1/requests", json={"kind": "access"})
    crossed = await guardian.get(f"{child.path}/requests/{own.json()['request_id']}/export")
    assert refused(crossed) == (404, "request-not-found")


async def test_erasure_for_a_child_is_a_no_that_stands(world: World, saga: Saga) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    await second(town, child)
    await with_face(town, child)
    asked = await child.tenant.actor.post(f"{child.path}/requests", json={"kind": "erasure"})
    assert (asked.status_code, asked.json()["state"]) == (201, "granted"), asked.text
    for erasure in (await child.tenant.actor.get(f"{child.path}/erasures")).json()["erasures"]:
        await saga.resume(UUID(erasure["erasure_id"]))
    assert await left_of(world.resources, child.person_id, [town.community_id]) == NOTHING
    found = await ward(child.tenant, child.member_id)
    assert found is not None
    assert found["refused"] == ["face_access", "photo_retention"]


async def test_a_restriction_is_lifted_by_the_guardian_who_asked_for_it_and_by_no_other(world: World) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    spouse, guardianship_id = await second(town, child)
    body = {"kind": "restriction", "community_id": str(town.community_id)}
    asked = await spouse.actor.post(f"{child.path}/requests", json=body)
    assert (asked.status_code, asked.json()["state"]) == (201, "granted"), asked.text
    lift = f"{child.path}/requests/{asked.json()['request_id']}/lift"
    assert refused(await child.tenant.actor.post(lift)) == (409, "guardian-refused")
    ended = await town.office.post(f"{town.staff_path}/members/{child.member_id}/guardians/{guardianship_id}/end")
    assert ended.status_code == 200
    assert (await child.tenant.actor.post(lift)).json()["state"] == "lifted"


async def test_a_child_that_leaves_has_no_guardian_and_no_birth_date_any_more(world: World, saga: Saga) -> None:
    town = await build_town(world)
    child = await child_of(town, await town.tenant(), TEN)
    await with_face(town, child)
    gone = await child.tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{child.tenant.home_id}/members/{child.member_id}/end"
    )
    (begun,) = gone.json()["erasures"]
    assert await ward(child.tenant, child.member_id) is None
    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, child.person_id, [town.community_id]) == NOTHING
    read = (await town.office.get(f"{town.staff_path}/members/{child.member_id}/guardians")).json()
    assert (read["birth_date"], read["guardians"]) == (None, [])
    # Whoever was its guardian to the last gets the certificate.
    assert world.messages(child.tenant.actor.phone)[-1]["template"] == "erasure_complete"


async def test_a_corrected_birth_date_ends_what_it_was_not_his_to_agree_to(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    phone = world.new_phone()
    added = await town.office.post(
        f"{town.staff_path}/tenancies/{tenant.tenancy_id}/members",
        json={"name": "Child", "relation": "child", "phone": phone, "of_age": True},
    )
    actor = await world.resident(phone)
    await actor.post("/resident/v1/join", json={"activation_code": added.json()["activation_code"]})
    assert (await actor.put("/resident/v1/consents/face_access", json={"version": 1})).status_code == 200
    path = f"{town.staff_path}/members/{added.json()['member_id']}/birth-date"
    answer = await town.office.put(path, json={"birth_date": TEN.isoformat()})
    assert (answer.status_code, answer.json()["stage"]) == (200, "child"), answer.text
    (begun,) = answer.json()["erasures"]
    assert await saga.resume(UUID(begun["erasure_id"]))
    own = await actor.put("/resident/v1/consents/face_access", json={"version": 1})
    assert refused(own) == (403, "guardian-needed")
    found = await ward(tenant, added.json()["member_id"])
    assert found is not None
    child = Child(tenant, UUID(found["person_id"]), UUID(found["member_id"]))
    assert (await agree(child)).status_code == 200
    # And back: a guardian's word about somebody of age was nobody's to give.
    answer = await town.office.put(path, json={"birth_date": "2000-01-01"})
    assert answer.json()["stage"] == "adult"
    assert len(answer.json()["erasures"]) == 1
    assert await ward(tenant, child.member_id) is None
