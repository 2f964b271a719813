"""The command `doorward-gate`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from gate_sdk.commands import evaluate, events, models, provision, run, status

#: The subcommands, in the order of the help text.
COMMANDS = (provision, run, status, events, models, evaluate)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(prog="doorward-gate", description="Doorward at the gate.")
    subparsers = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_arguments(subparsers)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; the process's own without it.

    Returns:
        The exit code: 0 done, 1 refused, 2 wrong usage, 130 interrupted, 141 nobody reads any more.
    """
    options = parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `| head` has seen enough. What is left is flushed once more at the end, and would fail there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
