"""The page behind a guest's link, on a phone's browser, against the running system."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Page, expect

from backend.demo.parties import Company, token_of
from gate_sdk.wire import PhoneCode, parse_code, verify_phone
from tests.backend.pages.acting import LONG, heading, press, read_code, take_pictures
from tests.backend.pages.conftest import OpenPhone
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Invite = Callable[[], str]


def enrol(page: Page) -> None:
    press(page, "By face")
    expect(page.get_by_role("button", name="I agree")).to_be_visible()
    press(page, "I agree")
    take_pictures(page)


def faces_at_gates(box: LivingBox) -> int:
    held = "SELECT FROM roster WHERE community_id = $1 AND convert_from(body, 'UTF8')::jsonb ->> 'template' IS NOT NULL"
    return len(box.query(held, UUID(box.community)))


def test_a_guest_accepts_enrols_his_face_and_the_gate_gets_it(
    box: LivingBox, invite: Invite, phone: OpenPhone, tmp_path: Path
) -> None:
    page = phone(invite())
    heading(page, "You are invited to Garden Court")
    assert "#" not in page.url
    page.screenshot(path=tmp_path / "invited.png")
    press(page, "Accept")
    expect(page.get_by_text("How would you like to enter?")).to_be_visible()
    enrol(page)
    heading(page, "You are invited to Garden Court")
    expect(page.locator(".state.good").get_by_text("works")).to_be_visible()
    assert faces_at_gates(box) == 1

    page.reload()
    expect(page.get_by_text("How would you like to enter?")).to_have_count(0)
    press(page, "Leave, and delete everything about me")
    press(page, "Yes")
    heading(page, "You have left")
    expect(page.get_by_role("link", name="Certificate of deletion")).to_be_visible()
    assert faces_at_gates(box) == 0
    # The same phone still says what has become of it.
    page.reload()
    expect(page.get_by_role("heading", name="Certificates of erasure")).to_be_visible(timeout=LONG)


def test_who_would_rather_not_give_his_face_gets_a_code_at_once(invite: Invite, phone: OpenPhone) -> None:
    page = phone(invite())
    press(page, "Accept")
    press(page, "By QR code")
    heading(page, "Your QR code")
    picture = page.get_by_alt_text("Your QR code")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0
    press(page, "Back")
    press(page, "By face")
    press(page, "No, I'd rather use a code")
    heading(page, "Your QR code")


def test_a_phone_without_a_camera_chooses_files(invite: Invite, phone: OpenPhone, photos: list[Path]) -> None:
    page = phone(invite(), camera=False)
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = async () => { throw new Error('none'); }; }")
    press(page, "Accept")
    press(page, "By face")
    press(page, "I agree")
    remaining = iter(photos)
    for slot in (1, 2, 3):
        heading(page, f"Picture {slot} of 3")
        for photo in remaining:
            page.get_by_label("Choose a picture").set_input_files(photo)
            page.wait_for_function(
                "slot => !document.querySelector('h1').textContent.includes(`Picture ${slot}`)"
                " || document.querySelector('.hint')",
                arg=slot,
                timeout=LONG,
            )
            if page.locator(".hint").count() == 0:
                break
    # One person's photographs serve every guest here: a second face like the first waits for the staff.
    expect(page.get_by_text(re.compile("^(works|waits for somebody to look at it)$"))).to_be_visible(timeout=LONG)


def test_a_courier_shows_codes_that_his_own_phone_makes(box: LivingBox, phone: OpenPhone) -> None:
    partner = box.manager.create_partner("Swift Parcels", box.community)
    company = Company(box.http, client_id=partner["client_id"], client_secret=partner["client_secret"])
    company.register_courier("W-1", name="Courier", phone="+8613612345678")
    begin = datetime.now(UTC)
    company.assert_shift("W-1", box.community, begin=begin, end=begin + timedelta(hours=4))
    page = phone(f"{box.url}/visit#{token_of(box.mailbox.newest('+8613612345678', 'courier_link')['link'])}")
    heading(page, "Swift Parcels asks you to register as a courier")
    press(page, "Accept")
    press(page, "By QR code")
    press(page, "Use codes on this phone")
    code = parse_code(read_code(page.locator(".code")))
    assert isinstance(code, PhoneCode)
    (key,) = box.query("SELECT public_key FROM phone_key WHERE key_id = $1", code.key_id)
    assert verify_phone(code, community=UUID(box.community), public_key=key["public_key"])


def test_a_second_person_on_the_link_is_refused_and_told_why(invite: Invite, phone: OpenPhone) -> None:
    link = invite()
    press(phone(link), "Accept")
    other = phone(link)
    heading(other, "This link is in use on another phone")


def test_a_link_that_is_none_is_refused_in_both_languages(box: LivingBox, phone: OpenPhone) -> None:
    page = phone(f"{box.url}/visit#not-a-link", language="zh-CN")
    heading(page, "链接无效")
    page.get_by_role("button", name="English").click()
    heading(page, "This link does not work")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_without_a_network_nothing_is_lost(invite: Invite, phone: OpenPhone) -> None:
    page = phone(invite())
    heading(page, "You are invited to Garden Court")
    page.context.set_offline(True)
    press(page, "Accept")
    heading(page, "No connection")
    page.context.set_offline(False)
    press(page, "Try again")
    press(page, "Accept")
    expect(page.get_by_text("How would you like to enter?")).to_be_visible()


def test_what_is_kept_is_what_the_table_of_rules_says(box: LivingBox, invite: Invite, phone: OpenPhone) -> None:
    page = phone(invite())
    page.get_by_text("What is kept, and for how long").click()
    rules = httpx.get(f"{box.url}/visitor/v1/retention", trust_env=False).json()["rules"]
    guests = next(rule for rule in rules if rule["key"] == "guest_faces")
    expect(page.get_by_text(guests["what"])).to_be_visible()


def test_pages_load_nothing_from_elsewhere_and_are_kept_by_their_hash(box: LivingBox) -> None:
    page = httpx.get(f"{box.url}/visit", trust_env=False)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace(box.url, "")
    script = page.text.partition('type="module" src="')[2].partition('"')[0]
    answer = httpx.get(box.url + script, trust_env=False)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    old = httpx.get(box.url + script.replace("/pages/", "/pages/0"), trust_env=False)
    assert old.status_code == 404
    assert httpx.get(f"{box.url}/pages/x/..%2F__init__.py", trust_env=False).status_code == 404
