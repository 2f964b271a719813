"""Every statement whose rows become structs, prepared by the database: its columns are the struct's fields.

What nobody reads is not fetched, and a column without a field, which is an error once there is a row, is found here.
"""

import ast
import importlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from tests.databases import DatabaseUrls

BACKEND = Path(__file__).resolve().parents[2] / "backend"
FETCHES = {"fetch_one", "fetch_all", "require_one"}

Statement = tuple[str, type[msgspec.Struct], str]


def statements() -> Iterator[Statement]:
    """Where it stands, the struct, and the SQL, as the module evaluates it."""
    for path in sorted(BACKEND.rglob("*.py")):
        named = str(path.relative_to(BACKEND.parent))
        if path == BACKEND / "kit" / "db.py":
            continue
        module: Any = None
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FETCHES):
                continue
            module = module or importlib.import_module(named.removesuffix(".py").replace("/", "."))
            row, sql = (eval(ast.unparse(one), vars(module)) for one in call.args[1:3])
            yield f"{named}:{call.lineno}", row, sql


@pytest.fixture
async def connections(database_urls: DatabaseUrls) -> AsyncIterator[list["asyncpg.Connection[asyncpg.Record]"]]:
    """The data and the key database."""
    opened = [await asyncpg.connect(url) for url in (database_urls.superuser, database_urls.keys)]
    yield opened
    for one in opened:
        await one.close()


async def test_the_columns_of_every_statement_are_the_fields_of_its_row(
    connections: list["asyncpg.Connection[asyncpg.Record]"],
) -> None:
    wrong: list[str] = []
    count = 0
    for where, row, sql in statements():
        columns = await _columns(connections, sql)
        fields = {field.name: field.required for field in msgspec.structs.fields(row)}
        count += 1
        if columns is None:
            wrong.append(f"{where}: neither database can prepare it")
            continue
        wrong += [f"{where}: {row.__name__} has no {name}" for name in columns - fields.keys()]
        wrong += [f"{where}: no column for {name}" for name, needed in fields.items() if needed and name not in columns]
    assert count > 300
    assert not wrong


async def _columns(connections: list["asyncpg.Connection[asyncpg.Record]"], sql: str) -> set[str] | None:
    for conn in connections:
        try:
            prepared = await conn.prepare(sql)
        except asyncpg.UndefinedTableError:
            continue
        return {column.name for column in prepared.get_attributes()}
    return None
