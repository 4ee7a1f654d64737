"""What is selected, and the bar that says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import PHONE
from tests.browser.test_main_job import PHOTOS, OpenWindow
from tests.browser.test_refresh import fill
from tests.live import LiveSite
from tests.photos import path

pytestmark = pytest.mark.browser


def test_folded_uploads_leave_the_bar_free(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    address = fill(site, person, range(1))
    window = visitor(PHONE)
    page = window.page
    window.sign_in(person)
    window.open(address)
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
