"""The residents' page, on phones' browsers, against the running system."""

import re
import zipfile
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.backend.pages.acting import (
    LONG,
    OWN_CODE,
    checked,
    go,
    heading,
    log_in,
    moved_in,
    press,
    read_code,
    shown_at,
    take_pictures,
    with_code,
)
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox, until

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]


def test_a_new_tenant_joins_and_has_a_code_that_changes_also_without_a_network(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    with_code(page)
    first = checked(page, box)
    keys = """async () => new Promise(resolve => { const opening = indexedDB.open('doorward', 1);
        opening.onsuccess = () => { const all = opening.result.transaction('keys').objectStore('keys').getAll();
            all.onsuccess = () => resolve(all.result.map(one => one.keys.privateKey.extractable)); }; })"""
    assert page.evaluate(keys) == [False]

    page.evaluate("navigator.serviceWorker.ready")
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("img", name=OWN_CODE)).to_be_visible(timeout=LONG)
    # The server's clock is a little ahead of the phone's: the next code comes.
    shown = page.get_by_role("img", name=OWN_CODE)
    before = shown.inner_html()
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3e4; }")  # half a minute goes by
    page.wait_for_function(
        "before => document.querySelector('.code svg').innerHTML !== before", arg=before, timeout=2 * LONG
    )
    later = checked(page, box)
    assert later.key_id == first.key_id
    assert later.step > first.step

    page.context.set_offline(False)
    page.get_by_text("Phones that show codes").click()
    press(page, "Remove")
    expect(page.get_by_role("button", name="Use codes on this phone")).to_be_visible(timeout=LONG)
    assert box.query("SELECT FROM phone_key WHERE key_id = $1", first.key_id) == []


def test_a_wrong_code_is_said_and_another_may_be_asked_for(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = phone(f"{box.url}/my")
    page.get_by_label("Mobile number").fill("12")
    press(page, "Send me a code")
    assert page.get_by_role("heading", level=1).text_content() == "Log in"
    page.get_by_label("Mobile number").fill("010 1234 5678")
    press(page, "Send me a code")
    expect(page.get_by_role("alert")).to_contain_text("Give a mobile number", timeout=LONG)
    page.get_by_label("Mobile number").fill(rented.number)
    press(page, "Send me a code")
    heading(page, "Enter the code")
    right = box.mailbox.newest(rented.number, "login_code")["code"]
    page.get_by_label("Six digits").fill(f"{(int(right) + 1) % 1_000_000:06d}")
    press(page, "Log in")
    expect(page.get_by_role("alert")).to_contain_text("That code is wrong or too old", timeout=LONG)
    expect(page.get_by_role("button", name=re.compile("^Another in"))).to_be_disabled()


def test_consent_is_asked_for_each_purpose_and_the_face_comes_and_goes(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Face", "Face and consent")
    press(page, "Take pictures")
    expect(page.get_by_text(re.compile("^version [0-9]+$"))).to_be_visible(timeout=LONG)
    press(page, "I do not agree")
    heading(page, "Face and consent")
    expect(page.get_by_text("not agreed", exact=True)).to_have_count(2)

    press(page, "Take pictures")
    press(page, "I agree")
    take_pictures(page)
    heading(page, "Face and consent")
    expect(page.get_by_text("waits for somebody to look at it")).to_be_visible(timeout=LONG)
    box.manager.approve_reviews(box.community)
    page.reload()
    expect(page.get_by_text("works", exact=True)).to_be_visible(timeout=LONG)

    press(page, "Withdraw")
    heading(page, "No longer enter by face?")
    press(page, "Yes")
    heading(page, "Face and consent")
    expect(page.get_by_text("not agreed", exact=True)).to_have_count(2)
    go(page, "Me", "Me")
    expect(page.get_by_text("Consent withdrawn")).to_be_visible()
    done = "SELECT FROM erasure_step WHERE name <> 'gates' AND done_at IS NULL"
    until(lambda: box.query(done) == [], "the worker has destroyed it")
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Read it")).click()
    assert "<html" in download.value.path().read_text("utf-8")


def test_a_guest_gets_his_link_and_is_cancelled(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Guests", "Guests")
    page.get_by_label("Guest's name").fill("Xiao Chen")
    page.get_by_label("Until").fill("2001-01-01T10:00")
    page.get_by_role("button", name="Invite a guest").click()
    expect(page.get_by_role("alert")).not_to_be_empty(timeout=LONG)
    page.get_by_label("Until").fill(shown_at(0.2))
    page.get_by_role("button", name="Invite a guest").click()
    heading(page, "Send this link to Xiao Chen")
    link = page.get_by_label("Link", exact=True).input_value()
    assert read_code(page.locator(".code")) == link
    press(page, "Copy")
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == link

    guest = phone(link)
    heading(guest, "You are invited to Garden Court")
    press(guest, "Accept")
    expect(guest.get_by_text("How would you like to enter?")).to_be_visible(timeout=LONG)
    press(page, "Done")
    press(page, "QR code")
    heading(page, "Xiao Chen's QR code")
    assert read_code(page.locator(".code")).startswith("DW1:")
    press(page, "Back")
    press(page, "Cancel Xiao Chen")
    press(page, "Yes")
    expect(page.get_by_text("cancelled", exact=True)).to_be_visible(timeout=LONG)


def test_a_member_is_proposed_joins_and_deletes_everything(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    page.get_by_text("Add somebody").first.click()
    page.get_by_label("Name", exact=True).fill("Li")
    page.get_by_label("Has no phone").check()
    page.get_by_label("Mobile number").fill("13812345678")
    press(page, "Add somebody")
    expect(page.get_by_role("alert")).to_contain_text("Give a number, or tick", timeout=LONG)
    page.get_by_label("Has no phone").uncheck()
    number = rented.number.replace("+86137", "+86135")
    page.get_by_label("Mobile number").fill(number)
    press(page, "Add somebody")
    expect(page.get_by_text("waits for the office")).to_be_visible(timeout=LONG)
    (member,) = box.query("SELECT member_id FROM member WHERE phone = $1", number)
    code = box.manager.approve_member(box.community, str(member["member_id"]))

    other = moved_in(box, phone, Rented(rented.home, number, code))
    with_code(other)
    expect(other.get_by_role("button", name="Add somebody")).to_have_count(0)
    # Whoever finds an unlocked phone cannot delete its owner: that needs a log-in of the last five minutes.
    box.query("UPDATE session SET created_at = created_at - interval '10 minutes'")
    go(other, "Me", "Me")
    press(other, "Delete my account and everything about me")
    press(other, "Yes")
    expect(other.get_by_text("To protect you, log in once more")).to_be_visible(timeout=LONG)
    log_in(other, box, number, before=box.mailbox.newest(number, "login_code")["code"])
    heading(other, "Me")
    go(other, "Code", "My code")
    expect(other.get_by_role("img", name=OWN_CODE)).to_be_visible(timeout=LONG)
    go(other, "Me", "Me")
    press(other, "Delete my account and everything about me")
    press(other, "Yes")
    heading(other, "You have left")
    expect(other.get_by_role("link", name="Open the certificate")).to_have_attribute("href", re.compile("#|/"))
    other.reload()
    heading(other, "Log in")
    member_id = member["member_id"]
    ended = "SELECT FROM member WHERE member_id = $1 AND state = 'ended'"
    until(lambda: box.query(ended, member_id) != [], "the worker ends the membership")
    page.reload()
    heading(page, "My home")
    expect(page.get_by_text("lives here", exact=True)).to_have_count(1)


def test_a_copy_sessions_and_entries_are_there_and_logging_out_takes_the_key_back(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    with_code(page)
    key_id = checked(page, box).key_id
    go(page, "Me", "Me")
    page.get_by_role("link", name="My data and my rights").click()
    press(page, "Ask for a copy")
    with page.expect_download(timeout=LONG) as download:
        press(page, "Download")
    assert zipfile.is_zipfile(download.value.path())
    page.go_back()
    page.get_by_role("link", name="Entries").click()
    expect(page.get_by_text("Nothing yet.")).to_be_visible(timeout=LONG)
    page.go_back()
    page.get_by_role("link", name="Where I am logged in").click()
    expect(page.get_by_text("this phone")).to_be_visible(timeout=LONG)
    go(page, "Me", "Me")
    page.get_by_text("What is kept, and for how long").click()
    expect(page.locator("details[open] li").first).to_be_visible(timeout=LONG)
    press(page, "Log out on this phone")
    heading(page, "Log in")
    assert box.query("SELECT FROM phone_key WHERE key_id = $1", key_id) == []
    assert page.evaluate("Object.keys(localStorage).filter(name => name !== 'doorward.language')") == []


def test_all_of_it_can_be_done_by_keyboard_and_in_chinese(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = phone(f"{box.url}/my", language="zh-CN", dark=True)
    heading(page, "登录")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "field-phone"
    page.keyboard.type(rented.number)
    page.keyboard.press("Enter")
    heading(page, "输入验证码")
    page.get_by_label("六位验证码").focus()
    page.keyboard.type(box.mailbox.newest(rented.number, "login_code")["code"])
    page.keyboard.press("Enter")
    heading(page, "我的开门码")
    press(page, "English")
    heading(page, "My code")
    for tab, title in (("Home", "Join a home"), ("Face", "Face and consent"), ("Me", "Me")):
        go(page, tab, title)
    unnamed = """[...document.querySelectorAll('button, a, input, select')].filter(one =>
        !(one.textContent.trim() || one.ariaLabel || one.labels?.length)).length"""
    assert page.evaluate(unnamed) == 0
