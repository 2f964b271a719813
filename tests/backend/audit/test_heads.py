"""Signed heads: whoever rewrites a trail with the rights of a superuser is found, and the place is named."""

import asyncio
import os
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from backend.audit.checking import Checked
from backend.audit.command import CannotCheck, told, verify
from backend.audit.heads import HeadsUnreadable, SignedHead, is_genuine, read_heads
from backend.audit.keeping import export
from backend.audit.service import record
from backend.audit.signing import sign_heads
from backend.keys.service import Keys
from backend.keys.signing.published import publish, read_key_set
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.settings import Settings
from tests.backend.world import World
from tests.databases import DatabaseUrls

DAY = timedelta(days=1)


@pytest.fixture
def keys(world: World) -> Keys:
    return world.resources.keys


async def write(db: Database, chain: UUID | None, *targets: str) -> None:
    scope = Scope(platform=True) if chain is None else Scope(community_id=chain)
    async with db.transaction(scope) as conn:
        for target in targets:
            await record(conn, community_id=chain, actor="system", action="test.write", target=target, reason="because")


async def tamper(urls: DatabaseUrls, *statements: str) -> None:
    """What somebody with the whole server could do."""
    conn: asyncpg.Connection[Any] = await asyncpg.connect(urls.superuser)
    try:
        await conn.execute("SET session_replication_role = replica")
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


def rebuilt(chain: UUID) -> str:
    """All hashes of a chain and its head computed anew, as the database itself does."""
    return f"""
        DO $$
        DECLARE r record; v bytea := decode(repeat('00', 32), 'hex');
        BEGIN
            FOR r IN SELECT * FROM audit_entry WHERE community_id = '{chain}' ORDER BY seq LOOP
                UPDATE audit_entry SET previous_hash = v,
                    hash = audit_hash(v, r.community_id, r.seq, r.at, r.actor, r.action, r.target, r.reason)
                WHERE community_id = r.community_id AND seq = r.seq RETURNING hash INTO v;
            END LOOP;
            UPDATE audit_head SET hash = v,
                seq = (SELECT max(seq) FROM audit_entry WHERE community_id = '{chain}')
            WHERE community_id = '{chain}';
        END $$
    """


async def checked(
    db: Database, keys: Keys, chain: UUID, *, heads: Path | None = None, trusted: Path | None = None
) -> Checked:
    (found,) = await verify(db, keys, community_id=chain, heads=heads, trusted=trusted)
    return found


async def three_days(world: World, worker_db: Database) -> UUID:
    """A chain of nine entries; the heads of three days are signed at 3, 6 and 9."""
    chain = uuid4()
    for day in range(3):
        await write(world.resources.db, chain, *(f"a:{day}-{n}" for n in range(3)))
        await sign_heads(worker_db, world.resources.keys, now=world.clock() + day * DAY)
    return chain


async def test_every_chain_is_signed_once_a_day(world: World, worker_db: Database, keys: Keys) -> None:
    first, second = uuid4(), uuid4()
    await write(world.resources.db, first, "a:1", "a:2")
    await write(world.resources.db, second, "b:1")
    await write(world.resources.db, None, "c:1")
    assert await sign_heads(worker_db, keys, now=world.clock()) == 3
    await write(world.resources.db, first, "a:3")
    assert await sign_heads(worker_db, keys, now=world.clock()) == 0
    assert await sign_heads(worker_db, keys, now=world.clock() + DAY) == 3
    found = await verify(worker_db, keys, community_id=None, heads=None, trusted=None)
    assert {one.chain: (one.length, one.heads, one.findings) for one in found} == {
        UUID(int=0): (1, 2, ()),
        first: (3, 2, ()),
        second: (1, 2, ()),
    }


async def test_two_who_sign_at_once_make_one_head(world: World, worker_db: Database, keys: Keys) -> None:
    await write(world.resources.db, uuid4(), "a:1")
    made = await asyncio.gather(*(sign_heads(worker_db, keys, now=world.clock()) for _ in range(4)))
    assert sum(made) == 1


async def test_signing_goes_on_while_others_write(world: World, worker_db: Database, keys: Keys) -> None:
    chain = uuid4()
    await write(world.resources.db, chain, "a:first")
    writers = [write(world.resources.db, chain, f"a:{n}", f"b:{n}") for n in range(20)]
    signers = [sign_heads(worker_db, keys, now=world.clock() + n * DAY) for n in range(3)]
    await asyncio.gather(*writers, *signers)
    found = await checked(worker_db, keys, chain)
    assert (found.length, found.findings) == (41, ())


INSERTED_AT = """
    INSERT INTO audit_entry SELECT community_id, {seq}, at, actor, action, target, reason, hash,
        audit_hash(hash, community_id, {seq}, at, actor, action, target, reason)
    FROM audit_entry WHERE seq = {seq} - 1
"""
SHIFTED = "UPDATE audit_entry SET seq = seq + 100 WHERE seq >= 5; UPDATE audit_entry SET seq = seq - 99 WHERE seq > 99;"


@pytest.mark.parametrize(
    "statement,finding",
    [
        ("UPDATE audit_entry SET actor = 'staff:nobody' WHERE seq = 5", "entry 5: changed"),
        ("DELETE FROM audit_entry WHERE seq = 5", "entry 5: removed"),
        ("DELETE FROM audit_entry WHERE seq IN (4, 5)", "entries 4 to 5: removed"),
        (SHIFTED + INSERTED_AT.format(seq=5), "entry 6: does not follow from the one before"),
        ("DELETE FROM audit_entry WHERE seq > 7", "entries 8 to 9: removed at the end"),
        (INSERTED_AT.format(seq=10), "entry 10: inserted behind the chain's end"),
    ],
)
async def test_what_a_superuser_did_to_one_entry_is_found_with_its_place(
    world: World, worker_db: Database, keys: Keys, database_urls: DatabaseUrls, statement: str, finding: str
) -> None:
    chain = await three_days(world, worker_db)
    assert (await checked(worker_db, keys, chain)).findings == ()
    await tamper(database_urls, statement)
    found = (await checked(worker_db, keys, chain)).findings
    assert any(finding in one for one in found), found


@pytest.mark.parametrize(
    "statement,finding",
    [
        ("UPDATE audit_entry SET actor = 'staff:nobody' WHERE seq = 5", "entries 4 to 6: rebuilt"),
        ("DELETE FROM audit_entry WHERE seq > 7", "entries 8 to 9: removed, the head signed on"),
    ],
)
async def test_a_chain_that_was_rebuilt_as_a_whole_does_not_fit_its_signed_heads(
    world: World, worker_db: Database, keys: Keys, database_urls: DatabaseUrls, statement: str, finding: str
) -> None:
    chain = await three_days(world, worker_db)
    await tamper(database_urls, statement, rebuilt(chain))
    (found,) = (await checked(worker_db, keys, chain)).findings
    assert finding in found


async def test_heads_kept_elsewhere_outlive_those_of_the_database(
    world: World, worker_db: Database, keys: Keys, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    chain = await three_days(world, worker_db)
    await export(worker_db, keys, to=tmp_path)
    await tamper(
        database_urls,
        "UPDATE audit_entry SET actor = 'staff:nobody' WHERE seq = 2",
        rebuilt(chain),
        "DELETE FROM audit_checkpoint",
    )
    assert (await checked(worker_db, keys, chain)).findings == ()
    found = await checked(worker_db, keys, chain, heads=tmp_path / "heads.ndjson", trusted=tmp_path / "keys.json")
    assert found.heads == 3
    assert any("entries 1 to 3: rebuilt" in one for one in found.findings)
    assert sum("no longer among the database's own" in one for one in found.findings) == 3
    # A chain that went as a whole is missed too.
    await tamper(database_urls, "TRUNCATE audit_entry, audit_head")
    (all_of_it,) = [
        one
        for one in await verify(worker_db, keys, community_id=None, heads=tmp_path / "heads.ndjson", trusted=None)
        if one.chain == chain
    ]
    assert any("entries 1 to 3: removed" in one for one in all_of_it.findings)


async def test_a_rewritten_chain_gets_no_signature(
    world: World, worker_db: Database, keys: Keys, database_urls: DatabaseUrls
) -> None:
    chain = await three_days(world, worker_db)
    await tamper(database_urls, "UPDATE audit_entry SET actor = 'staff:nobody' WHERE seq = 8", rebuilt(chain))
    assert await sign_heads(worker_db, keys, now=world.clock() + 3 * DAY) == 0
    other = uuid4()
    await write(world.resources.db, other, "a:1")
    # It does not keep the others unsigned.
    assert await sign_heads(worker_db, keys, now=world.clock() + 3 * DAY) == 1


async def test_a_head_that_somebody_put_there_is_none(
    world: World, worker_db: Database, keys: Keys, database_urls: DatabaseUrls
) -> None:
    chain = await three_days(world, worker_db)
    await tamper(
        database_urls,
        "UPDATE audit_entry SET actor = 'staff:nobody' WHERE seq = 8",
        rebuilt(chain),
        "UPDATE audit_checkpoint c SET hash = e.hash FROM audit_entry e"
        " WHERE e.community_id = c.community_id AND e.seq = c.seq",
    )
    found = (await checked(worker_db, keys, chain)).findings
    assert any("bears no signature of the keys given" in one for one in found), found


async def test_no_role_changes_a_signed_head(world: World, worker_db: Database, database_urls: DatabaseUrls) -> None:
    await three_days(world, worker_db)
    for statement in (
        "UPDATE audit_checkpoint SET seq = 1",
        "DELETE FROM audit_checkpoint",
        "TRUNCATE audit_checkpoint",
    ):
        for role in ("api", "worker", "audit", "owner"):
            conn: asyncpg.Connection[Any] = await asyncpg.connect(getattr(database_urls, role))
            try:
                await conn.execute("SET doorward.platform = 'on'")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(statement)
            finally:
                await conn.close()


async def test_an_export_goes_on_where_it_stood_and_writes_nothing_over(
    world: World, worker_db: Database, keys: Keys, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    chain = await three_days(world, worker_db)
    assert (await export(worker_db, keys, to=tmp_path)).entries == 9
    file = tmp_path / f"{chain}.ndjson"
    # Killed in the middle of a line.
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    assert (await export(worker_db, keys, to=tmp_path)).entries == 1
    assert file.read_bytes() == whole
    await write(world.resources.db, chain, "a:later")
    assert (await export(worker_db, keys, to=tmp_path)).entries == 1
    assert [line["seq"] for line in map(msgspec.json.decode, file.read_bytes().splitlines())] == list(range(1, 11))
    assert len(read_heads((tmp_path / "heads.ndjson").read_bytes())) == 3
    before = file.read_bytes()
    await tamper(database_urls, "UPDATE audit_entry SET actor = 'x' WHERE seq = 5", rebuilt(chain))
    done = await export(worker_db, keys, to=tmp_path)
    assert "entry, 10, is not the database's any more" in done.findings[0]
    assert file.read_bytes() == before


async def test_files_that_hold_no_heads_or_keys_are_refused(
    world: World, worker_db: Database, keys: Keys, tmp_path: Path
) -> None:
    chain = await three_days(world, worker_db)
    bad = tmp_path / "bad"
    bad.write_text("{}\n")
    for heads, trusted in ((bad, None), (None, bad), (tmp_path / "missing", None)):
        with pytest.raises(CannotCheck):
            await checked(worker_db, keys, chain, heads=heads, trusted=trusted)
    with pytest.raises(CannotCheck, match="nothing is recorded"):
        await checked(worker_db, keys, uuid4())
    with pytest.raises(HeadsUnreadable, match="line 1"):
        read_heads(b"nothing")


async def test_staff_take_heads_and_trail_away(world: World, worker_db: Database, keys: Keys, tmp_path: Path) -> None:
    admin = await world.administrator()
    community = await world.community(admin)
    await write(world.resources.db, community, *(f"a:{n}" for n in range(5)))
    for day in range(3):
        await sign_heads(worker_db, keys, now=world.clock() + day * DAY)
    base = f"/staff/v1/communities/{community}/audit"
    first = await admin.get(f"{base}/checkpoints", params={"limit": 2})
    assert first.status_code == 200
    page = first.json()
    rest = await admin.get(f"{base}/checkpoints", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [len(page["checkpoints"]), len(rest.json()["checkpoints"]), rest.json()["next_cursor"]] == [2, 1, None]
    published = read_key_set((await world.api.get("/.well-known/doorward-audit-keys.json")).content)
    heads = [msgspec.convert(one, SignedHead) for one in page["checkpoints"]]
    assert all(is_genuine(one, published) for one in heads)
    changed = msgspec.structs.replace(heads[0], head=msgspec.structs.replace(heads[0].head, seq=1))
    assert not is_genuine(changed, published)
    # The answer as it is serves as the file of heads.
    kept = tmp_path / "heads.json"
    kept.write_bytes(first.content)
    assert (await checked(worker_db, keys, community, heads=kept)).findings == ()

    taken = await admin.get(f"{base}/export")
    assert taken.headers["content-type"].startswith("application/x-ndjson")
    lines = [msgspec.json.decode(line) for line in taken.content.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(a["hash"] == b["previous_hash"] for a, b in pairwise(lines))
    again = await admin.get(f"{base}/export", params={"after": lines[-1]["seq"]})
    (of_the_export,) = [msgspec.json.decode(line) for line in again.content.splitlines()]
    assert of_the_export["action"] == "audit.export"
    part = await admin.get(f"{base}/export", params={"after": 1, "limit": 2})
    assert [msgspec.json.decode(line)["seq"] for line in part.content.splitlines()] == [2, 3]


async def test_who_may_not_take_the_trail_away(world: World) -> None:
    here, there = await world.administrator("Here"), await world.administrator("There")
    community = await world.community(here)
    desk = await world.staff(here, StaffRole.FRONT_DESK, community_id=community)
    for name in ("checkpoints", "export"):
        path = f"/staff/v1/communities/{community}/audit/{name}"
        assert (await desk.get(path)).status_code == 403
        assert (await there.get(path)).status_code == 404
        assert (await world.api.get(path)).status_code == 401
    for params in ({"after": "-1"}, {"limit": "0"}, {"after": "x"}):
        bad = await here.get(f"/staff/v1/communities/{community}/audit/export", params=params)
        assert bad.status_code == 400


async def test_the_command_tells_and_ends_with_its_code(
    world: World, worker_db: Database, settings: Settings, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    chain = await three_days(world, worker_db)
    assert await run(settings, "export", "--to", str(tmp_path / "kept")) == (0, "")
    code, said = await run(settings, "verify", "--all", "--heads", str(tmp_path / "kept" / "heads.ndjson"))
    assert (code, said) == (0, "")
    await tamper(database_urls, "UPDATE audit_entry SET actor = 'x' WHERE seq = 5", rebuilt(chain))
    assert (await run(settings, "verify", "--community", str(chain)))[0] == 1
    assert (await run(settings, "export", "--to", str(tmp_path / "kept")))[0] == 1
    code, said = await run(settings, "verify", "--community", str(uuid4()))
    assert code == 2
    assert "nothing is recorded" in said


async def test_where_nothing_is_recorded_nothing_is_called_sound(settings: Settings) -> None:
    """Migrated, and never used: another's database, or one that was emptied."""
    for arguments in ((), ("--all",)):
        code, said = await run(settings, "verify", *arguments)
        assert code == 2
        assert "nothing is recorded here at all" in said


async def run(settings: Settings, *arguments: str) -> tuple[int | None, str]:
    """Its exit code and what it said of failures."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")},
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DOORWARD_API_DATABASE_URL": str(settings.api_database_url),
        "DOORWARD_WORKER_DATABASE_URL": str(settings.worker_database_url),
        "DOORWARD_KEYS_DATABASE_URL": str(settings.keys_database_url),
        "DOORWARD_DATA_DIR": str(settings.data_dir),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backend.cli", "audit", *arguments, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


def test_what_is_told_names_every_chain_and_its_findings() -> None:
    one, other = UUID(int=0), uuid4()
    text = told([Checked(one, 3, 1, ()), Checked(other, 5, 2, ("entry 5 was changed: its hash does not fit",))])
    assert "platform  3 entries, 1 signed heads  sound" in text
    assert f"{other}  5 entries, 2 signed heads  FOUND:\n  entry 5 was changed" in text
    assert text.endswith("2 chains checked, 1 of them not as they were written")
    assert told([Checked(one, 3, 1, ())]).endswith("every entry is as it was written")


async def test_public_keys_are_published_as_a_key_set(keys: Keys) -> None:
    made = await keys.audit_keys()
    data = msgspec.json.encode(publish((key.kid, key.public_key) for key in made))
    assert list(read_key_set(data)) == [made[0].kid]
