"""What guests and couriers ask about their data on the page behind their link, also when somebody else has ended it."""

import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from backend.demo.parties import Company, token_of
from tests.backend.pages.acting import LONG, heading, press, take_pictures
from tests.backend.pages.conftest import OpenPhone
from tests.backend.pages.test_reach import CONTRAST, FAULTS
from tests.backend.upkeep.living import LivingBox, until

pytestmark = pytest.mark.deep

Invite = Callable[[], str]
NARROW = 320
RIGHTS = "My data and my rights"
_numbers = iter(range(10, 90))


def fits(page: Page) -> None:
    """The view can be read aloud, on a small phone, by who sees badly."""
    page.evaluate("document.getAnimations().forEach(one => one.finish())")
    assert page.evaluate(FAULTS) == []
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.set_viewport_size({"width": NARROW, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert page.evaluate(CONTRAST) == []
    page.set_viewport_size({"width": 390, "height": 780})


def employed(box: LivingBox) -> tuple[Company, str, str]:
    """A company, the number of a courier for whom it has a shift now, and his link."""
    partner = box.manager.create_partner("Swift Parcels", box.community)
    company = Company(box.http, client_id=partner["client_id"], client_secret=partner["client_secret"])
    number = f"+86136123457{next(_numbers)}"
    company.register_courier("W-1", name="Courier", phone=number)
    begin = datetime.now(UTC)
    company.assert_shift("W-1", box.community, begin=begin, end=begin + timedelta(hours=4))
    return company, number, f"{box.url}/visit#{token_of(box.mailbox.newest(number, 'courier_link')['link'])}"


@pytest.mark.parametrize("language, dark", [("en-GB", False), ("zh-CN", True)])
def test_the_view_of_rights_fits_a_narrow_screen_can_be_read_aloud_and_has_contrast(
    invite: Invite, phone: OpenPhone, tmp_path: Path, language: str, *, dark: bool
) -> None:
    page = phone(invite(), language=language, dark=dark)
    english = language == "en-GB"
    press(page, "Accept" if english else "接受邀请")
    press(page, RIGHTS if english else "我的信息权利")
    heading(page, RIGHTS if english else "我的信息权利")
    fits(page)
    page.screenshot(path=tmp_path / f"rights-{language}.png", full_page=True)


def test_a_guest_asks_for_a_copy_corrects_his_name_and_has_the_gates_stop(
    box: LivingBox, invite: Invite, phone: OpenPhone
) -> None:
    page = phone(invite())
    press(page, "Accept")
    press(page, RIGHTS)
    heading(page, RIGHTS)
    press(page, "Ask for a copy")
    with page.expect_download(timeout=LONG) as download:
        press(page, "Download")
    assert zipfile.is_zipfile(download.value.path())

    page.get_by_text("Correct, restrict, object, erase").click()
    page.get_by_label("The right name").fill("Chen Xiaoming")
    press(page, "Send")
    expect(page.locator(".rows li")).to_have_count(2, timeout=LONG)
    assert len(box.query("SELECT FROM person WHERE name = 'Chen Xiaoming'")) == 1

    page.get_by_text("Correct, restrict, object, erase").click()
    page.get_by_label("I ask for").select_option("restriction")
    expect(page.get_by_label("The right name")).to_be_hidden()
    press(page, "Send")
    expect(page.locator(".rows li")).to_have_count(3, timeout=LONG)
    press(page, "Lift it")
    expect(page.get_by_text("lifted", exact=True)).to_be_visible(timeout=LONG)

    page.get_by_text("Correct, restrict, object, erase").click()
    page.get_by_label("I ask for").select_option("objection")
    page.get_by_label("In your words").fill("I would rather not be counted.")
    press(page, "Send")
    expect(page.get_by_text("open", exact=True)).to_be_visible(timeout=LONG)
    # Another language says the same, and what was refused is said beneath the form.
    press(page, "中文")
    heading(page, "我的信息权利")
    page.get_by_text("更正、限制、反对或删除").click()
    press(page, "提交")
    expect(page.get_by_role("alert")).to_contain_text("更正请填写姓名", timeout=LONG)
    press(page, "返回")
    heading(page, "Garden Court邀请您来访")


def test_a_guest_asks_for_erasure_and_finds_its_certificate(box: LivingBox, invite: Invite, phone: OpenPhone) -> None:
    page = phone(invite())
    press(page, "Accept")
    press(page, "By face")
    press(page, "I agree")
    take_pictures(page)
    heading(page, "You are invited to Garden Court")
    press(page, RIGHTS)
    page.get_by_text("Correct, restrict, object, erase").click()
    page.get_by_label("I ask for").select_option("erasure")
    press(page, "Send")
    expect(page.get_by_text("granted", exact=True)).to_be_visible(timeout=LONG)
    press(page, "Back")
    expect(page.get_by_role("heading", name="Certificates of erasure")).to_be_visible(timeout=LONG)
    held = "SELECT FROM roster WHERE community_id = $1 AND convert_from(body, 'UTF8')::jsonb ->> 'template' IS NOT NULL"
    assert box.query(held, UUID(box.community)) == []


def test_a_courier_whom_his_company_let_go_deletes_his_face_on_the_page(
    box: LivingBox, phone: OpenPhone, tmp_path: Path
) -> None:
    company, _, link = employed(box)
    page = phone(link)
    press(page, "Accept")
    press(page, "By face")
    press(page, "I agree")
    take_pictures(page)
    heading(page, "Swift Parcels asks you to register as a courier")
    company.call("DELETE", "/couriers/W-1")
    page.reload()
    heading(page, "The invitation has ended")
    expect(page.get_by_text("You have left this company.")).to_be_visible()
    fits(page)
    page.screenshot(path=tmp_path / "let-go.png", full_page=True)
    press(page, RIGHTS)
    heading(page, RIGHTS)
    page.get_by_text("Correct or erase").click()
    assert page.get_by_label("I ask for").locator("option").all_text_contents() == ["correction", "erasure"]
    press(page, "Back")
    heading(page, "The invitation has ended")
    press(page, "Delete my face")
    heading(page, "Delete your face now?")
    press(page, "Yes")
    heading(page, "The invitation has ended")
    expect(page.get_by_role("heading", name="Certificates of erasure")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="Delete my face")).to_have_count(0)
    done = "SELECT FROM erasure_step WHERE name <> 'gates' AND done_at IS NULL"
    until(lambda: box.query(done) == [], "the worker has destroyed it")
    page.reload()
    with page.expect_download(timeout=LONG) as download:
        page.get_by_role("button", name=re.compile("^Read it")).click()
    assert "<html" in download.value.path().read_text("utf-8")


def test_a_link_that_nobody_accepted_shows_nothing_but_that_it_has_ended(box: LivingBox, phone: OpenPhone) -> None:
    company, _, link = employed(box)
    page = phone(link)
    heading(page, "Swift Parcels asks you to register as a courier")
    company.call("DELETE", "/couriers/W-1")
    page.reload()
    heading(page, "The invitation has ended")
    expect(page.get_by_role("button", name=RIGHTS)).to_have_count(0)
