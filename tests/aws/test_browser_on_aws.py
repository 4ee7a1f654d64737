"""What ``run.py aws`` starts, as a person meets it in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.aws.running import Running, running
from tests.browser.conftest import DESK, Visitor
from tests.browser.test_main_job import PHOTOS, add_photos, make_gallery
from tests.live import PASSWORD

__all__ = ["running"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("cloud")]


@pytest.fixture
def window(running: Running, browser: Browser) -> Iterator[Visitor]:
    context = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    window: Any = Visitor(running, context)  # type: ignore[arg-type]
    yield window
    context.close()
    assert window.complaints == []


def _shot(page: Page, name: str) -> None:
    """A picture for somebody who wants to look, where GALLERY_SHOTS names a folder."""
    if folder := os.environ.get("GALLERY_SHOTS"):
        page.screenshot(path=str(Path(folder) / f"aws-{name}.png"))


def test_a_person_adds_looks_keeps_deletes_and_brings_back(running: Running, window: Visitor) -> None:
    page, edge = window.page, running.environment["CLOUDFRONT_DOMAIN"]
    window.open("/accounts/signup/")
    page.fill("input[name=username]", "dora")
    page.fill("input[name=email]", "dora@example.org")
    page.fill("input[name=password1]", PASSWORD)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url(f"{running.address}/")
    address = make_gallery(window, "Summer by the sea")
    add_photos(window, PHOTOS[:3])
    window.open(address)
    tiles = page.locator("#grid .tile:visible")
    expect(tiles).to_have_count(3)
    for picture in page.locator("#grid .tile-over").all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("each => each.naturalWidth") > 0
        assert picture.evaluate("each => each.currentSrc").startswith(f"{edge}/media/"), "from the edge, signed"
    _shot(page, "gallery")

    page.locator("#grid .tile-link").first.click()
    shown = page.locator("dialog#lightbox .stage img, dialog#lightbox img").first
    expect(shown).to_have_js_property("complete", True)
    _shot(page, "lightbox")
    page.keyboard.press("i")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("1 photo kept for 7 days from now.")
    window.open(address)

    page.locator("#grid .tile").first.hover()
    page.locator("#grid .tile .check").first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(tiles).to_have_count(2)
    _shot(page, "deleted")
    page.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(3)
    page.reload()
    expect(tiles).to_have_count(3)
    page.locator("#grid .tile").first.hover()
    page.locator("#grid .tile .check").first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(tiles).to_have_count(2)
    page.reload()
    expect(tiles).to_have_count(2)
