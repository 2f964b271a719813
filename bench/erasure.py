"""People move out: when have all gates let go, when is the certificate there; one by one, and a thousand at once."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec

from backend.embedded.passwords import SUPERUSER
from bench.box import BenchBox
from bench.measure import Figure, Tell, Times
from bench.seed import Community
from gate_sdk import GateClient

SECTION = "erasure"
_GATES = 6
_SINGLES = 30
_WAVE = 1_000
# A community of the mean size, of which those leave.
_PEOPLE = 2_254
_PATIENCE_S = 300.0
_LOOK_S = 0.05


class _Left(msgspec.Struct, frozen=True):
    """What the database says of one erasure, all by the clock of this machine."""

    started_at: datetime
    acknowledged_at: datetime | None
    completed_at: datetime | None


def run(tell: Tell) -> Iterator[Figure]:
    """Single people, then a thousand in one moment, of one community with real gates."""
    tell("starting database, API and worker")
    with BenchBox() as box, ExitStack() as opened:
        tell(f"putting {_PEOPLE:,} people into a community, each in a home of his own")
        (community,) = box.people([_PEOPLE])
        tenancies = asyncio.run(_move_in(box, community))
        tell(f"connecting {_GATES} gates")
        for number in range(_GATES):
            claim = box.manager.create_gate(str(community.community_id), f"Gate {number}")
            data_dir = box.folder / f"gate-{number}"
            gate = opened.enter_context(GateClient.provision(box.url, claim["claim_code"], data_dir=data_dir))
            assert gate.start(wait=60)
            assert gate.status().count == _PEOPLE
        tell(f"{_SINGLES} people move out one after the other")
        yield from _singles(box, str(community.community_id), tenancies[:_SINGLES])
        tell(f"{_WAVE:,} people move out at once")
        yield from asyncio.run(_wave(box, tenancies[_SINGLES : _SINGLES + _WAVE]))


async def _move_in(box: BenchBox, community: Community) -> list[UUID]:
    """A home and a tenancy for each of the people, as joining leaves them; the tenancies."""
    at, begin = community.community_id, datetime.now(UTC) - timedelta(days=365)
    building = uuid4()
    ids = [(person, subject, uuid4(), uuid4(), uuid4()) for person, subject in zip(
        community.people, community.subjects, strict=True)]  # fmt: skip
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    try:
        async with conn.transaction():
            await conn.execute("SELECT set_config('doorward.community', $1, true)", str(at))
            await conn.execute("INSERT INTO building VALUES ($1, $2, 'Bench')", at, building)
            await conn.executemany(
                "INSERT INTO home (community_id, home_id, building_id, label, member_limit) VALUES ($1, $2, $3, $4, 6)",
                [(at, home, building, f"{number}") for number, (_, _, home, _, _) in enumerate(ids)],
            )
            await conn.executemany(
                "INSERT INTO tenancy (community_id, tenancy_id, home_id, starts_at) VALUES ($1, $2, $3, $4)",
                [(at, tenancy, home, begin) for _, _, home, tenancy, _ in ids],
            )
            await conn.executemany(
                """
                INSERT INTO member (community_id, member_id, tenancy_id, person_id, name, relation, state, joined_at)
                VALUES ($1, $2, $3, $4, 'Bench', 'tenant', 'active', $5)
                """,
                [(at, member, tenancy, person, begin) for person, _, _, tenancy, member in ids],
            )
            await conn.execute(
                """
                UPDATE access_grant g SET source_id = m.member_id
                FROM subject s JOIN member m ON (m.community_id, m.person_id) = (s.community_id, s.person_id)
                WHERE (g.community_id, g.subject_id) = (s.community_id, s.subject_id) AND g.community_id = $1
                """,
                at,
            )
        await conn.execute("ANALYZE")
    finally:
        await conn.close()
    return [tenancy for _, _, _, tenancy, _ in ids]


def _singles(box: BenchBox, community_id: str, tenancies: Sequence[UUID]) -> Iterator[Figure]:
    let_go, certified, calls = asyncio.run(_one_by_one(box, community_id, tenancies))
    gates, certificate, answered = Times.of(let_go), Times.of(certified), Times.of(calls)
    for name, times in (("the last gate's acknowledgement", gates), ("the certificate", certificate)):
        yield Figure(
            section=SECTION, name=f"moving out, request to {name}", value=times.median_ms, unit="ms",
            detail=f"p99 of {times.runs} {times.p99_ms:.0f} ms; {_GATES} gates of {_PEOPLE:,} people",
            beside=f"the call itself {answered.median_ms:.0f} ms",
        )  # fmt: skip


async def _one_by_one(
    box: BenchBox, community_id: str, tenancies: Sequence[UUID]
) -> tuple[list[float], list[float], list[float]]:
    let_go, certified, calls = [], [], []
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    try:
        for tenancy in tenancies:
            begin = datetime.now(UTC)
            path = f"/communities/{community_id}/tenancies/{tenancy}/end"
            answer = await asyncio.to_thread(box.manager.call, "POST", path, {})
            calls.append((datetime.now(UTC) - begin).total_seconds())
            (erasure,) = answer["erasures"]
            (left,) = await _until_complete(conn, [UUID(erasure["erasure_id"])])
            assert left.acknowledged_at is not None
            assert left.completed_at is not None
            let_go.append((left.acknowledged_at - begin).total_seconds())
            certified.append((left.completed_at - begin).total_seconds())
            # The next one comes at another moment of whatever the worker does once a second.
            await asyncio.sleep(0.37)
    finally:
        await conn.close()
    return let_go, certified, calls


async def _wave(box: BenchBox, tenancies: Sequence[UUID]) -> list[Figure]:
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    try:
        begin = datetime.now(UTC)
        await conn.execute("UPDATE tenancy SET ends_at = now() WHERE tenancy_id = ANY($1)", tenancies)
        erasures: list[UUID] = []
        async with asyncio.timeout(_PATIENCE_S):
            while len(erasures) < len(tenancies):
                await asyncio.sleep(_LOOK_S)
                rows = await conn.fetch("SELECT erasure_id FROM erasure WHERE started_at >= $1", begin)
                erasures = [row["erasure_id"] for row in rows]
        left = await _until_complete(conn, erasures)
        unfinished = await conn.fetchval(
            "SELECT count(*) FROM erasure_certificate WHERE status <> 'complete' AND erasure_id = ANY($1)", erasures
        )
        assert unfinished == 0
        gates = Times.of(await _revoked_s(conn, erasures))
        rights: datetime | None = await conn.fetchval(
            """
            SELECT max(r.changed_at) FROM erasure_place p JOIN roster r USING (community_id, subject_id)
            WHERE p.erasure_id = ANY($1)
            """,
            erasures,
        )
    finally:
        await conn.close()
    total = max(one.completed_at for one in left if one.completed_at) - begin
    assert rights is not None
    return [
        Figure(
            section=SECTION, name=f"{_WAVE:,} people move out at once, to the last certificate",
            value=total.total_seconds(), unit="s",
            detail=f"{len(left) / total.total_seconds():.0f} people/s; the last one's rights had ended after "
            f"{(rights - begin).total_seconds():.1f} s",
        ),
        Figure(
            section=SECTION, name=f"end of a right to all {_GATES} gates' acknowledgement, in that wave",
            value=gates.p99_ms, unit="ms", detail=f"p99 of {gates.runs}, median {gates.median_ms:.0f} ms",
        ),
    ]  # fmt: skip


async def _until_complete(conn: "asyncpg.Connection[asyncpg.Record]", erasures: Sequence[UUID]) -> list[_Left]:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        rows = await conn.fetch(
            """
            SELECT e.started_at, p.acknowledged_at, e.completed_at
            FROM erasure e JOIN erasure_place p USING (erasure_id) WHERE e.erasure_id = ANY($1)
            """,
            erasures,
        )
        left = [_Left(**dict(row)) for row in rows]
        if left and all(one.completed_at for one in left):
            return left
        await asyncio.sleep(_LOOK_S)
    raise TimeoutError("erasures did not complete")


async def _revoked_s(conn: "asyncpg.Connection[asyncpg.Record]", erasures: Sequence[UUID]) -> list[float]:
    """Seconds from each one's end of rights to the last gate's first word of a roster without him."""
    rows = await conn.fetch(
        """
        SELECT max(r.confirmed_at) - p.changed_at AS took
        FROM (
            SELECT p.community_id, p.subject_id, r.version, r.changed_at
            FROM erasure_place p JOIN roster r USING (community_id, subject_id)
            WHERE p.erasure_id = ANY($1) AND r.body IS NULL
        ) p
        JOIN gate g USING (community_id)
        CROSS JOIN LATERAL (
            SELECT confirmed_at FROM roster_receipt r
            WHERE r.community_id = p.community_id AND r.gate_id = g.gate_id AND r.version >= p.version
            ORDER BY r.version LIMIT 1
        ) r
        GROUP BY p.subject_id, p.changed_at
        """,
        erasures,
    )
    assert len(rows) == len(erasures)
    return [row["took"].total_seconds() for row in rows]
