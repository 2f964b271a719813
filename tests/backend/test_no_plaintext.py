"""No photograph and no template rests in the clear: not in heap, WAL, dump, temporary file, log, objects, or a gate.

A real box (API, worker, database) and a real gate process take known photographs; then everything that any of them
wrote is searched for these photographs, their pixels and their vectors. The one exception that the design makes is
tested as such: the gallery, whose UNLOGGED files hold vectors for searching.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import numpy as np
import pytest

from backend.demo.variants import single_photo_cast
from backend.embedded.objects import DirectoryObjectStore
from backend.embedded.postgres import EmbeddedPostgres, program
from backend.enrolment.sealing import open_features, open_photo, open_template
from backend.kit.apart import run_apart
from backend.resources import open_keys
from backend.settings import Settings
from tests.backend.upkeep.living import LivingBox, run, superuser_url, until
from tests.backend.upkeep.needles import files_under, found_in, of_photo, of_vector
from tests.backend.upkeep.watch import FolderWatch

pytestmark = pytest.mark.deep


class Known(msgspec.Struct, frozen=True):
    """What must not be found, by name; the gallery's files, where vectors are; what TMPDIR ever held."""

    box: LivingBox
    needles: dict[str, bytes]
    gallery: tuple[Path, ...]
    temporary: list[str]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    """A box that runs, with one tenant enrolled and seen by the gate; all pages are on disk."""
    work = tmp_path_factory.mktemp("plain")
    (player,) = single_photo_cast(tmp_path_factory.mktemp("photos")).members
    temporary = work / "tmp"
    temporary.mkdir()
    watch = FolderWatch(temporary)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TMPDIR", "SQLITE_TMPDIR"):
            patch.setenv(name, str(temporary))
        box = LivingBox(work)
        with box.running():
            box.found()
            box.move_in("home", player.photos[:3])
            with box.gate() as gate:
                box.wait_until_current()
                assert any(gate.show(photo).allowed for photo in player.photos[3:])
            until(lambda: bool(box.query("SELECT 1 FROM gallery")), "the gallery is filled")
            box.query("CHECKPOINT")
            needles = opened(box)
            for photo in player.photos:
                needles |= of_photo(photo.name, photo.read_bytes())
            paths = box.query(
                "SELECT pg_relation_filepath(c.oid) AS path FROM pg_class c"
                " WHERE relname LIKE 'gallery\\_%' AND relpersistence = 'u' AND relkind IN ('r', 'i')"
            )
            gallery = tuple(box.data_dir / "postgres" / "cluster" / row["path"] for row in paths)
            yield Known(box=box, needles=needles, gallery=gallery, temporary=watch.made())
    watch.close()


def opened(box: LivingBox) -> dict[str, bytes]:
    """Everything sealed, opened with the box's own keys: photographs as they are kept, vectors, landmarks."""
    needles: dict[str, bytes] = {}

    async def collect() -> None:
        settings = Settings(data_dir=box.data_dir, keys_database_url=superuser_url(box.data_dir, "doorward_keys"))
        objects = DirectoryObjectStore(box.data_dir / "objects")
        conn = await asyncpg.connect(superuser_url(box.data_dir))
        try:
            photos = await conn.fetch("SELECT person_id, object_id, object_key, features FROM enrolment_photo")
            templates = await conn.fetch("SELECT person_id, template_id, sealed FROM template")
            texts = await conn.fetch("SELECT embedding::text AS text FROM gallery")
        finally:
            await conn.close()
        async with open_keys(settings) as keys:
            key = await keys.person_key(templates[0]["person_id"])
        for number, row in enumerate(photos):
            of_one = {"person_id": row["person_id"], "object_id": row["object_id"]}
            jpeg = open_photo(key, await objects.get(row["object_key"]), **of_one)
            needles.update(of_photo(f"photograph {number} as kept", jpeg))
            features = open_features(key, row["features"], **of_one)
            needles.update(of_vector(f"embedding {number}", features.embedding.vector))
            needles[f"landmarks {number}"] = features.landmarks.astype("<f4").tobytes()
        for row in templates:
            stored = open_template(key, row["sealed"], person_id=row["person_id"], template_id=row["template_id"])
            needles.update(of_vector("template", np.frombuffer(stored, "<f2").astype(np.float32)))
        for row in texts:
            needles["gallery as text"] = ",".join(row["text"].strip("[]").split(",")[:6]).encode()
        needles["a person's key"] = key
        needles["the master key"] = (box.data_dir / "master.key").read_bytes()

    run_apart(lambda: asyncio.run(collect()))
    assert len(photos_of(needles)) == 3
    return needles


def photos_of(needles: dict[str, bytes]) -> set[str]:
    return {name.split(",")[0] for name in needles if "as kept" in name}


def test_the_search_finds_what_is_there(known: Known, tmp_path: Path) -> None:
    """Otherwise finding nothing would say nothing."""
    for number, needle in enumerate(known.needles.values()):
        (tmp_path / str(number)).write_bytes(b"\0" * 100 + needle)
    found = found_in(files_under(tmp_path), known.needles)
    assert {name for names in found.values() for name in names} == set(known.needles)
    assert min(len(needle) for needle in known.needles.values()) >= 16


def test_nothing_in_the_clear_rests_on_the_disk(known: Known) -> None:
    """Heap, TOAST, indexes, WAL, temporary files, objects, logs, messages, the key store, the gate's data."""
    master = known.box.data_dir / "master.key"
    searched = list(files_under(known.box.work, but=[*known.gallery, master]))
    for kind in ("pg_wal/0", "base/", "objects/people/", "gate/", "logs/api.log", "logs/worker.log", "gate.log"):
        assert [path for path in searched if kind in path.as_posix()], f"nothing was searched in {kind}"
    assert found_in(searched, known.needles) == {}
    assert found_in([master], known.needles) == {str(master): ["the master key"]}


def test_no_process_makes_a_temporary_file(known: Known) -> None:
    """Also none that was gone a moment later."""
    assert known.temporary == []


def test_neither_dump_nor_backup_holds_anything_in_the_clear(known: Known, tmp_path: Path) -> None:
    run("backup", str(tmp_path), data_dir=known.box.data_dir)
    assert found_in(files_under(tmp_path), known.needles) == {}
    for dump in tmp_path.rglob("*.dump"):
        # Its parts are compressed: searched as the SQL that they are.
        text = dump.with_suffix(".sql")
        subprocess.run([program("pg_restore"), f"--file={text}", dump], check=True)
        assert text.stat().st_size > 5_000
        assert found_in([text], known.needles) == {}
    everything = tmp_path / "everything.sql"
    subprocess.run(
        [program("pg_dump"), f"--dbname={superuser_url(known.box.data_dir)}", f"--file={everything}"], check=True
    )
    assert found_in([everything], known.needles)[str(everything)]  # what leaving the gallery out is for


def test_the_one_exception_is_the_gallery_and_it_does_not_outlive_a_crash(known: Known) -> None:
    """A clean stop writes its UNLOGGED files, a crash empties them. Last in this file: it ends the box."""
    master = known.box.data_dir / "master.key"
    known.box.single.stop()
    found = found_in(files_under(known.box.work, but=[master]), known.needles)
    assert {Path(path) for path in found} <= set(known.gallery)
    assert {name for names in found.values() for name in names} == {"template, <f2 from 0", "template, <f2 from 64"}
    cluster = known.box.data_dir / "postgres" / "cluster"
    with EmbeddedPostgres(known.box.data_dir / "postgres") as postgres:
        assert known.box.query("SELECT count(*) AS n FROM gallery") == [{"n": 1}]
        os.kill(int((cluster / "postmaster.pid").read_text("ascii").splitlines()[0]), signal.SIGKILL)
        until(lambda: postgres.exit_code is not None, "the server is gone")
    with EmbeddedPostgres(known.box.data_dir / "postgres"):
        assert known.box.query("SELECT count(*) AS n FROM gallery") == [{"n": 0}]
        assert len(known.box.query("SELECT 1 FROM template")) == 1
        assert found_in(files_under(known.box.work, but=[master]), known.needles) == {}
