"""A page that the browser put aside when its person moved on, and shows again when they come back."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.interception import intercept
from tests.pictures import jpeg
from tests.upload_js.fake_site import FakeSite

pytestmark = pytest.mark.browser


def test_page_that_was_put_aside_begins_anew(gallery_page: Page, site: FakeSite) -> None:
    """Others may have gone on with its photos. (Chromium puts no page aside that holds a lock.)"""
    held: list[Route] = []
    intercept(gallery_page, "**/upload/", lambda route: route.continue_() if held else held.append(route))
    photo: FilePayload = {"name": "one.jpg", "mimeType": "image/jpeg", "buffer": jpeg(1)}
    with gallery_page.expect_request("**/upload/"):
        gallery_page.locator("[data-uploader] form input[type=file]").set_input_files(photo)
    is_kept = """() => {
      const leaving = new Event("beforeunload", { cancelable: true });
      return !document.querySelector('[data-part="pause"]').hidden && dispatchEvent(leaving);
    }"""
    gallery_page.wait_for_function(is_kept)
    with gallery_page.expect_event("load"):
        gallery_page.evaluate('dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))')
    head = gallery_page.locator('[data-part="head"]')
    expect(head).to_contain_text("1 photo safe", timeout=20_000)
    assert len(site.stored) == 1
