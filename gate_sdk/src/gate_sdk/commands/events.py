"""`doorward-gate events`: what waits in a gate's outbox."""

from __future__ import annotations

import argparse

import msgspec

from gate_sdk._inspect import waiting_events
from gate_sdk.commands._gate import add_data, guarded, keys_for


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("events", help="list the events not yet delivered, one JSON object a line")
    add_data(parser)
    parser.add_argument("--limit", type=int, default=100, help="at most so many (default 100)")
    parser.set_defaults(run=guarded(_run))


def _run(options: argparse.Namespace) -> int:
    for event in waiting_events(options.data, keys_for(options.data), options.limit):
        print(msgspec.json.encode(event).decode())
    return 0
