"""A phone's browser and a box that people live in."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from backend.demo.cast import PHOTOS_TO_ENROL
from backend.demo.parties import Resident
from backend.demo.variants import single_photo_cast
from tests.backend.pages.camera import film
from tests.backend.upkeep.living import LivingBox

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
OpenPhone = Callable[..., Page]
#: Milliseconds after which something never comes, on a machine that has much else to do.
LONG = 60_000
expect.set_options(timeout=LONG)


@pytest.fixture(scope="session")
def browser_path() -> str:
    found = os.environ.get("DOORWARD_TEST_BROWSER") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip("NOT TESTED in a browser: install Chromium, or name one by DOORWARD_TEST_BROWSER")
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photographs of one person, more than are enrolled."""
    return list(single_photo_cast(tmp_path_factory.mktemp("photos")).members[0].photos)


@pytest.fixture(scope="module")
def camera(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(photos[:PHOTOS_TO_ENROL], tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture(scope="module")
def browser(browser_path: str, camera: Path) -> Iterator[Browser]:
    arguments = [
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-quic", "--no-first-run",
    ]  # fmt: skip
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses to run as root
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser_path, args=arguments, timeout=3 * LONG)
        yield launched
        launched.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[OpenPhone]:
    """Opens pages on phones that share nothing; fails the test where a page wrote an error or broke its own policy."""
    said: list[str] = []
    with ExitStack() as phones:

        def open_phone(
            address: str, *, language: str = "en-GB", camera: bool = True, dark: bool = False, zone: str | None = None
        ) -> Page:
            options = {
                **_PHONE,
                "permissions": ["clipboard-read", "clipboard-write", *(["camera"] if camera else [])],
                "color_scheme": "dark" if dark else "light",
                "locale": language,
                "timezone_id": zone,
            }
            context = browser.new_context(**options)  # type: ignore[arg-type]  # a dictionary of its options
            phones.callback(context.close)
            context.set_default_timeout(LONG)
            page = context.new_page()
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("console", lambda line: said.append(line.text) if "Content Security Policy" in line.text else None)
            page.goto(address)
            return page

        yield open_phone
    assert said == []


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingBox]:
    """The box of all these tests."""
    living = LivingBox(tmp_path_factory.mktemp("box"))
    with living.running():
        living.found()
        yield living


@pytest.fixture(scope="module")
def box(site: LivingBox) -> LivingBox:
    """The box, with a community of this module's own and its gate; its photographs need no poses."""
    site.stay_logged_in()
    site.add_community()
    return site


class Rented(msgspec.Struct, frozen=True):
    """A home that somebody has rented, and what the office gave him."""

    home: str
    number: str
    activation_code: str


@pytest.fixture
def rent(box: LivingBox) -> Callable[[], Rented]:
    """Rents a home; its tenant has not logged in yet."""

    def one() -> Rented:
        now = datetime.now(UTC)
        body = {"homes": [{"building": "1", "label": f"{now:%H%M%S%f}", "member_limit": 3}]}
        home = box.manager.call("POST", f"/communities/{box.community}/homes/bulk", body)["homes"][0]["home_id"]
        number = f"+86137{int(now.timestamp() * 1000) % 100_000_000:08d}"
        begin = now - timedelta(days=1)
        tenancy = box.manager.create_tenancy(box.community, home, name="Host", phone=number, begin=begin)
        return Rented(home, number, tenancy["activation_code"])

    return one


@pytest.fixture
def invite(box: LivingBox, rent: Callable[[], Rented]) -> Callable[[], str]:
    """Invites a guest; answers his link."""
    rented = rent()
    host = Resident(box.http, rented.number, box.mailbox)
    host.join(rented.activation_code)

    def link() -> str:
        begin = datetime.now(UTC)
        until = begin + timedelta(hours=6)
        token = host.invite(box.community, rented.home, name="Xiao Chen", begin=begin, end=until)
        return f"{box.url}/visit#{token}"

    return link
