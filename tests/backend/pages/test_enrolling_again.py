"""An enrolment that is interrupted on the residents' page goes on where it was: nothing good is taken twice."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.backend.pages.acting import LONG, go, heading, moved_in, press, take_until_taken
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]
SENT = re.compile("/resident/v1/enrolments/[^/]+/photos/")
COMPLETED = re.compile("/resident/v1/enrolments/[^/]+/complete$")
# The page tries three times by itself, over some seconds.
PATIENCE = 2 * LONG


def enrolments(box: LivingBox, rented: Rented) -> int:
    found = box.query("SELECT FROM enrolment JOIN account USING (person_id) WHERE account.phone = $1", rented.number)
    return len(found)


def begun(box: LivingBox, phone: OpenPhone, rented: Rented) -> Page:
    """At the second picture; the first is taken."""
    page = moved_in(box, phone, rented)
    go(page, "Face", "Face and consent")
    press(page, "Take pictures")
    press(page, "I agree")
    heading(page, "Picture 1 of 3")
    take_until_taken(page)
    heading(page, "Picture 2 of 3")
    return page


def waits(page: Page) -> None:
    heading(page, "Face and consent")
    expect(page.get_by_text(re.compile("^(works|waits for somebody to look at it)$"))).to_be_visible(timeout=LONG)


def test_the_page_is_loaded_anew_in_mid_enrolment(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = begun(box, phone, rented)
    page.reload()
    heading(page, "Face and consent")
    expect(page.get_by_text("not completed", exact=True)).to_be_visible()
    press(page, "Go on taking pictures")
    heading(page, "Picture 2 of 3")
    take_until_taken(page)
    # And somebody who puts the phone away comes back to what is missing, also after a while on another view.
    press(page, "Not now")
    go(page, "Home", "My home")
    go(page, "Face", "Face and consent")
    press(page, "Go on taking pictures")
    heading(page, "Picture 3 of 3")
    take_until_taken(page)
    waits(page)
    assert enrolments(box, rented) == 1


def test_the_network_goes_in_the_middle_and_the_page_is_loaded_without_it(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = begun(box, phone, rented)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.get_by_role("button", name="Take the picture").click(timeout=LONG)
    expect(page.locator(".hint")).to_have_text(re.compile("^Check the network"), timeout=PATIENCE)
    # On the spot, once it is back.
    page.context.set_offline(False)
    take_until_taken(page)
    heading(page, "Picture 3 of 3")
    # Or later, on a page that was opened without it.
    page.context.set_offline(True)
    page.reload()
    heading(page, "No connection")
    page.context.set_offline(False)
    press(page, "Try again")
    heading(page, "Face and consent")
    press(page, "Go on taking pictures")
    heading(page, "Picture 3 of 3")
    take_until_taken(page)
    waits(page)
    assert enrolments(box, rented) == 1


def test_an_answer_to_a_picture_is_lost_on_its_way(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = begun(box, phone, rented)
    taken: list[int] = []

    def swallow(route: object) -> None:
        # The server has it; nobody hears so.
        taken.append(route.fetch().status)  # type: ignore[attr-defined]  # playwright's Route
        route.abort()  # type: ignore[attr-defined]  # playwright's Route

    page.route(SENT, swallow)
    page.get_by_role("button", name="Take the picture").click(timeout=LONG)
    expect(page.locator(".hint")).to_have_text(re.compile("^Check the network"), timeout=PATIENCE)
    assert taken
    page.unroute(SENT)
    page.reload()
    press(page, "Go on taking pictures")
    # Taken, if it was good; else it is the one to take.
    heading(page, "Picture 3 of 3" if 200 in taken else "Picture 2 of 3")


def test_the_line_breaks_when_all_pictures_are_taken_and_they_are_not_taken_again(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = begun(box, phone, rented)
    page.route(COMPLETED, lambda route: route.abort())
    take_until_taken(page)
    heading(page, "Picture 3 of 3")
    take_until_taken(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "The pictures are good, and not completed yet", timeout=PATIENCE
    )
    # Neither a second try without the network nor a page that is loaded anew costs the pictures.
    press(page, "Try again")
    page.wait_for_timeout(500)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "The pictures are good, and not completed yet", timeout=PATIENCE
    )
    page.reload()
    heading(page, "Face and consent")
    page.unroute(COMPLETED)
    press(page, "Go on taking pictures")
    waits(page)
    assert enrolments(box, rented) == 1


def test_the_server_is_too_busy_to_complete_and_the_pictures_stay(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = begun(box, phone, rented)
    problem = '{"status": 503, "code": "faces-busy"}'
    page.route(
        COMPLETED,
        lambda route: route.fulfill(
            status=503, content_type="application/problem+json", headers={"Retry-After": "9"}, body=problem
        ),
    )
    take_until_taken(page)
    heading(page, "Picture 3 of 3")
    take_until_taken(page)
    heading(page, "The pictures are good, and not completed yet")
    page.unroute(COMPLETED)
    press(page, "Try again")
    waits(page)
    assert enrolments(box, rented) == 1
