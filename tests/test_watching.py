"""The watch over logs sees what it is there to see, and fails the whole run for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.watching import Watch

# Put together here, so that this file's own text in a traceback is no hit.
PHONE = "+1202555" + "0147"
TOKEN = "eyJhbGciOi" + "J9.e30.c2lnbmF0dXJl"
NAME = "Mar" + "garete"


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    watch.body("/resident/v1/login", {"phone": PHONE})
    watch.body("/resident/v1/token", {"access_token": TOKEN})
    watch.body("/resident/v1/me", {"name": NAME, "home": [{"name": "\u738b\u82b3"}]})
    return watch


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "x", "to": "' + PHONE + '"}',
        "sent to " + PHONE[1:],
        "GET /x?token=" + TOKEN,
        "hello " + NAME + "!",
        '{"event": "\\u738b\\u82b3"}',
        "\u738b\u82b3",
    ],
)
def test_each_kind_is_found_and_not_repeated(watch: Watch, line: str) -> None:
    watch.write("before\n" + line + "\nafter")
    assert len(watch.found()) == 1


def test_ids_codes_and_times_are_no_hit(watch: Watch) -> None:
    watch.write('{"event": "unexpected", "request_id": "2d862c1b89684fd6a685c1abb2f7fd43", "timestamp": "2026-11-23"}')
    assert watch.found() == []


def test_a_gate_s_name_is_nobody_s() -> None:
    watch = Watch()
    watch.body("/staff/v1/communities/1/gates", {"name": "North Gate"})
    assert watch.names == set()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_with_a_leak_fails_whoever_wrote_it(tmp_path: Path, processes: str) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "conftest.py").write_text(
        "from tests.watching import pytest_runtest_logreport, watched_logs\n", "utf-8"
    )
    (tmp_path / "test_leak.py").write_text(
        "import subprocess, sys\n"
        "from tests.watching import watch\n"
        f"PHONE = '{PHONE[:6]}' + '{PHONE[6:]}'\n"
        "def test_content(tmp_path):\n"
        "    watch.phone(PHONE)\n"
        "    subprocess.run([sys.executable, '-c', f'import sys; sys.stderr.write({PHONE!r})'], check=True)\n",
        "utf-8",
    )
    root = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", processes, "--rootdir", str(tmp_path),
         "-c", os.devnull, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "gate_sdk/src")])},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
    assert "personal data in logs" in ran.stdout
