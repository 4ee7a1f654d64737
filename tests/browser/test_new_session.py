"""A session that ends while a page of it is open, and a new one of the same person."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_main_job import PHOTOS, OpenWindow, add_photos, make_gallery
from tests.live import LiveSite

pytestmark = pytest.mark.browser


def test_whole_page_goes_on_after_signing_in_anew_in_another_tab(
    site: LiveSite, visitor: OpenWindow, person: str
) -> None:
    """Not the uploads alone: each form and button of the page had the token of the session that ended."""
    window = visitor()
    page = window.page
    window.sign_in(person)
    make_gallery(window, "Over night")
    page.context.clear_cookies()
    Visitor(site, page.context).sign_in(person)
    add_photos(window, PHOTOS[:1])
    page.locator("#grid .tile").hover()
    page.locator("#grid .tile .check").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#grid .tile:visible")).to_have_count(1)
    window.complaints = [each for each in window.complaints if "403" not in each]  # what told that the token is old
    with page.expect_response("**/accounts/logout/") as left:
        # Not within the evaluation: a page that leaves meanwhile may never answer it.
        page.locator('form[action$="/accounts/logout/"]').evaluate("form => void setTimeout(() => form.submit())")
    assert left.value.status == 302
