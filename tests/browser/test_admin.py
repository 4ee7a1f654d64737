"""Moderation on a laptop: every column of a list is in sight, with the longest names that people give."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, Visitor
from tests.live import LiveSite
from tests.pictures import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_lists_of_images_and_links_are_not_cut(site: LiveSite, visitor: Callable[..., Visitor]) -> None:
    site.add_person("moderator", staff=True)
    desk = visitor(DESK)
    desk.sign_in("moderator")
    page = desk.page
    desk.open("/g/new/")
    page.fill("input[name=title]", "Our summer by the sea with everybody " * 2)
    page.locator("main form button").last.click()
    page.wait_for_url("**/g/*/")
    name = "a-name-without-any-place-to-break-it-" * 3 + ".jpg"
    photo = {"name": name, "mimeType": "image/jpeg", "buffer": jpeg(1)}
    page.set_input_files("input[type=file][name=file]", [photo])  # type: ignore[arg-type]
    expect(page.locator("#grid .tile")).to_have_count(1, timeout=60_000)
    page.goto(f"{page.url}links/")
    page.fill("main form [name=name]", "For the whole family and all of their friends")
    page.get_by_role("button", name="Make the link").click()
    page.wait_for_url("**/links/*/")
    for of in ("image", "link"):
        desk.open(f"/admin/galleries/{of}/")
        results = page.locator("#changelist .results")
        assert results.evaluate("one => one.scrollWidth - one.clientWidth") == 0, of
