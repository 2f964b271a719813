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
import pyotp
import pytest

from backend.demo.gate import GateProcess, provision
from backend.demo.parties import Mailbox, Manager, Resident
from backend.embedded.box import SingleBox
from backend.embedded.passwords import SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.kit.apart import run_apart
from backend.settings import Settings
from tests.ports import free_port

__all__ = ["LivingBox", "run", "superuser_url", "until"]

MANAGER = "+8613900000000"
PATIENCE_S = 180.0
_STEP_S = 30
_FRESH_S = 180


def run(*arguments: str, data_dir: Path, **environment: str) -> str:
    """A command of `doorward`; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments, "--data-dir", str(data_dir)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=600,
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
        self._port = free_port()
        # The last step of time whose code was taken (RFC 6238).
        self._step = 0
        self.secret: str | None = None

    @contextmanager
    def running(self) -> Iterator["LivingBox"]:
        """The box runs, on the same port every time."""
        logs = self.work / "logs"
        logs.mkdir(exist_ok=True)
        # The codes of another run would be taken for this one's.
        (self.data_dir / "messages.jsonl").unlink(missing_ok=True)
        box = SingleBox(Settings(port=self._port), data_dir=self.data_dir, console=logs)
        with box, httpx.Client(base_url=box.url, timeout=PATIENCE_S, trust_env=False) as http:
            self.single, self.http, self.url, self.mailbox = box, http, box.url, Mailbox(box.messages)
            yield self

    def found(self) -> None:
        """The first administrator, a community and its gate."""
        run("staff", "create", "--phone", MANAGER, "--name", "M", "--authority", "A", data_dir=self.data_dir)
        self.log_in()
        self.add_community()

    def add_community(self) -> None:
        """Another one and its gate, in place of the one before."""
        if self.community:
            self.gate_dir = self.work / f"gate-{self.community}"
        self.community = self.manager.create_community("Garden Court")
        claim = self.manager.create_gate(self.community, "North gate")
        provision(self.url, claim["claim_code"], data_dir=self.gate_dir)

    def log_in(self) -> None:
        """The manager, also for the second time in the same half minute."""
        code = self._next_code() if self.secret else None
        self.manager = Manager(self.http, MANAGER, self.mailbox, secret=self.secret, code=code)
        if self.secret is None:
            self.secret, self._step = self.manager.secret, int(time.time()) // _STEP_S
        self._logged_in_at = time.monotonic()

    def stay_logged_in(self) -> None:
        """Before the manager's access token ends, ten minutes after he logged in."""
        if time.monotonic() - self._logged_in_at > _FRESH_S:
            self.log_in()

    def _next_code(self) -> str:
        """None is taken twice; that of the step to come is taken too, from a clock that is a little ahead."""
        assert self.secret is not None
        step = max(self._step + 1, int(time.time()) // _STEP_S)
        while step > time.time() // _STEP_S + 1:
            time.sleep(0.5)
        self._step = step
        return pyotp.TOTP(self.secret).generate_otp(step)

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
