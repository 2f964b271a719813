"""Every stored column stands in docs/data-inventory.md under one class, and nothing stands there that is not stored."""

import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import asyncpg
import msgspec
import pytest

from backend.kit.auth import StaffRole
from gate_sdk._cache.repository import SCHEMA as ROSTER_SCHEMA
from gate_sdk._codes.repository import SCHEMA as CODES_SCHEMA
from gate_sdk._frames.repository import SCHEMA as FRAMES_SCHEMA
from gate_sdk._outbox.repository import SCHEMA as OUTBOX_SCHEMA
from tests.databases import DatabaseUrls

PROJECT = Path(__file__).parents[3]
PAGE = "docs/data-inventory.md"
CLASSES = ("biometric", "personal", "pseudonymous", "technical")
GATE_FILES = {
    "Gate: roster.db": ROSTER_SCHEMA,
    "Gate: outbox.db": OUTBOX_SCHEMA,
    "Gate: codes.db": CODES_SCHEMA,
    "Gate: frames.db": FRAMES_SCHEMA,
}

# Section of the page, then table, to the columns of the table.
Columns = dict[str, set[str]]


class Line(msgspec.Struct, frozen=True):
    """One table as the page shows it: column to class, and columns that stand there twice."""

    classes: dict[str, str]
    repeated: tuple[str, ...]


Page = dict[str, dict[str, Line]]


def read_page(text: str) -> Page:
    """The sections "Database: …" and "Gate: …" of the page."""
    page: Page = {}
    section: dict[str, Line] | None = None
    for line in text.splitlines():
        if line.startswith("## "):
            section = page.setdefault(line[3:], {}) if re.match(r"## (Database|Gate): ", line) else None
            continue
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if section is None or len(cells) != 1 + len(CLASSES) or cells[0] == "table" or set(cells[0]) == {"-"}:
            continue
        assert cells[0] not in section, f"{PAGE}: {cells[0]} has two lines"
        said = [(column, kind) for kind, cell in zip(CLASSES, cells[1:], strict=True) for column in cell.split()]
        repeated = tuple(column for column in dict(said) if [c for c, _ in said].count(column) > 1)
        section[cells[0]] = Line(classes=dict(said), repeated=repeated)
    return page


def differences(section: str, said: dict[str, Line], stored: Columns) -> Iterator[str]:
    """What to do about each difference between the page and a store."""
    for table, columns in sorted(stored.items()):
        line = said.get(table)
        if line is None:
            yield (
                f"{section}: {table} is not classified. Add this line to {PAGE}, with each column moved to its class "
                f"({', '.join(CLASSES)}):\n    | {table} | | | | {' '.join(sorted(columns))} |"
            )
            continue
        for column in sorted(columns - line.classes.keys()):
            yield (
                f"{section}: {table}.{column} is not classified. Add `{column}` to one of the columns "
                f"({', '.join(CLASSES)}) of the line `| {table} |` in {PAGE}"
            )
        for column in sorted(line.classes.keys() - columns):
            yield f"{section}: {table}.{column} does not exist. Take it off the line `| {table} |` in {PAGE}"
        for column in line.repeated:
            yield f"{section}: {table}.{column} stands in two classes of the line `| {table} |` in {PAGE}"
    for table in sorted(said.keys() - stored.keys()):
        yield f"{section}: {table} does not exist. Remove its line from {PAGE}"


@pytest.fixture(scope="module")
def page() -> Page:
    return read_page((PROJECT / PAGE).read_text("utf-8"))


async def stored_columns(url: str) -> dict[str, dict[str, str]]:
    """Table to column to type; tables of other schemas than `public` with their schema. Partitions are their parent."""
    conn = await asyncpg.connect(url)
    try:
        rows = await conn.fetch(
            """
            SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
                a.attname AS column, format_type(a.atttypid, NULL) AS type
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
                AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
            """
        )
    finally:
        await conn.close()
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["name"], {})[row["column"]] = row["type"]
    return found


def gate_columns(schema: str) -> Columns:
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(schema)
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        return {
            str(table): {str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
            for (table,) in connection.execute(query).fetchall()
        }
    finally:
        connection.close()


async def test_every_column_of_both_databases_is_classified(page: Page, database_urls: DatabaseUrls) -> None:
    found: list[str] = []
    for section, url in (("Database: data", database_urls.superuser), ("Database: keys", database_urls.keys)):
        stored = {table: set(columns) for table, columns in (await stored_columns(url)).items()}
        assert stored, section
        found.extend(differences(section, page[section], stored))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("section", GATE_FILES)
def test_every_column_of_a_gates_files_is_classified(page: Page, section: str) -> None:
    found = list(differences(section, page[section], gate_columns(GATE_FILES[section])))
    assert not found, "\n" + "\n".join(found)


def test_a_gate_has_no_other_database() -> None:
    source = PROJECT / "gate_sdk/src/gate_sdk"
    files = {
        str(path.relative_to(source)) for path in source.rglob("*.py") if "CREATE TABLE" in path.read_text("utf-8")
    }
    known = {f"{noun}/repository.py" for noun in ("_cache", "_outbox", "_codes", "_frames")}
    assert files == known, "add the new schema to GATE_FILES"


def test_the_privacy_page_has_every_place_purpose_and_party() -> None:
    page = (PROJECT / "docs/privacy.md").read_text("utf-8")
    sections = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert {"How data flow", "What for, and by which right", "What each party sees"} <= set(sections)
    flow = page[page.index("## How data flow") : page.index("## What for, and by which right")]
    places = ["`doorward`", "`doorward_keys`", "`people/", "`denied/", *(f"`{name[6:]}`" for name in GATE_FILES)]
    assert [place for place in places if place not in flow] == []
    parties = page[page.index("## What each party sees") :]
    parties = parties[: parties.index("\n## ", 1)]
    assert [role for role in StaffRole if f"| `{role}` |" not in parties] == []
    for party in ("resident", "guest", "courier", "courier company", "gate vendor", "operator", "authority"):
        assert f"| {party}" in parties, party


async def test_what_names_somebody_is_called_by_its_name(page: Page, database_urls: DatabaseUrls) -> None:
    wrong = []
    for table, columns in (await stored_columns(database_urls.superuser)).items():
        line = page["Database: data"].get(table)
        for column, kind in columns.items() if line is not None else ():
            said = line.classes.get(column) if line is not None else None
            if kind in ("halfvec", "vector") and said != "biometric":
                wrong.append(f"{table}.{column} holds vectors: biometric")
            if column in ("phone", "email", "guest_name", "text", "answer") and said != "personal":
                wrong.append(f"{table}.{column}: personal")
            if re.search(r"(^|_)(person|subject|member|account)_id$|phone_hash$", column) and said == "technical":
                wrong.append(f"{table}.{column} leads to a person: pseudonymous")
    assert not wrong, "\n" + "\n".join(wrong)


def test_a_new_column_is_named_with_the_line_to_change() -> None:
    said = {"subject": Line({"subject_id": "pseudonymous", "gone": "technical", "both": "personal"}, ("both",))}
    stored = {"subject": {"subject_id", "both", "shoe_size"}, "shoe": {"size", "owner"}}
    told = list(differences("Database: data", said, stored))
    assert [line.split(". ")[0] for line in told] == [
        "Database: data: shoe is not classified",
        "Database: data: subject.shoe_size is not classified",
        "Database: data: subject.gone does not exist",
        "Database: data: subject.both stands in two classes of the line `| subject |` in docs/data-inventory.md",
    ]
    assert "    | shoe | | | | owner size |" in told[0]
    assert "| subject |" in told[1]
    assert list(differences("x", {"old": Line({}, ())}, {})) == [f"x: old does not exist. Remove its line from {PAGE}"]
