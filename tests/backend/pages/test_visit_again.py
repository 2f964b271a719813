"""The page behind a link: a guest who comes again, and couriers with several companies."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from backend.demo.parties import Company, token_of
from tests.backend.pages.acting import LONG, heading, press, take_pictures
from tests.backend.pages.conftest import OpenPhone
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Invite = Callable[[], str]
INVITED = "You are invited to Garden Court"
COURIER = "+8613612345611"


def enrolled(page: Page, box: LivingBox) -> None:
    """A guest who accepts and whose face the gate knows."""
    press(page, "Accept")
    press(page, "By face")
    press(page, "I agree")
    take_pictures(page)
    heading(page, INVITED)
    box.manager.approve_reviews(box.community)


def test_a_guest_who_comes_again_goes_on_as_before_without_new_pictures(
    box: LivingBox, invite: Invite, phone: OpenPhone
) -> None:
    page = phone(invite())
    enrolled(page, box)
    second = invite()
    page.goto("about:blank")
    page.goto(second)
    heading(page, "Welcome back")
    press(page, "As before")
    heading(page, INVITED)
    expect(page.get_by_text("Your face of the earlier visit still stands")).to_be_visible(timeout=LONG)
    press(page, "Accept")
    expect(page.locator(".state.good").get_by_text("works")).to_be_visible(timeout=LONG)
    # The link is this phone's: opening it again asks nothing.
    page.goto("about:blank")
    page.goto(second)
    heading(page, INVITED)
    expect(page.locator(".state.good").get_by_text("works")).to_be_visible(timeout=LONG)
    # And nobody else's.
    heading(phone(second), "This link is in use on another phone")


def test_a_guest_who_comes_again_may_as_well_begin_anew(box: LivingBox, invite: Invite, phone: OpenPhone) -> None:
    page = phone(invite())
    press(page, "Accept")
    expect(page.get_by_text("How would you like to enter?")).to_be_visible(timeout=LONG)
    newest = "SELECT subject_id FROM guest_pass WHERE accepted_at IS NOT NULL ORDER BY accepted_at DESC LIMIT 1"
    (before,) = box.query(newest)
    page.goto("about:blank")
    page.goto(invite())
    heading(page, "Welcome back")
    press(page, "中文")
    heading(page, "欢迎再来")
    press(page, "重新登记")
    heading(page, "Garden Court邀请您来访")
    press(page, "接受邀请")
    expect(page.get_by_text("您想怎样进门")).to_be_visible(timeout=LONG)
    (after,) = box.query(newest)
    assert before["subject_id"] != after["subject_id"]


def test_a_phone_that_only_looked_at_a_link_is_not_asked(invite: Invite, phone: OpenPhone) -> None:
    page = phone(invite())
    heading(page, INVITED)
    page.goto("about:blank")
    page.goto(invite())
    heading(page, INVITED)


def test_a_courier_leaves_one_company_and_keeps_the_other(box: LivingBox, phone: OpenPhone) -> None:
    links = []
    for name in ("Swift Parcels", "Quick Meals"):
        partner = box.manager.create_partner(name, box.community)
        company = Company(box.http, client_id=partner["client_id"], client_secret=partner["client_secret"])
        company.register_courier("W-1", name="Courier", phone=COURIER)
        begin = datetime.now(UTC)
        company.assert_shift("W-1", box.community, begin=begin, end=begin + timedelta(hours=4))
        links.append(token_of(box.mailbox.newest(COURIER, "courier_link")["link"]))
    page = phone(f"{box.url}/visit#{links[0]}")
    for link, name in zip(links, ("Swift Parcels", "Quick Meals"), strict=True):
        page.goto("about:blank")
        page.goto(f"{box.url}/visit#{link}")
        heading(page, f"{name} asks you to register as a courier")
        press(page, "Accept")
        expect(page.get_by_text("How would you like to enter?")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("yours", exact=True)).to_have_count(2, timeout=LONG)
    press(page, "Leave Swift Parcels")
    heading(page, "Leave Swift Parcels?")
    press(page, "Yes")
    heading(page, "Quick Meals asks you to register as a courier")
    expect(page.get_by_text("yours", exact=True)).to_have_count(1, timeout=LONG)
    press(page, "Leave Quick Meals")
    press(page, "Yes")
    expect(page.get_by_text("You have left this company. It can ask you again.")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name=re.compile("^Leave "))).to_have_count(0)
    granted = (
        "SELECT FROM access_grant WHERE community_id = $1 AND source IN ('shift', 'delivery') AND state <> 'ended'"
    )
    assert box.query(granted, UUID(box.community)) == []
