"""A resident's page that is open while somebody stands at a gate and waits for his word."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, expect

from backend.demo.parties import Resident, Visitor, token_of
from gate_sdk.wire import AskAnswer, AskRequest, AskState, ProvisionResponse, provision_statement
from tests.backend.pages.acting import LONG, go, heading, moved_in, press
from tests.backend.pages.conftest import OpenPhone, Rented
from tests.backend.upkeep.living import LivingBox

pytestmark = pytest.mark.deep

Rent = Callable[[], Rented]
ASKING = ".asking"


class Bell:
    """A gate that only asks homes."""

    def __init__(self, box: LivingBox, name: str) -> None:
        self._box = box
        code = box.manager.create_gate(box.community, name)["claim_code"]
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        proof = key.sign(provision_statement(code, public))
        claim = {"claim_code": code, "public_key": public, "proof": proof, "sdk": "test"}
        headers = {"Content-Type": "application/json"}
        made = box.http.post("/gate/v1/provision", content=msgspec.json.encode(claim), headers=headers)
        assert made.status_code == 201, made.text
        gate = str(msgspec.json.decode(made.content, type=ProvisionResponse).gate_id)
        until = int(time.time()) + 60
        claims = {"iss": gate, "sub": gate, "aud": f"{box.url}/gate/v1/token", "jti": uuid4().hex, "exp": until}
        assertion = jwt.encode(claims, key, algorithm="EdDSA")
        token = box.http.post("/gate/v1/token", json={"client_assertion": assertion})
        assert token.status_code == 200, token.text
        self._headers = {
            "Authorization": f"Bearer {token.json()['access_token']}", "Content-Type": "application/vnd.msgpack",
        }  # fmt: skip

    def ring(self, guest: str, approach: UUID, *, for_s: int = 60, wait: int = 0) -> AskState:
        """Ask for the guest of that name; where the question stands."""
        (row,) = self._box.query("SELECT subject_id FROM guest_pass WHERE guest_name = $1", guest)
        asked = AskRequest(approach, UUID(str(row["subject_id"])), for_s=for_s, wait=wait)
        answer = self._box.http.post("/gate/v1/asks", content=msgspec.msgpack.encode(asked), headers=self._headers)
        assert answer.status_code == 200, answer.text
        return msgspec.msgpack.decode(answer.content, type=AskAnswer).state


def expected(box: LivingBox, rented: Rented, name: str) -> Resident:
    """A guest who accepted, and about whom the home is asked first; another phone of the host's."""
    host = Resident(box.http, rented.number, box.mailbox)
    now = datetime.now(UTC)
    made = host.call(
        "POST",
        f"/homes/{box.community}/{rented.home}/passes",
        {
            "guest_name": name, "valid_from": now.isoformat(), "valid_until": (now + timedelta(hours=2)).isoformat(),
            "ask_first": True,
        },
    )  # fmt: skip
    Visitor(box.http, made["link_token"]).accept()
    return host


def test_a_pass_asks_first_by_a_switch_and_the_card_lets_the_guest_in(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    page = moved_in(box, phone, rent())
    go(page, "Guests", "Guests")
    page.get_by_label("Guest's name").fill("Bao")
    page.get_by_label("Ask me first").check()
    page.get_by_role("button", name="Invite a guest").click()
    heading(page, "Send this link to Bao")
    Visitor(box.http, token_of(page.get_by_label("Link", exact=True).input_value())).accept()
    press(page, "Done")
    expect(page.get_by_text("asks me first")).to_be_visible(timeout=LONG)
    go(page, "Face", "Face and consent")

    bell, approach = Bell(box, "East gate"), uuid4()
    assert bell.ring("Bao", approach) is AskState.WAITING
    # Whatever is looked at: it comes by itself, and is said to who cannot see it.
    card = page.locator('[aria-live="assertive"]').locator(ASKING)
    expect(card).to_contain_text("Bao is at East gate", timeout=LONG)
    # The same approach again, as after a lost answer, is the same question.
    assert bell.ring("Bao", approach) is AskState.WAITING
    go(page, "Me", "Me")
    expect(page.locator(ASKING)).to_have_count(1)
    press(page, "中文")
    expect(page.locator(ASKING)).to_contain_text("Bao在East gate等候")
    press(page, "English")
    press(page, "Let in")
    expect(page.get_by_text("Bao: may come in.")).to_be_visible(timeout=LONG)
    assert bell.ring("Bao", approach, wait=5) is AskState.APPROVED
    expect(page.get_by_text("Bao: may come in.")).to_have_count(0, timeout=LONG)


def test_no_is_a_no_a_silence_is_over_in_time_and_another_phone_may_be_first(
    box: LivingBox, rent: Rent, phone: OpenPhone
) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    host = expected(box, rented, "Dan")
    bell, approach = Bell(box, "West gate"), uuid4()
    bell.ring("Dan", approach)
    press(page, "Do not let in")
    expect(page.get_by_text("Dan: is not let in.")).to_be_visible(timeout=LONG)
    assert bell.ring("Dan", approach, wait=5) is AskState.DENIED

    bell.ring("Dan", uuid4(), for_s=12)
    expect(page.locator(ASKING)).to_be_visible(timeout=LONG)
    expect(page.locator(ASKING)).to_have_count(0, timeout=LONG)

    later = uuid4()
    bell.ring("Dan", later)
    expect(page.locator(ASKING)).to_be_visible(timeout=LONG)
    approvals = f"/homes/{box.community}/{rented.home}/approvals"
    (question,) = host.call("GET", approvals)["approvals"]
    # Both press at once: the page has not yet heard of the other's answer, and is told.
    page.route("**/approvals", lambda route: route.abort())
    host.call("POST", f"{approvals}/{question['approval_id']}/approve")
    press(page, "Do not let in")
    expect(page.get_by_text("This was answered before")).to_be_visible(timeout=LONG)
    assert bell.ring("Dan", later, wait=5) is AskState.APPROVED


def test_without_a_network_a_question_goes_when_its_time_is_over(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented = rent()
    page = moved_in(box, phone, rented)
    expected(box, rented, "Eva")
    # A phone whose clock is an hour wrong shows it for as long, neither for ever nor not at all.
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 36e5; }")
    Bell(box, "South gate").ring("Eva", uuid4(), for_s=15)
    expect(page.locator(ASKING)).to_be_visible(timeout=LONG)
    page.context.set_offline(True)
    expect(page.locator(ASKING)).to_have_count(0, timeout=LONG)
    # And does not come back with the next look that gets no answer, after three tries.
    for _ in range(4):
        page.wait_for_event("requestfailed", timeout=LONG)
    assert page.locator(ASKING).count() == 0


def test_nobody_else_is_shown_who_waits(box: LivingBox, rent: Rent, phone: OpenPhone) -> None:
    rented, other = rent(), rent()
    neighbour: Page = moved_in(box, phone, other)
    host = moved_in(box, phone, rented)
    expected(box, rented, "Fay")
    Bell(box, "Back gate").ring("Fay", uuid4())
    expect(host.locator(ASKING)).to_be_visible(timeout=LONG)
    press(host, "Let in")
    go(host, "Me", "Me")
    assert neighbour.locator(ASKING).count() == 0
    # Who logs out leaves nothing of it on the screen.
    Bell(box, "Side gate").ring("Fay", uuid4())
    expect(host.locator(ASKING)).to_be_visible(timeout=LONG)
    press(host, "Log out on this phone")
    heading(host, "Log in")
    expect(host.locator(ASKING)).to_have_count(0)
