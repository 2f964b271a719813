"""The command that writes the interface down."""

import argparse
import json
import sys
from pathlib import Path

from backend.cli.shared import Commands
from backend.kit.auth import Surface

__all__ = ["add"]

_OPENAPI = Path(__file__).resolve().parents[2] / "openapi"


def add(commands: Commands) -> None:
    """Add this group's commands."""
    openapi = commands.add_parser("openapi", help="write the OpenAPI documents of the five surfaces")
    openapi.add_argument("--check", action="store_true", help="write nothing; fail where a document is out of date")
    openapi.add_argument("--directory", type=Path, default=_OPENAPI, help=argparse.SUPPRESS)
    openapi.set_defaults(run=_openapi)


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
