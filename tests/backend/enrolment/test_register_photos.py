"""Photographs that the office holds: taken in by the thousand, compared once, used for nothing else, gone in time."""

import io
import zipfile
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from backend.enrolment import service as enrolment
from backend.enrolment.register import service as register
from backend.enrolment.register.imports import archive as rules
from backend.enrolment.register.imports.archive import ArchiveRefused, Pieces
from backend.enrolment.register.imports.job import tend_imports
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectMissing
from backend.privacy.retention.jobs import enforce_in_community
from tests.backend.enrolment.archives import imported, keep, number, packed, report, send, work_off
from tests.backend.enrolment.people import active, enrol, others_photographs, reviews, visitor
from tests.backend.enrolment.photographs import framings, jpeg, portrait, refused
from tests.backend.households.town import Town, build_town
from tests.backend.world import World


async def stored(world: World, prefix: str) -> list[str]:
    return [key async for key in world.resources.objects.list(prefix)]


async def rows(town: Town) -> int:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        found: int = await conn.fetchval("SELECT count(*) FROM register_photo WHERE gone_at IS NULL")
    return found


async def test_a_first_face_like_the_registers_photograph_is_active_at_once_and_the_photograph_goes(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    assert (await keep(town, tenant.member_id, framings()[2])).status_code == 200
    # Known to no gate and found by no search before its person has agreed to anything.
    assert await active(town, tenant.person_id) is None

    assert (await enrol(tenant.actor))["state"] == "active"
    assert await active(town, tenant.person_id) is not None
    assert await reviews(town) == []
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        told = await conn.fetch("SELECT actor, reason FROM audit_entry WHERE action = 'face.activate'")
    assert [tuple(row) for row in told] == [("system", "register_photo")]

    path = f"{town.staff_path}/members/{tenant.member_id}/register-photo"
    assert (await town.office.get(path)).status_code == 404
    (key,) = await stored(world, "register/")
    assert await register.destroy_gone(worker_db, world.resources.keys, world.resources.objects) == 1
    with pytest.raises(ObjectMissing):
        await world.resources.objects.get(key)
    # Nor is one taken of somebody whom the gates know.
    assert (await keep(town, tenant.member_id, framings()[0])).json()["code"] == "face-active"


async def test_a_face_unlike_the_registers_photograph_is_looked_at(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await keep(town, tenant.member_id, framings()[0])
    assert (await enrol(tenant.actor, others_photographs()))["state"] == "in_review"
    (review,) = await reviews(town)
    assert review["findings"] == ["unlike_register"]
    assert await rows(town) == 1


async def test_a_register_photograph_never_opens_a_gate(world: World) -> None:
    """Nor makes anybody else a duplicate: it stands in no gallery, roster or credential."""
    town = await build_town(world)
    tenant, other = await town.tenant("1-101"), await town.tenant("1-102")
    await keep(town, tenant.member_id, framings()[0])
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        for table in ("gallery", "face_credential"):
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert (await enrol(other.actor))["state"] == "in_review"
    assert (await reviews(town))[0]["findings"] == []


async def test_an_archive_is_taken_in_file_by_file_and_one_bad_picture_loses_none_of_the_others(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    first, second, third = [await town.tenant(f"1-10{n}") for n in (1, 2, 3)]
    for tenant, own in ((first, "A-1"), (second, "A-2"), (third, "乙-3")):
        await number(town, tenant.member_id, own)
    bad = refused()
    done = await imported(
        town,
        worker_db,
        [
            ("photographs/", b""),
            ("photographs/A-1.jpg", framings()[0]),
            ("A-2.jpg", bad["image_unreadable"]),
            ("../../etc/乙-3.jpg", framings()[1]),
            ("B-9.jpg", framings()[1]),
            ("__MACOSX/._A-1.jpg", b"x"),
            (".DS_Store", b"x"),
            ("notes.txt", b"not a picture"),
        ],
    )
    assert (done["state"], done["files"], done["done"]) == ("done", 5, 5)
    assert done["outcomes"] == {"taken": 2, "image_unreadable": 1, "number_unknown": 2}
    assert await report(town, done["import_id"]) == {
        "A-1.jpg": "taken",
        "A-2.jpg": "image_unreadable",
        "乙-3.jpg": "taken",
        "B-9.jpg": "number_unknown",
        "notes.txt": "number_unknown",
    }
    assert await rows(town) == 2
    # The archive itself is gone, and nothing of it lies anywhere in the clear.
    assert await stored(world, "imports/") == []
    for key in await stored(world, "register/"):
        assert not (await world.resources.objects.get(key)).startswith(b"\xff\xd8\xff")
    path = f"{town.staff_path}/members/{third.member_id}/register-photo/picture"
    assert (await town.office.get(path)).content.startswith(b"\xff\xd8\xff")


async def test_two_files_with_one_number_are_both_refused(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await number(town, tenant.member_id, "A-1")
    done = await imported(town, worker_db, [("a/A-1.jpg", framings()[0]), ("b/A-1.png", others_photographs()[0])])
    assert done["outcomes"] == {"number_twice": 2}
    assert await rows(town) == 0


async def test_a_second_archive_takes_the_place_of_the_first_photograph(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await number(town, tenant.member_id, "A-1")
    for photo in framings()[:2]:
        assert (await imported(town, worker_db, [("A-1.jpg", photo)]))["outcomes"] == {"taken": 1}
    assert await rows(town) == 1
    await register.destroy_gone(worker_db, world.resources.keys, world.resources.objects)
    assert len(await stored(world, "register/")) == 1


async def test_reading_an_archive_twice_changes_nothing(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await number(town, tenant.member_id, "A-1")
    done = await imported(town, worker_db, [("A-1.jpg", framings()[0])])
    assert await work_off(town, worker_db, done["import_id"]) == done
    assert await rows(town) == 1


async def test_a_bomb_is_refused_as_it_unpacks(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    bombed, other = await town.tenant("1-101"), await town.tenant("1-102")
    await number(town, bombed.member_id, "A-1")
    await number(town, other.member_id, "A-2")
    archive = bytearray(packed([("A-1.jpg", bytes(40_000_000)), ("A-2.jpg", framings()[0])]))
    # One that lies about what it unpacks to, too.
    size = (40_000_000).to_bytes(4, "little")
    at = archive.rindex(b"PK\x01\x02", 0, archive.rindex(b"A-2.jpg"))
    first = archive.index(b"PK\x01\x02")
    assert first <= at
    archive[first + 24 : first + 28] = (1000).to_bytes(4, "little")
    assert size not in archive[first : first + 46]
    answer = await send(town, bytes(archive))
    done = await work_off(town, worker_db, answer.json()["import_id"])
    assert (await report(town, done["import_id"]))["A-2.jpg"] == "taken"
    assert done["outcomes"].get("taken") == 1
    assert await rows(town) == 1


async def test_what_is_no_archive_is_refused(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    answer = await send(town, b"GIF89a and so on")
    assert (answer.status_code, answer.json()["code"]) == (415, "archive-type-unsupported")
    answer = await send(town, b"")
    assert (answer.status_code, answer.json()["code"]) == (415, "archive-type-unsupported")
    answer = await send(town, b"PK\x03\x04" + bytes(5000))
    assert answer.status_code == 202
    done = await work_off(town, worker_db, answer.json()["import_id"])
    assert (done["state"], done["failure"]) == ("failed", "archive_damaged")
    assert done["messages"]["zh-CN"]
    assert await stored(world, "imports/") == []


async def test_encrypted_files_are_named_as_such(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await number(town, tenant.member_id, "A-1")
    archive = bytearray(packed([("A-1.jpg", framings()[0])]))
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    answer = await send(town, bytes(archive))
    done = await work_off(town, worker_db, answer.json()["import_id"])
    assert done["outcomes"] == {"file_encrypted": 1}


async def test_names_from_chinese_windows_are_read(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await number(town, tenant.member_id, "甲-1")
    raw = "甲-1.jpg".encode("gb18030")
    archive = packed([("x" * len(raw), framings()[0])]).replace(b"x" * len(raw), raw)
    answer = await send(town, archive)
    done = await work_off(town, worker_db, answer.json()["import_id"])
    assert done["outcomes"] == {"taken": 1}


def test_an_archive_in_many_pieces_is_read_with_two_of_them_in_memory() -> None:
    archive = packed([(f"{n}.bin", bytes([n]) * 3000) for n in range(50)], packing=zipfile.ZIP_STORED)
    fetched: list[int] = []

    def fetch(index: int) -> bytes:
        fetched.append(index)
        return archive[index * 1000 : (index + 1) * 1000]

    pieces = Pieces(fetch, size=len(archive), piece=1000)
    opened = rules.open_archive(pieces)
    found = rules.entries(opened)
    assert [rules.unpack(opened, entry) for entry in found] == [bytes([n]) * 3000 for n in range(50)]
    assert len(fetched) < 3 * len(archive) / 1000


def test_a_directory_longer_than_any_honest_one_is_not_read() -> None:
    comment = b"x" * 60_000
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as opened:
        for line in range(80):
            info = zipfile.ZipInfo(f"{line}.jpg")
            info.comment = comment
            opened.writestr(info, b"")
    archive = target.getvalue()
    with pytest.raises(ArchiveRefused, match="directory_too_large"):
        rules.open_archive(Pieces(lambda n: archive[n << 20 : (n + 1) << 20], size=len(archive), piece=1 << 20))


async def test_a_lost_job_is_asked_for_again_and_an_archive_that_never_came_is_given_up(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    import_id = (await send(town, packed([("A-1.jpg", framings()[0])]))).json()["import_id"]
    resources = world.resources
    async with worker_db.transaction(Scope(platform=True)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'read_register_photos'") == 1
        await conn.execute("DELETE FROM jobs.pgqueuer")
    abandoned = uuid4()
    async with resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await conn.execute(
            """
            INSERT INTO register_photo_import (community_id, import_id, state, created_at, created_by)
            VALUES ($1, $2, 'receiving', $3, $2)
            """,
            town.community_id, abandoned, world.clock() - timedelta(hours=3),
        )  # fmt: skip
    assert await tend_imports(worker_db, resources.keys, resources.objects, now=world.clock()) == 2
    async with worker_db.transaction(Scope(platform=True)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'read_register_photos'") == 1
    answer = await town.office.get(f"{town.staff_path}/register-photos/imports")
    states = {one["import_id"]: one["state"] for one in answer.json()["imports"]}
    assert states == {import_id: "waiting", str(abandoned): "failed"}


async def test_photographs_go_when_their_time_is_over(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await keep(town, tenant.member_id, framings()[0])
    world.clock.advance(days=59)
    await enforce_in_community(worker_db, community_id=town.community_id, now=world.clock())
    assert await rows(town) == 1
    world.clock.advance(days=2)
    await enforce_in_community(worker_db, community_id=town.community_id, now=world.clock())
    assert await rows(town) == 0
    await register.destroy_gone(worker_db, world.resources.keys, world.resources.objects)
    assert await stored(world, "register/") == []


async def test_who_leaves_the_register_takes_his_photograph_along(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await keep(town, tenant.member_id, framings()[0])
    answer = await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    assert answer.is_success, answer.text
    assert await rows(town) == 0
    await register.destroy_gone(worker_db, world.resources.keys, world.resources.objects)
    assert await stored(world, "register/") == []


async def test_an_erasure_takes_what_offices_hold_of_the_person(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await keep(town, tenant.member_id, framings()[0])
    resources = world.resources
    people = [tenant.person_id]
    erased = await enrolment.erase_people(worker_db, resources.keys, resources.objects, person_ids=people)
    assert erased[tenant.person_id].objects == 1
    assert await stored(world, "register/") == []
    again = await enrolment.erase_people(worker_db, resources.keys, resources.objects, person_ids=people)
    assert again[tenant.person_id].objects == 0


async def test_register_photographs_are_for_those_who_review_faces_and_for_this_community(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    assert (await keep(town, tenant.member_id, jpeg(portrait()))).status_code == 200
    other = await build_town(world, office=await world.administrator("Another Authority"), name="Elsewhere")
    path = f"{town.staff_path}/members/{tenant.member_id}/register-photo"
    strange = f"{other.staff_path}/members/{tenant.member_id}/register-photo"
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.get(path)).status_code == 403
    assert (await desk.get(f"{path}/picture")).status_code == 403
    for actor, where in ((other.office, strange), (other.office, path)):
        for answer in (
            await actor.get(where),
            await actor.get(f"{where}/picture"),
            await actor.delete(where),
            await actor.put(where, content=framings()[0], headers={"Content-Type": "image/jpeg"}),
        ):
            assert answer.status_code == 404
    assert (await other.office.get(f"{other.staff_path}/register-photos/imports/{uuid4()}")).status_code == 404
    assert (await town.office.get(f"{path}/picture")).status_code == 200
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        actions = await conn.fetch("SELECT action FROM audit_entry WHERE action LIKE 'register_photo%' ORDER BY seq")
    assert [row["action"] for row in actions] == ["register_photo.keep", "register_photo.read"]
    assert (await town.office.delete(path)).status_code == 204
    assert (await town.office.delete(path)).status_code == 404


async def test_a_guest_is_not_held_against_the_register(world: World) -> None:
    town = await build_town(world)
    guest, person_id = await visitor(world, town)
    assert (await enrol(guest, surface="visitor"))["state"] == "active"
    assert isinstance(await active(town, person_id), UUID)
