"""What cannot be undone asks first, and does it after a yes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, fill
from tests.browser.test_main_job import OpenWindow
from tests.live import LiveSite

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("missing", ["", "delete HTMLFormElement.prototype.requestSubmit"], ids=["new", "Safari 15"])
def test_photo_goes_for_good_after_a_yes_alone(site: LiveSite, visitor: OpenWindow, person: str, missing: str) -> None:
    address = fill(site, person, range(1))
    window = visitor()
    page = window.page
    page.add_init_script(missing)
    window.enter(person, address)
    page.locator("#grid .tile .check").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#grid .tile:visible")).to_have_count(0)
    window.open(f"{address}bin/")
    page.locator(".bin-tile").click()
    button, dialog = page.locator("#selection [value=purge]"), page.get_by_role("dialog")
    button.click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(button).to_be_focused()
    button.click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#toasts")).to_contain_text("1 photo deleted for good.")
    expect(page.locator(".bin-tile")).to_have_count(0)


def test_bin_acts_on_what_is_checked_and_says_how_many(enter: OpenWindow) -> None:
    window = enter(3, PHONE)
    page = window.page
    page.locator("#grid .tile-link").first.focus()
    page.keyboard.press("Control+a")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#grid .tile:visible")).to_have_count(0)
    window.open(f"{window.path}bin/")
    restore = page.get_by_role("button", name="Restore", exact=True)
    purge = page.locator("#selection").get_by_role("button", name="Delete for good")
    every, checks = page.get_by_label("Select all (3)"), page.locator("main input[name=ids]")
    expect(restore).to_be_disabled()
    expect(purge).to_be_disabled()
    every.check()
    purge.click()
    expect(page.get_by_role("dialog", name="Delete 3 photos for good?")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.locator(".bin-tile").first.click()
    expect(every).not_to_be_checked()
    purge.click()
    expect(page.get_by_role("dialog", name="Delete 2 photos for good?")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.locator(".bin-tile").nth(1).click()
    purge.click()
    expect(page.get_by_role("dialog", name="Delete 1 photo for good?")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    every.check()
    every.uncheck()
    expect(restore).to_be_disabled()
    page.locator(".bin-tile").first.click()
    restore.click()
    expect(page.locator("#toasts")).to_contain_text("1 photo restored.")
    expect(checks).to_have_count(2)
    heading, tile = page.locator("h1").bounding_box(), page.locator("main .tile").first.bounding_box()
    assert heading
    assert tile
    assert heading["x"] == tile["x"]
