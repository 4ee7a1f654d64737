"""Who hears a page instead of seeing it is told what each button of a row is about."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fill
from tests.browser.test_main_job import OpenWindow
from tests.browser.test_sharing import make_link
from tests.live import LiveSite

pytestmark = pytest.mark.browser


def test_buttons_of_rows_say_of_what(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    address = fill(site, person, range(1))
    window = visitor()
    page = window.page
    window.sign_in(person)
    make_link(window, address, name="Family")
    for path, name in ((f"{address}links/", "Family"), ("/links/", "Full, Family")):
        window.open(path)
        for act in ("Copy", "Revoke"):
            expect(page.get_by_role("button", name=f"{act} {name}", exact=True)).to_be_visible()
    window.open(address)
    page.locator("#grid .tile .check").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#grid .tile:visible")).to_have_count(0)
    window.open("/deleted/")
    expect(page.get_by_role("link", name="Look at the deleted photos of Full", exact=True)).to_be_visible()
    window.open(address)
    page.get_by_label("More for this gallery").click()
    page.get_by_role("button", name="Delete this gallery").click()
    window.open("/deleted/")
    expect(page.get_by_role("button", name="Restore Full", exact=True)).to_be_visible()
