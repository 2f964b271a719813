"""Households with children, made over HTTP as a tenant and an office make them."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import msgspec

from tests.backend.households.town import Resident, Town
from tests.backend.privacy.faces import store_face

__all__ = ["Child", "agree", "child_of", "name_child", "ward", "young_session"]


class Child(msgspec.Struct, frozen=True):
    """A child without a phone, and the tenant whose child it is."""

    tenant: Resident
    person_id: UUID
    member_id: UUID

    @property
    def path(self) -> str:
        return f"/resident/v1/wards/{self.person_id}"

    def with_face(self) -> Resident:
        """As the tests of faces want somebody."""
        t = self.tenant
        return Resident(t.actor, self.person_id, self.member_id, t.tenancy_id, t.home_id)


async def name_child(town: Town, tenant: Resident, **fields: object) -> str:
    """The tenant names a child without a phone; its member id."""
    answer = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
        json={"name": "Child", "relation": "child", "without_phone": True, **fields},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["member_id"])


async def child_of(town: Town, tenant: Resident, born: date) -> Child:
    """A child of the tenant's, named by him and approved by the office, which has seen its papers."""
    member_id = await name_child(town, tenant)
    approved = await town.office.post(
        f"{town.staff_path}/members/{member_id}/approve", json={"birth_date": born.isoformat()}
    )
    assert approved.status_code == 201, approved.text
    found = await ward(tenant, member_id)
    assert found is not None
    return Child(tenant, UUID(found["person_id"]), UUID(member_id))


async def ward(guardian: Resident, member_id: UUID | str) -> dict[str, Any] | None:
    """The child as its guardian sees it; None where he is none."""
    answer = await guardian.actor.get("/resident/v1/wards")
    assert answer.status_code == 200, answer.text
    wards = [one for one in answer.json()["wards"] if one["member_id"] == str(member_id)]
    return wards[0] if wards else None


async def agree(child: Child, guardian: Resident | None = None, purpose: str = "face_access") -> httpx.Response:
    """A guardian agrees for the child."""
    actor = (guardian or child.tenant).actor
    return await actor.put(f"{child.path}/consents/{purpose}", json={"version": 1})


async def with_face(town: Town, child: Child) -> UUID:
    """A guardian agrees, and the child's face is on the gates; its subject."""
    assert (await agree(child)).status_code == 200
    return await store_face(town, child.with_face())


async def young_session(town: Town, link: str) -> dict[str, str]:
    """Headers of whoever opens the link on some phone."""
    answer = await town.world.api.post("/visitor/v1/session", json={"token": link.partition("#")[2]})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
