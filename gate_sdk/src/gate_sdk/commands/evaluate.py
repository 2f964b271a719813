"""`doorward-gate evaluate`: measures a pack on photographs of known people."""

from __future__ import annotations

import argparse


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    subparsers.add_parser("evaluate", help="measure on photographs of known people")
