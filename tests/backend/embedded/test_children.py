"""Programs of the single box, and what is left of them when something is killed: nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from backend.embedded.children import ChildDied, Children
from backend.embedded.guarded import Guarded
from tests.ports import free_port

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


_GUARD_SERVER_AND_TWO = 4


def wait_gone(processes: list[psutil.Process], seconds: float = 120.0) -> list[psutil.Process]:
    """Those that still run after a while; zombies, which only an absent-minded init leaves, do not run."""

    def runs(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def command_of(process: psutil.Process) -> str:
    """Its command line; empty where it has just ended, as some of a database's do by themselves."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def listening_to_ctrl_c() -> Iterator[None]:
    """A shell starts what it puts into the background with SIGINT ignored, and so would all of these be."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Box:
    """`box.py` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        script = Path(__file__).with_name("box.py")
        command = [sys.executable, str(script), str(folder), str(self.port)]
        with listening_to_ctrl_c():
            self.process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while True:
            self.tree = psutil.Process(self.process.pid).children(recursive=True)
            # One of the server's two processes answers already when the other one has yet to be started.
            if len(self.find("-m granian")) >= _GUARD_SERVER_AND_TWO or time.monotonic() > deadline:
                break
            time.sleep(0.05)

    def find(self, text: str) -> list[psutil.Process]:
        return [process for process in self.tree if text in command_of(process)]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        wait_gone(self.tree)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path / "box")
    yield box
    box.end()


def test_a_killed_parent_takes_everything_with_it(box: Box) -> None:
    assert box.find("bin/postgres")
    assert len(box.find("granian")) >= 3
    assert len(box.tree) >= 10
    box.process.kill()
    assert wait_gone(box.tree) == []
    # The database was shut down, not cut: its pid file is gone.
    assert not (box.folder / "cluster" / "postmaster.pid").exists()


@pytest.mark.deep
@pytest.mark.skipif(sys.platform != "linux", reason="without PR_SET_PDEATHSIG a plain program outlives its guard")
def test_killed_guards_too_leave_nothing(box: Box) -> None:
    for process in [psutil.Process(box.process.pid), *box.find("guard.py")]:
        process.kill()
    assert wait_gone(box.tree) == []


@pytest.mark.deep
def test_a_killed_server_leaves_no_workers_and_stops_the_box(box: Box) -> None:
    granian = [process for process in box.find("-m granian") if "guard.py" not in command_of(process)]
    server = next(process for process in granian if process.ppid() not in {other.pid for other in granian})
    assert len(granian) == 3
    server.kill()
    assert wait_gone(granian) == []
    assert box.process.wait(120) == 1
    assert wait_gone(box.tree) == []


@pytest.mark.deep
def test_ctrl_c_stops_in_order(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    try:
        assert httpx.get(f"http://127.0.0.1:{box.port}/", trust_env=False).status_code == 200
        box.process.send_signal(signal.SIGINT)
        box.process.wait(120)
        assert wait_gone(box.tree) == []
    finally:
        box.end()


def test_a_child_that_dies_is_named(tmp_path: Path) -> None:
    output = tmp_path / "broken.log"
    with Children() as children:
        children.spawn("broken", ["/bin/sh", "-c", "echo last words; exit 7"], {}, output=output)
        children.spawn("sound", ["/bin/sleep", "600"], {})
        with pytest.raises(ChildDied, match=r"broken ended with code 7.*broken\.log"):
            children.wait()
    assert output.read_text() == "last words\n"
    assert output.stat().st_mode & 0o777 == 0o600


def test_waiting_for_a_server_ends_when_it_dies() -> None:
    with Children() as children:
        children.spawn("broken", ["/bin/sh", "-c", "exit 1"], {})
        with pytest.raises(ChildDied):
            children.wait_ready(f"http://127.0.0.1:{free_port()}/")


def test_waiting_for_a_server_that_never_answers_ends() -> None:
    with Children() as children:
        children.spawn("mute", ["/bin/sleep", "600"], {})
        with pytest.raises(TimeoutError):
            children.wait_ready(f"http://127.0.0.1:{free_port()}/", timeout=0.3)


def test_two_children_of_one_name_are_refused() -> None:
    with Children() as children:
        children.spawn("same", ["/bin/sleep", "600"], {})
        with pytest.raises(ValueError):
            children.spawn("same", ["/bin/sleep", "600"], {})


def test_a_program_that_does_not_exist_ends_at_once() -> None:
    assert Guarded(["/nowhere/program"], env={}).wait(120) == 126


def test_a_child_deaf_to_sigterm_is_killed_with_its_own_children(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"trap '' TERM; sleep 600 & echo $! > {mark}; while :; do wait; done"
    child = Guarded(["/bin/sh", "-c", script], env={"PATH": os.defpath}, grace=0.3)
    while not mark.exists() or not mark.read_text().strip():
        time.sleep(0.01)
    grandchild = psutil.Process(int(mark.read_text()))
    assert child.stop() == 128 + signal.SIGKILL
    assert wait_gone([grandchild]) == []


def test_exit_codes_and_signals_come_through() -> None:
    assert Guarded(["/bin/sh", "-c", "exit 3"], env={}).wait(120) == 3
    assert Guarded(["/bin/sh", "-c", "kill -9 $$"], env={}).wait(120) == 128 + signal.SIGKILL


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can become somebody else")
def test_root_is_given_up_for_good(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("below a closed home\n")
    for drop in ("65534:65534", "namespace"):
        with (tmp_path / "out").open("wb") as output:
            script = f"id -u; id -G; cat '{closed}/file'; grep CapEff /proc/self/status || true"
            assert Guarded(["/bin/sh", "-c", script], env={"PATH": os.defpath}, drop=drop, output=output).wait(120) == 0
        uid, groups, read, *capabilities = (tmp_path / "out").read_text().splitlines()
        assert uid == "65534"
        assert read == "below a closed home"
        assert "0" not in groups.split()
        # In place of a namespace the right to pass directories stays, and no other.
        kept = "0000000000000000" if drop == "namespace" else "0000000000000002"
        assert capabilities in ([], [f"CapEff:\t{kept}"])
