"""Commands that keep staff."""

import argparse
import asyncio

from backend.cli.shared import CommandFailed, Commands, add_data_dir, databases, settings_of
from backend.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add this group's commands."""
    staff = commands.add_parser("staff", help="keep staff").add_subparsers(required=True, metavar="COMMAND")
    create = staff.add_parser("create", help="make an administrator, and the authority where it is new")
    create.add_argument("--phone", required=True, help="the number he logs in with, such as +8613800138000")
    create.add_argument("--name", required=True)
    create.add_argument("--authority", required=True, metavar="NAME")
    add_data_dir(create)
    create.set_defaults(run=_create_staff)


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
    with databases(settings_of(arguments)) as settings:
        asyncio.run(create(settings))
        print("administrator made; he logs in with that number at /staff/v1/login")
    return 0
