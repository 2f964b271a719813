"""What the gate's commands share: the directory option, the keys, errors as two lines."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from gate_sdk.errors import GateError
from gate_sdk.keys import EnvironmentKeyProvider, FileKeyProvider, KeyProvider

__all__ = ["SECRET_VARIABLE", "add_data", "guarded", "keys_for"]

SECRET_VARIABLE = "DOORWARD_GATE_SECRET"  # noqa: S105 - the variable's name


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the gate's directory."""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the gate's directory (keys, roster, outbox)"
    )


def keys_for(directory: Path) -> KeyProvider:
    """Keys from the environment's secret where it is set, else from files beside the data."""
    if os.environ.get(SECRET_VARIABLE):
        return EnvironmentKeyProvider(directory / "keys", variable=SECRET_VARIABLE)
    return FileKeyProvider(directory / "keys")


def guarded(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Turn the SDK's errors into a message, a remedy and exit code 1."""

    def guard(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except GateError as error:
            print(f"{error.code}: {error}\n{error.remedy}", file=sys.stderr)
            return 1

    return guard
