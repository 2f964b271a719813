"""A company's system that takes webhooks, as the library of Standard Webhooks would have it."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from standardwebhooks import Webhook

from backend.kit.db import Database, Scope
from backend.partners.events.kinds import EventKind
from backend.partners.events.service import NewEvent, tell
from backend.partners.publishing import publish
from backend.partners.webhooks.sending import repository
from backend.partners.webhooks.sending.service import Webhooks
from tests.backend.couriers.company import Company, admit
from tests.backend.households.town import build_town
from tests.backend.notifications.pushing import HOST, Received, TestPushService
from tests.backend.world import World

__all__ = ["PATH", "Receiver", "receiver", "verified"]

PATH = "/partner/v1/webhooks"


def verified(received: Received, secret: str) -> dict[str, Any]:
    """What was received, after the library has checked signature and time."""
    checked: dict[str, Any] = Webhook(secret).verify(received.body, received.headers)
    return checked


class Receiver(msgspec.Struct, frozen=True):
    """A company, its endpoint at ``/one``, and the worker's part."""

    world: World
    company: Company
    worker_db: Database
    service: TestPushService
    webhooks: Webhooks
    endpoint_id: UUID
    secret: str

    @property
    def path(self) -> str:
        return f"{PATH}/{self.endpoint_id}"

    async def add(self, name: str, **fields: object) -> tuple[UUID, str]:
        answer = await self.company.actor.post(PATH, json={"url": f"https://{HOST}/{name}", **fields})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["endpoint_id"]), answer.json()["secret"]

    async def happen(self, *kinds: EventKind, worker_id: str = "W-1") -> None:
        """Something that the company is told, and that is on its way then."""
        now = self.world.clock()
        events = [NewEvent(self.company.partner_id, kind, now, worker_id=worker_id) for kind in kinds]
        async with self.world.resources.db.transaction(Scope(platform=True)) as conn:
            await tell(conn, events=events, now=now)
        await publish(self.worker_db, now=now)

    async def send(self) -> int:
        """What the worker would send by now, endpoint by endpoint."""
        async with self.worker_db.transaction(Scope(platform=True), read_only=True) as conn:
            due = await repository.list_due(conn, at=self.world.clock(), limit=100)
        return sum([await self.webhooks.send(partner_id=row.partner_id, endpoint_id=row.endpoint_id) for row in due])

    async def shown(self) -> dict[str, Any]:
        answer = await self.company.actor.get(self.path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def again(self) -> "Receiver":
        """Logged in anew, after hours."""
        return msgspec.structs.replace(self, company=await self.company.logged_in_again())

    async def dead(self) -> list[dict[str, Any]]:
        answer = await self.company.actor.get(f"{self.path}/dead-letters")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["dead_letters"]
        return found

    def bodies(self, path: str = "/one") -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.service.received if one.path == path]

    async def stored(self, sql: str) -> list[dict[str, Any]]:
        """Rows as the database has them."""
        conn = await asyncpg.connect(self.world.urls.superuser)
        try:
            return [dict(row) for row in await conn.fetch(sql)]
        finally:
            await conn.close()


async def receiver(world: World, worker_db: Database, service: TestPushService, webhooks: Webhooks) -> Receiver:
    """A company that is told at ``/one``."""
    company = await admit(await build_town(world))
    answer = await company.actor.post(PATH, json={"url": f"https://{HOST}/one"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Receiver(world, company, worker_db, service, webhooks, UUID(made["endpoint_id"]), made["secret"])
