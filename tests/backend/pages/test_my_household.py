"""The residents' page: children, guests who come often, couriers, another number, news."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import expect

from backend.demo.parties import CallRefused, Company, Resident
from tests.backend.pages.acting import (
    LONG,
    child_of,
    go,
    heading,
    in_community,
    log_in,
    moved_in,
    press,
    shown_at,
    take_pictures,
)
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox, until

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]


# Around both changes of the clocks, and where they are set by three quarters of an hour.
CLOCKS = [
    ("2026-11-23T18:00:00.000Z", "Asia/Shanghai", "2026-11-24T02:00"),
    ("2026-03-29T00:30:00.000Z", "Europe/Berlin", "2026-03-29T01:30"),
    ("2026-03-29T01:30:00.000Z", "Europe/Berlin", "2026-03-29T03:30"),
    ("2026-10-25T02:30:00.000Z", "Europe/Berlin", "2026-10-25T03:30"),
    ("2026-07-01T12:00:00.000Z", "Asia/Kathmandu", "2026-07-01T17:45"),
    ("2026-12-31T23:59:00.000Z", "America/St_Johns", "2026-12-31T20:29"),
]


def fourteen_years_ago() -> date:
    today = datetime.now(UTC).date()
    return date(today.year - 14, today.month, 1)


def test_a_guardian_agrees_for_a_child_takes_its_pictures_and_says_no_again(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    _, person = child_of(box, rented, date(2018, 5, 1))
    go(page, "Home", "My home")
    page.reload()
    page.get_by_role("link", name=re.compile("^Mei")).click()
    heading(page, "Mei")
    expect(page.get_by_text("You decide until")).to_be_visible()
    press(page, "Take pictures")
    press(page, "I agree")
    heading(page, "Picture 1 of 3")
    # The connection is lost between two pictures, and the page with it: what was good is not taken again.
    page.reload()
    press(page, "Go on taking pictures")
    take_pictures(page)
    heading(page, "Mei")
    expect(page.get_by_text("waits for somebody to look at it")).to_be_visible(timeout=LONG)
    box.manager.approve_reviews(box.community)
    page.reload()
    expect(page.get_by_text("works", exact=True)).to_be_visible(timeout=LONG)
    expect(page.get_by_text("agreed to by: parent")).to_be_visible()
    # The other purpose is another decision.
    expect(page.get_by_text("not agreed", exact=True)).to_have_count(1)
    press(page, "Withdraw")
    press(page, "Yes")
    heading(page, "Mei")
    expect(page.get_by_text("a guardian said no")).to_be_visible(timeout=LONG)
    templates = "SELECT FROM template WHERE person_id = $1"
    until(lambda: box.query(templates, person) == [], "the child's template is destroyed")
    page.get_by_role("link", name="Mei's data and rights").click()
    heading(page, "Mei's data and rights")
    page.get_by_text("Correct, restrict").click()
    page.get_by_label("The right name").fill("Mei Lin")
    press(page, "Send")
    expect(page.get_by_text("open", exact=True)).to_be_visible(timeout=LONG)


def test_from_fourteen_on_the_child_decides_on_its_own_phone_and_the_guardian_only_looks(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    member, _ = child_of(box, rented, fourteen_years_ago())
    page.reload()
    expect(page.locator(".notice")).to_contain_text("Mei", timeout=LONG)
    page.locator(".notice").get_by_role("link").click()
    heading(page, "Mei")
    expect(page.get_by_role("button", name="Take pictures")).to_have_count(0)
    expect(page.get_by_role("button", name="Read it and decide")).to_have_count(0)

    link = box.manager.call("POST", f"/communities/{box.community}/members/{member}/young-link")["link"]
    young = phone(link.replace("https://", "http://") if link.startswith("https://127") else link)
    heading(young, "It is yours to decide")
    press(young, "By face")
    press(young, "I agree")
    take_pictures(young)
    heading(young, "It is yours to decide")
    expect(young.get_by_text(re.compile("^(works|waits for somebody to look at it)$"))).to_be_visible(timeout=LONG)
    young.reload()
    heading(young, "It is yours to decide")
    press(young, "Delete my face")
    press(young, "Yes")
    expect(young.get_by_text("How would you like to enter?")).to_be_visible(timeout=LONG)


def test_who_turned_fourteen_is_asked_on_the_own_phone(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    Resident(box.http, rented.number, box.mailbox).join(rented.activation_code)
    tenant = Resident(box.http, rented.number, box.mailbox)
    number = rented.number.replace("+86137", "+86134")
    path = f"/homes/{box.community}/{rented.home}/members"
    member = tenant.call("POST", path, {"name": "Jun", "relation": "child", "phone": number})["member_id"]
    approve = f"/communities/{box.community}/members/{member}/approve"
    code = box.manager.call("POST", approve, {"birth_date": fourteen_years_ago().isoformat()})["activation_code"]
    page = moved_in(box, phone, Rented(rented.home, number, code))
    page.reload()
    page.get_by_text("You are fourteen: it is yours to decide").click(timeout=LONG)
    page.get_by_role("link", name="Read and decide").click()
    heading(page, "Face and consent")


def test_a_guest_comes_every_week_by_some_doors_and_is_extended(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    doors = f"/communities/{box.community}/door-groups"
    group = box.manager.call("POST", doors, {"name": f"Court {datetime.now(UTC):%H%M%S%f}"})["id"]
    page = moved_in(box, phone, rent())
    go(page, "Guests", "Guests")
    page.get_by_label("Guest's name").fill("Auntie")
    page.get_by_label("Until", exact=True).fill(shown_at(0.1))
    page.get_by_label("Repeats").select_option("weekly")
    page.get_by_label("Last day").fill(shown_at(30)[:10])
    page.get_by_role("checkbox", name=re.compile("^Court")).last.check()
    page.get_by_role("button", name="Invite a guest").click()
    heading(page, "Send this link to Auntie")
    (row,) = box.query("SELECT recurrence, door_groups FROM guest_pass WHERE guest_name = 'Auntie'")
    weekday = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[in_community(0).weekday()]
    assert row["recurrence"].startswith(f"FREQ=WEEKLY;BYDAY={weekday};UNTIL=")
    assert [str(one) for one in row["door_groups"]] == [group]
    press(page, "Done")
    expect(page.get_by_text("every week (")).to_be_visible(timeout=LONG)

    page.get_by_role("link", name="Change Auntie").click()
    heading(page, "Change Auntie's invitation")
    page.get_by_label("First visit until").fill(shown_at(0.2))
    page.get_by_label("Leave out a day").fill(shown_at(7)[:10])
    page.get_by_role("checkbox", name=re.compile("^Court")).last.uncheck()
    press(page, "Save the change")
    heading(page, "Guests")
    (changed,) = box.query("SELECT except_dates, door_groups FROM guest_pass WHERE guest_name = 'Auntie'")
    assert [day.isoformat() for day in changed["except_dates"]] == [shown_at(7)[:10]]
    assert not changed["door_groups"]


def test_times_in_forms_are_those_of_the_community_s_clocks(box: LivingBox, phone: OpenPhone) -> None:
    page = phone(f"{box.url}/my")
    heading(page, "Log in")
    said = page.evaluate(
        """async cases => {
            const script = document.querySelector("script[type=module]").src;
            const { local, moment } = await import(new URL("walltime.js", script));
            const both = (shown, zone) => [shown, moment(shown, zone)];
            return cases.map(([iso, zone]) => both(local(Date.parse(iso), zone), zone));
        }""",
        [[iso, zone] for iso, zone, _ in CLOCKS],
    )
    assert said == [[shown, iso] for iso, _, shown in CLOCKS]


def test_a_change_that_somebody_else_made_meanwhile_is_not_overwritten(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    host = Resident(box.http, rented.number, box.mailbox)
    now = datetime.now(UTC)
    host.invite(box.community, rented.home, name="Uncle", begin=now, end=now + timedelta(hours=2))
    go(page, "Guests", "Guests")
    page.get_by_role("link", name="Change Uncle").click()
    heading(page, "Change Uncle's invitation")
    path = f"/homes/{box.community}/{rented.home}/passes"
    (listed,) = host.call("GET", path)["passes"]
    later = (now + timedelta(hours=3)).isoformat()
    host.call("PATCH", f"{path}/{listed['pass_id']}", {"valid_until": later})
    page.get_by_label("Until", exact=True).fill(shown_at(0.3))
    press(page, "Save the change")
    expect(page.get_by_role("alert")).to_contain_text("It was changed a moment ago", timeout=LONG)


def test_one_delivery_is_a_pass_and_a_courier_leaves_his_at_the_gate(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    partner = box.manager.create_partner("Swift Parcels", box.community)
    company = Company(box.http, client_id=partner["client_id"], client_secret=partner["client_secret"])
    company.register_courier("W-7", name="Courier", phone="+8613612345670")
    page = moved_in(box, phone, rent())
    go(page, "Guests", "Guests")
    page.get_by_label("Guest's name").fill("Piano movers")
    page.get_by_label("Kind").select_option("delivery")
    # A delivery comes once: neither repetition nor uses are asked for.
    expect(page.get_by_label("Repeats")).to_be_hidden()
    page.get_by_role("button", name="Invite a guest").click()
    heading(page, "Send this link to Piano movers")
    (row,) = box.query("SELECT kind, uses FROM guest_pass WHERE guest_name = 'Piano movers'")
    assert (row["kind"], row["uses"]) == ("delivery", 1)

    press(page, "Done")
    page.get_by_role("link", name="Deliveries").click()
    heading(page, "Deliveries")
    page.get_by_text("Expect a delivery").first.click()
    page.get_by_label("Company").select_option("Swift Parcels")
    page.get_by_label("Order number").fill("SF-1234")
    press(page, "Expect a delivery")
    expect(page.get_by_text("company has named nobody yet")).to_be_visible(timeout=LONG)
    now = datetime.now(UTC)
    company.deliver("W-7", box.community, order="SF-1234", begin=now, end=now + timedelta(hours=1))
    page.reload()
    expect(page.get_by_text("courier on his way")).to_be_visible(timeout=LONG)
    press(page, "Leave at the gate")
    expect(page.get_by_text("It is left at the gate; nobody is let in.")).to_be_visible(timeout=LONG)
    press(page, "Call off SF-1234")
    press(page, "Yes")
    expect(page.get_by_text("Nothing is expected.")).to_be_visible(timeout=LONG)
    with pytest.raises(CallRefused):
        company.deliver("W-7", box.community, order="SF-1234", begin=now, end=now + timedelta(hours=1))


def test_a_number_is_changed_by_both_codes_and_not_by_one(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    new = rented.number.replace("+86137", "+86133")
    before = box.mailbox.newest(rented.number, "login_code")["code"]
    go(page, "Me", "Me")
    page.get_by_role("link", name="Change my number").click()
    page.get_by_label("New number").fill(rented.number)
    press(page, "Send both codes")
    expect(page.get_by_role("alert")).to_contain_text("That is the number you have", timeout=LONG)
    page.get_by_label("New number").fill(new)
    press(page, "Send both codes")
    heading(page, "Enter both codes")
    until(lambda: box.mailbox.newest(rented.number, "login_code")["code"] != before, "the old number gets its code")
    own, other = (box.mailbox.newest(number, "login_code")["code"] for number in (rented.number, new))
    page.get_by_label("Code sent to your number").fill(own)
    page.get_by_label(f"Code sent to {new}").fill(f"{(int(other) + 1) % 1_000_000:06d}")
    press(page, "Change it")
    expect(page.get_by_role("alert")).to_contain_text("One of the two codes is wrong", timeout=LONG)
    # A wrong one spends both.
    press(page, "Send both again")
    expect(page.get_by_role("status").last).to_have_text("Another code is on its way.", timeout=LONG)
    until(lambda: box.mailbox.newest(new, "login_code")["code"] != other, "another code arrives")
    page.get_by_label("Code sent to your number").fill(box.mailbox.newest(rented.number, "login_code")["code"])
    page.get_by_label(f"Code sent to {new}").fill(box.mailbox.newest(new, "login_code")["code"])
    press(page, "Change it")
    heading(page, "Me")
    expect(page.get_by_text(new)).to_be_visible(timeout=LONG)


def test_a_move_that_the_office_was_asked_for_is_seen_and_called_off(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    account = "SELECT next_phone_at, person_id FROM account WHERE phone = $1"
    (person,) = box.query(account, rented.number)
    (member,) = box.query("SELECT member_id FROM member WHERE person_id = $1", person["person_id"])
    path = f"/communities/{box.community}/members/{member['member_id']}/number"
    box.manager.call("POST", path, {"phone": rented.number.replace("+86137", "+86132")})
    page.reload()
    page.get_by_text("Your number is about to change").click(timeout=LONG)
    expect(page.get_by_text(f"a number ending in {rented.number[-2:]}")).to_be_visible()
    press(page, "Keep my number")
    expect(page.get_by_text("Your number is about to change")).to_have_count(0, timeout=LONG)
    assert box.query(account, rented.number)[0]["next_phone_at"] is None


PUSH_SERVICE = """keys => {
  // Stands for the browser maker's push service, which is not to be reached from here.
  let made = null;
  const told = { ...keys, unsubscribe: async () => { made = null; return true; } };
  PushManager.prototype.getSubscription = async () => made;
  PushManager.prototype.subscribe = async (options) => {
    if (options.userVisibleOnly !== true || options.applicationServerKey.length < 80) throw new Error('refused');
    made = { toJSON: () => keys, unsubscribe: told.unsubscribe };
    return made;
  };
}"""


# What the worker has the browser show: a browser shows it or not as the device has it, which is not what is tested.
SHOWN = """() => {
  self.shown = [];
  self.registration.showNotification = async (title, { body, tag = null }) => { self.shown.push([title, body, tag]); };
}"""


def test_push_is_turned_on_and_off_and_shows_that_there_is_news(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    page = moved_in(box, phone, rent())
    page.context.grant_permissions(["notifications"])
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    text = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (raw, b"0123456789abcdef")]
    keys = {"endpoint": "https://push.example.com/1", "expirationTime": None}
    page.evaluate(PUSH_SERVICE, {**keys, "keys": {"p256dh": text[0], "auth": text[1]}})
    page.get_by_role("link", name=re.compile("^News")).click()
    heading(page, "News")
    subscriptions = "SELECT FROM push_subscription WHERE endpoint = 'https://push.example.com/1'"
    press(page, "Turn on")
    expect(page.get_by_text("on", exact=True)).to_be_visible(timeout=LONG)
    assert len(box.query(subscriptions)) == 1

    # What arrives names nobody; garbage is only said to be news; what comes twice is shown once, by its tag.
    worker = page.context.service_workers[0]
    worker.evaluate(SHOWN)
    browser = page.context.new_cdp_session(page)
    registrations: set[str] = set()
    browser.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.update(one["registrationId"] for one in told["registrations"]),
    )
    browser.send("ServiceWorker.enable")

    shown: set[tuple[str | None, ...]] = set()

    def delivered() -> bool:
        """As a push service does it, which may deliver twice."""
        for registration in registrations:
            for data in ('{"notification_id": "n-1", "text": "You have news"}', "garbage"):
                push = {"origin": box.url, "registrationId": registration, "data": data}
                browser.send("ServiceWorker.deliverPushMessage", push)
        page.wait_for_timeout(100)
        shown.update(tuple(one) for one in worker.evaluate("self.shown"))
        return len(shown) > 1

    until(delivered, "both are shown")
    assert shown == {("Doorward", "You have news", "n-1"), ("Doorward", "有新消息 · You have news", None)}

    press(page, "Turn off")
    expect(page.get_by_text("off", exact=True)).to_be_visible(timeout=LONG)
    assert box.query(subscriptions) == []


def test_where_the_browser_refuses_push_it_is_said(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    page = moved_in(box, phone, rent())
    page.evaluate("() => { Notification.requestPermission = async () => 'denied'; }")
    page.get_by_role("link", name=re.compile("^News")).click()
    heading(page, "News")
    press(page, "Turn on")
    expect(page.get_by_text("Not turned on")).to_be_visible(timeout=LONG)


def test_news_is_counted_read_and_chosen(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    other = phone(f"{box.url}/my")
    log_in(other, box, rented.number, before=box.mailbox.newest(rented.number, "login_code")["code"])
    heading(other, "My code")
    page.reload()
    bell = page.get_by_role("link", name=re.compile("^News, [0-9]+ unread"))
    expect(bell).to_be_visible(timeout=LONG)
    bell.click()
    heading(page, "News")
    expect(page.get_by_text("new", exact=True).first).to_be_visible(timeout=LONG)
    expect(page.get_by_role("link", name="News", exact=True)).to_be_visible(timeout=LONG)
    page.get_by_text("What I am told").click()
    # What guards the account is told in any case.
    expect(page.get_by_label("Log-in on a new device: notification")).to_be_disabled(timeout=LONG)
    box_of_guests = page.get_by_label("Guest arrived: text message")
    box_of_guests.uncheck()
    expect(box_of_guests).to_be_enabled(timeout=LONG)
    page.reload()
    page.get_by_text("What I am told").click()
    expect(page.get_by_label("Guest arrived: text message")).not_to_be_checked(timeout=LONG)
