"""The databases are brought to a new release while the one before serves: nobody's request fails for it."""

import asyncio
import copy
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, cast

import asyncpg
import httpx
import msgspec
import pytest

from backend.cli.serving import END_S
from backend.embedded.passwords import KEYS, OWNER, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.kit.clock import utc_now
from backend.migrate import MigrationFailed, migrate, migrations_directory
from backend.settings import Settings
from gate_sdk.wire import EventKind, GateEvent
from tests.backend.gates.devices import Device
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.previous import Previous, unpack_previous
from tests.backend.processes import PATIENCE_S, Api
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
        self.settings = Settings(
            data_dir=folder / "data",
            api_database_url=postgres.url("doorward_api"),
            worker_database_url=postgres.url("doorward_worker"),
            migration_database_url=postgres.url(OWNER),
            keys_database_url=postgres.url(KEYS, KEY_DATABASE),
        )
        # One deployment, whichever process answers.
        public = {"DOORWARD_PUBLIC_URL": self.settings.public_url}
        self.old = Api(self.settings, folder / "old.log", **public, **previous.environment)
        self.new = Api(self.settings, folder / "new.log", **public)
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


class Users:
    """What people and gates do at one process; how often each went well, and what did not."""

    def __init__(self, town: Town, tenant: Resident, device: Device) -> None:
        """Those of the town, of whom two are named: a tenant and a gate."""
        self.town = town
        self.tenant = tenant.actor
        self.device = device
        self.well: Counter[str] = Counter()
        self.failed: list[str] = []
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

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Within the block each goes on, beginning anew when he is done."""
        over = asyncio.Event()

        async def again(user: Callable[[], Awaitable[None]]) -> None:
            while not over.is_set():
                try:
                    await user()
                except (AssertionError, httpx.HTTPError) as error:
                    self.failed.append(f"{user.__name__}: {error!r}"[:500])
                self.well[user.__name__] += 1
                await asyncio.sleep(0.2)

        users = (self.moves_in, self.reads, self.writes, self.renews, self.syncs, self.reports)
        tasks = [asyncio.create_task(again(user)) for user in users]
        self.well.update({user.__name__: 0 for user in users})
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*tasks)

    async def each(self, times: int) -> None:
        """Wait until each has come round so often from now on."""
        before = self.well.copy()
        async with asyncio.timeout(PATIENCE_S):
            while any(self.well[user] - before[user] < times for user in before):  # noqa: ASYNC110 - others' requests
                await asyncio.sleep(0.05)

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
        answer = await self.tenant.patch("/resident/v1/me", json={"name": f"Name {self.well['writes']}"})
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


async def test_no_request_fails_while_the_databases_are_migrated_beneath_the_release_before_and_this_one(
    site: Site,
) -> None:
    urls = cast("DatabaseUrls", None)  # all is asked of the processes
    async with AsyncExitStack() as stack:
        stack.push_async_callback(site.new.kill)
        stack.push_async_callback(site.old.kill)
        await site.old.start()
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=api.url, timeout=30))
            for api in (site.old, site.new)
        ]
        world = Elsewhere(
            api=clients[0], resources=cast("Any", None), settings=site.settings, clock=MovableClock(), urls=urls
        )
        office = await site.administrator(world)
        before = await Users.of(clients[0], world, office)
        async with before.going_on():
            await before.each(2)
            await site.gives_up_behind_a_long_reader(pre=True)
            await before.each(2)
            await site.migrate(pre=True)
            await before.each(4)
            # Both serve for as long as the processes are replaced.
            await site.new.start()
            after = await Users.of(clients[1], world, office, before.town)
            async with after.going_on():
                await before.each(2)
                await after.each(2)
        await site.old.end()
        await site.old.ended(within_s=END_S)
        async with after.going_on():
            await after.each(2)
            await site.gives_up_behind_a_long_reader()
            await site.migrate()
            await after.each(4)
        # Of what failed one of each.
        assert set(before.failed + after.failed) == set()
