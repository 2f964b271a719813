"""Every statement, as the database prepares and plans it.

Where its rows become structs its columns are the struct's fields: what nobody reads is not fetched, and a column
without a field, which is an error once there is a row, is found here. And some index leads to its rows.
"""

import ast
import importlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from tests.databases import DatabaseUrls

BACKEND = Path(__file__).resolve().parents[2] / "backend"
FETCHES = {"fetch_one", "fetch_all", "require_one"}

SENT = {"execute", "fetch", "fetchrow", "fetchval"}
#: Read as a whole: what is few rows at any size, what is counted for all, and what is copied as it is.
WHOLE = {
    "authority", "community", "consent_document", "gate", "legal_hold", "rate_window", "secret", "signing_key",
    "watermark", "webhook_endpoint", "wrapping_key",
}  # fmt: skip
#: What is done to the databases and not by the service.
BESIDE = {"demo", "embedded", "upkeep"}

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


def sent() -> Iterator[tuple[str, str]]:
    """Every statement of the service that stands there as one text: where, and the SQL."""
    yield from ((where, sql) for where, _, sql in statements())
    for path in sorted(BACKEND.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            copied = isinstance(call.func, ast.Name) and call.func.id == "fetch_dicts"
            if not copied and not (isinstance(call.func, ast.Attribute) and call.func.attr in SENT):
                continue
            text = call.args[copied : copied + 1]
            if text and isinstance(text[0], ast.Constant) and isinstance(text[0].value, str):
                yield f"{path.relative_to(BACKEND.parent)}:{call.lineno}", text[0].value


async def test_an_index_leads_to_the_rows_of_every_statement(
    connections: list["asyncpg.Connection[asyncpg.Record]"],
) -> None:
    for conn in connections:
        # Read from end to end is then only what cannot be found otherwise, however small the table.
        await conn.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    slow: list[str] = []
    count = 0
    for where, sql in sent():
        if where.split("/")[1] in BESIDE or sql.split(None, 1)[0] not in {
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "WITH",
        }:
            continue
        plan = await _plan(connections, sql)
        count += 1
        slow += [f"{where}: {table}" for table in sorted(set(_read_whole(plan)) - WHOLE)]
    assert count > 700
    assert not slow


async def _plan(connections: list["asyncpg.Connection[asyncpg.Record]"], sql: str) -> dict[str, Any]:
    for conn in connections:
        try:
            parameters = len((await conn.prepare(sql)).get_parameters())
        except asyncpg.UndefinedTableError:
            continue
        nulls = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        await conn.execute(f"PREPARE one AS {sql}")
        (explained,) = json.loads(await conn.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE one{nulls}"))
        await conn.execute("DEALLOCATE one")
        plan: dict[str, Any] = explained["Plan"]
        return plan
    raise LookupError(sql)


def _read_whole(plan: dict[str, Any]) -> Iterator[str]:
    """Tables read from end to end; not those of a subplan, which the planner may prefer to looking up row by row."""
    if plan.get("Parent Relationship") == "SubPlan":
        return
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _read_whole(part)
