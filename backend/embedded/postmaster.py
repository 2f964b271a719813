"""What a running server writes about itself (postmaster.pid), and what a killed one leaves behind."""

import os
import platform
import signal
import subprocess
import time
from pathlib import Path

import msgspec

_PID_LINE, _PORT_LINE, _STATUS_LINE = 0, 3, 7  # postgres: src/include/utils/pidfile.h
_STOP_SECONDS = 30.0


class Postmaster(msgspec.Struct, frozen=True):
    """One server's pid on this machine, its port, and whether it accepts connections."""

    pid: int
    port: int
    ready: bool


def read_postmaster(cluster: Path) -> Postmaster | None:
    """Parse postmaster.pid; None when there is none, or it is being written."""
    try:
        lines = (cluster / "postmaster.pid").read_bytes().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) <= _PORT_LINE or not lines[_PID_LINE].isdigit() or not lines[_PORT_LINE].isdigit():
        return None
    status = lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else ""
    return Postmaster(int(lines[_PID_LINE]), int(lines[_PORT_LINE]), status == "ready")


def remove_remains(cluster: Path) -> None:
    """End a server that outlived both its owner and its guard, and remove a pid file without a server.

    To be called with the directory's lock held, so that no other owner can be starting one. A pid file whose
    number now belongs to another program would keep PostgreSQL from starting for ever.

    Raises:
        TimeoutError: the old server does not end.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        first = pid_file.read_bytes().split(b"\n", 1)[0]
    except FileNotFoundError:
        return
    pid = int(first) if first.isdigit() else 0
    for number in (signal.SIGINT, signal.SIGQUIT):
        deadline = time.monotonic() + _STOP_SECONDS
        if pid and _serves(pid, cluster):
            os.kill(pid, number)
        while pid and _serves(pid, cluster):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            pid_file.unlink(missing_ok=True)
            return
    raise TimeoutError(f"an old PostgreSQL server (process {pid}) still runs on {cluster} and does not stop")


def _serves(pid: int, cluster: Path) -> bool:
    """Whether this process is a PostgreSQL server on this cluster, and not another one that got its number."""
    if platform.system() == "Linux":
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False
        return Path(os.fsdecode(words[0])).name == "postgres" and os.fsencode(cluster) in words
    listed = subprocess.run(  # the fixed path is that of macOS and the BSDs
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return "postgres" in listed and str(cluster) in listed
