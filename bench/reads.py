"""Read endpoints under row-level security, each beside its bare peer, in turns."""

import asyncio
import base64
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec

from backend.accounts.staff import repository as accounts
from backend.embedded.children import Children
from backend.embedded.passwords import SUPERUSER
from backend.entries import repository as entries
from bench.bare_app import Step, recorded
from bench.box import BenchBox, Household, access_token, free_port
from bench.load import requests_per_second
from bench.measure import Figure, Tell

__all__ = ["reads"]

_BAR = 0.70
_ROWS = 50
_CONNECTIONS = 8
_SECONDS = 2.0
_ROUNDS = 5


def reads(box: BenchBox, home: Household, section: str, tell: Tell) -> Iterator[Figure]:
    """A resident's list in one transaction, and a list of the staff, who are looked up in another before it."""
    asyncio.run(_seed_entries(box, home))
    resident = _claims(access_token(home.tenant))["principal"]
    person_id = UUID(resident["person_id"])
    own = asyncio.run(
        recorded(lambda conn: entries.list_own_entries(conn, person_id=person_id, after=None, limit=_ROWS))
    )
    yield _beside(
        box, section, tell, f"a resident's list of {_ROWS} rows", "/resident/v1/entries", access_token(home.tenant),
        [Step(*own, person_id=person_id)],
    )  # fmt: skip
    staff = _claims(access_token(box.manager))["principal"]
    community_id = UUID(home.community_id)
    listed = asyncio.run(
        recorded(
            lambda conn: entries.list_entries(
                conn, community_id=community_id, gate_id=None, subject_id=None, kind=None, outcome=None, since=None,
                until=None, after=None, limit=_ROWS,
            )
        )
    )  # fmt: skip
    member = asyncio.run(
        recorded(
            lambda conn: accounts.staff_scope(
                conn, staff_id=UUID(staff["staff_id"]), session_id=UUID(staff["session_id"]), community_id=community_id
            )
        )
    )
    yield _beside(
        box, section, tell, f"the staff's list of {_ROWS} rows, after a look at their roles",
        f"/staff/v1/communities/{home.community_id}/entries", access_token(box.manager),
        [Step(*member, platform=True), Step(*listed, community_id=community_id)],
    )  # fmt: skip


def _beside(box: BenchBox, section: str, tell: Tell, name: str, path: str, token: str, steps: list[Step]) -> Figure:
    tell(f"{path.split('/')[1]} list and its bare peer in turns")
    with Children() as peer:
        url = _start_peer(peer, box, steps)
        sides: tuple[tuple[str, dict[str, str]], ...] = (
            (box.url + path, {"Authorization": f"Bearer {token}"}),
            (url, {}),
        )
        found: tuple[list[float], list[float]] = ([], [])
        for measured in (False, *[True] * _ROUNDS):
            for (address, headers), rates in zip(sides, found, strict=True):
                seconds = _SECONDS if measured else _SECONDS / 2
                rate, _ = requests_per_second(address, headers=headers, connections=_CONNECTIONS, seconds=seconds)
                if measured:
                    rates.append(rate)
    # Each round's two halves lie two seconds apart: what else the machine does falls on both.
    ratio = median(ours / bare for ours, bare in zip(*found, strict=True))
    transactions = "one transaction" if len(steps) == 1 else f"{len(steps)} transactions"
    return Figure(
        section=section, name=name, value=median(found[0]), unit="/s", detail=f"{transactions}, one process",
        beside=f"bare ASGI with the same SQL {median(found[1]):,.0f} /s", ratio=ratio, bar=f"≥ {_BAR:.0%}",
        met=ratio >= _BAR,
    )  # fmt: skip


def _start_peer(peer: Children, box: BenchBox, steps: list[Step]) -> str:
    """The same server with the same settings as `doorward api` gives it."""
    port = free_port()
    environment = {
        **os.environ,
        "BENCH_DATABASE_URL": box.postgres.url("doorward_api"),
        "BENCH_STEPS": msgspec.json.encode(steps).decode(),
    }
    argv = [sys.executable, "-m", "granian", "bench.bare_app:create", "--factory", "--interface", "asgi",
            "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--http", "1", "--no-ws",
            "--log-level", "warning"]  # fmt: skip
    peer.spawn("bare", argv, environment, output=box.folder / "bare.log")
    url = f"http://127.0.0.1:{port}/"
    peer.wait_ready(url)
    assert len(httpx.get(url, trust_env=False).json()["rows"]) >= _ROWS
    return url


def _claims(token: str) -> dict[str, Any]:
    """What the token says; the server it is shown to verifies it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def _seed_entries(box: BenchBox, home: Household) -> None:
    """So many comings of the tenant that his list has a second page."""
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    try:
        await conn.execute(
            """
            WITH gate AS (
                INSERT INTO gate (community_id, name) VALUES ($1, 'Reported before') RETURNING gate_id
            )
            INSERT INTO entry (community_id, gate_id, store_epoch, seq, kind, at, received_at, outcome, reason,
                subject_id)
            SELECT $1, gate_id, 1, n, 'entry', $2::timestamptz - n * interval '1 minute', $2, 'allow', 'matched',
                subject_id
            FROM gate, subject s JOIN member m USING (community_id, person_id), generate_series(1, $3::int) AS n
            WHERE s.community_id = $1 AND m.tenancy_id = $4
            """,
            UUID(home.community_id), datetime.now(UTC), 4 * _ROWS, UUID(home.tenancy_id),
        )  # fmt: skip
    finally:
        await conn.close()
