"""What somebody was doing on a page goes on where it was, also when the phone dropped the page meanwhile."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Route, expect

from backend.demo.parties import Resident
from tests.backend.pages.acting import (
    LONG,
    OWN_CODE,
    checked,
    child_of,
    go,
    heading,
    log_in,
    moved_in,
    press,
    take_pictures,
)
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]


def test_who_looks_up_the_code_elsewhere_finds_the_page_waiting_for_it(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    number = rent().number
    page = phone(f"{box.url}/my")
    page.get_by_label("Mobile number").fill(number)
    press(page, "Send me a code")
    heading(page, "Enter the code")
    page.reload()
    heading(page, "Enter the code")
    expect(page.get_by_text(number)).to_be_visible()
    page.get_by_label("Six digits").fill(box.mailbox.newest(number, "login_code")["code"])
    press(page, "Log in")
    expect(page.get_by_text("No home yet")).to_be_visible(timeout=LONG)
    assert box.mailbox.count(number, "login_code") == 1


def test_an_invitation_half_written_outlasts_the_page_until_it_is_sent_or_the_person_goes(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Guests", "Guests")
    name = page.get_by_label("Guest's name")
    name.fill("Half")
    page.get_by_label("Kind").select_option("Relative")
    page.get_by_label("Ask me first").check()
    kept = json.loads(page.evaluate("sessionStorage.getItem('doorward.draft.invite')"))
    assert kept == {"guest_name": ["Half"], "kind": ["family"], "ask_first": ["on"]}  # and no time that is soon over
    page.reload()
    expect(name).to_have_value("Half")
    press(page, "中文")
    expect(page.get_by_label("访客称呼")).to_have_value("Half")
    press(page, "English")
    expect(page.get_by_label("Kind")).to_have_value("family")
    expect(page.get_by_label("Ask me first")).to_be_checked()
    page.get_by_role("button", name="Invite a guest").click()
    heading(page, "Send this link to Half")
    press(page, "Done")
    page.get_by_text("Invite a guest").first.click()
    expect(name).to_have_value("")

    name.fill("Mine alone")
    go(page, "Me", "Me")
    press(page, "Log out on this phone")
    heading(page, "Log in")
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_a_field_that_the_server_cannot_take_is_said_in_words_and_marked(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    page.get_by_role("link", name="Use another activation code").click()
    code = page.get_by_label("Activation code")
    code.fill("AB1")
    press(page, "Join")
    expect(page.get_by_role("alert")).to_contain_text("has the wrong form", timeout=LONG)
    expect(code).to_have_attribute("aria-invalid", "true")
    expect(code).to_be_focused()


def test_who_tried_as_many_pictures_as_may_be_can_begin_another_round(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Face", "Face and consent")
    press(page, "Take pictures")
    press(page, "I agree")
    heading(page, "Picture 1 of 3")
    box.query("UPDATE enrolment SET attempts = 60 WHERE state = 'open'")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.get_by_text("Too many pictures were tried")).to_be_visible(timeout=LONG)
    press(page, "Try again")
    press(page, "Go on taking pictures")
    take_pictures(page)
    expect(page.get_by_text("waits for somebody to look at it")).to_be_visible(timeout=LONG)


def test_on_a_slow_line_the_page_says_that_something_comes(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    page = moved_in(box, phone, rent())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/resident/v1/consents", hold)
    page.get_by_role("navigation").get_by_role("link", name="Face", exact=True).click()
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("heading", level=1)).to_have_text("My home")
    for route in held:
        route.fulfill(status=200, content_type="application/json", body=json.dumps({"consents": []}))
    heading(page, "Face and consent")
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")


def test_on_a_small_phone_the_button_is_on_the_screen_with_the_picture(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    page.set_viewport_size({"width": 360, "height": 560})
    go(page, "Face", "Face and consent")
    press(page, "Take pictures")
    press(page, "I agree")
    heading(page, "Picture 1 of 3")
    shoot = page.get_by_role("button", name="Take the picture").bounding_box()
    nav = page.get_by_role("navigation").bounding_box()
    assert shoot is not None
    assert nav is not None
    assert shoot["y"] + shoot["height"] <= nav["y"]


def test_who_must_log_in_once_more_comes_back_to_where_he_was(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    before = box.mailbox.newest(rented.number, "login_code")["code"]
    refused = {"status": 403, "code": "fresh-log-in-needed", "type": "about:blank", "title": "Log in again"}
    page.route(
        "**/resident/v1/requests",
        lambda route: route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(refused)),
        times=1,
    )
    page.evaluate("location.hash = 'requests'")
    log_in(page, box, rented.number, before=before)
    heading(page, "My data and my rights")
    press(page, "Ask for a copy")
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=LONG)


def test_text_of_twice_the_size_fits_a_small_phone(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    width = 360
    page = moved_in(box, phone, rent())
    page.set_viewport_size({"width": width, "height": 640})
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    for tab, title in (("Guests", "Guests"), ("Home", "My home"), ("Face", "Face and consent"), ("Me", "Me")):
        go(page, tab, title)
        assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "34px"
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab


def test_whoever_makes_codes_on_the_phone_of_his_link_shows_them_without_a_network(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    Resident(box.http, rented.number, box.mailbox).join(rented.activation_code)
    today = datetime.now(UTC).date()
    member, _ = child_of(box, rented, date(today.year - 14, today.month, 1))
    page = phone(box.manager.call("POST", f"/communities/{box.community}/members/{member}/young-link")["link"])
    press(page, "Your QR code")
    press(page, "Use codes on this phone")
    expect(page.get_by_role("img", name=OWN_CODE)).to_be_visible(timeout=LONG)
    page.context.set_offline(True)
    press(page, "Back")
    heading(page, "No connection")
    press(page, "Your QR code")
    expect(page.get_by_role("img", name=OWN_CODE)).to_be_visible(timeout=LONG)
    checked(page, box)


def test_whoever_moves_out_is_told_so_and_given_the_certificate(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    tenant = Resident(box.http, rented.number, box.mailbox)
    tenant.join(rented.activation_code)
    number = rented.number.replace("+86137", "+86134")
    member = tenant.propose_member(box.community, rented.home, name="Li", phone=number)
    page = moved_in(box, phone, Rented(rented.home, number, box.manager.approve_member(box.community, member)))
    press(page, "Move out")
    press(page, "Yes")
    heading(page, "You have moved out")
    link = page.get_by_role("link", name="Open the certificate").get_attribute("href")
    press(page, "Done")
    heading(page, "Join a home")
    assert link is not None
    page.goto(link)
    expect(page.get_by_text("North gate")).to_be_visible(timeout=LONG)
