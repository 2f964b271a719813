"""Ages, birthdays in every time zone, and what a guardian may do at each."""

from datetime import UTC, date, datetime, timedelta

import pytest

from backend.guardians.rules import Power, Recapture, Stage, is_birth_date, may, recapture_due, stage_of, turns


@pytest.mark.parametrize(
    "zone, begins",
    [
        ("Asia/Shanghai", datetime(2026, 5, 3, 16, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 5, 4, 7, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 5, 3, 18, 15, tzinfo=UTC)),
    ],
)
def test_a_birthday_begins_with_the_communitys_own_day(zone: str, begins: datetime) -> None:
    born = date(2012, 5, 4)
    assert turns(born, 14, zone) == begins
    before = stage_of(born, zone, decided=False, now=begins - timedelta(microseconds=1))
    assert (before, stage_of(born, zone, decided=False, now=begins)) == (Stage.CHILD, Stage.ASKED)


def test_a_birthday_in_an_hour_that_clocks_skip_is_one_all_the_same() -> None:
    # In Beirut the clocks went from midnight to one o'clock on 27 March 2022.
    assert turns(date(2008, 3, 27), 14, "Asia/Beirut") == datetime(2022, 3, 26, 22, tzinfo=UTC)


def test_whoever_was_born_on_29_february_is_fourteen_on_1_march_and_in_leap_years_on_the_day() -> None:
    assert turns(date(2012, 2, 29), 14, "UTC") == datetime(2026, 3, 1, tzinfo=UTC)
    assert turns(date(2012, 2, 29), 20, "UTC") == datetime(2032, 2, 29, tzinfo=UTC)


def test_at_eighteen_nobody_acts_for_him_whatever_he_had_answered() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    for decided in (False, True):
        stage = stage_of(date(2008, 5, 4), "UTC", decided=decided, now=now)
        assert stage is Stage.ADULT
        assert not any(may(stage, power) for power in Power)


def test_a_guardian_may_everything_for_a_child_and_only_look_and_speak_for_who_decides_himself() -> None:
    assert {power for power in Power if may(Stage.CHILD, power)} == set(Power)
    assert {power for power in Power if may(Stage.YOUNG, power)} == {Power.LOOK, Power.SPEAK}
    # While an answer is waited for, he may say no for him, and not yes.
    assert may(Stage.ASKED, Power.WITHDRAW)
    assert not any(may(Stage.ASKED, power) for power in (Power.CONSENT, Power.ENROL, Power.COPY))


@pytest.mark.parametrize(
    "born, possible", [("2026-05-04", True), ("2026-05-05", False), ("1896-05-04", True), ("1896-05-03", False)]
)
def test_a_birth_date_lies_within_a_lifetime(born: str, possible: bool) -> None:  # noqa: FBT001 - a parameter of cases
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert is_birth_date(date.fromisoformat(born), now=now, zone="UTC") is possible


def test_faces_are_taken_anew_after_a_year_below_ten_and_after_two_from_then_on() -> None:
    born, zone = date(2016, 6, 1), "UTC"
    made = datetime(2026, 5, 31, tzinfo=UTC)
    assert recapture_due(born, zone, made, Recapture()) == datetime(2027, 5, 31, tzinfo=UTC)
    assert recapture_due(born, zone, made + timedelta(days=1), Recapture()) == datetime(2028, 6, 1, tzinfo=UTC)
    assert recapture_due(born, zone, made, Recapture(under_10=6)) == datetime(2026, 11, 30, tzinfo=UTC)
