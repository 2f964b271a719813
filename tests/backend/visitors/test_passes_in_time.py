"""Passes through changes of the clocks and over holidays: over HTTP, with the SDK's client at the gate."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.kit.db import Database
from backend.worker import tick
from gate_sdk import Decision, GateClient, Reason
from gate_sdk.testing import Phone
from tests.backend.approvals.test_approvals import code_of
from tests.backend.codes.test_codes import OpenGate, guest_of, has_all, now_us, open_gate, register, shown
from tests.backend.households.town import Town, build_town
from tests.backend.world import World

__all__ = ["open_gate"]


@pytest.fixture
async def town(world: World, request: pytest.FixtureRequest) -> Town:
    """A town by whose clocks it is the evening before the summer's last Saturday, or whatever the test asks for."""
    zone = getattr(request, "param", "Asia/Shanghai")
    world.clock.now = datetime(2026, 10, 23, 18, tzinfo=ZoneInfo(zone))
    town = await build_town(world)
    answer = await town.office.patch(town.staff_path, json={"time_zone": zone})
    assert answer.is_success, answer.text
    return town


async def at(town: Town, worker_db: Database, gate: GateClient, moment: datetime, text: str) -> Decision:
    town.world.clock.now = moment
    await tick(worker_db, town.world.clock)
    await has_all(gate, town)
    return await shown(gate, text)


@pytest.mark.parametrize("town", ["Europe/Berlin", "Asia/Shanghai"], indirect=True)
async def test_a_daily_visit_at_nine_opens_at_nine_by_the_clock_on_the_wall(
    town: Town, open_gate: OpenGate, worker_db: Database
) -> None:
    """In the night of the second day Berlin's clocks go back: the visit is an hour later in UTC, as in life."""
    zone = town.world.clock.now.tzinfo
    gate, host = await open_gate("north"), await town.tenant()
    nine, eleven = (datetime(2026, 10, 24, hour, tzinfo=zone) for hour in (9, 11))
    _, guest = await guest_of(
        town,
        host,
        valid_from=nine.isoformat(),
        valid_until=eleven.isoformat(),
        recurrence={"rule": "FREQ=DAILY;COUNT=3"},
    )
    text = await code_of(guest)
    begins = []
    for day in range(3):
        # By the clocks on the wall; what that is in UTC is the zone's affair.
        begin, until = nine + timedelta(days=day), eleven + timedelta(days=day)
        begins.append(begin.utcoffset())
        probes = [
            (begin - timedelta(seconds=1), False),
            (begin, True),
            (until - timedelta(seconds=1), True),
            (until, False),
        ]
        for moment, opens in probes:
            decision = await at(town, worker_db, gate, moment, text)
            assert decision.allowed is opens, (moment, decision.reason)
            assert opens or decision.reason in (Reason.OUTSIDE_WINDOW, Reason.CODE_UNKNOWN)
    assert len(set(begins)) == (2 if "Berlin" in str(zone) else 1)


@pytest.mark.parametrize("town", ["Europe/Berlin"], indirect=True)
async def test_a_night_in_which_the_clocks_go_back_is_an_hour_longer_at_the_gate(
    town: Town, open_gate: OpenGate, worker_db: Database
) -> None:
    zone = town.world.clock.now.tzinfo
    gate, host = await open_gate("north"), await town.tenant()
    evening, morning = datetime(2026, 10, 24, 22, tzinfo=zone), datetime(2026, 10, 25, 6, tzinfo=zone)
    _, guest = await guest_of(town, host, valid_from=evening.isoformat(), valid_until=morning.isoformat())
    text = await code_of(guest)
    assert (await at(town, worker_db, gate, evening, text)).allowed
    # Half past two comes twice, and he is in his window both times.
    for fold in (0, 1):
        moment = datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=fold)
        assert (await at(town, worker_db, gate, moment, text)).allowed
    world_hours = (morning.timestamp() - evening.timestamp()) / 3600
    assert world_hours == 9
    assert (await at(town, worker_db, gate, morning - timedelta(seconds=1), text)).allowed
    assert not (await at(town, worker_db, gate, morning, text)).allowed


async def hours_of_guests(town: Town, *, own_holidays: bool) -> None:
    week = [
        {"day": day, "begin": "08:00", "until": "20:00"} for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    ]
    made = await town.office.post(
        f"{town.staff_path}/schedules", json={"name": "Days", "week": week, "own_holidays": own_holidays}
    )
    assert made.status_code == 201, made.text
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("hours", {"hours": [{"kind": "guest", "schedule_id": made.json()["id"]}]}),
        ("calendar/2026", {"days": [{"day": "2026-10-24", "name": "Community day"}]}),
    ]
    for path, body in bodies:
        answer = await town.office.put(f"{town.staff_path}/{path}", json=body, headers={"If-Match": "*"})
        assert answer.is_success, answer.text


@pytest.mark.parametrize("own_holidays", [True, False])
async def test_a_holiday_cuts_a_guests_pass_where_the_guests_hours_know_holidays(
    town: Town, open_gate: OpenGate, worker_db: Database, *, own_holidays: bool
) -> None:
    """Hours go by kinds of people: those of guests go for whoever comes by a pass, and residents have their own."""
    await hours_of_guests(town, own_holidays=own_holidays)
    gate, host = await open_gate("north"), await town.tenant()
    phone = Phone(town.community_id)
    assert (await register(host.actor, town, phone)).status_code == 201
    noon = datetime(2026, 10, 24, 12, tzinfo=town.world.clock.now.tzinfo)
    _, guest = await guest_of(
        town, host, valid_from=town.world.clock.now.isoformat(), valid_until=(noon + timedelta(days=2)).isoformat()
    )
    text = await code_of(guest)
    holiday = await at(town, worker_db, gate, noon, text)
    assert holiday.reason is (Reason.OUTSIDE_HOURS if own_holidays else Reason.MATCHED)
    assert (await shown(gate, phone.code(now_us(town.world)))).allowed
    # The day after is a day like any other: open by day, shut by night, whatever the pass says.
    assert (await at(town, worker_db, gate, noon + timedelta(days=1), text)).allowed
    assert (await at(town, worker_db, gate, noon + timedelta(days=1, hours=9), text)).reason is Reason.OUTSIDE_HOURS


async def test_a_visit_that_leaves_a_holiday_out_has_no_window_on_it(
    town: Town, open_gate: OpenGate, worker_db: Database
) -> None:
    gate, host = await open_gate("north"), await town.tenant()
    nine = datetime(2026, 10, 24, 9, tzinfo=town.world.clock.now.tzinfo)
    _, guest = await guest_of(
        town,
        host,
        valid_from=nine.isoformat(),
        valid_until=(nine + timedelta(hours=2)).isoformat(),
        recurrence={"rule": "FREQ=DAILY;COUNT=3", "except_dates": ["2026-10-25"]},
    )
    text = await code_of(guest)
    opened = [(await at(town, worker_db, gate, nine + timedelta(days=day), text)).allowed for day in range(3)]
    assert opened == [True, False, True]
