"""Orders to keep photographs, and what is seen of them."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from backend.enrolment.register.repository import RegisterPhotoRow, insert_photo
from backend.enrolment.register.service import ORPHANED_PREFIX
from backend.enrolment.sealing import seal_photo
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.privacy.holds.release import release_ended
from backend.privacy.saga import Saga
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.ending import end_tenancy
from tests.backend.privacy.faces import PACK, give_face
from tests.backend.world import Actor, World

MONTH = timedelta(days=30)


async def town_with_officer(world: World) -> tuple[Town, Resident, Actor]:
    """A tenant with a face and photographs, and the authority's legal officer."""
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    return town, tenant, await world.staff(town.office, StaffRole.LEGAL_OFFICER)


def order(world: World, tenant: Resident, **fields: object) -> dict[str, object]:
    return {
        "basis": "criminal_investigation",
        "reference": "2026-0815",
        "ends_at": (world.clock() + MONTH).isoformat(),
        "member_id": str(tenant.member_id),
        **fields,
    }


async def hold(town: Town, officer: Actor, tenant: Resident, **fields: object) -> dict[str, Any]:
    answer = await officer.post(f"{town.staff_path}/holds", json=order(town.world, tenant, **fields))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def moved_out(town: Town, tenant: Resident, saga: Saga) -> str:
    """The tenancy has ended and the erasure has gone as far as it can; its id."""
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    await saga.resume(UUID(begun["erasure_id"]))
    return begun["erasure_id"]


async def certificate(town: Town, erasure_id: str) -> dict[str, Any]:
    answer = await town.office.get(f"{town.staff_path}/erasures/{erasure_id}/certificate")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["certificate"]
    return found


async def later(town: Town, officer: Actor, passed: timedelta) -> tuple[Town, Actor]:
    """The two, logged in anew when that time has passed."""
    town.world.clock.now += passed
    office = await town.world.login(town.office.phone, surface="staff")
    return msgspec.structs.replace(town, office=office), await town.world.login(officer.phone, surface="staff")


async def release(world: World, worker_db: Database) -> int:
    return await release_ended(worker_db, world.resources.keys, world.resources.objects, now=world.clock())


async def objects_of(world: World, prefix: str = "held/") -> list[str]:
    return [key async for key in world.resources.objects.list(prefix)]


async def has_key(world: World, hold_id: str) -> bool:
    try:
        await world.resources.keys.person_key(UUID(hold_id))
    except (KeyMissing, KeyDestroyed):
        return False
    return True


async def keep_on_register(town: Town, member_id: UUID) -> bytes:
    """A photograph that the office holds of a member, random bytes in place of anybody's; the bytes."""
    resources, photo_id, now = town.world.resources, uuid4(), town.world.clock()
    key = await resources.keys.ensure_person_key(photo_id, owner_id=town.community_id)
    row = RegisterPhotoRow(
        community_id=town.community_id,
        photo_id=photo_id,
        member_id=member_id,
        object_key=f"{ORPHANED_PREFIX}{town.community_id}/{int(now.timestamp())}-{photo_id}",
        pack=PACK,
        features=b"sealed",
        match_from=0.5,
        kept_at=now,
    )
    picture = secrets.token_bytes(100)
    await resources.objects.put(row.object_key, seal_photo(key, picture, person_id=member_id, object_id=photo_id))
    async with resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await insert_photo(conn, row=row, kept_by=uuid4())
    return picture


async def subject_of(town: Town, tenant: Resident) -> UUID:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        found: UUID = await conn.fetchval("SELECT subject_id FROM subject WHERE person_id = $1", tenant.person_id)
    return found
