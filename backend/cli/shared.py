"""What the commands share: where the data are, and how a failure is told."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeAlias

import msgspec

from backend.settings import Settings, load_settings

__all__ = [
    "DATA_DIR",
    "CommandFailed",
    "Commands",
    "add_data_dir",
    "box_failures",
    "databases",
    "interrupt",
    "settings_of",
]

#: What a group of commands adds its own to.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name

DATA_DIR = Path("doorward-data")


class CommandFailed(Exception):
    """The command could not be carried out; the message says why and what helps."""


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Let the box's directory be named."""
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help=f"the box's directory (default: {DATA_DIR})")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of the environment, and the box's directory as the command or they name it."""
    settings = load_settings()
    data_dir = arguments.data_dir or settings.data_dir or DATA_DIR
    return msgspec.structs.replace(settings, data_dir=data_dir.absolute())


@contextmanager
def databases(settings: Settings, *, new: bool = False) -> Iterator[Settings]:
    """The settings with every database's address: a server of one's own, or the box's, started if it does not run.

    Args:
        settings: as :func:`settings_of` answers them.
        new: whether the command may begin a box. One that only reads or repairs what there is would otherwise, on a
            directory that was mistyped, make an empty box there and find it in the best of order.

    Raises:
        CommandFailed: there is no box, or it does not start.
    """
    from backend.embedded.passwords import KEYS, OWNER
    from backend.embedded.postgres import EmbeddedPostgres
    from backend.embedded.provision import KEY_DATABASE
    from backend.migrate import migrate

    named = (settings.database_url, settings.api_database_url, settings.migration_database_url)
    if any(url is not None for url in named):
        migration = settings.migration_database_url or settings.database_url
        yield msgspec.structs.replace(settings, migration_database_url=migration)
        return
    data_dir = settings.data_dir or DATA_DIR
    place = data_dir / "postgres"
    if not new and not (place / "cluster").exists():
        raise CommandFailed(f"there is no box in {data_dir}: name its directory with --data-dir, or DOORWARD_DATA_DIR")
    with box_failures():
        running = EmbeddedPostgres.running(place)
        postgres = running or EmbeddedPostgres(place)
        if running is None:
            postgres.start()
        try:
            addresses = {
                "api_database_url": postgres.url("doorward_api"),
                "worker_database_url": postgres.url("doorward_worker"),
                "migration_database_url": postgres.url(OWNER),
                "keys_database_url": postgres.url(KEYS, KEY_DATABASE),
            }
            if running is None:
                migrate(addresses["migration_database_url"], addresses["keys_database_url"])
            yield msgspec.structs.replace(settings, **addresses)
        finally:
            if running is None:
                postgres.stop()


@contextmanager
def box_failures() -> Iterator[None]:
    """The box's own failures, and the machine's, as one line instead of a traceback."""
    import asyncpg

    from backend.embedded.address import AddressRefused
    from backend.embedded.children import ChildDied
    from backend.embedded.datadir import DataDirectoryBusy
    from backend.embedded.postgres import PostgresFailed
    from backend.embedded.provision import ProvisioningRefused
    from backend.embedded.runas import NoUserToRunAs
    from backend.keys.errors import KeyStoreError
    from backend.migrate import MigrationFailed
    from backend.upkeep.errors import UpkeepFailed

    ours = (
        AddressRefused,
        ChildDied,
        DataDirectoryBusy,
        KeyStoreError,
        MigrationFailed,
        NoUserToRunAs,
        PostgresFailed,
        ProvisioningRefused,
        UpkeepFailed,
    )
    # A disk that is full, a directory that is read-only or another's, a database that answers with an error.
    machine = (OSError, asyncpg.PostgresError)
    try:
        yield
    except (*ours, *machine) as error:
        raise CommandFailed(str(error)) from error


def interrupt(*_: object) -> NoReturn:
    """What SIGTERM does to a command that Ctrl-C ends tidily."""
    raise KeyboardInterrupt
