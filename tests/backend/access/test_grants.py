"""What grants and credentials put into the roster, and take out of it."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.access import service as access
from backend.access.errors import WindowInvalid
from backend.kit.db import Database, Scope
from backend.people import repository as people
from gate_sdk.wire import GrantKind, entry_hash
from tests.backend.access.town import NOW, Town, give, new_grant
from tests.backend.ending import end_subject

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


async def test_a_grant_stands_in_the_roster_at_once(town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject)

    entry = await town.entry(community_id, subject)
    assert entry is not None
    assert entry.template is None
    (grant,) = entry.grants
    assert grant.kind is GrantKind.RESIDENT
    assert grant.from_us == int(NOW.timestamp()) * 1_000_000
    assert grant.until_us == int((NOW + timedelta(days=1)).timestamp()) * 1_000_000
    assert (await town.version(community_id)).version == 1


async def test_microseconds_are_kept_exactly(town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    odd = NOW.replace(microsecond=123457)
    await town.admit(community_id, subject, valid_from=odd, valid_until=None)
    entry = await town.entry(community_id, subject)
    assert entry is not None
    assert entry.grants[0].from_us == int(NOW.timestamp()) * 1_000_000 + 123457
    assert entry.grants[0].until_us is None


async def test_the_stored_hash_is_the_protocol_s(town: Town, community_id: UUID) -> None:
    await town.admit(community_id, await town.subject(community_id))
    (row,) = await town.roster(community_id)
    assert row.body is not None
    assert row.entry_hash == entry_hash(row.body)


async def test_a_credential_without_a_grant_is_no_entry(db: Database, town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    await _credential(db, community_id, subject)
    assert await town.roster(community_id) == []
    await town.admit(community_id, subject)
    entry = await town.entry(community_id, subject)
    assert entry is not None
    assert entry.template is not None
    assert (entry.template.pack, entry.template.sha256) == ("pack", "07" * 32)


async def test_another_template_is_another_version_and_none_leaves_the_grants(
    db: Database, town: Town, community_id: UUID
) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject)
    await _credential(db, community_id, subject)
    await _credential(db, community_id, subject, sha256=b"\x08" * 32)
    assert (await town.version(community_id)).version == 3
    async with db.transaction(Scope(community_id=community_id)) as conn:
        for _ in range(2):
            await access.drop_credentials(conn, community_id=community_id, subject_ids=[subject])
    entry = await town.entry(community_id, subject)
    assert entry is not None
    assert entry.template is None
    assert (await town.version(community_id)).version == 4


async def test_the_same_credential_again_is_no_new_version(db: Database, town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject)
    await _credential(db, community_id, subject)
    before = await town.version(community_id)
    await _credential(db, community_id, subject)
    assert await town.version(community_id) == before


async def test_ending_the_source_ends_its_grants_and_no_others(db: Database, town: Town, community_id: UUID) -> None:
    subject, other = await town.subject(community_id), await town.subject(community_id)
    source = uuid4()
    await town.admit(community_id, subject, source_id=source)
    await town.admit(community_id, subject, source_id=source)
    await town.admit(community_id, other)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        ended = await access.end_grants(
            conn, community_id=community_id, source="member", source_id=source, now=NOW + HOUR
        )
        again = await access.end_grants(
            conn, community_id=community_id, source="member", source_id=source, now=NOW + HOUR
        )
    assert (ended, again) == (2, 0)
    assert await town.entry(community_id, subject) is None
    assert await town.entry(community_id, other) is not None
    last = (await town.roster(community_id))[-1]
    assert (last.subject_id, last.body, last.entry_hash) == (subject, None, None)


async def test_ending_a_subject_leaves_a_removal_and_no_credential(
    db: Database, town: Town, community_id: UUID
) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject)
    await town.admit(community_id, subject, kind=GrantKind.STAFF, source="staff")
    await _credential(db, community_id, subject)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        assert await access.kinds(conn, community_id=community_id, subject_id=subject) == {
            GrantKind.RESIDENT,
            GrantKind.STAFF,
        }
        await end_subject(conn, community_id=community_id, subject_id=subject, now=NOW + HOUR)
        assert await access.kinds(conn, community_id=community_id, subject_id=subject) == frozenset()
    (row,) = await town.roster(community_id)
    assert row.body is None


async def test_an_erased_subject_is_remembered_as_a_removal_only(db: Database, town: Town, community_id: UUID) -> None:
    person = await town.person()
    subject = await town.subject(community_id, person)
    await town.admit(community_id, subject)
    await _credential(db, community_id, subject)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await access.erase_idle_subjects(conn, community_id=community_id, subject_ids=[subject])
        # Who has a right is not forgotten.
        assert await people.get_subject(conn, community_id=community_id, person_id=person) is not None
        await end_subject(conn, community_id=community_id, subject_id=subject, now=NOW)
        for _ in range(2):
            await access.erase_idle_subjects(conn, community_id=community_id, subject_ids=[subject])
        assert await people.get_subject(conn, community_id=community_id, person_id=person) is None
        assert await conn.fetchval("SELECT count(*) FROM access_grant") == 0
        assert await conn.fetchval("SELECT count(*) FROM face_credential") == 0
    (row,) = await town.roster(community_id)
    assert (row.subject_id, row.body) == (subject, None)
    versions = await town.version(community_id)
    assert versions.version == row.version


async def test_a_person_is_deleted_only_after_his_communities_let_him_go(
    db: Database, town: Town, community_id: UUID
) -> None:
    elsewhere = await town.community()
    person = await town.person()
    subjects = {community: await town.subject(community, person) for community in (community_id, elsewhere)}
    for community, subject in subjects.items():
        await town.admit(community, subject)
        with pytest.raises(asyncpg.RestrictViolationError):
            await _delete_person(db, Scope(platform=True), person)
        with pytest.raises(asyncpg.RestrictViolationError):
            await _delete_person(db, Scope(platform=True, community_id=community_id), person)
    for community, subject in subjects.items():
        async with db.transaction(Scope(community_id=community)) as conn:
            await end_subject(conn, community_id=community, subject_id=subject, now=NOW)
            await access.erase_idle_subjects(conn, community_id=community, subject_ids=[subject])
    await _delete_person(db, Scope(platform=True), person)
    async with db.transaction(Scope(platform=True)) as conn:
        assert await people.get_person(conn, person_id=person) is None


@pytest.mark.parametrize(
    "kind, lead, trail",
    [
        (GrantKind.COURIER, 10 * MINUTE, 10 * MINUTE),
        (GrantKind.GUEST, 24 * HOUR, 0 * MINUTE),
    ],
)
async def test_visitors_are_in_the_roster_around_their_window_only(
    town: Town, community_id: UUID, kind: GrantKind, lead: timedelta, trail: timedelta
) -> None:
    subject = await town.subject(community_id)
    begin, until = NOW + 72 * HOUR, NOW + 74 * HOUR
    await town.admit(community_id, subject, kind=kind, source="shift", valid_from=begin, valid_until=until)
    moments = [
        (begin - lead - MINUTE, False),
        (begin - lead, True),
        (begin, True),
        (until + trail - MINUTE, True),
        (until + trail, False),
        (until + trail + MINUTE, False),
    ]
    for at, stands in moments:
        await town.tick(community_id, at)
        entry = await town.entry(community_id, subject)
        assert (entry is not None) is stands, at
        if entry is not None:
            # What opens is the window itself, never the time around it.
            assert entry.grants[0].from_us == int(begin.timestamp()) * 1_000_000
            assert entry.grants[0].until_us == int(until.timestamp()) * 1_000_000


@pytest.mark.parametrize("kind", [GrantKind.RESIDENT, GrantKind.STAFF])
async def test_residents_and_staff_are_known_before_their_time_comes(
    town: Town, community_id: UUID, kind: GrantKind
) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject, kind=kind, valid_from=NOW + 240 * HOUR, valid_until=None)
    entry = await town.entry(community_id, subject)
    assert entry is not None
    assert not entry.grants[0].covers(int(NOW.timestamp()) * 1_000_000)


async def test_a_moved_window_moves_the_presence(db: Database, town: Town, community_id: UUID) -> None:
    subject, shift = await town.subject(community_id), uuid4()
    await town.admit(
        community_id, subject, kind=GrantKind.COURIER, source="shift", source_id=shift,
        valid_from=NOW, valid_until=NOW + HOUR,
    )  # fmt: skip
    assert await town.entry(community_id, subject) is not None

    async def move(begin: datetime, until: datetime) -> int:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            return await access.change_window(
                conn, community_id=community_id, source="shift", source_id=shift,
                valid_from=begin, valid_until=until, now=NOW,
            )  # fmt: skip

    assert await move(NOW + 5 * HOUR, NOW + 6 * HOUR) == 1
    assert await town.entry(community_id, subject) is None
    assert await move(NOW + 5 * MINUTE, NOW + 6 * HOUR) == 1
    assert await town.entry(community_id, subject) is not None
    assert await move(NOW - 6 * HOUR, NOW - 5 * HOUR) == 1
    assert await town.entry(community_id, subject) is None
    # Ended for good: a source that ended is not brought back by a change.
    assert await move(NOW, NOW + HOUR) == 0


async def test_a_grant_that_is_over_never_stands(town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    await town.admit(community_id, subject, valid_from=NOW - 2 * HOUR, valid_until=NOW - HOUR)
    assert await town.roster(community_id) == []


@pytest.mark.parametrize(
    "begin, until",
    [
        (NOW, NOW),
        (NOW, NOW - MINUTE),
        (NOW.replace(tzinfo=None), None),
        (NOW, (NOW + HOUR).replace(tzinfo=None)),
    ],
)
async def test_a_window_that_is_none_is_refused(
    db: Database, town: Town, community_id: UUID, begin: datetime, until: datetime | None
) -> None:
    subject = await town.subject(community_id)
    with pytest.raises(WindowInvalid):
        await town.admit(community_id, subject, valid_from=begin, valid_until=until)
    assert await town.roster(community_id) == []


@pytest.mark.parametrize("column", ["valid_from", "valid_until", "present_from", "present_until"])
async def test_infinity_is_no_time(db: Database, town: Town, community_id: UUID, column: str) -> None:
    grant_id = await town.admit(community_id, await town.subject(community_id))
    value = "-infinity" if column.endswith("from") else "infinity"
    with pytest.raises(asyncpg.CheckViolationError):
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await conn.execute(f"UPDATE access_grant SET {column} = '{value}' WHERE grant_id = $1", grant_id)


async def test_a_stranger_to_the_community_gets_no_grant(db: Database, town: Town, community_id: UUID) -> None:
    elsewhere = await town.community()
    subject = await town.subject(elsewhere)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await town.admit(community_id, subject)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await give(conn, elsewhere, subject)


async def test_a_tick_moves_at_most_what_it_is_asked_to(town: Town, community_id: UUID) -> None:
    for subject in await town.subjects(community_id, 7):
        await town.admit(
            community_id, subject, kind=GrantKind.COURIER, source="shift",
            valid_from=NOW + HOUR, valid_until=NOW + 2 * HOUR,
        )  # fmt: skip
    at = NOW + HOUR
    assert [await town.tick(community_id, at, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert len([row for row in await town.roster(community_id) if row.body is not None]) == 7
    assert await town.tick(community_id, NOW + 3 * HOUR) == 7
    assert all(row.body is None for row in await town.roster(community_id))


async def test_a_tick_that_comes_too_late_skips_the_presence(town: Town, community_id: UUID) -> None:
    subject = await town.subject(community_id)
    await town.admit(
        community_id, subject, kind=GrantKind.COURIER, source="shift",
        valid_from=NOW + HOUR, valid_until=NOW + 2 * HOUR,
    )  # fmt: skip
    assert await town.tick(community_id, NOW + 48 * HOUR) == 1
    assert await town.roster(community_id) == []


async def test_only_the_worker_finds_what_is_due(
    db: Database, worker_db: Database, town: Town, community_id: UUID
) -> None:
    elsewhere, idle = await town.community(), await town.community()
    for community, begin, until in (
        (community_id, NOW + HOUR, NOW + 9 * HOUR),
        (elsewhere, NOW - HOUR, NOW + HOUR),
        (idle, NOW + 8 * HOUR, NOW + 9 * HOUR),
    ):
        await town.admit(
            community, await town.subject(community), kind=GrantKind.COURIER, source="shift",
            valid_from=begin, valid_until=until,
        )  # fmt: skip
    at = NOW + HOUR + 10 * MINUTE
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        assert set(await access.due_communities(conn, at=at)) == {community_id, elsewhere}
    async with worker_db.transaction(Scope(), read_only=True) as conn:
        assert await access.due_communities(conn, at=at) == []
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        assert await access.due_communities(conn, at=at) == []
    for community in (community_id, elsewhere):
        async with worker_db.transaction(Scope(community_id=community)) as conn:
            assert await access.tick(conn, community_id=community, at=at) == 1
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        assert await access.due_communities(conn, at=at) == []


async def test_many_grants_are_made_in_the_order_given(db: Database, town: Town, community_id: UUID) -> None:
    subjects = await town.subjects(community_id, 5)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        ids = await access.grant_many(
            conn, community_id=community_id, grants=[new_grant(subject) for subject in subjects], now=NOW
        )
        rows = await conn.fetch("SELECT grant_id, subject_id FROM access_grant")
    owners = {row["grant_id"]: row["subject_id"] for row in rows}
    assert [owners[grant_id] for grant_id in ids] == subjects


async def _credential(db: Database, community_id: UUID, subject_id: UUID, sha256: bytes = b"\x07" * 32) -> None:
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await access.set_credential(
            conn,
            community_id=community_id,
            subject_id=subject_id,
            template_id=uuid4(),
            pack="pack",
            template_sha256=sha256,
            now=NOW,
        )


async def _delete_person(db: Database, scope: Scope, person_id: UUID) -> None:
    async with db.transaction(scope) as conn:
        await people.delete_person(conn, person_id=person_id)
