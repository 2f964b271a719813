"""People, staff and communities for tests, made over the application's own HTTP surfaces."""

import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pyotp

from backend.accounts.staff import service as accounts
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.kit.outgoing import Outgoing
from backend.notifications.push import PushService
from backend.notifications.sending.repository import list_unfinished
from backend.notifications.sending.service import Sending
from backend.resources import Resources
from backend.settings import Settings
from tests.databases import DatabaseUrls
from tests.watching import watch

__all__ = ["Actor", "MovableClock", "World", "send_waiting"]

# Numbers that are kept for fiction (North American 555-0100 to 555-0199), so that nobody's own stands in a test.
_AREAS = (
    "202",
    "206",
    "212",
    "213",
    "215",
    "216",
    "303",
    "305",
    "312",
    "313",
    "404",
    "415",
    "504",
    "512",
    "617",
    "702",
)


def _phones() -> Iterator[str]:
    for area, last in itertools.product(_AREAS, range(100)):
        yield f"+1{area}55501{last:02d}"


class MovableClock:
    """A clock for `create_app(settings, clock=...)`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta | None = None, **parts: float) -> datetime:
        """Move by a timedelta, or by its parts: `clock.advance(minutes=5)`."""
        self.now += step or timedelta(**parts)
        return self.now


class Actor(msgspec.Struct, frozen=True):
    """Somebody logged in: an HTTP client that sends his access token."""

    api: httpx.AsyncClient
    phone: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.api.request(
            method, path, **{**options, "headers": {**options.get("headers", {}), **self.headers}}
        )

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("DELETE", path, **options)


class Authenticator:
    """A member of staff's authenticator (RFC 6238): codes of which none is good twice."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.recovery_codes: list[str] = []
        self._last_step = 0

    def code_at(self, at: datetime) -> str:
        """The code that it shows at that time."""
        return pyotp.TOTP(self.secret).generate_otp(int(at.timestamp()) // 30)

    def next_code(self, now: datetime) -> str:
        """A code not given before: while the clock stands, the server takes three, and then recovery codes."""
        present = int(now.timestamp()) // 30
        for step in range(max(present - 1, self._last_step + 1), present + 2):
            self._last_step = step
            return pyotp.TOTP(self.secret).generate_otp(step)
        return self.recovery_codes.pop()


class World:
    """Makes what a test needs to begin with, and nothing it does not ask for."""

    def __init__(
        self,
        *,
        api: httpx.AsyncClient,
        resources: Resources,
        settings: Settings,
        clock: MovableClock,
        urls: DatabaseUrls,
    ) -> None:
        self.api = api
        self.resources = resources
        self.settings = settings
        self.clock = clock
        self.urls = urls
        self._phones = _phones()
        self._authenticators: dict[str, Authenticator] = {}

    def new_phone(self) -> str:
        """A number that nobody in this test has yet, E.164."""
        phone = next(self._phones)
        watch.phone(phone)
        return phone

    def messages(self, phone: str | None = None) -> list[dict[str, Any]]:
        """What was sent, oldest first; only to that number where one is given."""
        if self.settings.data_dir is None:
            raise LookupError("the settings of this test name no data directory")
        file = Path(self.settings.data_dir) / "messages.jsonl"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        sent: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [message for message in sent if phone in (None, message["to"])]

    def code_sent_to(self, phone: str) -> str:
        """The last log-in code that this number got."""
        codes = [message["values"]["code"] for message in self.messages(phone) if message["template"] == "login_code"]
        return str(codes[-1])

    async def send_messages(self) -> None:
        """Have the worker send, by text message, what people were told; browsers are out of reach."""
        outgoing = Outgoing(is_allowed=lambda _: False)
        push = PushService(outgoing, pepper=self.resources.pepper, contact="office@doorward.test", clock=self.clock)
        database = Database(self.urls.worker)
        await database.open()
        try:
            await send_waiting(Sending(database, self.resources.sender, push, self.clock), database, now=self.clock())
        finally:
            await database.close()
            await outgoing.aclose()

    async def login(self, phone: str, *, surface: str, second_factor: bool = True) -> Actor:
        """Log in by phone and code, as "resident" or "staff"; staff then give their second factor too."""
        asked = await self.api.post(f"/{surface}/v1/login", json={"phone": phone})
        assert asked.status_code == 202, asked.text
        answer = await self.api.post(
            f"/{surface}/v1/login/verify",
            json={"challenge_id": asked.json()["challenge_id"], "code": self.code_sent_to(phone)},
        )
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        actor = Actor(self.api, phone, tokens["access_token"], tokens["refresh_token"])
        if surface == "staff" and second_factor:
            await self.give_second_factor(actor)
        return actor

    async def give_second_factor(self, staff: Actor) -> None:
        """Elevate a staff session for fifteen minutes, with an authenticator that is enrolled where there is none."""
        authenticator = self._authenticators.get(staff.phone)
        if authenticator is None:
            offered = await staff.post("/staff/v1/second-factor/enrol")
            assert offered.status_code == 200, offered.text
            authenticator = self._authenticators[staff.phone] = Authenticator(offered.json()["secret"])
            answer = await staff.post(
                "/staff/v1/second-factor/confirm", json={"code": authenticator.next_code(self.clock.now)}
            )
            assert answer.status_code == 200, answer.text
            authenticator.recovery_codes = answer.json()["recovery_codes"]
            return
        answer = await staff.post("/staff/v1/second-factor", json={"code": authenticator.next_code(self.clock.now)})
        assert answer.status_code == 200, answer.text

    def authenticator_of(self, staff: Actor) -> "Authenticator":
        """The authenticator that :meth:`give_second_factor` enrolled."""
        return self._authenticators[staff.phone]

    async def resident(self, phone: str | None = None, *, name: str | None = None) -> Actor:
        """A person who has logged in by his phone; a new one unless `phone` is given."""
        actor = await self.login(phone or self.new_phone(), surface="resident")
        if name is not None:
            answer = await actor.patch("/resident/v1/me", json={"name": name})
            assert answer.status_code == 200, answer.text
        return actor

    async def administrator(self, authority: str = "Housing Authority") -> Actor:
        """The first administrator of an authority, which is made where there is none of that name; logged in."""
        phone = self.new_phone()
        async with self.resources.db.transaction(Scope(platform=True)) as conn:
            await accounts.create_administrator(
                conn, pepper=self.resources.pepper, phone=phone, name="Administrator", authority=authority
            )
        return await self.login(phone, surface="staff")

    async def staff(self, administrator: Actor, role: StaffRole, *, community_id: UUID | None = None) -> Actor:
        """Another member of the administrator's staff, for one community or for all of the authority's; logged in."""
        phone = self.new_phone()
        community = None if community_id is None else str(community_id)
        answer = await administrator.post(
            "/staff/v1/staff",
            json={"phone": phone, "name": "Member", "roles": [{"role": role.value, "community_id": community}]},
        )
        assert answer.status_code == 201, answer.text
        return await self.login(phone, surface="staff")

    async def community(self, administrator: Actor, **fields: object) -> UUID:
        """A community of the administrator's authority, with the `photos` capture policy unless told otherwise."""
        body: Mapping[str, object] = {"name": "Garden Court", "capture_policy": "photos", **fields}
        answer = await administrator.post("/staff/v1/communities", json=body)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["community_id"])


async def send_waiting(sending: Sending, worker_db: Database, *, now: datetime) -> int:
    """Do what the worker would be asked to do by now; how many messages went out."""
    async with worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await list_unfinished(conn, told_before=now + timedelta(seconds=1), at=now, limit=1000)
    return sum([await sending.send(person_id=row.person_id, notification_id=row.notification_id) for row in due])
