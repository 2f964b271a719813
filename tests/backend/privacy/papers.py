"""Certificates as those read them whom they are for, and a worker that writes to people."""

from typing import Any
from uuid import UUID

import asyncpg

from backend.kit.db import Database
from backend.notifications.senders import ConsoleSender
from backend.privacy.saga import Saga
from tests.backend.households.town import Resident, Town
from tests.backend.world import World

KEYS = "/.well-known/doorward-certificate-keys.json"


def make_saga(world: World, worker_db: Database) -> Saga:
    assert world.settings.data_dir is not None
    sender = ConsoleSender(world.settings.data_dir / "messages.jsonl")
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock, sender=sender)


async def move_out(town: Town, tenant: Resident) -> UUID:
    answer = await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    assert answer.status_code == 201, answer.text
    (begun,) = answer.json()["erasures"]
    return UUID(begun["erasure_id"])


async def certificate(town: Town, erasure_id: UUID) -> dict[str, Any]:
    """As the town's office reads it."""
    path = f"{town.staff_path}/erasures/{erasure_id}/certificate"
    answer = await town.office.get(path)
    if answer.status_code == 401:
        answer = await (await town.world.login(town.office.phone, surface="staff")).get(path)
    assert answer.status_code == 200, answer.text
    signed: dict[str, Any] = answer.json()
    return signed


async def query(world: World, sql: str, *args: object) -> Any:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return await conn.fetchval(sql, *args)
    finally:
        await conn.close()


async def is_there(world: World, person_id: UUID) -> bool:
    return bool(await query(world, "SELECT EXISTS (SELECT FROM person WHERE person_id = $1)", person_id))


async def own(resident: Resident, erasure_id: UUID) -> dict[str, Any]:
    """As the person himself reads it, while his access token lasts."""
    answer = await resident.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()["certificate"]
    return body


def remains(body: dict[str, Any]) -> set[str]:
    return {one["what"] for one in body["remains"]}
