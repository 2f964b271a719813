"""The worker as a process of its own: it finishes what it or another began, whatever ended them."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.kit.auth import StaffRole
from backend.kit.clock import utc_now
from backend.kit.db import Scope
from backend.privacy import service
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import NOTHING, acknowledge, give_face, install_gate, left_of
from tests.backend.processes import PATIENCE_S, Workers, until
from tests.backend.world import World


async def moved_out(world: World) -> tuple[Town, Resident, UUID]:
    """A household of one whose tenancy has just ended; the erasure's id."""
    # The processes' own clock is the machine's.
    world.clock.now = utc_now()
    town = await build_town(world, office=await world.administrator(f"Authority {uuid4()}"))
    tenant = await town.tenant()
    await give_face(town, tenant)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        (erasure,) = await service.end_tenancy(
            conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, now=world.clock()
        )
    return town, tenant, erasure.erasure_id


def steps_done(world: World, erasure_id: UUID, *names: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        conn = await asyncpg.connect(world.urls.superuser)
        try:
            rows = await conn.fetch(
                "SELECT name FROM erasure_step WHERE erasure_id = $1 AND done_at IS NOT NULL", erasure_id
            )
        finally:
            await conn.close()
        return set(names) <= {row["name"] for row in rows}

    return check


def completed(world: World, erasure_id: UUID) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        conn = await asyncpg.connect(world.urls.superuser)
        try:
            return bool(
                await conn.fetchval("SELECT completed_at IS NOT NULL FROM erasure WHERE erasure_id = $1", erasure_id)
            )
        finally:
            await conn.close()

    return check


def begun(world: World, erasure_id: UUID) -> Callable[[], Awaitable[bool]]:
    """Whether a worker has it in hand, or is done with it."""

    async def check() -> bool:
        conn = await asyncpg.connect(world.urls.superuser)
        try:
            waiting = "SELECT EXISTS (SELECT FROM jobs.pgqueuer WHERE payload = $1 AND status = 'queued')"
            return not await conn.fetchval(waiting, str(erasure_id).encode())
        finally:
            await conn.close()

    return check


async def certificates(world: World, erasure_id: UUID) -> list[str]:
    """The states of the erasure's certificates."""
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        rows = await conn.fetch("SELECT status FROM erasure_certificate WHERE erasure_id = $1", erasure_id)
    finally:
        await conn.close()
    return [row["status"] for row in rows]


@asynccontextmanager
async def held(url: str, statement: str, *args: object) -> AsyncIterator[None]:
    """Hold what the worker needs next, so that it stands there."""
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            await conn.execute(statement, *args)
            yield
    finally:
        await conn.close()


async def somebody_waits(url: str) -> bool:
    conn = await asyncpg.connect(url)
    try:
        return bool(
            await conn.fetchval(
                """
                SELECT EXISTS (
                    SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
                )
                """
            )
        )
    finally:
        await conn.close()


async def test_it_erases_with_the_gates_word_and_ends_when_asked_to(world: World, workers: Workers) -> None:
    process = await workers.start()
    town, tenant, erasure_id = await moved_out(world)
    gate_id = await install_gate(town)
    await until(steps_done(world, erasure_id, "grants", "credentials", "templates", "photos", "key"), workers)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert not await completed(world, erasure_id)()
    await acknowledge(town, gate_id)
    await until(completed(world, erasure_id), workers)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0
    said = workers.log()
    assert "worker-stopped" in said
    assert "duty-failed" not in said
    assert tenant.actor.phone not in said
    assert str(tenant.person_id) not in said


async def test_of_two_workers_one_leads_and_the_other_takes_over(world: World, workers: Workers) -> None:
    processes = [await workers.start(), await workers.start()]

    def leaders() -> list[int]:
        return [number for number in (0, 1) if "worker-leads" in workers.log(number)]

    async def somebody_leads() -> bool:
        return leaders() != []

    async def both_have_led() -> bool:
        return leaders() == [0, 1]

    async def both_work() -> bool:
        return all("worker-started" in workers.log(number) for number in (0, 1))

    await until(somebody_leads, workers)
    await until(both_work, workers)
    (leader,) = leaders()
    processes[leader].kill()
    await processes[leader].wait()
    await until(both_have_led, workers)
    _, _, erasure_id = await moved_out(world)
    await until(completed(world, erasure_id), workers)


@pytest.mark.deep
@pytest.mark.parametrize("step", ["credentials", "templates", "photos", "key", "person", "gates", "certificate"])
async def test_killed_in_the_middle_of_a_step_it_is_finished_by_the_next(
    world: World, workers: Workers, step: str
) -> None:
    town, tenant, erasure_id = await moved_out(world)
    hold: dict[str, tuple[str, str]] = {
        "credentials": (world.urls.superuser, "SELECT FROM roster_head FOR UPDATE"),
        "templates": (world.urls.superuser, "LOCK TABLE template IN ACCESS EXCLUSIVE MODE"),
        "photos": (world.urls.superuser, "LOCK TABLE enrolment_photo IN ACCESS EXCLUSIVE MODE"),
        "key": (world.urls.keys, "LOCK TABLE person_key IN ACCESS EXCLUSIVE MODE"),
        "person": (world.urls.superuser, "LOCK TABLE consent_proof IN ACCESS EXCLUSIVE MODE"),
        "gates": (world.urls.superuser, "LOCK TABLE roster_receipt IN ACCESS EXCLUSIVE MODE"),
        "certificate": (world.urls.superuser, "SELECT FROM erasure_certificate FOR UPDATE"),
    }
    url, statement = hold[step]
    async with held(url, statement):
        process = await workers.start()
        await until(lambda: somebody_waits(url), workers)
        process.kill()
        await process.wait()
        assert not await completed(world, erasure_id)()
    await workers.start()
    await until(completed(world, erasure_id), workers)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    # One for the person and one for the community, both complete, however often it was begun.
    assert await certificates(world, erasure_id) == ["complete", "complete"]


@pytest.mark.deep
@pytest.mark.parametrize("step", ["credentials", "templates", "key", "person", "certificate"])
async def test_killed_in_the_middle_of_a_batch_all_of_it_is_finished_by_the_next(
    world: World, workers: Workers, step: str
) -> None:
    world.clock.now = utc_now()
    town = await build_town(world, office=await world.administrator(f"Authority {uuid4()}"))
    tenants = [await town.tenant(f"1-{number}") for number in range(5)]
    for tenant in tenants:
        await give_face(town, tenant)
    erasures = []
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        for tenant in tenants:
            erasures += await service.end_tenancy(
                conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, now=world.clock()
            )
    # One that stands in the middle is waited for with the others' work in hand.
    middle = sorted(tenants, key=lambda tenant: tenant.person_id)[2].person_id
    hold: dict[str, tuple[str, str, tuple[UUID, ...]]] = {
        "credentials": (world.urls.superuser, "SELECT FROM face_credential FOR UPDATE", ()),
        "templates": (world.urls.superuser, "SELECT FROM enrolment WHERE person_id = $1 FOR UPDATE", (middle,)),
        "key": (world.urls.keys, "SELECT FROM person_key WHERE person_id = $1 FOR UPDATE", (middle,)),
        "person": (world.urls.superuser, "SELECT FROM person WHERE person_id = $1 FOR UPDATE", (middle,)),
        "certificate": (
            world.urls.superuser,
            "SELECT FROM erasure_certificate WHERE person_id = $1 FOR UPDATE",
            (middle,),
        ),
    }
    url, statement, arguments = hold[step]
    async with held(url, statement, *arguments):
        process = await workers.start()
        await until(lambda: somebody_waits(url), workers)
        process.kill()
        await process.wait()
    await workers.start()
    for tenant, erasure in zip(tenants, erasures, strict=True):
        await until(completed(world, erasure.erasure_id), workers)
        assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
        assert await certificates(world, erasure.erasure_id) == ["complete", "complete"]


@pytest.mark.deep
async def test_killed_at_random_again_and_again_it_still_erases_everything(world: World, workers: Workers) -> None:
    moments = random.Random(20261101)
    moved = []
    for _ in range(6):
        # One that nobody has begun: what a killed worker had in hand is nobody's for some seconds.
        moved.append(await moved_out(world))
        process = await workers.start()
        await until(begun(world, moved[-1][2]), workers)
        await asyncio.sleep(moments.uniform(0, 0.3))
        process.kill()
        await process.wait()
    await workers.start()
    for town, tenant, erasure_id in moved:
        await until(completed(world, erasure_id), workers)
        assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
        assert await certificates(world, erasure_id) == ["complete", "complete"]


@pytest.mark.deep
async def test_it_outlives_every_connection_it_had(world: World, workers: Workers) -> None:
    process = await workers.start()
    _, _, first = await moved_out(world)
    await until(completed(world, first), workers)
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'doorward_worker'")
    finally:
        await conn.close()
    _, _, second = await moved_out(world)
    await until(completed(world, second), workers)
    assert process.returncode is None


async def held_and_moved_out(world: World) -> tuple[Town, Resident, UUID, str]:
    """A household of one whose tenancy has just ended, photographs under a hold that has ended too."""
    world.clock.now = utc_now()
    town = await build_town(world, office=await world.administrator(f"Authority {uuid4()}"))
    tenant = await town.tenant()
    await give_face(town, tenant)
    officer = await world.staff(town.office, StaffRole.LEGAL_OFFICER)
    order = {
        "basis": "court_preservation",
        "reference": "2026-0815",
        "ends_at": (world.clock() + timedelta(days=30)).isoformat(),
        "member_id": str(tenant.member_id),
    }
    made = await officer.post(f"{town.staff_path}/holds", json=order)
    assert made.status_code == 201, made.text
    hold_id = made.json()["hold_id"]
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        (erasure,) = await service.end_tenancy(
            conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, now=world.clock()
        )
    assert (await officer.post(f"{town.staff_path}/holds/{hold_id}/end")).status_code == 200
    return town, tenant, erasure.erasure_id, hold_id


@pytest.mark.deep
@pytest.mark.parametrize(
    "url,statement",
    [
        ("keys", "LOCK TABLE person_key IN ACCESS EXCLUSIVE MODE"),
        ("superuser", "LOCK TABLE hold_photo IN ACCESS EXCLUSIVE MODE"),
        ("superuser", "LOCK TABLE erasure_certificate IN ACCESS EXCLUSIVE MODE"),
    ],
)
async def test_killed_while_a_hold_is_released_it_is_finished_by_the_next(
    world: World, workers: Workers, url: str, statement: str
) -> None:
    town, tenant, erasure_id, hold_id = await held_and_moved_out(world)
    address: str = getattr(world.urls, url)
    async with held(address, statement):
        process = await workers.start()
        await until(lambda: somebody_waits(address), workers)
        process.kill()
        await process.wait()
        assert not await completed(world, erasure_id)()
    await workers.start()
    await until(completed(world, erasure_id), workers)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert [key async for key in world.resources.objects.list("held/")] == []
    with pytest.raises((KeyMissing, KeyDestroyed)):
        await world.resources.keys.person_key(UUID(hold_id))
    assert await certificates(world, erasure_id) == ["complete", "complete"]


@pytest.mark.deep
async def test_killed_while_heads_are_signed_each_chain_gets_one(world: World, workers: Workers) -> None:
    world.clock.now = utc_now()
    town = await build_town(world, office=await world.administrator(f"Authority {uuid4()}"))
    async with held(world.urls.superuser, "LOCK TABLE audit_checkpoint IN SHARE MODE"):
        process = await workers.start()
        await until(lambda: somebody_waits(world.urls.superuser), workers)
        process.kill()
        await process.wait()
    await workers.start()

    async def signed() -> bool:
        conn = await asyncpg.connect(world.urls.superuser)
        try:
            rows = await conn.fetch("SELECT community_id FROM audit_checkpoint")
        finally:
            await conn.close()
        return sorted(row["community_id"] for row in rows) == sorted([UUID(int=0), town.community_id])

    await until(signed, workers)
