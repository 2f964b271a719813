"""Giving up root: PostgreSQL refuses to run as root, and containers and servers often run us so."""

import os
import platform
import pwd
import subprocess
from pathlib import Path

import msgspec

from backend.embedded.guarded import Guarded

_PROBE_SECONDS = 30.0


class NoUserToRunAs(Exception):
    """We are root, and PostgreSQL cannot be run as anybody else here."""


class RunAs(msgspec.Struct, frozen=True):
    """Whom the server runs as. `drop` is the guard's option; the ids own its files when we are root."""

    drop: str = ""
    uid: int = 0
    gid: int = 0

    def own(self, path: Path) -> None:
        """Give a file or a whole directory to the server's user, if it is not his already."""
        if os.geteuid() != 0 or path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path, topdown=False):
            for name in files:
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)
            # After its files: a change cut off half-way shows on the top folder, and is made again.
            os.chown(folder, self.uid, self.gid)
        os.chown(path, self.uid, self.gid)


def choose(data_dir: Path, program: Path) -> RunAs:
    """Ourselves when not root; else a user namespace where permitted, else the user `nobody`.

    In a namespace files stay root's and no home has to be opened to others, so it comes first.

    Args:
        data_dir: made enterable (0711) for `nobody`, except on Linux; its files stay unreadable.
        program: tried with `--version`, so that a venv he may not enter shows here.

    Raises:
        NoUserToRunAs: neither works.
    """
    if os.geteuid() != 0:
        return RunAs()
    if platform.system() == "Linux" and _works("namespace", program):
        return RunAs("namespace")
    nobody = pwd.getpwnam("nobody")
    fallback = RunAs(f"{nobody.pw_uid}:{nobody.pw_gid}", nobody.pw_uid, nobody.pw_gid)
    if not _works(fallback.drop, program):
        raise NoUserToRunAs(
            f"PostgreSQL does not run as root, user namespaces are not permitted here, and the user nobody may not "
            f"run {program}. Run Doorward as an ordinary user, or install it where everybody may read it."
        )
    if platform.system() != "Linux":  # where the guard cannot leave him the right to pass directories
        data_dir.chmod(0o711)
    return fallback


def _works(drop: str, program: Path) -> bool:
    with Path(os.devnull).open("wb") as nowhere:
        trial = Guarded([str(program), "--version"], env={"PATH": os.defpath}, drop=drop, output=nowhere)
    try:
        return trial.wait(_PROBE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        trial.stop()
        return False
