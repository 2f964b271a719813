"""A household's time at its home changes: its guests go with it, also at gates that nobody can tell on the day."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from backend.kit.db import Database, Scope
from tests.backend.codes.test_codes import guest_of
from tests.backend.households.sheets import Office, sheet
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import World


@pytest.fixture
async def town(world: World) -> Town:
    return await build_town(world)


async def visit(town: Town, host: Resident, *, accepted: bool = True, **fields: Any) -> UUID:
    """A pass of three days from now on."""
    until = town.world.clock() + timedelta(days=3)
    pass_id, guest = await guest_of(town, host, **{"valid_until": until.isoformat(), **fields})
    if accepted:
        assert (await guest.accept()).status_code == 200
    return UUID(pass_id)


async def ends(town: Town, pass_id: UUID) -> Sequence[datetime]:
    """Until when the guest's rights are good, as gates are told, the earliest first."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        rows = await conn.fetch(
            "SELECT valid_until FROM access_grant WHERE source_id = $1 AND state <> 'ended' ORDER BY valid_until",
            pass_id,
        )
    return [row["valid_until"] for row in rows]


async def plan(town: Town, host: Resident, at: datetime | None) -> None:
    path = f"{town.staff_path}/tenancies/{host.tenancy_id}/planned-end"
    answer = await town.office.put(path, json={"ends_at": None if at is None else at.isoformat()})
    assert answer.status_code == 200, answer.text


async def test_a_planned_end_shortens_a_visit_and_a_later_one_gives_it_back(town: Town) -> None:
    now, host = town.world.clock(), await town.tenant()
    pass_id = await visit(town, host)
    for days in (1, 2):
        await plan(town, host, now + timedelta(days=days))
        assert await ends(town, pass_id) == [now + timedelta(days=days)]
    await plan(town, host, None)
    assert await ends(town, pass_id) == [now + timedelta(days=3)]


async def test_a_visit_that_would_begin_after_the_end_does_not(town: Town) -> None:
    now, host = town.world.clock(), await town.tenant()
    pass_id = await visit(town, host, valid_from=(now + timedelta(days=2)).isoformat())
    await plan(town, host, now + timedelta(days=1))
    assert await ends(town, pass_id) == []


async def test_of_a_recurring_visit_only_what_lies_before_the_end_stays(town: Town) -> None:
    now, host = town.world.clock(), await town.tenant()
    pass_id = await visit(
        town, host, valid_until=(now + timedelta(hours=2)).isoformat(), recurrence={"rule": "FREQ=DAILY;COUNT=5"}
    )
    await plan(town, host, now + timedelta(days=1, hours=1))
    assert await ends(town, pass_id) == [now + timedelta(hours=2), now + timedelta(days=1, hours=1)]


async def test_grace_does_not_outlast_the_household(town: Town) -> None:
    now, host = town.world.clock(), await town.tenant()
    pass_id = await visit(town, host, valid_until=(now + timedelta(hours=4)).isoformat(), grace_minutes=60)
    await plan(town, host, now + timedelta(hours=4, minutes=30))
    assert await ends(town, pass_id) == [now + timedelta(hours=4, minutes=30)]


async def test_who_accepts_after_the_end_was_planned_gets_no_more(town: Town) -> None:
    now, host = town.world.clock(), await town.tenant()
    until = now + timedelta(days=3)
    pass_id, guest = await guest_of(town, host, valid_until=until.isoformat())
    await plan(town, host, now + timedelta(days=1))
    assert (await guest.accept()).status_code == 200
    assert await ends(town, UUID(pass_id)) == [now + timedelta(days=1)]


async def test_the_next_household_s_guests_are_left_alone(town: Town) -> None:
    now, host, neighbour = town.world.clock(), await town.tenant(), await town.tenant("1-102")
    pass_id = await visit(town, neighbour)
    await plan(town, host, now + timedelta(days=1))
    assert await ends(town, pass_id) == [now + timedelta(days=3)]


async def test_an_import_that_brings_an_earlier_end_shortens_a_visit(town: Town, worker_db: Database) -> None:
    office, phone = Office(town, worker_db), town.world.new_phone()
    first, last = (f"{town.world.clock() + timedelta(days=days):%Y-%m-%d}" for days in (-30, 1))
    line = "1号楼,1单元,101,HT-1,RY-1,王某,{phone},承租人,{first},{last}"
    await office.imported(sheet(line.format(phone=phone, first=first, last="2027-12-31")))
    (home,) = (await town.office.get(f"{town.staff_path}/homes")).json()["homes"]
    there = (await town.office.get(f"{town.staff_path}/homes/{home['home_id']}")).json()
    (tenancy,) = there["tenancies"]
    approve = f"{town.staff_path}/members/{tenancy['members'][0]['member_id']}/approve"
    host = await town.joined(
        phone,
        {
            "tenancy_id": tenancy["tenancy_id"],
            "activation_code": (await town.office.post(approve)).json()["activation_code"],
        },
    )
    pass_id = await visit(town, host)
    done = await office.imported(sheet(line.format(phone=phone, first=first, last=last)))
    assert done["updated"] == 1
    # The last day belongs to the tenancy, by the community's clocks.
    midnight = datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(hours=16)
    assert await ends(town, pass_id) == [midnight]
