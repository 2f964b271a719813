"""The community's own threshold: counted at enrolment, fitted by the worker, seen and aimed by staff."""

import math
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from backend.access import service as access
from backend.enrolment.calibration import repository, rules, service
from backend.enrolment.calibration.repository import AgeRow
from backend.kit.auth import StaffRole
from backend.kit.db import Connection, Database, Scope
from backend.people import repository as people
from gate_sdk.face import DEFAULT_PACK
from gate_sdk.wire import GrantKind
from tests.backend.enrolment.people import enrol, enrol_and_approve, others_photographs
from tests.backend.gates.devices import Device
from tests.backend.households.town import Town, build_town
from tests.backend.world import World

# How many people's scores a community starts with here, and of how many people its gallery is.
_PROBES, _PEOPLE = 3_000, 5


def _scores() -> Iterator[int]:
    """Bins of an exponential tail from 0.20 on, a tenth as many for each 0.05."""
    for number in range(_PROBES):
        yield rules.binned(0.20 - 0.05 * math.log10((number + 0.5) / _PROBES))


async def _count(conn: Connection, town: Town, bins: list[int], *, kind: str = "resident", band: str = "adult") -> None:
    await repository.add_scores(
        conn,
        community_id=town.community_id,
        pack=DEFAULT_PACK,
        kind=kind,
        age_band=band,
        bins=bins,
        comparisons=20,
    )


async def _people(world: World, town: Town, count: int = _PEOPLE) -> None:
    now = world.clock()
    for _ in range(count):
        async with world.resources.db.transaction(Scope(platform=True)) as conn:
            person = await people.insert_person(conn)
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await access.set_credential(
                conn,
                community_id=town.community_id,
                subject_id=await people.ensure_subject(
                    conn, community_id=town.community_id, person_id=person.person_id
                ),
                template_id=uuid4(),
                pack=DEFAULT_PACK,
                template_sha256=bytes(32),
                now=now,
            )


@pytest.fixture
async def town(world: World) -> Town:
    """A community whose scores suffice."""
    town = await build_town(world)
    await _people(world, town)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await _count(conn, town, list(_scores()))
    return town


async def test_scores_are_counted_by_bin_kind_and_age_with_how_many_they_were_compared_with(world: World) -> None:
    town = await build_town(world)
    first, second = await town.tenant("1-101"), await town.tenant("1-102")
    await enrol_and_approve(town, first.actor)
    await enrol(second.actor, others_photographs())
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        rows = await repository.list_scores(conn, community_id=town.community_id, pack=DEFAULT_PACK)
    assert {(row.kind, row.age_band) for row in rows} == {("resident", "adult")}
    assert sum(row.count for row in rows) == sum(row.comparisons for row in rows) == 3


def test_bands_are_told_by_birth_date_and_zone_and_only_where_it_is_known(world: World) -> None:
    now = world.clock()

    def band(years: float, *, of_age: bool = False) -> str:
        born = (now - timedelta(days=365.25 * years)).date()
        return rules.age_band(AgeRow(born, "Asia/Shanghai", of_age), now=now)

    assert [band(years) for years in (3, 13.9, 14.1, 17.9, 18.1)] == ["under_14"] * 2 + ["14_17"] * 2 + ["adult"]
    assert rules.age_band(AgeRow(None, "Asia/Shanghai", of_age=True), now=now) == "adult"
    assert rules.age_band(AgeRow(None, "Asia/Shanghai", of_age=False), now=now) == "unknown"


def test_who_is_several_counts_as_what_he_is_longest() -> None:
    assert rules.kind_of(frozenset({GrantKind.COURIER, GrantKind.RESIDENT})) == "resident"
    assert rules.kind_of(frozenset()) == "unknown"


@pytest.mark.parametrize("score, wanted", [(0.58, 58), (0.579999, 57), (-0.005, -1), (-2.0, -100), (2.0, 100)])
def test_bins_are_hundredths_rounded_down(score: float, wanted: int) -> None:
    assert rules.binned(score) == wanted


async def test_the_fitted_threshold_reaches_gates_with_their_next_head(
    town: Town, world: World, worker_db: Database
) -> None:
    device = await Device.provisioned(world.api, town.office, town.community_id, world)
    await device.sync()
    before = device.head
    assert before is not None
    assert before.policy.threshold is None
    assert await service.fit_due(worker_db, now=world.clock()) == 1
    world.clock.advance(seconds=1)
    await device.sync()
    after = device.head
    assert after is not None
    assert (after.version, after.digest) == (before.version, before.digest)
    # 5 people at an FPIR of 0.1 % want an FMR of 2e-4; the scores have 5e-2 at 0.20 and a tenth for each 0.05: 0.32.
    assert after.policy.threshold == pytest.approx(0.33, abs=0.02)
    assert after.policy.threshold_pack == DEFAULT_PACK


async def test_a_fit_is_renewed_daily_or_after_many_enrolments_and_told_in_the_trail_where_it_changed(
    town: Town, world: World, worker_db: Database
) -> None:
    assert await service.fit_due(worker_db, now=world.clock()) == 1

    async def fitted() -> repository.ThresholdRow:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            row = await repository.get_threshold(conn, community_id=town.community_id, pack=DEFAULT_PACK)
        assert row is not None
        return row

    first = await fitted()
    world.clock.advance(hours=1)
    assert await service.fit_due(worker_db, now=world.clock()) == 0
    assert await fitted() == first
    world.clock.advance(hours=24)
    assert await service.fit_due(worker_db, now=world.clock()) == 0
    assert (await fitted()).fitted_at > first.fitted_at
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await _count(conn, town, [45] * 300)
    assert await service.fit_due(worker_db, now=world.clock()) == 1
    assert (await fitted()).threshold > first.threshold
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        told = await conn.fetch("SELECT actor, reason FROM audit_entry WHERE action = 'threshold.fit' ORDER BY seq")
    assert [row["actor"] for row in told] == ["system", "system"]
    assert told[0]["reason"].startswith(f"{DEFAULT_PACK}: the pack's to 0.")


async def test_with_few_scores_the_packs_calibration_goes_and_nothing_is_shown_of_them(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    await _people(world, town)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await _count(conn, town, [30] * (rules.MIN_PROBES - 1))
    assert await service.fit_due(worker_db, now=world.clock()) == 0
    shown = (await town.office.get(f"{town.staff_path}/recognition")).json()
    assert (shown["source"], shown["fit"], shown["curve"], shown["groups"]) == ("pack", None, [], [])
    assert shown["threshold"] == shown["pack_threshold"] >= shown["floor"] == 0.5


async def test_staff_see_the_curve_and_the_groups_that_are_large_enough(
    town: Town, world: World, worker_db: Database
) -> None:
    await service.fit_due(worker_db, now=world.clock())
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await _count(conn, town, [60] * rules.MIN_PROBES, kind="guest", band="unknown")
        await _count(conn, town, [60] * (rules.MIN_PROBES - 1), kind="courier", band="under_14")
    answer = await town.office.get(f"{town.staff_path}/recognition")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["source"], shown["people"]) == ("community", _PEOPLE)
    assert shown["threshold"] == max(shown["fit"]["threshold"], shown["floor"])
    rates = [point["fpir"] for point in shown["curve"]]
    assert rates == sorted(rates, reverse=True)
    groups = {(one["by"], one["group"]): one for one in shown["groups"]}
    assert set(groups) == {("kind", "guest"), ("kind", "resident"), ("age_band", "adult")}
    assert groups["kind", "resident"]["asks_for"] is not None
    # Too few for a fit of their own, yet every one of them is over the line.
    assert groups["kind", "guest"]["asks_for"] is None
    assert groups["kind", "guest"]["fpir"] > groups["kind", "resident"]["fpir"]


async def test_staff_aim_at_another_rate_and_the_threshold_follows_at_once(town: Town, world: World) -> None:
    path = f"{town.staff_path}/recognition"
    strict = (await town.office.put(path, json={"fpir": 0.0001})).json()
    loose = (await town.office.put(path, json={"fpir": 0.01})).json()
    assert (strict["fpir"], loose["fpir"]) == (0.0001, 0.01)
    assert strict["fit"]["estimate"] > loose["fit"]["estimate"]
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        told = await conn.fetch("SELECT reason FROM audit_entry WHERE action = 'recognition.target' ORDER BY seq")
    assert [row["reason"] for row in told] == ["0.0001", "0.01"]


@pytest.mark.parametrize("fpir", [0, 0.000009, 0.011, -1, "often", None])
async def test_rates_out_of_bounds_are_refused(town: Town, fpir: object) -> None:
    answer = await town.office.put(f"{town.staff_path}/recognition", json={"fpir": fpir})
    assert answer.status_code == 400, answer.text


async def test_the_rate_takes_a_second_factor_and_is_not_the_desks_nor_anothers(world: World, town: Town) -> None:
    path = f"{town.staff_path}/recognition"
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.put(path, json={"fpir": 0.01})).status_code == 403
    assert (await desk.get(path)).status_code == 403
    stranger = await world.administrator("Another Authority")
    assert (await stranger.get(path)).status_code == 404
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    plain = await world.login(manager.phone, surface="staff", second_factor=False)
    assert (await plain.get(path)).status_code == 200
    assert (await plain.put(path, json={"fpir": 0.01})).json()["code"] == "second-factor-required"


async def test_a_community_sees_no_other_ones_scores(town: Town, world: World) -> None:
    other = await build_town(world, office=town.office, name="Second Court")
    async with world.resources.db.transaction(Scope(community_id=other.community_id)) as conn:
        assert await repository.list_scores(conn, community_id=town.community_id, pack=DEFAULT_PACK) == []
        assert await repository.get_threshold(conn, community_id=town.community_id, pack=DEFAULT_PACK) is None
