"""The command ``doorward``: one file for each group of commands.

Each command imports what it runs when it runs: ``doorward openapi`` needs no database, ``doorward api`` no demo.
"""

import argparse
import sys
from collections.abc import Sequence

from backend.cli import audit, interface, proofs, schema, serving, staff, upkeep
from backend.cli.shared import CommandFailed
from backend.kit.problems import Problem
from backend.settings import SettingsRefused

__all__ = ["command_line", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code: 0 done, 1 failed or different, 2 misused."""
    arguments = command_line().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except (CommandFailed, SettingsRefused) as error:
        print(f"doorward: {error}", file=sys.stderr)
        return 2
    except Problem as problem:
        print(f"doorward: {problem.line()}", file=sys.stderr)
        return 1
    return code


def command_line() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="doorward", description="Face access for residential communities.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (serving, schema, audit, proofs, interface, upkeep, staff):
        group.add(commands)
    return parser
