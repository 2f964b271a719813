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
    reset = staff.add_parser("reset-second-factor", help="take off a member's second factor, where nobody else can")
    reset.add_argument("--phone", required=True, help="the number he logs in with")
    reset.add_argument("--reason", required=True, help="for the audit trail; no names")
    add_data_dir(reset)
    reset.set_defaults(run=_reset_second_factor)


def _create_staff(arguments: argparse.Namespace) -> int:
    from backend.accounts import phones
    from backend.accounts.staff import service as staff
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
    with databases(settings_of(arguments), new=True) as settings:
        asyncio.run(create(settings))
        print(
            "administrator made; he logs in with that number at /staff/v1/login "
            "and enrols his second factor at /staff/v1/second-factor/enrol"
        )
    return 0


def _reset_second_factor(arguments: argparse.Namespace) -> int:
    from backend.accounts import phones
    from backend.accounts.second_factor import service
    from backend.kit.clock import utc_now
    from backend.kit.db import Scope
    from backend.resources import open_resources

    async def reset(settings: Settings) -> bool:
        phone = phones.parse(arguments.phone)
        async with (
            open_resources(settings, process="api") as resources,
            resources.db.transaction(Scope(platform=True)) as conn,
        ):
            return await service.reset_by_operator(conn, phone=phone, reason=arguments.reason, now=utc_now())

    if not 1 <= len(arguments.reason) <= 500:  # noqa: PLR2004 - as the API bounds it
        raise CommandFailed("--reason must have between 1 and 500 characters")
    with databases(settings_of(arguments)) as settings:
        if not asyncio.run(reset(settings)):
            raise CommandFailed("no member of staff logs in with that number")
        print("second factor taken off; he enrols anew at his next log-in")
    return 0
