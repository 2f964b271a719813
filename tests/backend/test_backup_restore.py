"""Back up, erase somebody, restore the old backup: whoever was erased does not come back, and gates follow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.embedded.postgres import EmbeddedPostgres
from tests.backend.upkeep.living import LivingBox, run, until
from tests.data import faces_dir

pytestmark = pytest.mark.deep


def people(count: int) -> list[list[Path]]:
    """Photographs of people of whom there are enough: three to enrol with, and one to show."""
    able = [sorted(folder.glob("*.jpg")) for folder in sorted(faces_dir().iterdir()) if folder.is_dir()]
    return [photos for photos in able if len(photos) >= 8][:count]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[LivingBox, Path, dict[str, Any]]:
    """A box with two tenants, backed up; then one of them has moved out and was erased. It does not run."""
    work = tmp_path_factory.mktemp("restore")
    leaving, staying = people(2)
    box, backups = LivingBox(work), work / "backups"
    seen: dict[str, Any] = {"staying": staying, "leaving": leaving}
    with box.running():
        box.found()
        box.move_in("leaving", leaving[:-2])
        box.move_in("staying", staying[:-2])
        with box.gate() as gate:
            box.wait_until_current()
            assert gate.show(leaving[0]).allowed
            assert gate.show(staying[0]).allowed
            run("backup", str(backups), data_dir=box.data_dir)
            (seen["person"],) = {
                row["person_id"]
                for row in box.query(
                    "SELECT m.person_id FROM member m WHERE tenancy_id = $1::uuid", box.tenancies["leaving"]
                )
            }
            (erasure,) = box.manager.end_tenancy(box.community, box.tenancies["leaving"])["erasures"]
            until(
                lambda: box.manager.erasure(box.community, erasure["erasure_id"])["state"] == "completed",
                "the erasure is complete",
            )
            assert not gate.show(leaving[0]).allowed
        seen["epoch"] = box.query("SELECT epoch FROM roster_head")[0]["epoch"]
    shutil.copytree(box.data_dir, work / "erased", symlinks=True)
    return box, backups, seen


@pytest.fixture
def box(lived: tuple[LivingBox, Path, dict[str, Any]]) -> LivingBox:
    """The box as it stood after the erasure."""
    made, _, _ = lived
    shutil.rmtree(made.data_dir)
    shutil.copytree(made.work / "erased", made.data_dir, symlinks=True)
    return made


def assert_cannot_show(box: LivingBox, seen: dict[str, Any]) -> None:
    """Nothing of the erased person's face can be opened, searched, or reach a gate; the other tenant is as before."""
    person = seen["person"]
    assert box.query("SELECT 1 FROM person_key WHERE person_id = $1", person, database="doorward_keys") == []
    assert box.query("SELECT 1 FROM key_tombstone WHERE person_id = $1", person, database="doorward_keys")
    for table in ("template", "enrolment_photo"):
        assert box.query(f"SELECT 1 FROM {table} WHERE person_id = $1", person) == [], table
    subjects = box.query("SELECT subject_id FROM subject WHERE person_id = $1", person)
    for row in subjects:
        for table in ("face_credential", "gallery"):
            assert box.query(f"SELECT 1 FROM {table} WHERE subject_id = $1", row["subject_id"]) == [], table
    assert not list((box.data_dir / "objects" / "people").glob(str(person)))
    assert len(box.query("SELECT 1 FROM template")) == 1
    assert not [name for name in box.data_dir.iterdir() if name.name.startswith(("objects_", "restore"))]


def assert_gates_follow(box: LivingBox, seen: dict[str, Any]) -> None:
    """The gate that was provisioned before takes the new epoch as a signed reset."""
    epoch = box.query("SELECT epoch FROM roster_head")[0]["epoch"]
    assert epoch > seen["epoch"]
    box.log_in()
    with box.gate() as gate:
        until(lambda: box.head()["acked_epoch"] == epoch and box.head()["behind"] == 0, "the gate took the new epoch")
        assert not [photo for photo in seen["leaving"] if gate.show(photo).allowed]
        assert gate.show(seen["staying"][0]).allowed
    until(
        lambda: not box.query("SELECT 1 FROM erasure WHERE completed_at IS NULL"),
        "what was erased again is acknowledged by the gate",
    )


def test_old_data_beside_the_present_key_store(lived: tuple[LivingBox, Path, dict[str, Any]], box: LivingBox) -> None:
    _, backups, seen = lived
    said = run("restore", str(backups), data_dir=box.data_dir)
    assert "1 people again" in said
    with box.running():
        # What a table holds is known to the planner before the first gate asks.
        assert box.query("SELECT reltuples FROM pg_class WHERE oid = 'access_grant'::regclass")[0]["reltuples"] >= 0
        assert_cannot_show(box, seen)
        assert_gates_follow(box, seen)
        assert_cannot_show(box, seen)
        # He had moved out, and has again; the other one lives there.
        standing = box.query("SELECT tenancy_id FROM tenancy WHERE ended_at IS NULL")
        assert [str(row["tenancy_id"]) for row in standing] == [box.tenancies["staying"]]
        assert box.query("SELECT 1 FROM audit_entry WHERE action = 'backup.restore'")


def test_old_data_where_the_present_data_are_lost(
    lived: tuple[LivingBox, Path, dict[str, Any]], box: LivingBox
) -> None:
    """Only the key store knows that he was erased, and nobody knows that he moved out."""
    _, backups, seen = lived
    with EmbeddedPostgres(box.data_dir / "postgres"):
        box.query("DROP DATABASE doorward", database="postgres")
    said = run("restore", str(backups), data_dir=box.data_dir)
    assert "1 people again" in said
    with box.running():
        assert_cannot_show(box, seen)
        assert_gates_follow(box, seen)
        assert len(box.query("SELECT 1 FROM tenancy WHERE ended_at IS NULL")) == 2


def test_old_data_and_an_older_key_store(lived: tuple[LivingBox, Path, dict[str, Any]], box: LivingBox) -> None:
    """The backup of the keys still has the erased person's; the tombstones of the store before it are replayed."""
    _, backups, seen = lived
    said = run("restore", str(backups), "--keys", str(backups), data_dir=box.data_dir)
    assert "1 keys destroyed again" in said
    with box.running():
        assert_cannot_show(box, seen)
        assert_gates_follow(box, seen)


def test_a_restore_that_is_cut_off_is_run_again(lived: tuple[LivingBox, Path, dict[str, Any]], box: LivingBox) -> None:
    _, backups, seen = lived
    done = subprocess.run(
        [sys.executable, "-c", _CUT_OFF, "restore", str(backups), "--keys", str(backups), "--data-dir",
         str(box.data_dir)],
        check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    refused = subprocess.run(
        [sys.executable, "-m", "backend.cli", "up", "--data-dir", str(box.data_dir)],
        env={**os.environ, "DOORWARD_PORT": "0"},
        check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "run `doorward restore` again" in refused.stderr
    run("restore", str(backups), "--keys", str(backups), data_dir=box.data_dir)
    with box.running():
        assert_cannot_show(box, seen)
        assert_gates_follow(box, seen)


# Ends as by a power cut when the first database has given up its place.
_CUT_OFF = """
import os, signal, sys
from backend import cli
from backend.upkeep import restore

real = restore._execute

async def execute(postgres, *statements):
    await real(postgres, *statements)
    if any("doorward RENAME TO doorward_before" in statement for statement in statements):
        os.kill(os.getpid(), signal.SIGKILL)

restore._execute = execute
sys.exit(cli.main(sys.argv[1:]))
"""


def test_without_any_key_store_it_is_refused_and_nothing_changes(
    lived: tuple[LivingBox, Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, backups, _ = lived
    fresh = tmp_path / "fresh"
    for arguments, reason in ((["--data-dir", str(fresh)], "put the master key in its place"),):
        done = subprocess.run(
            [sys.executable, "-m", "backend.cli", "restore", str(backups), *arguments],
            check=False, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 2
        assert reason in done.stderr
    assert not (fresh / "master.key").exists()


def test_a_new_machine_from_both_backups_and_the_master_key(
    lived: tuple[LivingBox, Path, dict[str, Any]], box: LivingBox, tmp_path: Path
) -> None:
    """All was lost: what was erased after the backup is not known any more, but what the backup's data say is kept."""
    _, backups, _ = lived
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    shutil.copy(box.data_dir / "master.key", fresh / "master.key")
    without = subprocess.run(
        [sys.executable, "-m", "backend.cli", "restore", str(backups), "--data-dir", str(fresh)],
        check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert without.returncode == 2
    assert "--keys" in without.stderr
    said = run("restore", str(backups), "--keys", str(backups), data_dir=fresh)
    assert "0 people again" in said
