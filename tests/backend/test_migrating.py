"""The databases are brought to a new release while the one before serves: nobody's request fails for it."""

import asyncio
import copy
import itertools
import json
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, cast

import asyncpg
import httpx
import msgspec
import pytest

from backend.embedded.passwords import KEYS, OWNER, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.kit.clock import utc_now
from backend.migrate import MigrationFailed, migrate, migrations_directory
from backend.settings import Settings
from gate_sdk.wire import EventKind, GateEvent
from tests.backend.gates.devices import Device
from tests.backend.going_on import Rounds, Work
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.previous import Previous, names, unpack_previous
from tests.backend.processes import PATIENCE_S, Api, Workers, until
from tests.backend.world import Actor, MovableClock, World
from tests.databases import TEST_SETTINGS, DatabaseUrls

pytestmark = pytest.mark.deep

# Takes the lock that bears no other, even a reader's, on the table that every request reads; of both kinds, so that
# there is something to wait for whatever the release brings.
_STRICT = """-- migrate:up
SET lock_timeout = '1s';
ALTER TABLE person ADD COLUMN probe int;
ALTER TABLE person DROP COLUMN probe;

-- migrate:down
SELECT 1;
"""


class Elsewhere(World):
    """Of processes of their own, which send a code after they have answered."""

    def code_sent_to(self, phone: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and not self.messages(phone):
            time.sleep(0.01)
        return super().code_sent_to(phone)


class Site:
    """A deployment of the release before, on databases of its own."""

    def __init__(self, postgres: EmbeddedPostgres, previous: Previous, folder: Path) -> None:
        self.postgres = postgres
        #: Whether something is left to do for the operator once this release alone runs.
        self.has_last_step = any(
            "_post_" in name for name in names(migrations_directory()) - names(previous.migrations)
        )
        self.settings = Settings(
            data_dir=folder / "data",
            api_database_url=postgres.url("doorward_api"),
            worker_database_url=postgres.url("doorward_worker"),
            migration_database_url=postgres.url(OWNER),
            keys_database_url=postgres.url(KEYS, KEY_DATABASE),
        )
        # One deployment, whichever process answers.
        public = {"DOORWARD_PUBLIC_URL": self.settings.public_url, "DOORWARD_PROXIES": "1"}
        self.old = Api(self.settings, folder / "old.log", **public, **previous.environment)
        self.new = Api(self.settings, folder / "new.log", **public)
        self.old_worker = Workers(self.settings, folder / "old-worker.log", **public, **previous.environment)
        self.new_worker = Workers(self.settings, folder / "new-worker.log", **public)
        # What this release brings, and one of each kind that is in everybody's way.
        self.migrations = folder / "migrations"
        shutil.copytree(migrations_directory(), self.migrations)
        for name in ("29990101000000_pre_probe.sql", "29990101000001_post_probe.sql"):
            (self.migrations / "data" / name).write_text(_STRICT)

    async def migrate(self, *, pre: bool = False) -> None:
        """As the operator's command does it."""
        data, keys = self.postgres.url(OWNER), self.postgres.url(KEYS, KEY_DATABASE)
        await asyncio.to_thread(migrate, data, keys, directory=self.migrations, pre=pre)

    async def gives_up_behind_a_long_reader(self, *, pre: bool = False) -> None:
        """While somebody reads all tables in one long transaction, as a backup does."""
        conn = await asyncpg.connect(self.postgres.url(SUPERUSER))
        try:
            async with conn.transaction():
                rows = await conn.fetch("SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'")
                await conn.execute(f"LOCK TABLE {', '.join(row[0] for row in rows)} IN ACCESS SHARE MODE")
                with pytest.raises(MigrationFailed, match="lock timeout"):
                    await self.migrate(pre=pre)
        finally:
            await conn.close()

    async def new_worker_works(self) -> bool:
        return "worker-started" in self.new_worker.log()

    async def jobs_that_ended_otherwise(self) -> list[tuple[str, str]]:
        """Jobs that did not end well: what they were for and what became of them."""
        conn = await asyncpg.connect(self.postgres.url(SUPERUSER))
        try:
            rows = await conn.fetch(
                """
                SELECT entrypoint, status::text FROM jobs.pgqueuer_log
                WHERE status IN ('exception', 'failed', 'canceled', 'deleted')
                UNION ALL
                SELECT entrypoint, status::text FROM jobs.pgqueuer WHERE status NOT IN ('queued', 'picked')
                """
            )
        finally:
            await conn.close()
        return [(row["entrypoint"], row["status"]) for row in rows]

    async def administrator(self, world: World) -> Actor:
        """Made by the release before, by its own command."""
        phone = world.new_phone()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "backend.cli", "staff", "create",
            "--phone", phone, "--name", "Administrator", "--authority", "Housing Authority",
            env=self.old.environment,
        )  # fmt: skip
        assert await process.wait() == 0
        # Its first code is that of the step before the clock's, which may end in this moment.
        world.clock.now = utc_now() + timedelta(seconds=30)
        office = await world.login(phone, surface="staff")
        world.clock.now = utc_now()
        return office


class Users(Rounds):
    """What people and gates do at one process."""

    def __init__(self, town: Town, tenant: Resident, device: Device) -> None:
        """Those of the town, of whom two are named: a tenant and a gate."""
        super().__init__()
        self.town = town
        self.tenant = tenant.actor
        self.device = device
        self._refresh_token = tenant.actor.refresh_token
        self._events = 0

    @classmethod
    async def of(cls, client: httpx.AsyncClient, world: World, office: Actor, town: Town | None = None) -> Self:
        """People who use the process that this client speaks to; in a town of their own where none is given."""
        world = copy.copy(world)
        world.api = client
        office = msgspec.structs.replace(office, api=client)
        if town is None:
            town = await build_town(world, office=office)
        else:
            town = msgspec.structs.replace(town, world=world, office=office)
        device = await Device.provisioned(client, office, town.community_id, world)
        return cls(town, await town.tenant(f"T-{world.new_phone()[1:]}"), device)

    def kinds(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """People's and a gate's."""
        return self.moves_in, self.reads, self.writes, self.renews, self.syncs, self.reports

    async def moves_in(self) -> None:
        """A home, a tenancy, a code, a log-in, a member: rights, and with them a new roster."""
        await self.town.tenant(f"H-{self.town.world.new_phone()[1:]}")

    async def reads(self) -> None:
        """Staff and a resident."""
        for path in ("homes", "gates", "entries", "audit"):
            answer = await self.town.office.get(f"{self.town.staff_path}/{path}")
            assert answer.status_code == 200, (path, answer.text)
        answer = await self.tenant.get("/resident/v1/me")
        assert answer.status_code == 200, answer.text

    async def writes(self) -> None:
        answer = await self.tenant.patch("/resident/v1/me", json={"name": f"Name {self.gone['writes']}"})
        assert answer.status_code == 200, answer.text

    async def renews(self) -> None:
        answer = await self.town.world.api.post("/resident/v1/token", json={"refresh_token": self._refresh_token})
        assert answer.status_code == 200, answer.text
        self._refresh_token = answer.json()["refresh_token"]

    async def syncs(self) -> None:
        """A long poll, whose page is checked as a gate does."""
        await self.device.sync(wait=1)

    async def reports(self) -> None:
        self._events += 1
        at = int(utc_now().timestamp() * 1_000_000)
        receipt = await self.device.delivered(
            GateEvent(store_epoch=1, seq=self._events, kind=EventKind.ALARM, at_us=at, detail="door forced")
        )
        assert receipt.seq == self._events


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Its databases are as the release before left them."""
    (tmp_path / "release").mkdir()
    previous = unpack_previous(tmp_path / "release")
    with EmbeddedPostgres(tmp_path / "pg", settings=TEST_SETTINGS) as postgres:
        migrate(postgres.url(OWNER), postgres.url(KEYS, KEY_DATABASE), directory=previous.migrations)
        yield Site(postgres, previous, tmp_path)


async def test_no_request_fails_and_no_job_while_the_databases_are_migrated_beneath_the_release_before_and_this_one(
    site: Site,
) -> None:
    urls = cast("DatabaseUrls", None)  # all is asked of the processes
    addresses = (f"198.18.{number // 256}.{number % 256}" for number in itertools.cycle(range(256 * 256)))

    async def from_elsewhere(request: httpx.Request) -> None:
        # A town's people behind one address would be kept from logging in by its limit.
        request.headers["X-Forwarded-For"] = next(addresses)

    elsewhere = {"request": [from_elsewhere]}
    async with AsyncExitStack() as stack:
        for end in (site.new.kill, site.old.kill, site.new_worker.stop, site.old_worker.stop):
            stack.push_async_callback(end)
        leaving = await site.old_worker.start()
        await site.old.start()
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=api.url, timeout=PATIENCE_S, event_hooks=elsewhere)
            )
            for api in (site.old, site.new)
        ]
        world = Elsewhere(
            api=clients[0], resources=cast("Any", None), settings=site.settings, clock=MovableClock(), urls=urls
        )
        office = await site.administrator(world)
        before, asked_before = await Users.of(clients[0], world, office), await Work.of(clients[0], world, office)
        async with before.going_on(), asked_before.going_on():
            await before.each(2)
            await site.gives_up_behind_a_long_reader(pre=True)
            await before.each(2)
            await site.migrate(pre=True)
            await before.each(4)
            await asked_before.each(1)
            # Both serve for as long as the processes are replaced.
            await site.new.start()
            await site.new_worker.start()
            await until(site.new_worker_works, site.new_worker)
            after = await Users.of(clients[1], world, office, before.town)
            asked_after = await Work.of(clients[1], world, office)
            async with after.going_on(), asked_after.going_on():
                await before.each(2)
                await after.each(2)
                await asked_after.each(1)
                leaving.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(leaving.wait(), PATIENCE_S) == 0
                # What was asked for, and is asked for still, through the release before.
                await asked_before.each(1)
        await site.old.end()
        await site.old.ended(within_s=PATIENCE_S)
        async with after.going_on(), asked_after.going_on():
            await after.each(2)
            await site.gives_up_behind_a_long_reader()
            outstanding = (await clients[1].get("/health/ready")).json()["migrations_outstanding"]
            assert (outstanding > 0) is site.has_last_step
            await site.migrate()
            await after.each(4)
            await asked_after.each(1)
        # Of what failed one of each.
        assert {one for rounds in (before, after, asked_before, asked_after) for one in rounds.failed} == set()
        assert await site.jobs_that_ended_otherwise() == []
        assert complaints(site.old_worker.log()) == []
        # The release's last step was still to come when it started.
        assert complaints(site.new_worker.log()) == ["migrations-outstanding"] * site.has_last_step


def complaints(log: str) -> list[str]:
    """What a worker's log says that is not in the order of things."""
    lines = [json.loads(line) for line in log.splitlines()]
    return [line["event"] for line in lines if line["level"] not in {"debug", "info"}]
