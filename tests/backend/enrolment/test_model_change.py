"""A community changes its models: everybody keeps his right to pass, and at the end the old templates are gone."""

import asyncio
import os
import random
import signal
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import msgspec
import numpy as np
import pytest

from backend.enrolment.models.repository import PacksRow
from backend.enrolment.models.rules import fits, is_usable
from backend.enrolment.templates.repository import TemplateRow
from backend.kit.clock import utc_now
from backend.kit.db import Database, Scope
from backend.settings import Settings
from gate_sdk.face import DEFAULT_PACK
from gate_sdk.wire import decode_entry
from tests.backend.enrolment.changes import Change
from tests.backend.enrolment.people import agree, enrol, enrol_and_approve, others_photographs, subject_of, visitor
from tests.backend.enrolment.photographs import framings
from tests.backend.gates.devices import Device
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import store_face
from tests.backend.processes import Workers, until
from tests.backend.world import World
from tests.data import with_second_pack


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    with_second_pack(folder)
    return folder


@pytest.fixture
async def change(world: World, worker_db: Database, models: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    monkeypatch.setenv("DOORWARD_MODELS", str(models))
    return Change(await build_town(world), worker_db, models, "yunet-sface-2")


async def _keeping(change: Change) -> Resident:
    """A resident who lets his photographs be kept, and whose face is active."""
    resident = await change.town.tenant(f"3-{change.town.world.new_phone()[-3:]}")
    await agree(resident.actor, "photo_retention")
    await enrol_and_approve(change.town, resident.actor)
    return resident


async def _told(resident: Resident) -> list[str]:
    answer = await resident.actor.get("/resident/v1/notifications")
    return [one["kind"] for one in answer.json()["notifications"]]


async def test_a_change_makes_templates_of_kept_photographs_and_ends_with_the_old_ones_erased(change: Change) -> None:
    resident = await _keeping(change)
    begun = await change.begin()
    assert (begun["state"], begun["people"], begun["renewed"], begun["from_photographs"]) == ("running", 1, 0, 1)
    assert await change.advance() == 1
    found = await change.read()
    assert (found["renewed"], found["from_photographs"], found["asked_to_renew"]) == (1, 0, 0)
    assert await change.at_gates(resident.person_id) == (DEFAULT_PACK, change.pack, {DEFAULT_PACK, change.pack})
    assert set(await change.templates(resident.person_id)) == {DEFAULT_PACK, change.pack}
    assert await change.advance() == 0
    ended = await change.town.office.post(f"{change.path}/end")
    assert (ended.status_code, ended.json()["state"]) == (200, "ending")
    await change.advance()
    assert (await change.read())["state"] == "ended"
    assert await change.at_gates(resident.person_id) == (change.pack, None, {change.pack})
    assert set(await change.templates(resident.person_id)) == {change.pack}
    assert "face_renewal_due" not in await _told(resident)


async def test_the_roster_carries_both_templates_and_an_end_purges_the_old_one(
    change: Change, api: httpx.AsyncClient
) -> None:
    resident = await _keeping(change)
    device = await Device.provisioned(api, change.town.office, change.town.community_id, change.town.world)
    await device.sync()
    subject = (await subject_of(change.town, resident.person_id)).bytes
    before = device.items[subject]
    await change.begin()
    await change.advance()
    (page,) = await device.sync()
    entry = decode_entry(device.items[subject].body or b"")
    assert device.items[subject].template == before.template
    assert entry.template is not None
    assert entry.next_template is not None
    assert (entry.template.pack, entry.next_template.pack) == (DEFAULT_PACK, change.pack)
    assert isinstance(page.next_templates, dict)
    vectors = [
        np.frombuffer(one, "<f2").astype(np.float32) for one in (before.template or b"", page.next_templates[subject])
    ]
    assert abs(float(vectors[0] @ vectors[1])) < 0.5, "the second pack is another one"
    assert (await change.town.office.post(f"{change.path}/end")).status_code == 200
    await change.advance()
    (page,) = await device.sync()
    entry = decode_entry(device.items[subject].body or b"")
    assert entry.template is not None
    assert (entry.template.pack, entry.next_template) == (change.pack, None)
    assert page.next_templates is msgspec.UNSET
    assert device.items[subject].template == vectors[1].astype("<f2").tobytes()


async def test_who_lets_no_photographs_be_kept_is_asked_and_served_until_the_end_and_by_qr_after_it(
    change: Change, api: httpx.AsyncClient
) -> None:
    resident = await change.town.tenant()
    await enrol_and_approve(change.town, resident.actor, others_photographs())
    await change.begin(days=20)
    await change.advance()
    await change.advance()
    assert (await _told(resident)).count("face_renewal_due") == 1
    found = await change.read()
    assert (found["renewed"], found["asked_to_renew"]) == (0, 1)
    refused = await change.town.office.post(f"{change.path}/end")
    assert (refused.status_code, refused.json()["code"]) == (409, "people-waited-for")
    assert await change.at_gates(resident.person_id) == (DEFAULT_PACK, None, {DEFAULT_PACK})
    change.town.world.clock.advance(days=14)
    await change.advance()
    change = await change.later()
    assert (await change.read())["state"] == "running"
    change.town.world.clock.advance(days=6)
    await change.advance()
    change = await change.later()
    assert (await change.read())["state"] == "ended"
    assert await change.at_gates(resident.person_id) == (None, None, set())
    assert await change.templates(resident.person_id) == {}
    fresh = await change.town.world.resident(resident.actor.phone)
    told = await _told(msgspec.structs.replace(resident, actor=fresh))
    assert (told.count("face_renewal_due"), told.count("face_renewal_missed")) == (2, 1)
    device = await Device.provisioned(api, change.town.office, change.town.community_id, change.town.world)
    assert device.identity.pack == change.pack
    await device.sync()
    entry = decode_entry(device.items[(await subject_of(change.town, resident.person_id)).bytes].body or b"")
    assert entry.grants
    assert entry.template is None


async def test_who_takes_new_photographs_meanwhile_has_templates_of_both_packs(change: Change) -> None:
    resident = await change.town.tenant()
    await enrol_and_approve(change.town, resident.actor)
    await change.begin()
    await change.advance()
    assert await change.at_gates(resident.person_id) == (DEFAULT_PACK, None, {DEFAULT_PACK})
    await enrol(resident.actor)
    assert set(await change.templates(resident.person_id)) == {DEFAULT_PACK, change.pack}
    assert await change.advance() == 1
    assert await change.at_gates(resident.person_id) == (DEFAULT_PACK, change.pack, {DEFAULT_PACK, change.pack})


async def test_who_enrols_after_a_change_is_known_by_the_new_pack_only(change: Change) -> None:
    await _keeping(change)
    await change.begin()
    await change.advance()
    assert (await change.town.office.post(f"{change.path}/end")).status_code == 200
    await change.advance()
    guest, person_id = await visitor(change.town.world, change.town)
    await enrol(guest, others_photographs(), surface="visitor")
    assert await change.at_gates(person_id) == (change.pack, None, {change.pack})


async def test_calling_off_leaves_everybody_as_he_was(change: Change) -> None:
    resident = await _keeping(change)
    before = await change.templates(resident.person_id)
    await change.begin()
    await change.advance()
    answer = await change.town.office.post(f"{change.path}/call-off")
    assert (answer.status_code, answer.json()["state"]) == (200, "called_off")
    await change.advance()
    assert await change.at_gates(resident.person_id) == (DEFAULT_PACK, None, {DEFAULT_PACK})
    assert await change.templates(resident.person_id) == before
    again = await change.town.office.post(f"{change.path}/call-off")
    assert (again.status_code, again.json()["code"]) == (409, "model-change-over")
    await change.begin()


async def test_a_review_that_waits_through_a_change_activates_the_new_packs_template(change: Change) -> None:
    await _keeping(change)
    other = await change.town.tenant("7-1")
    await change.begin()
    await enrol(other.actor, others_photographs())
    await change.advance()
    assert (await change.town.office.post(f"{change.path}/end")).status_code == 200
    await change.advance()
    (review,) = (await change.town.office.get(f"{change.town.staff_path}/reviews")).json()["reviews"]
    approved = await change.town.office.post(
        f"{change.town.staff_path}/reviews/{review['review_id']}/approve", json={"basis": "seen_in_person"}
    )
    assert approved.status_code == 200, approved.text
    assert await change.at_gates(other.person_id) == (change.pack, None, {change.pack})
    assert set(await change.templates(other.person_id)) == {change.pack}


async def test_a_gallery_lost_in_a_crash_is_rebuilt_with_both_packs(change: Change) -> None:
    resident = await _keeping(change)
    await change.begin()
    await change.advance()
    resources = change.town.world.resources
    async with resources.db.transaction(Scope(community_id=change.town.community_id)) as conn:
        await conn.execute("DELETE FROM gallery WHERE true")
    from backend.enrolment.gallery.rebuild import complete_gallery  # noqa: PLC0415 - beside its only use

    assert await complete_gallery(resources.db, resources.keys, change.town.community_id) == 2
    assert await change.at_gates(resident.person_id) == (DEFAULT_PACK, change.pack, {DEFAULT_PACK, change.pack})


async def test_thresholds_of_both_packs_reach_the_gates(change: Change, api: httpx.AsyncClient) -> None:
    community_id = change.town.community_id
    async with change.town.world.resources.db.transaction(Scope(community_id=community_id)) as conn:
        for pack, threshold, size in ((DEFAULT_PACK, 0.61, 900), (change.pack, 0.72, 400)):
            await conn.execute(
                """
                INSERT INTO community_threshold (community_id, pack, threshold, estimate, uncertainty, tail_from,
                    exceedances, probes, gallery_size, fpir, fitted_at)
                VALUES ($1, $2, $3, $3, 0, 0.2, 100, 1000, $4, 0.001, now())
                """,
                community_id, pack, threshold, size,
            )  # fmt: skip
    device = await Device.provisioned(api, change.town.office, community_id, change.town.world)
    await device.sync()
    assert device.head is not None
    policy = device.head.policy
    assert (policy.threshold, policy.threshold_pack, policy.thresholds) == (0.61, DEFAULT_PACK, {change.pack: 0.72})


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({"to_pack": "no-such-pack"}, 422, "model-pack-not-installed"),
        ({"to_pack": "../../etc"}, 400, "invalid-input"),
        ({"to_pack": "yunet-sface-2", "days": 31}, 400, "invalid-input"),
        ({"to_pack": DEFAULT_PACK}, 409, "model-pack-in-use"),
    ],
)
async def test_what_cannot_be_changed_to_is_refused(
    change: Change, body: dict[str, object], status: int, code: str
) -> None:
    await _keeping(change)
    answer = await change.town.office.post(change.path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await change.town.office.get(change.path)).json()["code"] == "model-change-not-found"


async def test_one_change_at_a_time(change: Change) -> None:
    answers = await asyncio.gather(
        *(change.town.office.post(change.path, json={"to_pack": change.pack}) for _ in range(3))
    )
    assert sorted(one.status_code for one in answers) == [201, 409, 409]


def _template(pack: str, *, renewed: bool) -> TemplateRow:
    return TemplateRow(
        uuid4(), uuid4(), uuid4(), pack, b"", bytes(32), accepted=True, duplicate_from=0.5, renewed=renewed
    )


def test_what_a_community_can_go_by() -> None:
    old, new = _template("a", renewed=False), _template("b", renewed=True)
    before, during, after = PacksRow(None, None), PacksRow(None, "b"), PacksRow("b", None)
    assert [fits(old, packs) for packs in (before, during, after)] == [True, True, False]
    assert [fits(new, packs) for packs in (before, during, after)] == [False, False, True]
    assert [is_usable(old, [packs]) for packs in (before, during, after)] == [True, True, False]
    assert [is_usable(new, [packs]) for packs in (before, during, after)] == [False, True, True]
    assert is_usable(old, [after, before]), "another community still goes by it"
    assert is_usable(old, [])
    assert is_usable(new, [])


_PEOPLE = 24


@pytest.mark.deep
async def test_a_change_survives_the_deaths_of_its_workers(
    change: Change, settings: Settings, models: Path, tmp_path: Path
) -> None:
    """kill -9 while photographs are looked at, and while old templates are erased; nobody is missed."""
    # The workers' clock is the machine's.
    change.town.world.clock.now = utc_now()
    change = await change.later()
    town = change.town
    persons = [await _with_kept_photographs(town, number) for number in range(_PEOPLE)]
    await change.begin()
    workers = Workers(settings, tmp_path / "worker.log", DOORWARD_MODELS_DIR=str(models))
    moments = random.Random(20261101)

    async def made(at_least: int) -> bool:
        async with change.worker_db.transaction(Scope(platform=True), read_only=True) as conn:
            return int(await conn.fetchval("SELECT count(*) FROM template WHERE renewed")) >= at_least

    async def some_are_gone() -> bool:
        async with change.worker_db.transaction(Scope(platform=True), read_only=True) as conn:
            return int(await conn.fetchval("SELECT count(*) FROM template")) < 2 * _PEOPLE

    async def all_renewed() -> bool:
        return int((await change.read())["renewed"]) == _PEOPLE

    async def ended() -> bool:
        return str((await change.read())["state"]) == "ended"

    try:
        for part in (1, 2):
            process = await workers.start()
            least = part * _PEOPLE // 4 + moments.randrange(3)
            await until(lambda least=least: made(least), workers)  # type: ignore[misc]  # bound at once
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        process = await workers.start()
        await until(all_renewed, workers)
        await workers.stop()
        assert (await town.office.post(f"{change.path}/end")).status_code == 200
        # A worker that has just begun does at once what another does every half minute.
        process = await workers.start()
        await until(some_are_gone, workers)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        await workers.start()
        await until(ended, workers)
    finally:
        await workers.stop()
    for person_id in persons:
        assert await change.at_gates(person_id) == (change.pack, None, {change.pack})
        assert set(await change.templates(person_id)) == {change.pack}


async def _with_kept_photographs(town: Town, number: int) -> UUID:
    """Somebody with an active face whose photographs are kept, put there without anybody's looking at them."""
    resident = await town.tenant(f"5-{number}")
    for purpose in ("face_access", "photo_retention"):
        await agree(resident.actor, purpose)
    await store_face(town, resident, framings())
    return resident.person_id
