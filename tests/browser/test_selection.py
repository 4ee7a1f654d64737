"""What is selected, and the bar that says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import PHONE
from tests.browser.test_main_job import PHOTOS, OpenWindow
from tests.browser.test_refresh import PAGE, fill
from tests.live import LiveSite
from tests.photos import path

pytestmark = pytest.mark.browser


def test_folded_uploads_leave_the_bar_free(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    address = fill(site, person, range(1))
    window = visitor(PHONE)
    page = window.page
    window.enter(person, address)
    waiting: list[Route] = []
    page.route(f"**{address}upload/", lambda route: waiting.append(route))
    page.set_input_files("input[type=file][name=file]", str(path(PHOTOS[0])))
    page.get_by_role("button", name="Fold the panel").click()
    page.locator("#grid .tile-link").focus()
    page.keyboard.press("Space")
    pill, bar = page.locator(".upload-pill"), page.locator(".selection-bar")
    expect(pill).to_contain_text("1 left")
    page.get_by_role("button", name="Delete", exact=True).click(trial=True)
    pill.click(trial=True)
    lowest, highest = pill.bounding_box(), bar.bounding_box()
    assert lowest
    assert highest
    assert lowest["y"] + lowest["height"] <= highest["y"]


@pytest.mark.parametrize("way", ["menu", "keys"])
def test_owner_selects_all_of_a_gallery_that_is_loaded_in_part(
    site: LiveSite, visitor: OpenWindow, person: str, way: str
) -> None:
    address = fill(site, person, range(PAGE + 2))
    window = visitor(PHONE)
    page = window.page
    window.enter(person, address)
    expect(page.locator("#grid .tile")).to_have_count(PAGE)
    if way == "menu":
        page.get_by_label("More for this gallery").click()
        page.get_by_role("button", name="Select all").click()
        expect(page.locator(".gallery-actions .menu-list")).not_to_be_visible()
        expect(page.locator(".gallery-actions summary")).to_be_focused()
    else:
        page.keyboard.press("Control+a")
    expect(page.locator("[data-selection-count]")).to_have_text(f"{PAGE + 2} selected")


def test_empty_gallery_offers_nothing_to_select(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    address = fill(site, person, range(0))
    window = visitor(PHONE)
    page = window.page
    window.enter(person, address)
    page.get_by_label("More for this gallery").click()
    expect(page.get_by_role("link", name="Deleted photos")).to_be_visible()
    expect(page.get_by_role("button", name="Select all")).not_to_be_visible()
