"""Stands between a parent and one child program, so that the child never outlives the parent.

Run by path with `python -I -S`, standard library only: it must start in milliseconds and cannot
depend on what is installed. Its standard input is a pipe that only the parent holds open. When the pipe closes,
or the parent is gone, or a signal asks for it, the guard stops the child in its own polite way and
after a grace kills the child's whole process group. A parent killed with -9 closes its pipes too,
so even then the child gets a clean shutdown and not a cut.

Why not PR_SET_PDEATHSIG from the parent: the signal is sent when the *thread* that forked ends, so a
child started from a pool thread would die at a random moment. The guard has one thread, so between
guard and child the same call is safe, and covers a guard that is itself killed with -9.
"""

import argparse
import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1  # linux/capability.h
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000  # linux/sched.h
NOBODY = 65534  # the kernel's overflow id; any unprivileged number would do inside the namespace
POLL_SECONDS = 0.5
EXIT_CANNOT_START = 126


def enter_user_namespace() -> None:
    """Become an unprivileged id inside a user namespace of our own.

    PostgreSQL refuses to run as root. Seen from outside the files still belong to root, so a data
    directory below a 0700 home works, and nothing has to be chowned.

    Raises:
        OSError: the kernel or the container does not permit user namespaces.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not permitted")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs start time
            file.write(text)


def become(user: str) -> None:
    """Give up root for `uid:gid`; on Linux the right to pass directories stays, where there is one to keep.

    Data below a 0700 home or temporary directory could not be reached otherwise. Containers, where namespaces are
    forbidden and this is needed, grant CAP_DAC_OVERRIDE but not the narrower CAP_DAC_READ_SEARCH.
    """
    uid, gid = (int(part) for part in user.split(":"))
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux":
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then bits 32 to 63
        if libc.capset(header, sets) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
        else:  # it was not ours to keep: nothing at all then
            libc.capset(header, (ctypes.c_uint32 * 6)())


def start_child(argv: list[str], *, drop: str, death_signal: int) -> int:
    """Fork and execute the child in its own process group; returns its pid."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        if drop == "namespace":
            enter_user_namespace()
        elif drop:
            become(drop)
        if sys.platform == "linux":
            # After the change of credentials: the kernel clears the setting with them.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != guard:
                os._exit(EXIT_CANNOT_START)
        os.environ["DOORWARD_PARENT_PID"] = str(guard)
        os.execvp(argv[0], argv)  # noqa: S606 - there is no shell to be fooled
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(EXIT_CANNOT_START)


def reap(pid: int, *, until: float | None) -> int | None:
    """Exit status of the child, or None if it still runs at `until` (monotonic seconds; None looks once)."""
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if until is None or time.monotonic() >= until:
            return None
        time.sleep(0.01)


def stop_child(pid: int, signals: list[int], grace: float) -> int:
    """Ask with each signal in turn, `grace` seconds apart, and kill at the end; returns the exit status."""
    for number in signals:
        os.kill(pid, number)
        status = reap(pid, until=time.monotonic() + grace)
        if status is not None:
            return status
    os.killpg(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def follow(pid: int, parent: int, signals: list[int], grace: float) -> int:
    """Wait for the child to end, or for a reason to end it; returns its exit status."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    # A handler, although it does nothing: without one SIGCHLD would not wake the select below.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    while True:
        status = reap(pid, until=None)
        if status is not None:
            return status
        readable, _, _ = select.select([0, wake_read], [], [], POLL_SECONDS)
        if wake_read in readable:
            os.read(wake_read, 4096)
        closed = 0 in readable and not os.read(0, 4096)
        if asked or closed or os.getppid() != parent:
            return stop_child(pid, signals, grace)


def main() -> int:
    """Run one child under guard; the exit code is the child's (128 + n after signal n)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--stop-signals", default=str(int(signal.SIGTERM)))
    parser.add_argument("--grace", type=float, default=8.0)
    parser.add_argument("--drop", default="", help="'namespace' or uid:gid; empty keeps the user")
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    signals = [int(part) for part in options.stop_signals.split(",")]
    if os.getppid() != options.parent:
        return EXIT_CANNOT_START
    pid = start_child(options.argv, drop=options.drop, death_signal=signals[0])
    status = follow(pid, options.parent, signals, options.grace)
    # What the child left behind in its group, such as workers of a server that was killed.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
