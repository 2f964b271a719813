"""What erases somebody stands in his community's audit trail, also where nobody was there who asked for it."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import asyncpg
import pytest

from backend.kit.db import Database
from backend.privacy import imported, jobs
from tests.backend.guardians.children import agree, child_of
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.ending import end_tenancy
from tests.backend.privacy.faces import give_face
from tests.backend.world import World

Ends = Callable[[Town, Resident, Database], Awaitable[object]]


async def by_time(town: Town, tenant: Resident, db: Database) -> None:
    at = town.world.clock() + timedelta(days=1)
    await end_tenancy(town, tenant.tenancy_id, at=at.isoformat())
    await jobs.end_due_tenancies(db, now=at)


async def by_an_import(town: Town, tenant: Resident, db: Database) -> None:
    await imported.end_tenancy(db, community_id=town.community_id, target_id=tenant.tenancy_id, now=town.world.clock())


async def by_an_import_of_members(town: Town, tenant: Resident, db: Database) -> None:
    await imported.end_member(db, community_id=town.community_id, target_id=tenant.member_id, now=town.world.clock())


async def by_moving_on(town: Town, tenant: Resident, _: Database) -> None:
    other = await build_town(town.world, office=town.office, name="Second Court")
    there = {"community_id": str(other.community_id), "home_id": str(await other.home())}
    answer = await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/transfer", json=there)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("ends", [by_time, by_an_import, by_an_import_of_members, by_moving_on])
async def test_what_ends_a_household_is_recorded_with_the_erasures_that_it_began(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]", ends: Ends
) -> None:
    town = await build_town(world)
    await ends(town, await town.tenant(), worker_db)
    erasures = [f"erasure:{row['erasure_id']}" for row in await owner.fetch("SELECT erasure_id FROM erasure")]
    trail = await owner.fetch(
        "SELECT target FROM audit_entry WHERE action = 'erasure.begin' AND community_id = $1", town.community_id
    )
    assert erasures
    assert [row["target"] for row in trail] == erasures


async def by_asking(town: Town, tenant: Resident) -> None:
    await give_face(town, tenant)
    answer = await tenant.actor.post("/resident/v1/requests", json={"kind": "erasure"})
    assert answer.status_code == 201, answer.text


async def by_his_guardian(town: Town, tenant: Resident) -> None:
    child = await child_of(town, tenant, date(2019, 5, 1))
    await agree(child)
    answer = await tenant.actor.post(f"{child.path}/consents/face_access/withdraw")
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("asks", [by_asking, by_his_guardian])
async def test_a_word_that_erases_is_recorded_with_the_erasure_that_it_began(
    world: World, owner: "asyncpg.Connection[asyncpg.Record]", asks: Callable[[Town, Resident], Awaitable[object]]
) -> None:
    town = await build_town(world)
    await asks(town, await town.tenant())
    erasures = [f"erasure:{row['erasure_id']}" for row in await owner.fetch("SELECT erasure_id FROM erasure")]
    trail = await owner.fetch("SELECT target FROM audit_entry WHERE action = 'erasure.begin'")
    assert erasures
    assert [row["target"] for row in trail] == erasures
