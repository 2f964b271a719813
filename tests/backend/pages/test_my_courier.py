"""Whoever lives here and brings parcels becomes one person on the pages, from whichever of the two he comes."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from backend.demo.parties import Company, token_of
from tests.backend.pages.acting import LONG, heading, log_in, moved_in, press
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]
ASKS = "{} asks you to register as a courier"


def named(box: LivingBox, name: str, number: str) -> str:
    """The link that a new company sends to the number."""
    partner = box.manager.create_partner(name, box.community)
    company = Company(box.http, client_id=partner["client_id"], client_secret=partner["client_secret"])
    company.register_courier("W-1", name="Courier", phone=number)
    return f"{box.url}/visit#{token_of(box.mailbox.newest(number, 'courier_link')['link'])}"


def opened(page: Page, link: str) -> None:
    page.goto("about:blank")
    page.goto(link)


def people(box: LivingBox, number: str) -> set[str]:
    """Who the number's account and who its courier is."""
    account = box.query("SELECT person_id FROM account WHERE phone = $1", number)
    courier = box.query("SELECT person_id FROM courier_employment ORDER BY created_at DESC LIMIT 1")
    return {str(row["person_id"]) for row in (*account, *courier)}


def test_a_resident_who_opens_a_companys_link_becomes_one_person(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    opened(page, named(box, "Swift Parcels", rented.number))
    heading(page, ASKS.format("Swift Parcels"))
    press(page, "Accept")
    assert len(people(box, rented.number)) == 2
    page.get_by_role("link", name="I also live here").click()
    heading(page, "I am a courier too")
    press(page, "Be one person")
    heading(page, "You are one person now")
    expect(page.get_by_text("Swift Parcels")).to_be_visible()
    assert len(people(box, rented.number)) == 1
    page.get_by_role("link", name="Back to the company's link").click()
    heading(page, ASKS.format("Swift Parcels"))
    expect(page.get_by_text("accepted", exact=True)).to_be_visible(timeout=LONG)

    # The next company's link leads to him: nothing of the resident's is shown before this phone has logged in to it.
    opened(page, named(box, "Quick Meals", rented.number))
    expect(page.get_by_text("This link leads to somebody who lives here.")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="My data and my rights")).to_have_count(0)
    page.get_by_role("link", name="I also live here").click()
    press(page, "Be one person")
    heading(page, "You are one person now")
    page.get_by_role("link", name="Back to the company's link").click()
    press(page, "Accept")
    expect(page.get_by_text("yours", exact=True)).to_have_count(2, timeout=LONG)


def test_a_courier_who_lives_here_logs_in_from_the_companys_link(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    moved_in(box, phone, rented)
    before = box.mailbox.newest(rented.number, "login_code")["code"]
    page = phone(named(box, "Swift Parcels", rented.number), language="zh-CN")
    page.get_by_role("button", name="接受邀请").click()
    page.get_by_role("link", name="我也是这里的住户").click()
    press(page, "English")
    log_in(page, box, rented.number, before=before)
    heading(page, "I am a courier too")
    press(page, "Be one person")
    heading(page, "You are one person now")
    assert len(people(box, rented.number)) == 1


def test_whose_number_is_another_is_told_what_to_do(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    opened(page, named(box, "Swift Parcels", rented.number.replace("+86137", "+86135")))
    page.get_by_role("link", name="I also live here").wait_for(state="detached")
    press(page, "Accept")
    page.get_by_role("link", name="I also live here").click()
    press(page, "Be one person")
    expect(page.get_by_text("The company's link went to another number of yours.")).to_be_visible(timeout=LONG)
    assert len(people(box, rented.number)) == 2


def test_without_a_companys_link_there_is_nothing_to_become(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    page = moved_in(box, phone, rent())
    page.get_by_role("navigation").get_by_role("link", name="Me", exact=True).click()
    heading(page, "Me")
    expect(page.get_by_role("link", name="I am a courier too")).to_have_count(0)
    page.evaluate("location.hash = 'courier'")
    heading(page, "I am a courier too")
    expect(page.get_by_text("Open the link that the company has sent you")).to_be_visible()
    expect(page.get_by_role("button", name="Be one person")).to_have_count(0)
