"""The real single box in a temporary folder, with a manager logged in and a way to put many people into it."""

import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import asyncpg
import httpx
import msgspec

from backend.demo.parties import Company, Mailbox, Manager, Resident
from backend.embedded.box import SingleBox
from backend.embedded.passwords import KEYS, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.enrolment.gallery.rebuild import rebuild_gallery
from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.db import Database
from backend.settings import Settings
from bench.seed import Community, seed

__all__ = ["BenchBox", "Household", "access_token", "free_port"]

_MANAGER_PHONE = "+8613900000000"


class Household(msgspec.Struct, frozen=True):
    """A home with its tenant, who has joined."""

    community_id: str
    home_id: str
    tenancy_id: str
    tenant: Resident


class BenchBox:
    """Database, API and worker as `doorward up` runs them; a context manager."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._phones = 0

    def __enter__(self) -> Self:
        try:
            self.folder = Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="doorward-bench-")))
            self.box = self._opened.enter_context(
                SingleBox(Settings(port=0), data_dir=self.folder / "data", console=self.folder)
            )
            self.url = self.box.url
            self._create_manager()
            self.http = self._opened.enter_context(httpx.Client(base_url=self.url, timeout=60, trust_env=False))
            self.mailbox = Mailbox(self.box.messages)
            self.manager = Manager(self.http, _MANAGER_PHONE, self.mailbox)
            postgres = EmbeddedPostgres.running(self.box.data_dir / "postgres")
            assert postgres is not None
            self.postgres = postgres
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def household(self, community_id: str, home_id: str) -> Household:
        """Let a tenant move into a home of the community."""
        self._phones += 1
        # Each of another range of numbers: so many log-ins of one range in an hour would be refused.
        phone = f"+86138{self._phones * 10_007 % 10**8:08d}"
        begin = datetime.now(UTC) - timedelta(days=1)
        tenancy = self.manager.create_tenancy(community_id, home_id, name="Tenant", phone=phone, begin=begin)
        tenant = Resident(self.http, phone, self.mailbox)
        tenant.join(tenancy["activation_code"])
        return Household(community_id, home_id, tenancy["tenancy_id"], tenant)

    def people(self, sizes: Sequence[int]) -> list[Community]:
        """Communities of the manager's authority with so many people each, their galleries filled."""
        return asyncio.run(self._people(sizes))

    async def _people(self, sizes: Sequence[int]) -> list[Community]:
        superuser = await asyncpg.connect(self.postgres.url(SUPERUSER))
        try:
            authority: UUID = await superuser.fetchval("SELECT authority_id FROM authority")
        finally:
            await superuser.close()
        wrapper = FileKeyWrapper(self.box.data_dir / "master.key")
        communities = await seed(self.postgres, wrapper, sizes, authority_id=authority)
        db, key_db = self.database("doorward_worker"), Database(self.postgres.url(KEYS, KEY_DATABASE))
        await db.open()
        await key_db.open()
        try:
            for community in communities:
                await rebuild_gallery(db, Keys(key_db, wrapper), community_id=community.community_id)
        finally:
            await key_db.close()
            await db.close()
        return communities

    def database(self, role: str) -> Database:
        """The data's database as that role; not opened yet."""
        return Database(self.postgres.url(role))

    def _create_manager(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "backend.cli", "staff", "create", "--data-dir", str(self.box.data_dir),
             "--phone", _MANAGER_PHONE, "--name", "Manager", "--authority", "Bench"],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip


def access_token(party: Company | Manager | Resident) -> str:
    """What the party shows at each request, for load that is not sent through it."""
    token = party._token  # noqa: SLF001 - the parties of the demo keep it to themselves
    assert token is not None
    return token


def free_port() -> int:
    """A port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
