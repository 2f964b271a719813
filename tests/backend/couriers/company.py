"""A courier company and its couriers, for the tests of what they may do."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec

from tests.backend.households.town import Resident, Town
from tests.backend.world import Actor

__all__ = ["Company", "Visitor", "admit", "open_link"]


class Visitor(msgspec.Struct, frozen=True):
    """Somebody with a link open on his phone."""

    actor: Actor

    async def accept(self) -> httpx.Response:
        return await self.actor.post("/visitor/v1/invitation/accept")

    async def withdraw(self) -> httpx.Response:
        return await self.actor.post("/visitor/v1/invitation/withdraw")

    async def invitation(self) -> httpx.Response:
        return await self.actor.get("/visitor/v1/invitation")


async def open_link(api: httpx.AsyncClient, token: str) -> Visitor:
    """Open a link that must open."""
    answer = await api.post("/visitor/v1/session", json={"token": token})
    assert answer.status_code == 201, answer.text
    session = answer.json()
    return Visitor(Actor(api, "", session["access_token"], session["refresh_token"]))


class Company(msgspec.Struct, frozen=True):
    """A company's system, logged in."""

    town: Town
    partner_id: UUID
    client_id: str
    client_secret: str
    actor: Actor

    async def logged_in_again(self) -> "Company":
        actor = await log_in(self.town, client_id=self.client_id, client_secret=self.client_secret)
        return msgspec.structs.replace(self, actor=actor)

    async def name(self, worker_id: str, phone: str, **fields: object) -> httpx.Response:
        return await self.actor.put(f"/partner/v1/couriers/{worker_id}", json={"phone": phone, **fields})

    async def courier(self, worker_id: str = "W-1", phone: str | None = None) -> Visitor:
        """A worker who has opened the link that this company sent to his phone."""
        phone = phone or self.town.world.new_phone()
        answer = await self.name(worker_id, phone)
        assert answer.status_code == 200, answer.text
        return await open_link(self.town.world.api, self.link_sent_to(phone))

    def link_sent_to(self, phone: str) -> str:
        """The token in the last link that this number got."""
        links = [m["values"]["link"] for m in self.town.world.messages(phone) if m["template"] == "courier_link"]
        return str(links[-1]).partition("#")[2]

    async def shift(
        self, worker_id: str = "W-1", *, hours: float = 8, begin: datetime | None = None, community: UUID | None = None
    ) -> httpx.Response:
        begin = begin or self.town.world.clock()
        return await self.actor.post(
            "/partner/v1/shifts",
            json={
                "worker_id": worker_id,
                "community_id": str(community or self.town.community_id),
                "starts_at": begin.isoformat(),
                "ends_at": (begin + timedelta(hours=hours)).isoformat(),
            },
        )

    async def deliver(
        self,
        order_ref: str,
        worker_id: str = "W-1",
        *,
        begin: datetime | None = None,
        hours: float = 1,
        home: str | None = None,
    ) -> httpx.Response:
        begin = begin or self.town.world.clock()
        return await self.actor.post(
            "/partner/v1/deliveries",
            json={
                "order_ref": order_ref,
                "worker_id": worker_id,
                "community_id": str(self.town.community_id),
                "valid_from": begin.isoformat(),
                "valid_until": (begin + timedelta(hours=hours)).isoformat(),
                **({} if home is None else {"home": {"building": "Building 1", "home": home}}),
            },
        )

    async def expected_by(
        self, resident: Resident, order_ref: str, *, begin: datetime | None = None, hours: float = 4, **fields: object
    ) -> httpx.Response:
        begin = begin or self.town.world.clock()
        return await resident.actor.post(
            f"/resident/v1/homes/{self.town.community_id}/{resident.home_id}/deliveries",
            json={
                "partner_id": str(self.partner_id),
                "order_ref": order_ref,
                "valid_from": begin.isoformat(),
                "valid_until": (begin + timedelta(hours=hours)).isoformat(),
                **fields,
            },
        )


async def log_in(town: Town, *, client_id: str, client_secret: str) -> Actor:
    """A company's system, its access token good for ten minutes."""
    issued = await token(town.world.api, client_id=client_id, client_secret=client_secret)
    assert issued.status_code == 200, issued.text
    return Actor(town.world.api, "", issued.json()["access_token"], "")


async def token(api: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await api.post("/partner/v1/token", data={"grant_type": "client_credentials", **form})


async def admit(town: Town, *communities: UUID, name: str = "Parcels", sandbox: bool = False) -> Company:
    """A company admitted to the town (and further communities), logged in."""
    ids = [str(c) for c in (town.community_id, *communities)]
    answer = await town.office.post("/staff/v1/partners", json={"name": name, "communities": ids, "sandbox": sandbox})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    actor = await log_in(town, client_id=created["client_id"], client_secret=created["client_secret"])
    return Company(town, UUID(created["partner_id"]), created["client_id"], created["client_secret"], actor)
