"""A day of one city: companies name their couriers and assert their shifts in bulk; are all rosters right all day?

Loaded through the API as companies would. Then the day is gone through minute by sampled minute: the worker's tick is
called as of that minute, and every community's roster is held against a plain model of who works where. That couriers
have said yes is written straight into the database, since each would do so on a phone of his own.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import asyncpg
import msgspec

from backend.access import service as access
from backend.access.windows import COURIER_MARGIN
from backend.demo.parties import Company
from backend.embedded.passwords import SUPERUSER
from backend.kit.db import Database, Scope
from bench.box import BenchBox, access_token
from bench.measure import Figure, Tell

__all__ = ["run"]

SECTION = "city"
COMPANIES = 40
COURIERS = 20_000
SHIFTS_EACH = 3
COMMUNITIES = 59
_SAMPLES = 24
_EDGES = 6
#: Of a hundred couriers so many have said yes; of the others no gate may know.
_AGREED = 90
_MINUTE = timedelta(minutes=1)


class _Credentials(msgspec.Struct, frozen=True):
    client_id: str
    client_secret: str


class _Shift(msgspec.Struct, frozen=True):
    worker_id: str
    community_id: UUID
    begin: datetime
    until: datetime

    def line(self) -> bytes:
        fields = {
            "worker_id": self.worker_id,
            "community_ids": [str(self.community_id)],
            "starts_at": self.begin.isoformat(),
            "ends_at": self.until.isoformat(),
        }
        return msgspec.json.encode(fields) + b"\n"


# Who stands in a community's roster, and with which windows (microseconds since 1970, in order).
_Roster = dict[UUID, list[tuple[int, int]]]


def run(tell: Tell) -> Iterator[Figure]:
    """Lines per second as companies see them, and the day's rosters beside the model."""
    tell("starting database, API and worker")
    with BenchBox() as box:
        tell(f"creating {COMMUNITIES} communities and {COMPANIES} companies")
        communities = [UUID(box.manager.create_community(f"Community {n + 1}")) for n in range(COMMUNITIES)]
        companies = [_company(box, number, communities) for number in range(COMPANIES)]
        workers = [f"W-{number:05d}" for number in range(COURIERS)]
        tell(f"naming {COURIERS:,} couriers")
        began = time.perf_counter()
        for number, company in enumerate(companies):
            lines = [
                msgspec.json.encode({"worker_id": worker_id, "phone": _phone(int(worker_id[2:]))}) + b"\n"
                for worker_id in workers[number::COMPANIES]
            ]
            _send(box, company, "couriers", lines)
        yield _rate("couriers named in bulk, a link sent to each", COURIERS, time.perf_counter() - began)
        agreed = set(workers[: COURIERS * _AGREED // 100])
        asyncio.run(_agree(box, sorted(agreed)))
        shifts = _day(workers, communities)
        tell(f"asserting {len(shifts):,} shifts")
        began = time.perf_counter()
        for number, company in enumerate(companies):
            mine = set(workers[number::COMPANIES])
            _send(box, company, "shifts", [shift.line() for shift in shifts if shift.worker_id in mine])
        yield _rate("shifts asserted in bulk, with their grants", len(shifts), time.perf_counter() - began)
        yield asyncio.run(_compare(box, [shift for shift in shifts if shift.worker_id in agreed], communities, tell))


def _company(box: BenchBox, number: int, communities: Sequence[UUID]) -> _Credentials:
    made = box.manager.call(
        "POST", "/partners", {"name": f"Company {number + 1}", "communities": [str(one) for one in communities]}
    )
    return _Credentials(made["client_id"], made["client_secret"])


def _phone(number: int) -> str:
    """Scattered, as a city's are: in a row they would be taken for a range that somebody earns from."""
    return f"+86137{number * 10_007 % 10**8:08d}"


def _send(box: BenchBox, company: _Credentials, what: str, lines: Sequence[bytes]) -> None:
    """Send lines as one body; every one must be done."""
    # A log-in for each: an access token lives ten minutes.
    token = access_token(Company(box.http, client_id=company.client_id, client_secret=company.client_secret))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    answer = box.http.post(f"/partner/v1/{what}/bulk", content=b"".join(lines), headers=headers)
    assert answer.status_code == HTTPStatus.OK, answer.text
    end = msgspec.json.decode(answer.content.splitlines()[-1])["end"]
    assert (end["lines"], end["refused"]) == (len(lines), 0), end


def _day(workers: Sequence[str], communities: Sequence[UUID]) -> list[_Shift]:
    """Three shifts for everybody tomorrow, of two to five hours, wherever and whenever, over one another too."""
    chance = random.Random(6)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    shifts = {}
    for worker_id in workers:
        for _ in range(SHIFTS_EACH):
            begin = midnight + timedelta(minutes=5 * chance.randrange(19 * 12))
            until = begin + timedelta(minutes=15 * chance.randrange(8, 21))
            shift = _Shift(worker_id, chance.choice(communities), begin, until)
            shifts[worker_id, shift.community_id, begin, until] = shift
    return list(shifts.values())


def _moments(shifts: Sequence[_Shift]) -> list[datetime]:
    """Minutes of the day, and for some shifts the ones just before and at which a gate learns and forgets."""
    chance = random.Random(7)
    first = min(shift.begin for shift in shifts) - 2 * COURIER_MARGIN
    minutes = int((max(shift.until for shift in shifts) + 2 * COURIER_MARGIN - first) / _MINUTE)
    found = {first + _MINUTE * chance.randrange(minutes) for _ in range(_SAMPLES)}
    for shift in chance.sample(list(shifts), _EDGES):
        for edge in (shift.begin - COURIER_MARGIN, shift.until + COURIER_MARGIN):
            found |= {edge - _MINUTE, edge}
    return sorted(found)


async def _agree(box: BenchBox, worker_ids: Sequence[str]) -> None:
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    try:
        await conn.execute(
            "UPDATE courier_employment SET accepted_at = now() WHERE worker_id = ANY($1)", list(worker_ids)
        )
    finally:
        await conn.close()


async def _compare(box: BenchBox, shifts: Sequence[_Shift], communities: Sequence[UUID], tell: Tell) -> Figure:
    db = box.database("doorward_worker")
    await db.open()
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    wrong = entries = 0
    seconds = []
    moments = _moments(shifts)
    try:
        person_of = {
            row["worker_id"]: row["person_id"]
            for row in await conn.fetch("SELECT worker_id, person_id FROM courier_employment")
        }
        for number, at in enumerate(moments):
            tell(f"minute {number + 1} of {len(moments)}: {at:%H:%M}")
            began = time.perf_counter()
            await _tick(db, at)
            seconds.append(time.perf_counter() - began)
            wanted = _model(shifts, person_of, at)
            found = await _rosters(conn)
            for community_id in communities:
                entries += len(wanted[community_id])
                wrong += wanted[community_id] != found[community_id]
    finally:
        await conn.close()
        await db.close()
    return Figure(
        section=SECTION,
        name=f"rosters unlike the model, of {len(moments)} minutes at {len(communities)} communities",
        value=wrong, unit="rosters",
        detail=f"{entries:,} entries compared; a tick over all of them at most {max(seconds):.1f} s",
        bar="none", met=wrong == 0 and entries > 0,
    )  # fmt: skip


async def _tick(db: Database, at: datetime) -> None:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await access.due_communities(conn, at=at)
    for community_id in due:
        moved = 1
        while moved:
            async with db.transaction(Scope(community_id=community_id)) as conn:
                moved = await access.tick(conn, community_id=community_id, at=at)


def _model(shifts: Sequence[_Shift], person_of: dict[str, UUID], at: datetime) -> dict[UUID, _Roster]:
    """Who is to stand where: each from ten minutes before his shift to ten after it."""
    rosters: dict[UUID, _Roster] = defaultdict(dict)
    for shift in shifts:
        if shift.begin - COURIER_MARGIN <= at < shift.until + COURIER_MARGIN:
            windows = rosters[shift.community_id].setdefault(person_of[shift.worker_id], [])
            windows.append((_us(shift.begin), _us(shift.until)))
    for roster in rosters.values():
        for windows in roster.values():
            windows.sort()
    return rosters


async def _rosters(conn: "asyncpg.Connection[asyncpg.Record]") -> dict[UUID, _Roster]:
    """What gates are told."""
    rosters: dict[UUID, _Roster] = defaultdict(dict)
    for row in await conn.fetch(
        "SELECT r.community_id, s.person_id, r.body FROM roster r JOIN subject s USING (community_id, subject_id)"
        " WHERE r.body IS NOT NULL"
    ):
        grants = msgspec.json.decode(row["body"])["grants"]
        rosters[row["community_id"]][row["person_id"]] = sorted((one["from_us"], one["until_us"]) for one in grants)
    return rosters


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _rate(name: str, lines: int, seconds: float) -> Figure:
    return Figure(
        section=SECTION, name=name, value=lines / seconds, unit="lines/s",
        detail=f"{lines:,} lines of {COMPANIES} companies in {seconds:.0f} s, one request after the other",
    )  # fmt: skip
