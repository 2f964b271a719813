"""Rows into structs: by their columns' names, in whatever order they come."""

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from backend.kit.db import Connection, Database, Scope, fetch_all
from tests.databases import DatabaseUrls

BACKEND = Path(__file__).resolve().parents[3] / "backend"
_STAR = re.compile(r"(?:SELECT|RETURNING)\s+(?:\w+\.)?\*(?!\s+FROM unnest)")


class _Pair(msgspec.Struct, frozen=True):
    first: int
    second: int = 0


@pytest.fixture
async def conn(database_urls: DatabaseUrls) -> AsyncIterator[Connection]:
    database = Database(database_urls.api, max_size=1)
    await database.open()
    async with database.transaction(Scope(), read_only=True) as connection:
        yield connection
    await database.close()


@pytest.mark.parametrize(
    "columns", ["1 AS first, 2 AS second", "2 AS second, 1 AS first"], ids=["in the fields' order", "in another"]
)
async def test_columns_fall_to_the_fields_of_their_names(conn: Connection, columns: str) -> None:
    assert await fetch_all(conn, _Pair, f"SELECT {columns} FROM generate_series(1, 2)") == [_Pair(1, 2)] * 2


async def test_a_field_without_a_column_keeps_its_default(conn: Connection) -> None:
    assert await fetch_all(conn, _Pair, "SELECT 1 AS first") == [_Pair(1, 0)]


async def test_no_rows_are_an_empty_list(conn: Connection) -> None:
    assert await fetch_all(conn, _Pair, "SELECT 1 AS first WHERE false") == []


async def test_a_column_without_a_field_is_an_error_of_the_program(conn: Connection) -> None:
    with pytest.raises(TypeError):
        await fetch_all(conn, _Pair, "SELECT 1 AS first, 2 AS third")


def _read_into_rows(path: Path) -> list[str]:
    """The SQL that becomes structs in a module, as it stands there."""
    return [
        ast.unparse(call.args[2])
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"fetch_one", "fetch_all", "require_one"}
        and len(call.args) > 2
    ]


def test_the_columns_of_rows_are_named() -> None:
    # A column that the next release's migration adds would be one without a field to the release that still runs.
    statements = {path: _read_into_rows(path) for path in BACKEND.rglob("*.py")}
    assert sum(map(len, statements.values())) > 100
    assert not [(path.name, one) for path, found in statements.items() for one in found if _STAR.search(one)]
