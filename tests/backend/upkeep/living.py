"""A single box in which people live: real processes, a real gate, real photographs."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from backend.demo.gate import GateProcess, provision
from backend.demo.parties import Mailbox, Manager, Resident
from backend.embedded.box import SingleBox
from backend.embedded.passwords import SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.kit.apart import run_apart
from backend.settings import Settings

__all__ = ["LivingBox", "run", "superuser_url", "until"]

MANAGER = "+8613900000000"
PATIENCE_S = 90.0


def run(*arguments: str, data_dir: Path, **environment: str) -> str:
    """A command of `doorward`; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments, "--data-dir", str(data_dir)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def superuser_url(data_dir: Path, database: str = "doorward") -> str:
    running = EmbeddedPostgres.running(data_dir / "postgres")
    assert running is not None
    return running.url(SUPERUSER, database)


def until(condition: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"it never came to that: {why}")
        time.sleep(0.1)


class LivingBox:
    """Box, manager, one community and one gate. `work` holds everything that any of them writes."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.data_dir = work / "data"
        self.gate_dir = work / "gate"
        self.community = ""
        self.tenancies: dict[str, str] = {}
        self._phones = 0
        self._port = 0
        self.secret: str | None = None

    @contextmanager
    def running(self) -> Iterator["LivingBox"]:
        """The box runs, on the same port every time."""
        logs = self.work / "logs"
        logs.mkdir(exist_ok=True)
        # The codes of another run would be taken for this one's.
        (self.data_dir / "messages.jsonl").unlink(missing_ok=True)
        box = SingleBox(Settings(port=self._port), data_dir=self.data_dir, console=logs)
        self._port = box.port
        with box, httpx.Client(base_url=box.url, timeout=60, trust_env=False) as http:
            self.single, self.http, self.url, self.mailbox = box, http, box.url, Mailbox(box.messages)
            yield self

    def found(self) -> None:
        """The first administrator, a community and its gate."""
        run("staff", "create", "--phone", MANAGER, "--name", "M", "--authority", "A", data_dir=self.data_dir)
        self.log_in()
        self.community = self.manager.create_community("Garden Court")
        claim = self.manager.create_gate(self.community, "North gate")
        provision(self.url, claim["claim_code"], data_dir=self.gate_dir)

    def log_in(self) -> None:
        if self.secret is not None:
            # No code is taken twice, and the last one may have been used half a minute ago.
            time.sleep(31 - time.time() % 30)
        self.manager = Manager(self.http, MANAGER, self.mailbox, secret=self.secret)
        self.secret = self.manager.secret

    def move_in(self, name: str, photos: Sequence[Path]) -> str:
        """A tenant with his face at the gate; answers his number."""
        (home,) = [
            home["home_id"]
            for home in self.manager.call(
                "POST",
                f"/communities/{self.community}/homes/bulk",
                {"homes": [{"building": "1", "label": name, "member_limit": 2}]},
            )["homes"]
        ]
        self._phones += 1
        phone = f"+86138{self._phones:08d}"
        begin = datetime.now(UTC) - timedelta(days=1)
        tenancy = self.manager.create_tenancy(self.community, home, name="Tenant", phone=phone, begin=begin)
        resident = Resident(self.http, phone, self.mailbox)
        resident.join(tenancy["activation_code"])
        resident.consent()
        resident.enrol(photos)
        self.manager.approve_reviews(self.community)
        self.tenancies[name] = tenancy["tenancy_id"]
        return phone

    def gate(self) -> GateProcess:
        return GateProcess(self.gate_dir, log=self.work / "gate.log")

    def wait_until_current(self) -> None:
        until(lambda: self.head()["behind"] == 0, "the gate has the newest roster")

    def head(self) -> dict[str, Any]:
        (gate,) = self.manager.gates(self.community)
        return gate

    def query(self, sql: str, *args: object, database: str = "doorward") -> list[dict[str, Any]]:
        """Rows as the superuser sees them."""
        rows: list[dict[str, Any]] = []

        def body() -> None:
            async def ask() -> None:
                conn = await asyncpg.connect(superuser_url(self.data_dir, database))
                try:
                    rows.extend(dict(row) for row in await conn.fetch(sql, *args))
                finally:
                    await conn.close()

            asyncio.run(ask())

        run_apart(body)
        return rows

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.data_dir / "messages.jsonl").read_text("utf-8").splitlines()]
