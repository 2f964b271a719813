"""The commands that write down what is read off the code: the interface, the settings."""

import argparse
import json
import re
import sys
from pathlib import Path

from backend.cli.shared import Commands
from backend.kit.auth import Surface
from backend.settings import settings_table

__all__ = ["add"]

_ROOT = Path(__file__).resolve().parents[2]
_OPENAPI = _ROOT / "openapi"
_CONFIGURATION = _ROOT / "docs" / "configuration.md"
_TABLE = re.compile(r"^\| variable \| default \|.*\n(?:\|.*\n)+", re.MULTILINE)


def add(commands: Commands) -> None:
    """Add this group's commands."""
    openapi = commands.add_parser("openapi", help="write the OpenAPI documents of the five surfaces")
    openapi.add_argument("--check", action="store_true", help="write nothing; fail where a document is out of date")
    openapi.add_argument("--directory", type=Path, default=_OPENAPI, help=argparse.SUPPRESS)
    openapi.set_defaults(run=_openapi)

    configuration = commands.add_parser("configuration", help="print the settings, or write them into their page")
    configuration.add_argument("--write", action="store_true", help="put the table into docs/configuration.md")
    configuration.add_argument("--check", action="store_true", help="fail where the page is out of date")
    configuration.add_argument("--page", type=Path, default=_CONFIGURATION, help=argparse.SUPPRESS)
    configuration.set_defaults(run=_configuration)


def _openapi(arguments: argparse.Namespace) -> int:
    from backend.app import openapi_document

    different = []
    for surface in Surface:
        # Sorted, so that the text depends on the interface alone and not on the order of imports.
        text = json.dumps(openapi_document(surface), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        path = arguments.directory / f"{surface}.json"
        if path.exists() and path.read_text("utf-8") == text:
            continue
        different.append(path.name)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    if different and arguments.check:
        print(f"out of date: {', '.join(different)}; run `make openapi` and commit", file=sys.stderr)
        return 1
    print(f"written: {', '.join(different)}" if different else "the OpenAPI documents are up to date")
    return 0


def _configuration(arguments: argparse.Namespace) -> int:
    table = settings_table()
    if not arguments.write and not arguments.check:
        print(table, end="")
        return 0
    page = arguments.page.read_text("utf-8")
    # The page has one table whose rows are settings.
    renewed = _TABLE.sub(lambda _: table, page, count=1)
    if renewed == page:
        print("the page of settings is up to date")
        return 0
    if arguments.check:
        print("out of date: docs/configuration.md; run `make openapi` and commit", file=sys.stderr)
        return 1
    arguments.page.write_text(renewed, "utf-8")
    print("written: docs/configuration.md")
    return 0
