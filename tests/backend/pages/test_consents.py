"""What stands beneath the texts that people agree to, and the days that bear on who agrees, as a phone shows them."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.backend.pages.acting import LONG, child_of, go, heading, moved_in, press
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]
Invite = Callable[[], str]
KEEPS = "this community keeps pictures of denied approaches"


@pytest.fixture
def keeping(box: LivingBox) -> Iterator[Callable[[], None]]:
    """Turns pictures of denied approaches on, until the test is over."""
    path = f"/communities/{box.community}/denied-frames/policy"

    def turn_on() -> None:
        box.manager.call("PUT", path, {"purpose": "wrong_refusals", "hours": 7, "days": 30})

    yield turn_on
    box.manager.call("DELETE", path)


def beneath(page: Page) -> None:
    """The page shows a text, and beneath it what the community has turned on."""
    expect(page.get_by_role("button", name="I agree")).to_be_visible(timeout=LONG)
    expect(page.locator(".text")).to_contain_text(KEEPS)
    expect(page.locator(".text")).to_contain_text("deleted after 7 hours at the latest")


def test_who_processes_the_data_is_named_beside_the_text(
    box: LivingBox, rent: Rent, invite: Invite, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Face", "Face and consent")
    page.get_by_role("button", name="Read it and decide").first.click()
    expect(page.get_by_text("the operator of Garden Court, whom you reach at its service desk")).to_be_visible(
        timeout=LONG
    )
    who = "Garden Housing Ltd, 010 0000 0000"
    box.manager.call("PATCH", f"/communities/{box.community}", {"handler": who})
    guest = phone(invite())
    press(guest, "Accept")
    press(guest, "By face")
    expect(guest.get_by_text(f"Who processes your data at Garden Court: {who}")).to_be_visible(timeout=LONG)


def test_a_resident_reads_beneath_the_text_what_his_community_keeps(
    box: LivingBox, rent: Rent, phone: OpenPhone, keeping: Callable[[], None]
) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Face", "Face and consent")
    page.get_by_role("button", name="Read it and decide").first.click()
    expect(page.locator(".text")).to_contain_text("stands beneath this notice", timeout=LONG)
    expect(page.locator(".text")).not_to_contain_text(KEEPS)
    press(page, "I agree")
    heading(page, "Face and consent")
    expect(page.get_by_text(KEEPS)).to_have_count(0)
    # Turned on after he agreed: it stands with what he agreed to, and with that text alone.
    keeping()
    page.reload()
    expect(page.get_by_text(KEEPS)).to_have_count(1, timeout=LONG)
    press(page, "Withdraw")
    press(page, "Yes")
    page.get_by_role("button", name="Read it and decide").first.click()
    beneath(page)


def test_a_guest_and_a_guardian_read_it_too(
    box: LivingBox, rent: Rent, phone: OpenPhone, invite: Invite, keeping: Callable[[], None]
) -> None:
    keeping()
    guest = phone(invite())
    press(guest, "Accept")
    press(guest, "By face")
    beneath(guest)

    rented = rent()
    page = moved_in(box, phone, rented)
    _, person = child_of(box, rented, date(2018, 5, 1))
    page.goto(f"{box.url}/my#child/{person}")
    page.reload()
    heading(page, "Mei")
    press(page, "Take pictures")
    beneath(page)


def test_a_phone_elsewhere_shows_the_birthday_where_the_child_lives(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, partial(phone, zone="America/Los_Angeles"), rented)
    _, person = child_of(box, rented, date(2018, 5, 1))
    page.goto(f"{box.url}/my#child/{person}")
    page.reload()
    heading(page, "Mei")
    assert page.evaluate("new Date('2032-04-30T16:00:00Z').getDate()") == 30
    expect(page.get_by_text("You decide until May 1, 2032, the fourteenth birthday.")).to_be_visible(timeout=LONG)
