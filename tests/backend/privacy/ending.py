"""Rights that end, for the tests of what is erased with them; and a store that is away."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

from backend.access import service as access
from backend.kit.db import Scope
from backend.kit.storage import ObjectStore, StorageUnavailable
from gate_sdk.wire import GrantKind
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import give_face
from tests.backend.world import World


async def end_tenancy(town: Town, tenancy_id: UUID, **body: object) -> dict[str, list[dict[str, str]]]:
    answer = await town.office.post(f"{town.staff_path}/tenancies/{tenancy_id}/end", json=body)
    assert answer.status_code == 201, answer.text
    ended: dict[str, list[dict[str, str]]] = answer.json()
    return ended


async def read(town: Town, erasure_id: str) -> dict[str, Any]:
    answer = await town.office.get(f"{town.staff_path}/erasures/{erasure_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(erasure: dict[str, Any]) -> list[str]:
    return [step["name"] for step in erasure["steps"] if step["done_at"] is not None]


async def grants(town: Town, subject_id: UUID) -> frozenset[GrantKind]:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        return await access.kinds(conn, community_id=town.community_id, subject_id=subject_id)


async def roster(town: Town, subject_id: UUID) -> bool:
    """Whether gates still hear of the subject."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        found: bool = await conn.fetchval(
            "SELECT EXISTS (SELECT FROM roster WHERE community_id = $1 AND subject_id = $2 AND body IS NOT NULL)",
            town.community_id,
            subject_id,
        )
    return found


class Away:
    """A store that removes things only when it is told to, before the one that it stands for.

    ``refused`` are prefixes below which it keeps something all the same.
    """

    def __init__(self, store: ObjectStore, *, refused: Collection[str] = ()) -> None:
        self._store = store
        self.away = not refused
        self.refused = refused

    async def put(self, key: str, data: bytes) -> None:
        await self._store.put(key, data)

    async def get(self, key: str) -> bytes:
        return await self._store.get(key)

    async def exists(self, key: str) -> bool:
        return await self._store.exists(key)

    async def delete(self, key: str) -> None:
        if self.away:
            raise StorageUnavailable
        await self._store.delete(key)

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        if self.away:
            raise StorageUnavailable
        return await self._store.delete_under([prefix for prefix in prefixes if prefix not in self.refused])

    async def list(self, prefix: str) -> AsyncIterator[str]:
        async for key in self._store.list(prefix):
            yield key


async def several_moved_out(world: World, count: int) -> tuple[Town, list[Resident], list[UUID]]:
    """So many tenants of one community whose tenancies have ended together."""
    town = await build_town(world)
    tenants = [await town.tenant(f"1-{number}") for number in range(count)]
    for tenant in tenants:
        await give_face(town, tenant)
    begun = [(await end_tenancy(town, tenant.tenancy_id))["erasures"][0] for tenant in tenants]
    return town, tenants, [UUID(one["erasure_id"]) for one in begun]
