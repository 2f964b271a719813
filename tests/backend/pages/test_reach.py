"""The pages for everybody: small screens, readers of screens, slow and broken lines, and what nobody foresaw."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from backend.demo.parties import Resident
from tests.backend.pages.acting import LONG, OWN_CODE, go, heading, moved_in, press, with_code
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]
VIEWS = (
    "code",
    "guests",
    "deliveries",
    "home",
    "face",
    "me",
    "news",
    "number",
    "requests",
    "sessions",
    "entries",
    "join",
    "courier",
)
NARROW = 320
# Nothing to act with that a screen reader could not name, no level of headings left out, no control without a role.
FAULTS = """() => {
  const labelled = (one) => [...(one.labels ?? [])].some(label => label.textContent.trim());
  const named = (one) => one.textContent.trim() || one.ariaLabel || labelled(one);
  const said = [...document.querySelectorAll('button, a, input, select, summary, progress')]
    .filter(one => one.offsetParent !== null && !named(one)).map(one => 'without a name: ' + one.outerHTML);
  for (const one of document.querySelectorAll('img:not([alt]), svg:not([aria-label])')) said.push('no words: ' + one);
  const focused = document.activeElement;
  if (document.querySelectorAll('h1').length !== 1) said.push('not one h1');
  if (focused !== document.querySelector('h1')) said.push('focus is at ' + focused.outerHTML.slice(0, 60));
  const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
  said.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map(id => 'twice: ' + id));
  for (const one of document.querySelectorAll('[aria-describedby]'))
    if (!document.getElementById(one.getAttribute('aria-describedby'))) said.push('described by nothing: ' + one.id);
  return said;
}"""
# WCAG 2.2, 1.4.3: the contrast of every text with what is behind it, large text included, so that 4.5 is always enough.
CONTRAST = """() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const one of document.querySelectorAll('main *')) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || one.offsetParent === null || one.disabled || one.closest('svg')) continue;
    const [a, b] = [light(parts(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${one.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""


def opened(page: Page, view: str) -> None:
    page.evaluate("view => { location.hash = view; }", view)
    # A function, not an expression: the page's policy lets nobody evaluate text.
    page.wait_for_function(
        "() => document.querySelector('h1') && !document.querySelector('h1').dataset.seen", timeout=LONG
    )
    page.evaluate("() => { document.querySelector('h1').dataset.seen = 'yes'; }")


@pytest.mark.parametrize("language, dark", [("en-GB", False), ("zh-CN", True)])
def test_every_view_fits_a_narrow_screen_can_be_read_aloud_and_has_contrast(
    box: LivingBox, rent: Rent, phone: OpenPhone, language: str, *, dark: bool
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    tenant = Resident(box.http, rented.number, box.mailbox)
    state = page.evaluate("Object.entries(localStorage)")
    page = phone(f"{box.url}/my", language=language, dark=dark)
    page.set_viewport_size({"width": NARROW, "height": 640})
    page.evaluate("all => all.forEach(([key, value]) => localStorage.setItem(key, value))", state)
    page.evaluate(
        "language => localStorage.setItem('doorward.language', language.startsWith('zh') ? language : 'en')", language
    )
    page.reload()
    page.get_by_role("navigation").wait_for(timeout=LONG)
    assert tenant.call("GET", "/homes")["homes"]
    for view in VIEWS:
        opened(page, view)
        page.evaluate("document.getAnimations().forEach(one => one.finish())")
        assert page.evaluate(FAULTS) == [], view
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, view
        assert page.evaluate(CONTRAST) == [], view
        assert page.title().endswith("Doorward")
        assert page.title() != "Doorward"


def test_a_refusal_that_the_page_does_not_know_is_shown_in_the_servers_words(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())

    def refuse(route: Route) -> None:
        problem = {
            "type": "about:blank",
            "title": "New",
            "status": 409,
            "code": "made-tomorrow",
            "remedy": "Turn it twice.",
        }
        route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problem))

    page.route("**/resident/v1/join", refuse)
    page.get_by_role("link", name="Use another activation code").click()
    page.get_by_label("Activation code").fill("ABCDEFGH")
    press(page, "Join")
    expect(page.get_by_role("alert")).to_contain_text("Turn it twice.", timeout=LONG)
    # And an answer that is none, as from a box in between, leaves nobody without a word.
    page.route("**/resident/v1/join", lambda route: route.fulfill(status=502, content_type="text/html", body="<p>no"))
    press(page, "Join")
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong", timeout=LONG)


def test_what_a_broken_line_swallowed_is_sent_again_and_made_once(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    go(page, "Guests", "Guests")
    lost: list[str] = []

    def swallow(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            # The server has it; its answer is lost.
            lost.append(str(route.fetch().status))
            route.abort()
        else:
            route.continue_()

    page.route("**/passes", swallow)
    page.get_by_label("Guest's name").fill("Once")
    page.get_by_role("button", name="Invite a guest").click()
    heading(page, "Send this link to Once")
    assert lost == ["201"]
    assert len(box.query("SELECT FROM guest_pass WHERE guest_name = 'Once'")) == 1


def test_a_server_that_is_busy_for_a_moment_is_asked_again(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    page = moved_in(box, phone, rent())
    answers: list[int] = []

    def busy(route: Route) -> None:
        answers.append(0)
        if len(answers) > 1:
            route.continue_()
            return
        body = json.dumps({"status": 503, "code": "database-unavailable"})
        route.fulfill(status=503, content_type="application/problem+json", headers={"Retry-After": "1"}, body=body)

    page.route("**/resident/v1/erasures", busy)
    go(page, "Me", "Me")
    assert len(answers) == 2


def test_the_code_is_still_shown_where_the_line_is_dead_without_saying_so(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    with_code(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    # Requests go out and nothing ever comes back, as on a train.
    page.route("**/resident/v1/**", lambda _route: None)
    page.reload()
    expect(page.get_by_role("img", name=OWN_CODE)).to_be_visible(timeout=LONG)
