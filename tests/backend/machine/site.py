"""One running application for all runs of the machine, and everybody's hands on it at whatever time it is."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import msgspec

from backend.doors.plans import service as plans
from backend.kit.auth import ResidentPrincipal, StaffPrincipal, Surface, VisitorPrincipal
from backend.kit.db import Database, Scope
from backend.people import repository as people
from backend.privacy.saga import Saga
from backend.worker import tick
from gate_sdk import Outcome
from gate_sdk._decide import admit
from gate_sdk._door import Door, door_of
from gate_sdk.wire import Plan, RosterEntry, SyncPage, decode_entry, decode_plan, plan_hash
from tests.backend.couriers.company import Company
from tests.backend.couriers.company import admit as admitted
from tests.backend.gates.devices import Device
from tests.backend.households.town import build_town
from tests.backend.world import Actor, World

__all__ = ["Gate", "Site", "good"]

Result = TypeVar("Result")


def good(answer: httpx.Response) -> Any:
    """The body of an answer that must be a success."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    return answer.json() if "json" in answer.headers.get("content-type", "") else None


class Gate:
    """A device with the plan of its doors; answers as the SDK does."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.plan: Plan | None = None
        self.entries: dict[UUID, RosterEntry] = {}
        self._held = "none"

    @property
    def gate_id(self) -> UUID:
        return self.device.identity.gate_id

    async def sync(self) -> None:
        """Log in and take what there is, as the device checks it, with the plan."""
        await self.device.log_in()
        pages: list[SyncPage] = []
        cursor: dict[str, str] = {}
        while not pages or pages[-1].next is not None:
            answer = await self.device.ask(wait=0, plan=self._held, **cursor)
            assert answer.status_code == 200, answer.text
            pages.append(msgspec.msgpack.decode(answer.content, type=SyncPage))
            cursor = {"cursor": str(pages[-1].next)}
        self.device.take(pages)
        head = self.device.head
        assert head is not None
        body = pages[-1].plan
        if not isinstance(body, msgspec.UnsetType):
            assert head.plan is not None
            assert plan_hash(body) == head.plan.sha256
            self.plan, self._held = decode_plan(body), head.plan.sha256.hex()
        # What the head names is what the gate holds.
        assert ("none" if head.plan is None else head.plan.sha256.hex()) == self._held
        self.entries = {
            entry.subject: entry
            for item in self.device.items.values()
            if item.body is not None
            for entry in [decode_entry(item.body)]
        }
        for item in self.device.items.values():
            assert item.body is not None
            assert (decode_entry(item.body).template is None) == (item.template is None)

    @property
    def door(self) -> Door:
        return door_of(self.plan, self.gate_id)

    def lets_in(self, at: datetime) -> set[UUID]:
        """Whom it lets in whom it recognises, by his own code where the lease of faces has run out."""
        head = self.device.head
        assert head is not None
        at_us = int(at.timestamp() * 1e6)
        return {
            subject
            for subject, entry in self.entries.items()
            if admit(entry, head, now_us=at_us, by_code=True, door=self.door).outcome is Outcome.ALLOW
        }

    def order(self, at: datetime) -> str | None:
        order = self.door.emergency(int(at.timestamp() * 1e6))
        return None if order is None else order.mode.value


class Site:
    """The application, its worker, an authority's office, and a courier of a company."""

    def __init__(self, runner: asyncio.Runner, world: World, worker: Database) -> None:
        self.runner = runner
        self.world = world
        self.worker = worker
        self.runs = 0
        self.office: Actor
        self.company: Company
        self.courier: UUID

    def run(self, doing: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(doing)

    async def open(self) -> None:
        world = self.world
        self.office = await world.administrator()
        # The machine's clock moves by days, and a second factor is good for minutes.
        async with world.resources.db.transaction(Scope(platform=True)) as conn:
            await conn.execute("UPDATE session SET elevated_until = '2100-01-01' WHERE surface = 'staff'")
        tokens = world.resources.tokens
        principal = tokens.verify(self.office.access_token, surface=Surface.STAFF, now=world.clock())
        assert isinstance(principal, StaffPrincipal)
        self._staff = principal
        self.company = await admitted(await build_town(world, office=self.office), name="Parcels")
        link = await self.company.courier()
        good(await link.accept())
        visitor = tokens.verify(link.actor.access_token, surface=Surface.VISITOR, now=world.clock())
        assert isinstance(visitor, VisitorPrincipal)
        self.courier = visitor.person_id

    @property
    def staff(self) -> Actor:
        """The office, with a token of this moment."""
        return self._as(self._staff)

    def resident(self, person_id: UUID) -> Actor:
        return self._as(ResidentPrincipal(account_id=uuid4(), person_id=person_id, session_id=uuid4()))

    def _as(self, principal: Any) -> Actor:
        token = self.world.resources.tokens.issue(principal, now=self.world.clock())
        return Actor(self.world.api, "", token, "")

    async def person(self) -> UUID:
        async with self.world.resources.db.transaction(Scope(platform=True)) as conn:
            return (await people.insert_person(conn)).person_id

    def saga(self) -> Saga:
        """What erases, as the worker runs it."""
        resources = self.world.resources
        return Saga(self.worker, resources.keys, resources.objects, self.world.clock)

    async def work(self) -> None:
        """What the worker does every second and every hour."""
        await tick(self.worker, self.world.clock)
        await plans.renew_due(self.worker, self.world.clock)
