"""Commands that check audit trails and keep them elsewhere."""

import argparse
import asyncio
from pathlib import Path
from uuid import UUID

from backend.cli.shared import CommandFailed, Commands, add_data_dir, box_failures, databases, settings_of
from backend.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add this group's commands."""
    audit = commands.add_parser("audit", help="check or keep audit trails").add_subparsers(
        required=True, metavar="COMMAND"
    )
    verify = audit.add_parser(
        "verify",
        help="check that nobody changed, removed or inserted an entry",
        description="Ends with 0 where every entry is as it was written, 1 where one is not, 2 where nothing could be "
        "checked.",
    )
    which = verify.add_mutually_exclusive_group()
    which.add_argument("--community", type=UUID, metavar="ID", help="one community's trail")
    which.add_argument("--all", action="store_true", help="every trail, the platform's included (the default)")
    verify.add_argument("--heads", type=Path, metavar="FILE", help="signed heads that were kept elsewhere")
    verify.add_argument("--keys", type=Path, metavar="FILE", help="public keys kept elsewhere (default: the key store)")
    add_data_dir(verify)
    verify.set_defaults(run=_verify)
    export = audit.add_parser("export", help="add what is new to a copy of trails, signed heads and public keys")
    export.add_argument("--to", type=Path, metavar="DIR", required=True, help="where the copy is kept")
    add_data_dir(export)
    export.set_defaults(run=_export)


def _verify(arguments: argparse.Namespace) -> int:
    from backend.audit.checking import Checked
    from backend.audit.command import CannotCheck, told, verify
    from backend.resources import open_resources

    async def check(settings: Settings) -> list[Checked]:
        async with open_resources(settings, process="worker") as resources:
            return await verify(
                resources.db,
                resources.keys,
                community_id=arguments.community,
                heads=arguments.heads,
                trusted=arguments.keys,
            )

    with box_failures(), databases(settings_of(arguments)) as settings:
        try:
            found = asyncio.run(check(settings))
        except CannotCheck as error:
            raise CommandFailed(str(error)) from error
    print(told(found))
    return 1 if any(one.findings for one in found) else 0


def _export(arguments: argparse.Namespace) -> int:
    from backend.audit.command import CannotCheck
    from backend.audit.keeping import Exported, export
    from backend.resources import open_resources

    async def keep(settings: Settings) -> Exported:
        async with open_resources(settings, process="worker") as resources:
            return await export(resources.db, resources.keys, to=arguments.to)

    with box_failures(), databases(settings_of(arguments)) as settings:
        try:
            done = asyncio.run(keep(settings))
        except CannotCheck as error:
            raise CommandFailed(str(error)) from error
    for finding in done.findings:
        print(f"FOUND  {finding}")
    print(f"{done.entries} entries of {done.chains} chains added to {arguments.to}; keep it apart from the database")
    return 1 if done.findings else 0
