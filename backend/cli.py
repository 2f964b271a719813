"""The command ``doorward``: runs the parts, brings databases to the schema, makes the first administrator."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import msgspec

from backend.kit.auth import Surface
from backend.kit.problems import Problem
from backend.settings import Settings, SettingsRefused, load_settings

__all__ = ["main"]

# Each command imports what it runs: `doorward openapi` needs no database, `doorward api` no demo.
# ruff: noqa: PLC0415

_DATA_DIR = Path("doorward-data")
_OPENAPI = Path(__file__).resolve().parents[1] / "openapi"


class CommandFailed(Exception):
    """The command could not be carried out; the message says why and what helps."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code: 0 done, 1 failed or different, 2 misused."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except (CommandFailed, SettingsRefused) as error:
        print(f"doorward: {error}", file=sys.stderr)
        return 2
    except Problem as problem:
        print(f"doorward: {problem} {problem.remedy}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="doorward", description="Face access for residential communities.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="run the single box: database, API and worker under one directory")
    _add_data_dir(up)
    up.set_defaults(run=_up)

    demo = commands.add_parser("demo", help="run the main job end to end and report it")
    demo.add_argument("--faces", type=Path, metavar="DIR", help="photographs as DIR/person/photo.jpg")
    demo.add_argument("--once", action="store_true", help="stop at the end instead of serving on")
    demo.add_argument("--report", type=Path, default=Path("build/demo/report.json"), metavar="FILE.json")
    demo.add_argument("--seed", type=int, default=1, help="chooses the sample of a large folder")
    demo.set_defaults(run=_demo)

    commands.add_parser("api", help="run the API on databases named by the environment").set_defaults(run=_api)
    commands.add_parser("worker", help="run the background jobs").set_defaults(run=_worker)

    _add_provision(commands)

    migrate = commands.add_parser("migrate", help="bring both databases to this release's schema")
    _add_data_dir(migrate)
    migrate.set_defaults(run=_migrate)

    _add_verify(commands)

    openapi = commands.add_parser("openapi", help="write the OpenAPI documents of the five surfaces")
    openapi.add_argument("--check", action="store_true", help="write nothing; fail where a document is out of date")
    openapi.add_argument("--directory", type=Path, default=_OPENAPI, help=argparse.SUPPRESS)
    openapi.set_defaults(run=_openapi)

    backup = commands.add_parser("backup", help="back up the box: data and keys apart")
    backup.add_argument("to", type=Path, metavar="DIR", help="data go to DIR/data/TIME")
    backup.add_argument("--keys", type=Path, metavar="DIR", help="keys go to DIR/TIME (default: keys beside data)")
    _add_data_dir(backup)
    backup.set_defaults(run=_backup)

    restore = commands.add_parser("restore", help="put a backup in the place of the box's data")
    restore.add_argument("data", type=Path, metavar="DIR", help="a data backup, or the DIR of `backup`: its newest")
    restore.add_argument("--keys", type=Path, metavar="DIR", help="a backup of the keys, where those are lost too")
    _add_data_dir(restore)
    restore.set_defaults(run=_restore)

    keys = commands.add_parser("keys", help="rotate keys").add_subparsers(required=True, metavar="COMMAND")
    rotate = keys.add_parser("rotate", help="give communities' keys a new version")
    which = rotate.add_mutually_exclusive_group(required=True)
    which.add_argument("--community", type=UUID, metavar="ID", help="one community")
    which.add_argument("--all", action="store_true", help="every community and authority")
    _add_data_dir(rotate)
    rotate.set_defaults(run=_rotate_keys)
    rewrap = keys.add_parser("rewrap", help="wrap all keys under the present master key, after it has changed")
    _add_data_dir(rewrap)
    rewrap.set_defaults(run=_rewrap_keys)

    staff = commands.add_parser("staff", help="keep staff").add_subparsers(required=True, metavar="COMMAND")
    create = staff.add_parser("create", help="make an administrator, and the authority where it is new")
    create.add_argument("--phone", required=True, help="the number he logs in with, such as +8613800138000")
    create.add_argument("--name", required=True)
    create.add_argument("--authority", required=True, metavar="NAME")
    _add_data_dir(create)
    create.set_defaults(run=_create_staff)
    return parser


def _add_provision(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    provision = commands.add_parser("provision", help="make the roles and databases on a PostgreSQL server of your own")
    provision.add_argument(
        "url", metavar="URL", help="postgresql:// address of a superuser, or of one who may make both"
    )
    provision.set_defaults(run=_provision)


def _add_verify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verify = commands.add_parser("verify-certificate", help="check a certificate of erasure")
    verify.add_argument("file", type=Path, metavar="FILE", help="the certificate, as JSON")
    trusted = verify.add_mutually_exclusive_group(required=True)
    trusted.add_argument("--keys", type=Path, metavar="FILE", help="the public keys, as a JSON Web Key Set")
    trusted.add_argument(
        "--url", help="where the keys are, such as https://HOST/.well-known/doorward-certificate-keys.json"
    )
    verify.set_defaults(run=_verify_certificate)


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help=f"the box's directory (default: {_DATA_DIR})")


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = load_settings()
    data_dir = arguments.data_dir or settings.data_dir or _DATA_DIR
    return msgspec.structs.replace(settings, data_dir=data_dir.absolute())


def _up(arguments: argparse.Namespace) -> int:
    from backend.embedded.box import SingleBox

    settings = _settings(arguments)
    # What ends the box tidily on Ctrl-C shall do so for a service manager as well.
    signal.signal(signal.SIGTERM, _interrupt)
    with _box_failures():
        box = SingleBox(settings, data_dir=settings.data_dir or _DATA_DIR)
        with box:
            print(f"API       {box.url}/  (resident, visitor, partner, gate, staff: /<surface>/v1)")
            print(f"data      {box.data_dir}")
            print(f"messages  {box.messages}  (one-time codes and links)")
            print("Ctrl-C ends.", flush=True)
            box.wait()


def _demo(arguments: argparse.Namespace) -> int:
    from backend.demo.run import run_demo

    signal.signal(signal.SIGTERM, _interrupt)
    return run_demo(faces=arguments.faces, once=arguments.once, report=arguments.report, seed=arguments.seed)


def _api(_: argparse.Namespace) -> int:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    from backend.embedded.address import require_address
    from backend.embedded.children import tie_to_parent

    tie_to_parent()
    settings = load_settings()
    if settings.port == 0:
        raise SettingsRefused("DOORWARD_PORT must be a port: only the single box may choose a free one")
    with _box_failures():
        require_address(settings.host, settings.port)
    Granian(
        "backend.app:create_app_from_environment",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=settings.api_workers,
        http=HTTPModes.http1,
        websockets=False,
        # Long polls of gates are ended by the worker's own shutdown; one that hangs must not keep the service.
        workers_kill_timeout=10,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    ).serve()
    return 0


def _worker(_: argparse.Namespace) -> int:
    settings = load_settings()
    from backend import worker
    from backend.embedded.children import tie_to_parent

    tie_to_parent()
    with _box_failures():
        worker.run(settings)
    return 0


def _provision(arguments: argparse.Namespace) -> int:
    import secrets

    import asyncpg

    from backend.embedded.passwords import KEYS, OWNER, ROLES
    from backend.embedded.provision import (
        DATABASE,
        KEY_DATABASE,
        ProvisioningRefused,
        address_of,
        provision_cluster,
    )

    passwords = {role: secrets.token_urlsafe(24) for role in ROLES}
    try:
        provision_cluster(arguments.url, passwords)
    except (ProvisioningRefused, asyncpg.PostgresError, OSError, ValueError) as error:
        raise CommandFailed(f"the server was not provisioned: {error}") from error
    # On standard output, for a .env file; the passwords are kept nowhere else.
    for name, role, database in (
        ("API", "doorward_api", DATABASE),
        ("WORKER", "doorward_worker", DATABASE),
        ("MIGRATION", OWNER, DATABASE),
        ("KEYS", KEYS, KEY_DATABASE),
    ):
        print(f"DOORWARD_{name}_DATABASE_URL={address_of(arguments.url, role, passwords[role], database)}")
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    from backend.migrate import migrate

    with _databases(_settings(arguments)) as settings:
        if settings.migration_database_url is None or settings.keys_database_url is None:
            raise SettingsRefused("DOORWARD_MIGRATION_DATABASE_URL and DOORWARD_KEYS_DATABASE_URL are needed")
        migrate(settings.migration_database_url, settings.keys_database_url)
    print("both databases are at this release's schema")
    return 0


def _create_staff(arguments: argparse.Namespace) -> int:
    from backend.accounts import phones, staff
    from backend.kit.db import Scope
    from backend.resources import open_resources

    async def create(settings: Settings) -> None:
        phone = phones.parse(arguments.phone)
        async with (
            open_resources(settings, process="api") as resources,
            resources.db.transaction(Scope(platform=True)) as conn,
        ):
            await staff.create_administrator(
                conn, pepper=resources.pepper, phone=phone, name=arguments.name, authority=arguments.authority
            )

    if not (1 <= len(arguments.name) <= 200 and 1 <= len(arguments.authority) <= 200):  # noqa: PLR2004 - the columns' bounds
        raise CommandFailed("--name and --authority must have between 1 and 200 characters")
    with _databases(_settings(arguments)) as settings:
        asyncio.run(create(settings))
        print("administrator made; he logs in with that number at /staff/v1/login")
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    settings = _settings(arguments)
    with _box_failures():
        done = commands.back_up(settings, to=arguments.to, keys=arguments.keys)
    print(f"data      {done.data}  ({done.objects} objects)")
    print(f"keys      {done.keys}  (until {done.keys_expire_at:%Y-%m-%d %H:%M} UTC; keep them apart from the data)")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    settings = _settings(arguments)
    with _box_failures():
        done = commands.restore(settings, data=arguments.data, keys=arguments.keys)
    print(f"restored  what there was at {done.made_at:%Y-%m-%d %H:%M:%S} UTC, {done.objects} objects")
    print(f"erased    {done.erased_again} people again; {done.keys_destroyed} keys destroyed again")
    print(f"epochs    {done.communities} begun anew; everybody logs in again")
    return 0


def _rotate_keys(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    with _box_failures(), _databases(_settings(arguments)) as settings:
        count = asyncio.run(commands.rotate(settings, community_id=arguments.community))
    print(f"{count} people's keys wrapped anew")
    return 0


def _rewrap_keys(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    with _box_failures(), _databases(_settings(arguments)) as settings:
        done = asyncio.run(commands.rewrap(settings))
    print(f"{done.done} keys wrapped by the present master key, {done.already} were already")
    return 0


def _verify_certificate(arguments: argparse.Namespace) -> int:
    from backend.privacy.certificates.command import CannotRead, verify_certificate

    try:
        genuine, told = verify_certificate(arguments.file, keys=arguments.keys, url=arguments.url)
    except CannotRead as error:
        raise CommandFailed(str(error)) from error
    print(told)
    return 0 if genuine else 1


def _openapi(arguments: argparse.Namespace) -> int:
    from backend.app import openapi_document

    different = []
    for surface in Surface:
        # Sorted, so that the text depends on the interface alone and not on the order of imports.
        text = json.dumps(openapi_document(surface), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        path = arguments.directory / f"{surface}.json"
        if path.exists() and path.read_text("utf-8") == text:
            continue
        different.append(path.name)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    if different and arguments.check:
        print(f"out of date: {', '.join(different)}; run `make openapi` and commit", file=sys.stderr)
        return 1
    print(f"written: {', '.join(different)}" if different else "the OpenAPI documents are up to date")
    return 0


@contextmanager
def _databases(settings: Settings) -> Iterator[Settings]:
    """The settings with every database's address: a server of one's own, or the box's, started if it does not run."""
    from backend.embedded.passwords import KEYS, OWNER
    from backend.embedded.postgres import EmbeddedPostgres
    from backend.embedded.provision import KEY_DATABASE
    from backend.migrate import migrate

    if settings.database_url is not None or settings.api_database_url is not None:
        migration = settings.migration_database_url or settings.database_url
        yield msgspec.structs.replace(settings, migration_database_url=migration)
        return
    place = (settings.data_dir or _DATA_DIR) / "postgres"
    with _box_failures():
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
def _box_failures() -> Iterator[None]:
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


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
