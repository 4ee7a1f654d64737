"""What cannot be undone asks first, and does it after a yes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_main_job import OpenWindow
from tests.browser.test_refresh import fill
from tests.live import LiveSite

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("missing", ["", "delete HTMLFormElement.prototype.requestSubmit"], ids=["new", "Safari 15"])
def test_photo_goes_for_good_after_a_yes_alone(site: LiveSite, visitor: OpenWindow, person: str, missing: str) -> None:
    address = fill(site, person, range(1))
    window = visitor()
    page = window.page
    page.add_init_script(missing)
    window.sign_in(person)
    window.open(address)
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
