"""Everything goes when its time is over, and the table says so to everybody."""

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from backend.access import service as access
from backend.communities.frames.schemas import MOST_DAYS
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.privacy.holds.rules import MOST_MONTHS
from backend.privacy.retention.jobs import (
    BATCH,
    IN_COMMUNITIES,
    IN_STORES,
    ON_PLATFORM,
    enforce,
    enforce_in_community,
)
from backend.privacy.retention.rules import Enforcement, cut_off, in_words
from backend.privacy.retention.table import RULES, markdown
from tests.backend.households.town import Town, build_town
from tests.backend.privacy.faces import acknowledge, install_gate
from tests.backend.world import World

PROJECT = Path(__file__).parents[3]


async def write_entries(
    town: Town, gate_id: UUID, *, at: datetime, outcome: str = "allow", count: int = 1, subject_id: UUID | None = None
) -> None:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await conn.execute(
            """
            INSERT INTO entry (community_id, gate_id, store_epoch, seq, kind, at, received_at, outcome, reason,
                subject_id)
            SELECT $1, $2, 1, coalesce((SELECT max(seq) FROM entry WHERE community_id = $1), 0) + n, 'entry', $3, $3,
                $4, 'matched', $6
            FROM generate_series(1, $5::bigint) AS n
            """,
            town.community_id, gate_id, at, outcome, count, subject_id,
        )  # fmt: skip


async def count(town: Town, table: str) -> int:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        found: int = await conn.fetchval(f"SELECT count(*) FROM {table} WHERE community_id = $1", town.community_id)
    return found


async def test_anybody_reads_the_table_without_logging_in(api: httpx.AsyncClient) -> None:
    for surface in ("resident", "visitor"):
        answer = await api.get(f"/{surface}/v1/retention")
        assert answer.status_code == 200, answer.text
        rules = {rule["key"]: rule for rule in answer.json()["rules"]}
        assert set(rules) == set(RULES)
        assert rules["entries"]["period"] == "90 days"
        assert (rules["passers_by"]["period_s"], rules["passers_by"]["enforced_by"]) == (0, "never_kept")
        assert rules["denied_frames"]["period"] == "24 hours"
        assert all(rule["laws"] and rule["why"] and rule["what_zh"] and rule["since_zh"] for rule in rules.values())


def test_the_page_shows_the_table() -> None:
    assert markdown() in (PROJECT / "docs/retention.md").read_text("utf-8")


def test_every_rule_has_something_that_enforces_it() -> None:
    jobs = {key for key, rule in RULES.items() if rule.by is Enforcement.JOB}
    assert set(IN_COMMUNITIES) | set(ON_PLATFORM) | IN_STORES == jobs
    assert all(RULES[key].bounds is None for key in (*ON_PLATFORM, *IN_STORES))
    # What a community may set is enforced community by community.
    assert {key for key, rule in RULES.items() if rule.bounds} <= set(IN_COMMUNITIES)


async def test_texts_that_people_agree_to_name_the_times_of_the_table(world: World) -> None:
    async with world.resources.db.transaction(Scope(platform=True), read_only=True) as conn:
        texts = await conn.fetch(
            """
            SELECT DISTINCT ON (purpose) purpose, body FROM consent_document
            WHERE language = 'en' ORDER BY purpose, version DESC
            """
        )
    said = {row["purpose"]: row["body"] for row in texts}
    guests, couriers = in_words(RULES["guest_faces"].period), in_words(RULES["courier_faces"].period)
    assert f"until {guests} after the visit" in said["face_access"]
    assert f"until {couriers} after your last shift or delivery" in said["face_access"]
    assert f"Backups of keys expire within {in_words(RULES['key_backups'].period)}" in said["face_access"]
    assert f"guests until {guests} after the visit, couriers until {couriers}" in said["photo_retention"]
    frames = in_words(RULES["denied_frames"].period)
    assert f"for {frames} at the most" in said["face_access"]
    assert f"by itself after {MOST_DAYS} days at the latest" in said["face_access"]
    assert all(f"for {MOST_MONTHS} months at a time at the most" in body for body in said.values())
    # No other time is promised there.
    promised = set(re.findall(r"\d+ (?:hours|days|months|years)", " ".join(said.values())))
    backups, holds = in_words(RULES["key_backups"].period), f"{MOST_MONTHS} months"
    assert promised == {guests, couriers, backups, frames, f"{MOST_DAYS} days", holds}


async def test_every_table_about_people_stands_under_a_rule(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    tables = await owner.fetch(
        """
        SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND (a.attname LIKE '%person_id' OR a.attname LIKE '%subject_id' OR a.attname IN ('phone', 'phone_hash'))
        """
    )
    ruled = {name for rule in RULES.values() for name in rule.tables}
    assert {row["relname"] for row in tables} - ruled == set()


async def test_entries_go_when_their_time_is_over_and_denied_ones_sooner(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    gate_id, now = await install_gate(town), world.clock()
    for days in (10, 40, 100):
        await write_entries(town, gate_id, at=now - timedelta(days=days))
        await write_entries(town, gate_id, at=now - timedelta(days=days), outcome="deny")

    await enforce(worker_db, world.resources.keys, world.resources.objects, now=now)

    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        left = await conn.fetch("SELECT outcome, at FROM entry WHERE community_id = $1", town.community_id)
    assert {(row["outcome"], (now - row["at"]).days) for row in left} == {("allow", 10), ("allow", 40), ("deny", 10)}
    shown = await town.office.get(f"{town.staff_path}/retention")
    rules = {rule["rule"]["key"]: rule for rule in shown.json()["rules"]}
    assert (rules["entries"]["removed"], rules["denied_approaches"]["removed"]) == (1, 2)
    assert all(rule["enforced_at"] for rule in rules.values() if rule["rule"]["enforced_by"] == "job")


async def test_a_community_keeps_its_entries_as_long_as_it_says_and_its_neighbour_does_not(
    world: World, worker_db: Database
) -> None:
    town, other = await build_town(world), await build_town(world, name="Another Court")
    now = world.clock()
    for one in (town, other):
        await write_entries(one, await install_gate(one), at=now - timedelta(days=20))

    answer = await town.office.put(f"{town.staff_path}/retention/entries", json={"days": 14})
    assert answer.status_code == 200, answer.text
    (entries,) = [rule for rule in answer.json()["rules"] if rule["rule"]["key"] == "entries"]
    assert (entries["period"], entries["set_by_community"]) == ("14 days", True)
    await enforce(worker_db, world.resources.keys, world.resources.objects, now=now)

    assert [await count(town, "entry"), await count(other, "entry")] == [0, 1]
    trail = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    assert ("retention.set", "retention:entries/14") in {(one["action"], one["target"]) for one in trail}


@pytest.mark.parametrize(
    "key, days, status, code",
    [
        ("entries", 6, 422, "retention-out-of-bounds"),
        ("entries", 181, 422, "retention-out-of-bounds"),
        ("roster_removals", 9, 409, "retention-fixed"),
        ("denied_frames", 1, 409, "retention-fixed"),
        ("everything", 9, 404, "retention-rule-unknown"),
    ],
)
async def test_times_are_set_within_bounds_only(world: World, key: str, days: int, status: int, code: str) -> None:
    town = await build_town(world)
    answer = await town.office.put(f"{town.staff_path}/retention/{key}", json={"days": days})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_front_desk_changes_no_times(world: World) -> None:
    town = await build_town(world)
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    answer = await desk.put(f"{town.staff_path}/retention/entries", json={"days": 30})
    assert answer.status_code == 403


async def test_what_is_cut_off_goes_on_where_it_stood(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    gate_id, now = await install_gate(town), world.clock()
    await write_entries(town, gate_id, at=now - timedelta(days=100), count=200)
    first = asyncio.create_task(enforce_in_community(worker_db, community_id=town.community_id, now=now, batch=5))
    while await count(town, "entry") == 200 and not first.done():
        await asyncio.wait([first], timeout=0.01)
    first.cancel()
    await asyncio.wait([first])

    await asyncio.gather(
        *(enforce_in_community(worker_db, community_id=town.community_id, now=now, batch=50) for _ in range(2))
    )

    assert await count(town, "entry") == 0
    async with worker_db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        removed = await conn.fetchval("SELECT removed FROM retention_run WHERE rule = 'entries'")
    assert removed == 200


async def test_a_rule_that_cannot_be_enforced_keeps_no_other_from_it(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute("REVOKE DELETE ON login_challenge FROM doorward_worker")
    try:
        await enforce(worker_db, world.resources.keys, world.resources.objects, now=world.clock())
    finally:
        await owner.execute("GRANT DELETE ON login_challenge TO doorward_worker")
    done = await owner.fetch("SELECT rule FROM retention_run WHERE enforced_at IS NOT NULL")
    assert set(ON_PLATFORM) - {row["rule"] for row in done} == {"login_challenges"}


async def test_more_sessions_and_lines_of_the_jobs_log_than_a_batch_all_go_each_under_its_rule(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await world.resident()
    now = world.clock() + timedelta(days=365)
    many = BATCH + 5
    await owner.execute(
        """
        INSERT INTO refresh_token (token_hash, session_id, expires_at)
        SELECT sha256(n::text::bytea), (SELECT session_id FROM session), $1 FROM generate_series(2, $2::integer) AS n
        """,
        world.clock(), many,
    )  # fmt: skip
    await owner.execute(
        """
        INSERT INTO jobs.pgqueuer_log (created, job_id, status, priority, entrypoint)
        SELECT $1, n, 'successful', 0, 'erasure' FROM generate_series(1, $2::integer) AS n
        """,
        world.clock(), many,
    )  # fmt: skip
    async with worker_db.transaction(Scope(platform=True)) as conn:
        assert await ON_PLATFORM["sessions"](conn, now, now, BATCH) == BATCH

    await enforce(worker_db, world.resources.keys, world.resources.objects, now=now)

    for table in ("session", "refresh_token", "login_challenge", "jobs.pgqueuer_log"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    removed = dict(await owner.fetch("SELECT rule, removed FROM retention_run WHERE removed > 0"))
    # What the first batch had left of the tokens, and their session.
    assert (removed["sessions"], removed["job_log"]) == (6, many)


async def test_receipts_that_prove_an_erasure_stay(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    town = await build_town(world)
    gate_id, begun = await install_gate(town), world.clock()
    for version in range(1, 7):
        await owner.execute(
            "INSERT INTO roster_receipt VALUES ($1, $2, 1, $3, $4, true, $5)",
            town.community_id, gate_id, version, bytes(32), begun + timedelta(minutes=version),
        )  # fmt: skip
    erasure_id = await owner.fetchval(
        """
        INSERT INTO erasure (person_id, reason, extent, started_at, next_attempt_at, completed_at)
        VALUES ($1, 'member_left', 'everything', $2, $2, $2) RETURNING erasure_id
        """,
        uuid4(), begun,
    )  # fmt: skip
    await owner.execute(
        """
        INSERT INTO erasure_place (community_id, erasure_id, person_id, subject_id, roster_epoch, roster_version,
            detached_at, acknowledged_at)
        VALUES ($1, $2, $3, $4, 1, 3, $5, $5)
        """,
        town.community_id, erasure_id, uuid4(), uuid4(), begun,
    )  # fmt: skip

    await enforce_in_community(worker_db, community_id=town.community_id, now=begun + timedelta(days=100))

    left = await owner.fetch("SELECT version FROM roster_receipt ORDER BY version")
    assert [row["version"] for row in left] == [3, 6]


async def test_after_all_its_time_a_visit_has_left_nothing(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    gate_id = await install_gate(town)
    now = world.clock()
    async with world.resources.db.transaction(Scope(community_id=town.community_id, platform=True)) as conn:
        person_id = await conn.fetchval("INSERT INTO person DEFAULT VALUES RETURNING person_id")
        subject_id = await conn.fetchval(
            "INSERT INTO subject (community_id, person_id) VALUES ($1, $2) RETURNING subject_id",
            town.community_id, person_id,
        )  # fmt: skip
        await conn.execute(
            """
            INSERT INTO guest_pass (community_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until,
                subject_id, accepted_at)
            VALUES ($1, $2, $3, 'Guest', 'guest', $4, $5, $6, $4)
            """,
            town.community_id, tenant.home_id, tenant.person_id, now, now + timedelta(hours=2), subject_id,
        )  # fmt: skip
    await write_entries(town, gate_id, at=now, subject_id=subject_id)
    await world.resources.keys.ensure_person_key(person_id, owner_id=town.community_id)
    keys, objects = world.resources.keys, world.resources.objects

    await enforce(worker_db, keys, objects, now=now + timedelta(days=89))
    assert await owner.fetchval("SELECT count(*) FROM guest_pass WHERE subject_id = $1", subject_id) == 1
    await enforce(worker_db, keys, objects, now=now + timedelta(days=200))

    for table, column, value in (
        ("guest_pass", "community_id", town.community_id),
        ("entry", "subject_id", subject_id),
        ("subject", "person_id", person_id),
        ("person", "person_id", person_id),
    ):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", value) == 0, table
    assert await keys.person_keys([person_id]) == {}
    # Who still lives here is still known.
    assert await owner.fetchval("SELECT count(*) FROM subject WHERE person_id = $1", tenant.person_id) == 1
    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        subject = await conn.fetchval("SELECT subject_id FROM subject WHERE person_id = $1", tenant.person_id)
        assert await access.kinds(conn, community_id=town.community_id, subject_id=subject)
    await acknowledge(town, gate_id)


async def test_spent_codes_old_links_and_left_households_go(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    end = await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    assert end.status_code == 201, end.text
    gate = await town.office.post(f"{town.staff_path}/gates", json={"name": "South gate"})
    assert gate.status_code == 201, gate.text
    keys, objects, now = world.resources.keys, world.resources.objects, world.clock()

    await enforce(worker_db, keys, objects, now=now + timedelta(days=30))
    for table in ("activation", "gate_claim", "login_challenge", "rate_window"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert await owner.fetchval("SELECT count(*) FROM member") == 1

    before = cut_off(RULES["register"], days=None, now=now)
    await enforce(worker_db, keys, objects, now=now + (now - before) + timedelta(days=1))
    assert [await owner.fetchval(f"SELECT count(*) FROM {table}") for table in ("member", "tenancy")] == [0, 0]
