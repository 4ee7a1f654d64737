"""The lightbox follows what happens to its pictures, and keeps the keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.test_main_job import OpenWindow
from tests.browser.test_refresh import PAGE, fill
from tests.live import LiveSite

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_undo_shows_the_photo_again_and_leaves_the_keys_alive(
    site: LiveSite, visitor: OpenWindow, person: str, size: dict[str, int]
) -> None:
    """Of a gallery that is loaded in part: how many there are is what the server said last."""
    address = fill(site, person, range(PAGE + 10))
    window = visitor(size)
    page = window.page
    window.enter(person, address)
    tiles = page.locator("#grid .tile-link")
    first, second = (f"{site.address}{tiles.nth(index).get_attribute('href')}" for index in range(2))
    tiles.first.click()
    place = page.locator("dialog#lightbox [data-place]")
    expect(place).to_have_text(f"1 of {PAGE + 10}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(place).to_have_text(f"1 of {PAGE + 9}")
    expect(page).to_have_url(second)
    page.get_by_role("button", name="Undo").click()
    expect(place).to_have_text(f"1 of {PAGE + 10}")
    expect(page).to_have_url(first)
    expect(page.locator(".toast [data-dismiss]")).to_have_count(1)  # that of "restored": the other one has left
    page.locator(".toast [data-dismiss]").click()
    expect(page.locator(".toast")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text(f"2 of {PAGE + 10}")
    page.keyboard.press("Escape")
    expect(page.locator("dialog#lightbox")).not_to_be_visible()
    expect(tiles.nth(1)).to_be_focused()
