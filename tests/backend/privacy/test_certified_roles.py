"""Whatever else somebody is at once: what that needs stays and his certificate says so, and the rest goes."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import chain, combinations
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from backend.access import service as access
from backend.consent.service import Purpose
from backend.kit.db import Database, Scope
from backend.people import repository as people
from backend.privacy import service
from backend.privacy.saga import Saga
from gate_sdk.wire import GrantKind
from tests.backend.ending import end_subject
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import left_of, store_face
from tests.backend.privacy.papers import make_saga
from tests.backend.world import World

ROLES = ("resident", "staff", "guest", "courier", "guardian")
DAY = timedelta(days=1)


def with_others(*always: str) -> list[frozenset[str]]:
    """Every set of roles that has these."""
    others = [role for role in ROLES if role not in always]
    sets = chain.from_iterable(combinations(others, count) for count in range(len(others) + 1))
    return [frozenset((*always, *one)) for one in sets]


class Places(msgspec.Struct, frozen=True):
    """Where he lives, where he visits and works and has a child, and in whose household these are."""

    home: Town
    away: Town
    household: Resident
    relatives: Resident
    partner_id: UUID


@pytest.fixture
async def places(world: World) -> Places:
    home = await build_town(world)
    away = await build_town(world, office=home.office, name="Another Court")
    answer = await home.office.post(
        "/staff/v1/partners", json={"name": "Parcels", "communities": [str(away.community_id)]}
    )
    assert answer.status_code == 201, answer.text
    return Places(home, away, await home.tenant(), await away.tenant(), UUID(answer.json()["partner_id"]))


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return make_saga(world, worker_db)


async def somebody(world: World, places: Places, roles: Iterable[str]) -> UUID:
    """A person with a face, an account, and these roles: one of them at home, the others elsewhere."""
    now, phone, person_id = world.clock(), world.new_phone(), uuid4()
    home, away = places.home.community_id, places.away.community_id
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute("INSERT INTO person (person_id) VALUES ($1)", person_id)
        account_id = await conn.fetchval(
            "INSERT INTO account (person_id, phone) VALUES ($1, $2) RETURNING account_id", person_id, phone
        )
        await conn.execute(
            "INSERT INTO session (account_id, surface, created_at, used_at) VALUES ($1, 'resident', $2, $2)",
            account_id, now,
        )  # fmt: skip
        for version in (1, 2):
            await conn.execute(
                """
                INSERT INTO consent (person_id, purpose, version, language, text_sha256, surface, given_at)
                SELECT $1, purpose, version, language, sha256, 'resident', $2 FROM consent_document
                WHERE language = 'en' AND version = $3
                """,
                person_id, now, version,
            )  # fmt: skip
        member_id = uuid4()
        if "resident" in roles:
            await conn.execute(
                """
                INSERT INTO member (community_id, member_id, tenancy_id, person_id, name, relation, state, joined_at)
                VALUES ($1, $2, $3, $4, 'Somebody', 'spouse', 'active', $5)
                """,
                home, member_id, places.household.tenancy_id, person_id, now,
            )  # fmt: skip
        if "staff" in roles:
            await conn.execute(
                "INSERT INTO staff (authority_id, account_id, name) SELECT authority_id, $1, 'Clerk' FROM authority",
                account_id,
            )
        if "courier" in roles:
            courier_id = await conn.fetchval(
                "INSERT INTO courier (person_id, phone_hash) VALUES ($1, sha256($2)) RETURNING courier_id",
                person_id, person_id.bytes,
            )  # fmt: skip
            await conn.execute(
                """
                INSERT INTO courier_employment (partner_id, worker_id, courier_id, person_id, accepted_at)
                VALUES ($1, $2, $3, $4, $5)
                """,
                places.partner_id, str(person_id), courier_id, person_id, now,
            )  # fmt: skip
        if "guardian" in roles:
            child = uuid4()
            await conn.execute(
                """
                INSERT INTO member (community_id, member_id, tenancy_id, name, relation, state)
                VALUES ($1, $2, $3, 'Child', 'child', 'invited')
                """,
                away, child, places.relatives.tenancy_id,
            )  # fmt: skip
            await conn.execute(
                """
                INSERT INTO guardianship (community_id, member_id, guardian_id, relation, basis, recorded_by, began_at)
                VALUES ($1, $2, $3, 'parent', 'staff', $4, $5)
                """,
                away, child, person_id, uuid4(), now,
            )  # fmt: skip
    finally:
        await conn.close()
    rights = {"resident": (home, GrantKind.RESIDENT, "member"), "guest": (away, GrantKind.GUEST, "pass")}
    for role, (community_id, kind, source) in rights.items():
        if role in roles:
            await admitted(world, community_id, person_id, kind, source, member_id)
    if not {"resident", "guest"} & set(roles):
        # A courier between two shifts, a guardian: known where he was, without a right at present.
        await admitted(world, home, person_id, GrantKind.GUEST, "pass", member_id, over=True)
    town = places.away if "guest" in roles and "resident" not in roles else places.home
    await store_face(town, msgspec.structs.replace(places.household, person_id=person_id))
    return person_id


async def admitted(
    world: World,
    community_id: UUID,
    person_id: UUID,
    kind: GrantKind,
    source: str,
    source_id: UUID,
    *,
    over: bool = False,
) -> None:
    now = world.clock()
    async with world.resources.db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        subject_id = await people.ensure_subject(conn, community_id=community_id, person_id=person_id)
        await access.grant(
            conn, community_id=community_id, subject_id=subject_id, kind=kind, source=source, source_id=source_id,
            valid_from=now, valid_until=None if kind is GrantKind.RESIDENT else now + DAY, now=now,
        )  # fmt: skip
        if over:
            await access.end_grants(conn, community_id=community_id, source=source, source_id=source_id, now=now)


async def row_of(world: World, sql: str, *args: object) -> Any:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return await conn.fetchval(sql, *args)
    finally:
        await conn.close()


class Left(msgspec.Struct, frozen=True):
    """What there is of somebody, and what his certificate says of it."""

    face: bool
    key: bool
    person: bool
    number: bool
    certified: frozenset[str]


async def what_is_left(world: World, person_id: UUID, erasure_id: UUID, phone: str) -> Left:
    left = await left_of(world.resources, person_id, [])
    document = await row_of(
        world,
        "SELECT document FROM erasure_certificate WHERE erasure_id = $1 AND about_community IS NULL",
        erasure_id,
    )
    certificate = msgspec.json.decode(document)["certificate"]
    assert certificate["status"] == "complete"
    said = {one["what"] for one in certificate["remains"]}
    return Left(
        face=left.templates > 0,
        key=left.key,
        person=await row_of(world, "SELECT EXISTS (SELECT FROM person WHERE person_id = $1)", person_id),
        number=await row_of(world, "SELECT EXISTS (SELECT FROM account WHERE phone = $1)", phone),
        certified=frozenset(
            what for what in said
            if what.startswith("role_") or what in {"account", "face_elsewhere", "consents", "consent_proof"}
        ),
    )  # fmt: skip


async def begun(world: World, worker_db: Database, places: Places, person_id: UUID, ended: str) -> UUID | None:
    """Let that end; the erasure that begins with it."""
    now = world.clock()
    if ended == "residence":
        community_id = places.home.community_id
        member_id = await row_of(
            world, "SELECT member_id FROM member WHERE person_id = $1 AND state = 'active'", person_id
        )
        async with world.resources.db.transaction(Scope(community_id=community_id)) as conn:
            (row,) = await service.end_member(conn, community_id=community_id, member_id=member_id, now=now)
        return row.erasure_id
    if ended == "consent":
        async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
            found = await service.withdraw_consent(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS, now=now)
        return None if found is None else found.erasure_id
    if ended == "account":
        session_id = await row_of(
            world, "SELECT session_id FROM session JOIN account USING (account_id) WHERE person_id = $1", person_id
        )
        async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
            row = await service.delete_account(conn, person_id=person_id, session_id=session_id, now=now)
        return row.erasure_id
    # His visit, or his work, has been over for as long as people were told.
    async with worker_db.transaction(Scope(person_id=person_id, platform=True)) as conn:
        found = await service.begin_unused(conn, person_id=person_id, now=now)
    return None if found is None else found.erasure_id


def expected(roles: frozenset[str], ended: str) -> Left | None:
    """What the design says is left; None where nothing is to be erased."""
    stays = roles - {"residence": {"resident"}, "visit": {"guest"}, "work": {"courier"}}.get(ended, set())
    if ended == "account":
        # Membership and acting for a child end with it; a visit and the work do not.
        stays -= {"resident", "guardian"}
    if ended in {"visit", "work"} and stays & {"resident", "guest", "courier"}:
        return None
    person = bool(stays - {"staff"}) or ended == "consent"
    face = (ended == "residence" and bool(stays & {"guest", "courier"})) or (ended == "account" and "courier" in stays)
    number = ended == "consent" or "staff" in stays or (ended != "account" and bool(stays & {"resident", "guardian"}))
    said = {f"role_{role}" for role in stays} | {"consents" if person else "consent_proof"}
    if face:
        said.add("face_elsewhere")
    if ended == "consent" and not stays:
        said.add("account")
    return Left(face=face, key=face, person=person, number=number, certified=frozenset(said))


@pytest.mark.parametrize(
    "ended, combined",
    [
        ("residence", with_others("resident")),
        ("visit", with_others("guest")),
        ("work", with_others("courier")),
        ("account", with_others()),
        ("consent", with_others()),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} combinations",
)
async def test_what_another_role_needs_stays_and_is_certified(
    world: World, worker_db: Database, saga: Saga, places: Places, ended: str, combined: list[frozenset[str]]
) -> None:
    cast = {roles: await somebody(world, places, roles) for roles in combined}
    phones = {
        roles: await row_of(world, "SELECT phone FROM account WHERE person_id = $1", person_id)
        for roles, person_id in cast.items()
    }
    if ended in {"visit", "work"}:
        for roles, person_id in cast.items():
            if ended == "work":
                await row_of(
                    world,
                    "UPDATE courier_employment SET accepted_at = NULL, left_at = $2 WHERE person_id = $1 RETURNING 1",
                    person_id, world.clock(),
                )  # fmt: skip
            elif "guest" in roles:
                async with world.resources.db.transaction(
                    Scope(community_id=places.away.community_id, person_id=person_id)
                ) as conn:
                    subject = await people.get_subject(conn, community_id=places.away.community_id, person_id=person_id)
                    assert subject is not None
                    await end_subject(
                        conn, community_id=places.away.community_id, subject_id=subject.subject_id, now=world.clock()
                    )
        world.clock.now += timedelta(days=31) if ended == "work" else timedelta(hours=25)
    erasures = {roles: await begun(world, worker_db, places, person_id, ended) for roles, person_id in cast.items()}
    assert {roles for roles, one in erasures.items() if one is None} == {
        roles for roles in combined if expected(roles, ended) is None
    }
    standing = {roles: one for roles, one in erasures.items() if one is not None}
    assert await saga.resume_all([*standing.values()]) == set(standing.values())
    for roles, erasure_id in standing.items():
        left = await what_is_left(world, cast[roles], erasure_id, phones[roles])
        assert left == expected(roles, ended), (ended, sorted(roles))
