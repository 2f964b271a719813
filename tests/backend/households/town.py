"""A community with a building and homes, and people who live there, for the tests of what rests on them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from backend.access import service as access
from backend.kit.db import Scope
from backend.people import repository as people
from gate_sdk.wire import GrantKind
from tests.backend.world import Actor, World

__all__ = ["Resident", "Town", "build_town"]


class Resident(msgspec.Struct, frozen=True):
    """Somebody who has joined a household."""

    actor: Actor
    person_id: UUID
    member_id: UUID
    tenancy_id: UUID
    home_id: UUID


class Town(msgspec.Struct, frozen=True):
    """A community, its office, and one building."""

    world: World
    office: Actor
    community_id: UUID
    building_id: UUID

    @property
    def staff_path(self) -> str:
        return f"/staff/v1/communities/{self.community_id}"

    async def home(self, label: str = "1-101", **fields: object) -> UUID:
        answer = await self.office.post(
            f"{self.staff_path}/homes", json={"building_id": str(self.building_id), "label": label, **fields}
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["home_id"])

    async def tenancy(self, home_id: UUID, phone: str, **fields: object) -> dict[str, Any]:
        answer = await self.office.post(
            f"{self.staff_path}/homes/{home_id}/tenancies",
            json={"tenant_name": "Tenant", "phone": phone, "starts_at": self.world.clock().isoformat(), **fields},
        )
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def tenant(
        self, label: str = "1-101", *, ends_at: datetime | None = None, member_limit: int = 6, phone: str | None = None
    ) -> Resident:
        """A new home with a tenant who has joined."""
        home_id = await self.home(label, member_limit=member_limit)
        phone = phone or self.world.new_phone()
        created = await self.tenancy(home_id, phone, ends_at=None if ends_at is None else ends_at.isoformat())
        return await self.joined(phone, created)

    async def joined(self, phone: str, created: dict[str, Any]) -> Resident:
        """The tenant of a tenancy just made, who has logged in with this number and joined."""
        actor = await self.world.resident(phone)
        return await self._joined(actor, created["activation_code"], UUID(created["tenancy_id"]))

    async def family(self, tenant: Resident, *, relation: str = "spouse") -> Resident:
        """A member of the tenant's household: named by him, approved by the office, joined."""
        answer = await tenant.actor.post(
            f"/resident/v1/homes/{self.community_id}/{tenant.home_id}/members",
            json={"name": "Relative", "relation": relation},
        )
        assert answer.status_code == 201, answer.text
        member_id = answer.json()["member_id"]
        approved = await self.office.post(f"{self.staff_path}/members/{member_id}/approve", json={"of_age": True})
        assert approved.status_code == 201, approved.text
        actor = await self.world.resident()
        return await self._joined(actor, approved.json()["activation_code"], tenant.tenancy_id)

    async def kinds(self, person_id: UUID) -> frozenset[GrantKind]:
        """What the person is in the community, by his rights."""
        async with self.world.resources.db.transaction(Scope(community_id=self.community_id)) as conn:
            subject = await people.get_subject(conn, community_id=self.community_id, person_id=person_id)
            if subject is None:
                return frozenset()
            return await access.kinds(conn, community_id=self.community_id, subject_id=subject.subject_id)

    async def _joined(self, actor: Actor, code: str, tenancy_id: UUID) -> Resident:
        joined = await actor.post("/resident/v1/join", json={"activation_code": code})
        assert joined.status_code == 201, joined.text
        me = await actor.get("/resident/v1/me")
        return Resident(
            actor=actor,
            person_id=UUID(me.json()["person_id"]),
            member_id=UUID(joined.json()["member_id"]),
            tenancy_id=tenancy_id,
            home_id=UUID(joined.json()["home_id"]),
        )


async def build_town(world: World, *, office: Actor | None = None, name: str = "Garden Court") -> Town:
    """A community with one building; of the given office's authority, or of a new one."""
    office = office or await world.administrator()
    community_id = await world.community(office, name=name)
    answer = await office.post(f"/staff/v1/communities/{community_id}/buildings", json={"name": "Building 1"})
    assert answer.status_code == 201, answer.text
    return Town(world, office, community_id, UUID(answer.json()["building_id"]))
