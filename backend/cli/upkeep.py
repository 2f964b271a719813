"""Commands that keep the data safe: back up, restore, rotate keys."""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from backend.cli.shared import Commands, add_data_dir, box_failures, databases, settings_of

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add this group's commands."""
    backup = commands.add_parser("backup", help="back up the box: data and keys apart")
    backup.add_argument("to", type=Path, metavar="DIR", help="data go to DIR/data/TIME")
    backup.add_argument("--keys", type=Path, metavar="DIR", help="keys go to DIR/TIME (default: keys beside data)")
    add_data_dir(backup)
    backup.set_defaults(run=_backup)

    restore = commands.add_parser("restore", help="put a backup in the place of the box's data")
    restore.add_argument("data", type=Path, metavar="DIR", help="a data backup, or the DIR of `backup`: its newest")
    restore.add_argument("--keys", type=Path, metavar="DIR", help="a backup of the keys, where those are lost too")
    add_data_dir(restore)
    restore.set_defaults(run=_restore)

    after = commands.add_parser(
        "after-restore",
        help="make databases of your own fit to serve after one was set back; nothing may run meanwhile",
    )
    after.add_argument(
        "--before",
        metavar="URL",
        help="postgresql:// address of the data as they were before; the worker's log-in is added where it has none",
    )
    add_data_dir(after)
    after.set_defaults(run=_after_restore)

    keys = commands.add_parser("keys", help="rotate keys").add_subparsers(required=True, metavar="COMMAND")
    rotate = keys.add_parser("rotate", help="give communities' keys a new version")
    which = rotate.add_mutually_exclusive_group(required=True)
    which.add_argument("--community", type=UUID, metavar="ID", help="one community")
    which.add_argument("--all", action="store_true", help="every community and authority")
    add_data_dir(rotate)
    rotate.set_defaults(run=_rotate_keys)
    heads = keys.add_parser("rotate-community", help="give what communities sign for their gates another key")
    which = heads.add_mutually_exclusive_group(required=True)
    which.add_argument("--community", type=UUID, metavar="ID", help="one community")
    which.add_argument("--all", action="store_true", help="every community that has gates")
    add_data_dir(heads)
    heads.set_defaults(run=_rotate_community)
    tokens = keys.add_parser("rotate-tokens", help="give access tokens another signing key")
    add_data_dir(tokens)
    tokens.set_defaults(run=_rotate_tokens)
    rewrap = keys.add_parser("rewrap", help="wrap all keys under the present master key, after it has changed")
    add_data_dir(rewrap)
    rewrap.set_defaults(run=_rewrap_keys)


def _backup(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    settings = settings_of(arguments)
    with box_failures():
        done = commands.back_up(settings, to=arguments.to, keys=arguments.keys)
    print(f"data      {done.data}  ({done.objects} objects)")
    print(f"keys      {done.keys}  (until {done.keys_expire_at:%Y-%m-%d %H:%M} UTC; keep them apart from the data)")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    settings = settings_of(arguments)
    with box_failures():
        done = commands.restore(settings, data=arguments.data, keys=arguments.keys)
    print(f"restored  what there was at {done.made_at:%Y-%m-%d %H:%M:%S} UTC, {done.objects} objects")
    print(f"erased    {done.erased_again} people again; {done.keys_destroyed} keys destroyed again")
    print(f"epochs    {done.communities} begun anew; everybody logs in again")
    return 0


def _after_restore(arguments: argparse.Namespace) -> int:
    from backend.kit.clock import utc_now
    from backend.upkeep import commands

    with box_failures(), databases(settings_of(arguments)) as settings:
        done = asyncio.run(commands.after_restore(settings, before=arguments.before, now=utc_now()))
    print(f"erased    {done.erased_again} people again; {done.keys_destroyed} keys destroyed again")
    print(f"epochs    {done.communities} begun anew; everybody logs in again")
    if arguments.before is None:
        print("left      end again the tenancies, memberships and gates that ended since: docs/runbook.md, Restoring")
    return 0


def _rotate_keys(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    with box_failures(), databases(settings_of(arguments)) as settings:
        count = asyncio.run(commands.rotate(settings, community_id=arguments.community))
    print(f"{count} people's keys wrapped anew")
    return 0


def _rotate_community(arguments: argparse.Namespace) -> int:
    from backend.kit.clock import utc_now
    from backend.upkeep import commands

    with box_failures(), databases(settings_of(arguments)) as settings:
        done = asyncio.run(commands.rotate_community(settings, community_id=arguments.community, now=utc_now()))
    for community_id, key in done.items():
        begins = datetime.fromtimestamp(key.from_us / 1e6, UTC)
        print(f"{community_id}  {key.kid} signs from {begins:%Y-%m-%d %H:%M} UTC on; back up the keys before")
    return 0


def _rotate_tokens(arguments: argparse.Namespace) -> int:
    from backend.kit.clock import utc_now
    from backend.upkeep import commands

    with box_failures(), databases(settings_of(arguments)) as settings:
        kid, begins = asyncio.run(commands.rotate_tokens(settings, now=utc_now()))
    print(f"{kid} signs access tokens from {begins:%Y-%m-%d %H:%M:%S} UTC on; nobody has to log in again")
    return 0


def _rewrap_keys(arguments: argparse.Namespace) -> int:
    from backend.upkeep import commands

    with box_failures(), databases(settings_of(arguments)) as settings:
        done = asyncio.run(commands.rewrap(settings))
    print(f"{done.done} keys wrapped by the present master key, {done.already} were already")
    return 0
