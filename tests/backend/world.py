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

from backend.accounts import staff as accounts
from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from backend.resources import Resources
from backend.settings import Settings
from tests.databases import DatabaseUrls

__all__ = ["Actor", "MovableClock", "World"]

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

    def new_phone(self) -> str:
        """A number that nobody in this test has yet, E.164."""
        return next(self._phones)

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

    async def login(self, phone: str, *, surface: str) -> Actor:
        """Log in by phone and code, as "resident" or "staff"."""
        asked = await self.api.post(f"/{surface}/v1/login", json={"phone": phone})
        assert asked.status_code == 202, asked.text
        answer = await self.api.post(
            f"/{surface}/v1/login/verify",
            json={"challenge_id": asked.json()["challenge_id"], "code": self.code_sent_to(phone)},
        )
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        return Actor(self.api, phone, tokens["access_token"], tokens["refresh_token"])

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
