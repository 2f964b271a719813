"""No photograph and no template rests in the clear: not in heap, WAL, dump, temporary file, log, objects, or a gate.

A real box (API, worker, database) and a real gate process take known photographs; then everything that any of them
wrote is searched for these photographs, their pixels and their vectors. So it is for a picture of a denied approach,
for photographs of the register (one by one and in an archive), for a file of the register that is only checked, for
the secret of a second factor, and for an answer that is kept to be given again. The one exception that the design
makes is tested as such: the gallery, whose UNLOGGED files hold vectors for searching.
"""

import asyncio
import base64
import io
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import numpy as np
import pytest
from PIL import Image

from backend.demo.gate import provision
from backend.demo.variants import single_photo_cast
from backend.embedded.objects import DirectoryObjectStore
from backend.embedded.postgres import EmbeddedPostgres, program
from backend.enrolment.sealing import open_features, open_photo, open_template
from backend.kit.apart import run_apart
from backend.resources import open_keys
from backend.settings import Settings
from gate_sdk import GateClient
from gate_sdk.wire import DeniedFrame, Reason
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
            needles = others(box, player.photos)
            box.query("CHECKPOINT")
            needles |= opened(box)
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


def others(box: LivingBox, photos: Sequence[Path]) -> dict[str, bytes]:
    """What else is handed over, each in its own way: as it was sent, and as the box shows it."""
    staff, community = box.manager, f"/communities/{box.community}"
    secret = base64.b32decode(staff.secret)
    found = {"a second factor's secret, as text": staff.secret.encode(), "a second factor's secret": secret}

    partner = {"name": "Parcels", "communities": [box.community]}
    made = staff.call("POST", "/partners", partner, headers={"Idempotency-Key": "plaintext-1"})
    assert staff.call("POST", "/partners", partner, headers={"Idempotency-Key": "plaintext-1"}) == made
    found["an answer that is kept"] = made["client_secret"].encode()

    # Whom it names becomes the register's, in rows; the file itself, and what no row takes, rests nowhere.
    remark = "Remark-Of-Nobody-Else"
    begun = staff.call("POST", "/imports", {"dry_run": True, "community_id": box.community})
    line = f"1,9-901,N-1,Somebody-Of-The-Register,+8613812345678,2026-01-01,{remark}"
    lines = ("building,home,number,name,phone,starts,remark", line)
    file = f"/imports/{begun['import_id']}"
    staff.call("PUT", f"{file}/file", content="\n".join(lines).encode(), headers={"Content-Type": "text/csv"})
    until(lambda: staff.call("GET", file)["state"] == "checked", "the file has been checked")
    found |= {"a line's cell": remark.encode(), "a line": line[:60].encode(), "the file's head": lines[0].encode()}

    # On the register: one photograph by itself, one in an archive that does not compress.
    members = [tenant_of(box, label) for label in ("register-1", "register-2")]
    pictures = [f"{community}/members/{member}/register-photo" for member in members]
    staff.call("PUT", pictures[0], content=photos[0].read_bytes(), headers={"Content-Type": "image/jpeg"})
    box.query("UPDATE member SET register_number = 'A-1' WHERE member_id = $1 RETURNING 1", members[1])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.write(photos[1], "A-1.jpg")
    address = f"{community}/register-photos/imports"
    sent = staff.call("POST", address, content=packed.getvalue(), headers={"Content-Type": "application/zip"})
    until(lambda: staff.call("GET", f"{address}/{sent['import_id']}")["state"] == "done", "the archive has been read")
    for number, picture in enumerate(pictures):
        found |= of_photo(f"register's photograph {number}, as kept", staff.fetch(f"{picture}/picture"))

    # A picture of a denied approach, by a gate of its own.
    staff.call("PUT", f"{community}/denied-frames/policy", {"purpose": "wrong_refusals", "hours": 12, "days": 1})
    claim, place = staff.create_gate(box.community, "Side gate"), box.work / "side-gate"
    provision(box.url, claim["claim_code"], data_dir=place)
    denied = io.BytesIO()
    Image.effect_noise((200, 240), 90).save(denied, "JPEG")
    frame = DeniedFrame(
        store_epoch=1, seq=1, at_us=time.time_ns() // 1000, reason=Reason.UNKNOWN, jpeg=denied.getvalue()
    )
    with closing(GateClient(place)) as gate:
        assert gate._transport.hand_over(frame)
    (shown,) = staff.call("GET", f"{community}/denied-frames")["frames"]
    assert staff.fetch(f"{community}/denied-frames/{shown['frame_id']}/picture") == denied.getvalue()
    return found | of_photo("denied picture", denied.getvalue())


def tenant_of(box: LivingBox, label: str) -> UUID:
    """Somebody on the register who has not joined; his member id."""
    homes = {"homes": [{"building": "1", "label": label, "member_limit": 2}]}
    (home,) = box.manager.call("POST", f"/communities/{box.community}/homes/bulk", homes)["homes"]
    begin = datetime.now(UTC) - timedelta(days=1)
    made = box.manager.create_tenancy(
        box.community, home["home_id"], name="Tenant", phone=f"+86137{len(label):04d}{label[-1] * 4}", begin=begin
    )
    (row,) = box.query("SELECT member_id FROM member WHERE tenancy_id = $1", UUID(made["tenancy_id"]))
    member_id: UUID = row["member_id"]
    return member_id


def photos_of(needles: dict[str, bytes]) -> set[str]:
    return {name.split(",")[0] for name in needles if name.startswith("photograph") and "as kept" in name}


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
    for kind in (
        "pg_wal/0",
        "base/",
        "objects/people/",
        "objects/register/",
        "objects/denied/",
        "gate/",
        "logs/api.log",
        "logs/worker.log",
        "gate.log",
    ):
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
