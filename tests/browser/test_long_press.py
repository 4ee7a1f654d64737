"""A finger that rests on a photo selects it; a mouse keeps its menu, and a page for looking its click."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import fill
from tests.browser.test_main_job import OpenWindow
from tests.browser.test_sharing import make_link
from tests.live import LiveSite

pytestmark = pytest.mark.browser

FINGER = {"pointerType": "touch", "isPrimary": True}
NOTE_MENUS = """() => {
    window.menus = [];
    addEventListener("contextmenu", event => window.menus.push(!event.defaultPrevented));
}"""


def stir(page: Page) -> None:
    """Have what hands need fetched, and wait until it is there."""
    page.mouse.move(5, 5)
    expect(page.locator("#grid input[name=ids]").first).to_have_attribute("tabindex", "-1")


def test_mouse_keeps_its_menu_after_a_finger(enter: OpenWindow) -> None:
    page = enter(1).page
    stir(page)
    page.evaluate(NOTE_MENUS)
    tile = page.locator("#grid .tile-link")
    tile.dispatch_event("pointerdown", FINGER)
    tile.dispatch_event("contextmenu")
    tile.dispatch_event("pointerup", FINGER)
    tile.click(button="right")
    assert page.evaluate("menus") == [False, True]


def test_long_press_where_nothing_is_selected_opens_the_photo(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    address = fill(site, person, range(1))
    window = visitor()
    page = window.page
    window.sign_in(person)
    make_link(window, address, kind="look")
    link = urlsplit(page.locator("#address").input_value()).path
    page.clock.install()
    window.open(link)
    stir(page)
    tile = page.locator("#grid .tile-link")
    tile.dispatch_event("pointerdown", FINGER)
    page.clock.fast_forward(1_000)
    tile.dispatch_event("pointerup", FINGER)
    tile.dispatch_event("click")
    expect(page.locator("dialog#lightbox")).to_be_visible()
