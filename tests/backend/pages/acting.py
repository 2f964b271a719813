"""What people do on a page."""

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
import zxingcpp
from playwright.sync_api import Locator, Page, expect

from backend.demo.parties import Resident
from gate_sdk.wire import PhoneCode, parse_code, verify_phone
from tests.backend.pages.conftest import LONG, OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox, until

__all__ = [
    "LONG", "OWN_CODE", "checked", "child_of", "go", "heading", "in_community", "log_in", "moved_in", "press",
    "read_code", "shown_at", "take_pictures", "with_code",
]  # fmt: skip

OWN_CODE = "Your code, which changes"


def in_community(days: float) -> datetime:
    """A moment that many days from now by the clocks of the box's community, wherever the phone is."""
    return datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=days)


def shown_at(days: float) -> str:
    """The same as a form's field wants it."""
    return f"{in_community(days):%Y-%m-%dT%H:%M}"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text, timeout=LONG)


def read_code(picture: Locator) -> str:
    """What a reader sees of a code on the screen."""
    image = cv2.imdecode(np.frombuffer(picture.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    (found,) = zxingcpp.read_barcodes(image)
    return found.text


def take_pictures(page: Page) -> None:
    """All three; the page is at the first."""
    for slot in (1, 2, 3):
        heading(page, f"Picture {slot} of 3")
        take_until_taken(page)


def take_until_taken(page: Page) -> None:
    """The camera goes round its photographs; one in which the person is refused is taken again, as a person would."""
    before = page.get_by_role("heading", level=1).text_content()
    for _ in range(30):
        page.get_by_role("button", name="Take the picture").click(timeout=LONG)
        page.wait_for_function(
            """before => document.querySelector('h1').textContent !== before || document.querySelector('.hint')
               && !document.querySelector('button.first').disabled""",
            arg=before,
            timeout=LONG,
        )
        if page.get_by_role("heading", level=1).text_content() != before:
            return
        page.wait_for_timeout(700)
    pytest.fail("no picture was good enough")


def log_in(page: Page, box: LivingBox, number: str, *, before: str = "") -> None:
    """`before` is the code that was sent the last time."""
    heading(page, "Log in")
    page.get_by_label("Mobile number").fill(number)
    press(page, "Send me a code")
    heading(page, "Enter the code")
    until(lambda: box.mailbox.newest(number, "login_code")["code"] != before, "another code arrives")
    page.get_by_label("Six digits").fill(box.mailbox.newest(number, "login_code")["code"])
    press(page, "Log in")


def moved_in(box: LivingBox, phone: OpenPhone, rented: Rented) -> Page:
    """A tenant's phone, on his home."""
    page = phone(f"{box.url}/my")
    log_in(page, box, rented.number)
    expect(page.get_by_text("No home yet")).to_be_visible(timeout=LONG)
    page.get_by_role("link", name="Join a home").click()
    page.get_by_label("Activation code").fill(rented.activation_code)
    press(page, "Join")
    heading(page, "My home")
    return page


def child_of(box: LivingBox, rented: Rented, born: date) -> tuple[str, str]:
    """A child that the tenant has named and the office approved; its member id and its person id."""
    tenant = Resident(box.http, rented.number, box.mailbox)
    home = f"/homes/{box.community}/{rented.home}"
    named = {"name": "Mei", "relation": "child", "without_phone": True}
    member: str = tenant.call("POST", f"{home}/members", named)["member_id"]
    path = f"/communities/{box.community}/members/{member}/approve"
    box.manager.call("POST", path, {"birth_date": born.isoformat()})
    (ward,) = tenant.call("GET", "/wards")["wards"]
    return member, ward["person_id"]


def go(page: Page, tab: str, title: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()
    heading(page, title)


def with_code(page: Page) -> None:
    go(page, "Code", "My code")
    press(page, "Use codes on this phone")
    expect(page.get_by_role("img", name=OWN_CODE)).to_be_visible(timeout=LONG)


def checked(page: Page, box: LivingBox) -> PhoneCode:
    """The code on the screen; a gate would take it."""
    code = parse_code(read_code(page.locator(".code")))
    assert isinstance(code, PhoneCode)
    (key,) = box.query("SELECT public_key FROM phone_key WHERE key_id = $1", code.key_id)
    assert verify_phone(code, community=UUID(box.community), public_key=key["public_key"])
    return code
