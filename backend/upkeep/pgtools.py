"""Dumping and loading databases by PostgreSQL's own programs, which the embedded server's package brings along."""

import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from backend.embedded.postgres import program
from backend.upkeep.errors import DumpFailed

__all__ = ["dump", "load"]

_LAST_WORDS = 2000


def dump(url: str, target: Path) -> None:
    """Write a database's dump, all of it but the rows of UNLOGGED tables: galleries are filled again from ciphertext.

    Args:
        url: as a superuser: row-level security holds for everybody else.
        target: a file that does not exist; readable by its owner alone.

    Raises:
        DumpFailed: the server cannot be reached, or is newer than the program.
    """
    # 0600 before the first byte: pg_dump itself would follow the umask.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _run("pg_dump", url, "--format=custom", "--no-unlogged-table-data", f"--file={target}")


def load(url: str, source: Path) -> None:
    """Fill an empty database from a dump, wholly or not at all.

    Raises:
        DumpFailed: the dump is damaged, or the database is not empty.
    """
    _run("pg_restore", url, "--exit-on-error", "--single-transaction", str(source))


def _run(name: str, url: str, *options: str) -> None:
    parts = urlsplit(url)
    place = urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}"))
    done = subprocess.run(  # noqa: S603 - a program of ours, no shell
        [str(program(name)), *options, "--no-password", f"--dbname={place}"],
        # Not as an argument: the password would show in the list of processes.
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": unquote(parts.password or "")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise DumpFailed(f"{name} failed ({done.returncode}): {said[-_LAST_WORDS:]}")
