"""`doorward-gate status`: how a gate is doing, also while another process runs it."""

from __future__ import annotations

import argparse

import msgspec

from gate_sdk._inspect import inspect
from gate_sdk.commands._gate import add_data, guarded, keys_for


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("status", help="show a gate's roster, leases and undelivered events")
    add_data(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.set_defaults(run=guarded(_run))


def _run(options: argparse.Namespace) -> int:
    status = inspect(options.data, keys_for(options.data))
    if options.json:
        print(msgspec.json.encode(status).decode())
        return 0
    for name, value in msgspec.to_builtins(status).items():
        print(f"{name:<17} {_text(value)}")
    return 0


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
