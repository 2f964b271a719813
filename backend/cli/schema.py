"""Commands that make the databases and bring them to this release."""

import argparse

from backend.cli.shared import CommandFailed, Commands, add_data_dir, databases, settings_of
from backend.settings import SettingsRefused

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add this group's commands."""
    provision = commands.add_parser("provision", help="make the roles and databases on a PostgreSQL server of your own")
    provision.add_argument(
        "url", metavar="URL", help="postgresql:// address of a superuser, or of one who may make both"
    )
    provision.set_defaults(run=_provision)

    migrate = commands.add_parser("migrate", help="bring both databases to this release's schema")
    migrate.add_argument(
        "--pre",
        action="store_true",
        help="only what goes before this release runs; again without it once no process is of the one before",
    )
    add_data_dir(migrate)
    migrate.set_defaults(run=_migrate)


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

    with databases(settings_of(arguments), new=True) as settings:
        if settings.migration_database_url is None or settings.keys_database_url is None:
            raise SettingsRefused("DOORWARD_MIGRATION_DATABASE_URL and DOORWARD_KEYS_DATABASE_URL are needed")
        left = migrate(settings.migration_database_url, settings.keys_database_url, pre=arguments.pre)
    if left:
        print("both databases are ready for this release")
        print(f"left      {left} migrations: run `doorward migrate` once no process is of the release before")
    else:
        print("both databases are at this release's schema")
    return 0
