"""What people do on a page."""

import cv2
import numpy as np
import pytest
import zxingcpp
from playwright.sync_api import Locator, Page, expect

__all__ = ["LONG", "heading", "press", "read_code", "take_pictures"]

LONG = 20_000


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
    for _ in range(8):
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
