"""Archives of photographs made by somebody who means harm: no name in one is a path, nothing in one is followed."""

import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from backend.enrolment.register.imports import job
from backend.kit.db import Database
from gate_sdk.face import DEFAULT_LIMITS
from tests.backend.enrolment.archives import imported, number, packed, report, send, work_off
from tests.backend.enrolment.photographs import framings
from tests.backend.households.town import Town, build_town
from tests.backend.world import World


async def town_of(world: World, *numbers: str) -> Town:
    """A community with a member for each of these numbers."""
    town = await build_town(world)
    for place, own in enumerate(numbers, start=101):
        await number(town, (await town.tenant(f"1-{place}")).member_id, own)
    return town


def lying_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def stored(world: World) -> set[str]:
    """The first parts of the keys of all that lies in the object store."""
    return {key.partition("/")[0] async for key in world.resources.objects.list("")}


async def test_a_name_that_climbs_or_begins_at_the_root_is_a_name_and_no_place(
    world: World, worker_db: Database, tmp_path: Path
) -> None:
    town = await town_of(world, "A-1", "A-2", "A-3", "A-4", "A-5")
    names = [
        f"{'../' * 40}{str(tmp_path).lstrip('/')}/A-1.jpg",
        f"{tmp_path}/A-2.jpg",
        "C:\\Windows\\System32\\A-3.jpg",
        "\\\\server\\share\\A-4.jpg",
        "a/../../b/./A-5.jpg",
    ]
    done = await imported(town, worker_db, [(name, framings()[0]) for name in names])
    assert await report(town, done["import_id"]) == {f"A-{n}.jpg": "taken" for n in range(1, 6)}
    assert lying_in(tmp_path) == []
    # Where they do lie, nothing is named after them.
    assert await stored(world) == {"register"}


async def test_a_link_is_not_followed(world: World, worker_db: Database, tmp_path: Path) -> None:
    town = await town_of(world, "A-1", "A-2")
    elsewhere = tmp_path / "photo.jpg"
    elsewhere.write_bytes(framings()[0])
    links = []
    for name, target in (("A-1.jpg", str(elsewhere)), ("A-2.jpg", "/etc/passwd")):
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        links.append((info, target.encode()))
    done = await imported(town, worker_db, links)
    assert set((await report(town, done["import_id"])).values()) == {"not_a_picture"}
    assert await stored(world) == set()


async def test_an_archive_within_an_archive_is_not_opened(world: World, worker_db: Database) -> None:
    town = await town_of(world, "A-1", "A-2", "A-3")
    inner = packed([("A-3.jpg", framings()[0])])
    done = await imported(town, worker_db, [("A-1.zip", inner), ("A-2.jpg", packed([("A-2.jpg", inner)]))])
    assert await report(town, done["import_id"]) == {
        "A-1.zip": "not_a_picture",
        "A-2.jpg": "not_a_picture",
    }
    assert await stored(world) == set()


async def test_of_two_files_of_one_name_neither_is_taken(world: World, worker_db: Database) -> None:
    town = await town_of(world, "A-1")
    with warnings.catch_warnings(category=UserWarning, action="ignore"):  # zipfile's own, that one name comes twice
        archive = packed([("A-1.jpg", framings()[0]), ("A-1.jpg", framings()[1])])
    done = await work_off(town, worker_db, (await send(town, archive)).json()["import_id"])
    assert done["outcomes"] == {"number_twice": 2}
    assert await stored(world) == set()


async def test_files_that_unpack_to_too_much_together_are_not_unpacked(
    world: World, worker_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small archive of large emptiness: what comes first is looked at, the rest is left packed."""
    numbers = [f"A-{n}" for n in range(1, 6)]
    town = await town_of(world, *numbers)
    archive = bytearray(packed([(f"{one}.jpg", bytes(DEFAULT_LIMITS.max_bytes)) for one in numbers]))
    assert len(archive) < 200_000
    # The last would be called damaged by whoever unpacks it.
    at = archive.rindex(b"PK\x01\x02")
    archive[at + 16 : at + 20] = b"\0\0\0\0"
    monkeypatch.setattr(job, "MAX_UNPACKED_BYTES", 2 * DEFAULT_LIMITS.max_bytes)
    done = await work_off(town, worker_db, (await send(town, bytes(archive))).json()["import_id"])
    assert await report(town, done["import_id"]) == {
        **{f"A-{n}.jpg": "not_a_picture" for n in (1, 2)},
        **{f"A-{n}.jpg": "archive_too_large_unpacked" for n in (3, 4, 5)},
    }
    assert await stored(world) == set()


@pytest.mark.parametrize(
    "raw,shown",
    [
        # No UTF-8, nor GB18030; then it is read as the IBM PC's code page, which gives every byte some meaning.
        (b"\xff\xfe\x80.jpg", "?\u25a0\u00c7.jpg"),
        (b"A-1.jpg\x00.exe", "A-1.jpg"),
        ("\u202egpj.A-1.jpg".encode("gb18030"), "?gpj.A-1.jpg"),
        (b'A-1\r\n{"event":"x"}.jpg', 'A-1??{"event":"x"}.jpg'),
        (b"\x1b[31mA-1\x1b[0m.jpg", "?[31mA-1?[0m.jpg"),
        (b"A-1" + b"x" * 60_000 + b".jpg", "A-1" + "x" * 197),
        (b"' OR 1=1; --.jpg", "' OR 1=1; --.jpg"),
    ],
)
async def test_a_name_in_no_encoding_or_of_what_a_screen_obeys_is_shown_harmless(
    world: World, worker_db: Database, raw: bytes, shown: str
) -> None:
    town = await town_of(world, "A-1", "A-2")
    archive = packed([("y" * len(raw), framings()[0]), ("A-2.jpg", framings()[0])]).replace(b"y" * len(raw), raw)
    done = await work_off(town, worker_db, (await send(town, archive)).json()["import_id"])
    # What stands behind a NUL is part of no name; everybody else's number is not the member's.
    outcome = "taken" if shown == "A-1.jpg" else "number_unknown"
    assert await report(town, done["import_id"]) == {shown: outcome, "A-2.jpg": "taken"}


async def test_a_name_that_says_it_is_utf_8_and_is_not_refuses_the_archive(world: World, worker_db: Database) -> None:
    town = await town_of(world, "A-1")
    archive = packed([("\u4e59-1.jpg", framings()[0])]).replace("\u4e59".encode(), b"\xff\xfe\xfd")
    done = await work_off(town, worker_db, (await send(town, archive)).json()["import_id"])
    assert (done["state"], done["failure"]) == ("failed", "archive_damaged")
    assert await stored(world) == set()
