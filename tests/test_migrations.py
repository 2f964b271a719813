"""Migrations run while the release before serves: what would stop or break it is refused here, file by file."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "migrations"
_NAME = re.compile(r"\d{14}_(pre|post)_[a-z_]+\.sql")
_LOCK_TIMEOUT = re.compile(r"\s*SET lock_timeout = '([1-5])s'", re.IGNORECASE)
# Of a table that is not made in the same file: the words of a statement, and what they do to the release that runs.
_HARMFUL: dict[str, tuple[str, ...]] = {
    "rewrites the table": (
        r"ALTER COLUMN \w+ (SET DATA )?TYPE",
        r"ADD COLUMN [^,]*DEFAULT (gen_random_uuid|uuidv7|random|clock_timestamp|nextval)\(",
        r"ADD COLUMN [^,]*(GENERATED .* STORED|SERIAL)",
        r"SET (UN)?LOGGED",
    ),
    "reads the whole table under a lock that stops writers": (
        r"ADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY)(?!.*NOT VALID)",
        r"ADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY|EXCLUDE)(?!.* USING INDEX)",
        r"SET NOT NULL",
    ),
}
# A release that still runs asks for these; they wait for the migration after it (post).
_TAKES_AWAY = (
    r"DROP TABLE",
    r"DROP COLUMN",
    r"RENAME (TO|COLUMN)",
    r"DROP (FUNCTION|VIEW|TYPE)(?! IF EXISTS)",
    r"REVOKE (?!.* FROM PUBLIC)",
)
# The schema of the first release: nobody runs the one before it. What comes later keeps to the rules whole.
_FIRST_RELEASE = "20261101999999"


def halves(text: str) -> tuple[str, str]:
    up, _, down = text.partition("-- migrate:down")
    return up, down


def statements(sql: str) -> list[str]:
    """The statements on one line each, without comments, bodies of functions and what is quoted."""
    sql = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", sql, flags=re.DOTALL)
    sql = re.sub(r"--[^\n]*", "", sql)
    sql = re.sub(r"'(?:[^']|'')*'", "''", sql)
    return [" ".join(one.split()) for one in sql.split(";") if one.strip()]


def harmful(name: str, text: str) -> list[str]:
    """What in a migration would stop the release that runs, or break it."""
    up, _ = halves(text)
    wrong = []
    found = statements(up)
    made = {
        match[1] for one in found if (match := re.match(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", one))
    }
    for one in found:
        index = re.match(r"CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?\w+ ON (?:ONLY )?(\w+)", one)
        if index and index[2] not in made and not index[1]:
            wrong.append(f"{name}: an index on {index[2]} without CONCURRENTLY stops its writers")
        if index and index[1] and "transaction:false" not in up.splitlines()[0]:
            wrong.append(f"{name}: CONCURRENTLY needs `-- migrate:up transaction:false`")
        table = re.match(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+)", one)
        if table and table[1] not in made:
            wrong += [
                f"{name}: {table[1]}: {what}"
                for what, patterns in _HARMFUL.items()
                if any(re.search(pattern, one, re.IGNORECASE) for pattern in patterns)
            ]
        if "_pre_" in name and any(re.search(pattern, one, re.IGNORECASE) for pattern in _TAKES_AWAY):
            wrong.append(f"{name}: takes away what the release before asks for; a _post_ migration may")
        if re.match(r"(LOCK|VACUUM FULL|CLUSTER|REINDEX (?!.*CONCURRENTLY))", one):
            wrong.append(f"{name}: {one.split()[0]} holds a lock for long")
    return wrong


def files() -> list[Path]:
    return sorted(ROOT.glob("*/*.sql"))


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_migration_is_named_by_when_it_runs_waits_shortly_and_can_be_undone(path: Path) -> None:
    up, down = halves(path.read_text("utf-8"))
    assert _NAME.fullmatch(path.name)
    assert up.startswith("-- migrate:up")
    # Whoever waits for a lock without end has everybody behind him wait as well.
    first = statements(up.partition("\n")[2])[0]
    assert first == "SET lock_timeout = ''"
    assert _LOCK_TIMEOUT.search(up)
    assert statements(down)


def test_no_two_migrations_of_a_database_have_one_number() -> None:
    for folder in ROOT.iterdir():
        numbers = [path.name.partition("_")[0] for path in folder.glob("*.sql")]
        assert len(set(numbers)) == len(numbers)


def test_no_later_migration_stops_or_breaks_the_release_that_runs() -> None:
    assert not [
        one for path in files() if path.name > _FIRST_RELEASE for one in harmful(path.name, path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(
    "sql,said",
    [
        ("CREATE INDEX entry_x ON entry (x);", "CONCURRENTLY"),
        ("CREATE INDEX CONCURRENTLY entry_x ON entry (x);", "transaction:false"),
        ("ALTER TABLE entry ALTER COLUMN x TYPE bigint;", "rewrites"),
        ("ALTER TABLE entry ADD COLUMN x uuid NOT NULL DEFAULT gen_random_uuid();", "rewrites"),
        ("ALTER TABLE entry ADD COLUMN x int GENERATED ALWAYS AS (y + 1) STORED;", "rewrites"),
        ("ALTER TABLE entry ALTER COLUMN x SET NOT NULL;", "whole table"),
        ("ALTER TABLE entry ADD CONSTRAINT c CHECK (x > 0);", "whole table"),
        ("ALTER TABLE entry ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES y;", "whole table"),
        ("ALTER TABLE entry ADD CONSTRAINT c UNIQUE (x);", "whole table"),
        ("ALTER TABLE entry DROP COLUMN x;", "takes away"),
        ("DROP TABLE entry;", "takes away"),
        ("ALTER TABLE entry RENAME COLUMN x TO y;", "takes away"),
        ("REVOKE SELECT ON entry FROM doorward_api;", "takes away"),
        ("LOCK TABLE entry;", "holds a lock"),
    ],
)
def test_what_stops_or_breaks_the_release_that_runs_is_named(sql: str, said: str) -> None:
    found = harmful("20270101000000_pre_x.sql", f"-- migrate:up\nSET lock_timeout = '3s';\n{sql}\n-- migrate:down\n")
    assert [said in one for one in found] == [True]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE fresh (x int); CREATE INDEX fresh_x ON fresh (x); ALTER TABLE fresh ADD CHECK (x > 0);",
        "ALTER TABLE entry ADD COLUMN x int;",
        "ALTER TABLE entry ADD COLUMN x int NOT NULL DEFAULT 0;",
        "ALTER TABLE entry ADD CONSTRAINT c CHECK (x > 0) NOT VALID;",
        "ALTER TABLE entry ADD CONSTRAINT c UNIQUE USING INDEX entry_x;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DROP TABLE entry; $$;",
        "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS '1'; REVOKE ALL ON FUNCTION g() FROM PUBLIC;",
        "-- DROP TABLE entry;\nGRANT SELECT ON entry TO doorward_worker;",
    ],
)
def test_what_does_neither_is_let_through(sql: str) -> None:
    text = f"-- migrate:up\nSET lock_timeout = '3s';\n{sql}\n-- migrate:down\n"
    assert not harmful("20270101000000_pre_x.sql", text)


def test_what_the_release_before_no_longer_asks_for_goes_after_it() -> None:
    text = "-- migrate:up\nSET lock_timeout = '3s';\nALTER TABLE entry DROP COLUMN x;\n-- migrate:down\n"
    assert not harmful("20270101000000_post_x.sql", text)
