"""A page that stays open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fill
from tests.browser.test_main_job import PHOTOS, OpenWindow, add_photos, make_gallery
from tests.live import LiveSite

pytestmark = pytest.mark.browser


def test_pictures_load_after_their_pass_has_ended(visitor: OpenWindow, person: str) -> None:
    """The addresses are given an end that has passed, as after an hour; the page asks for a fresh pass by itself."""
    window = visitor()
    page = window.page
    window.sign_in_unseen(person)
    address = make_gallery(window, "Open")
    add_photos(window, PHOTOS[:3])
    window.open(address)
    page.wait_for_load_state("networkidle")
    with page.expect_response("**/pass/**") as asked:
        page.evaluate(
            """() => document.querySelectorAll('#grid .tile-over').forEach(picture => {
                const stale = address => address.replaceAll(/u=[0-9]+/g, 'u=1700000000');
                picture.srcset = stale(picture.srcset);
                picture.src = stale(picture.src);
            })"""
        )
    assert asked.value.status == 200
    for index in range(3):
        picture = page.locator("#grid .tile-over").nth(index)
        expect(picture).to_have_js_property("complete", True)
        page.wait_for_function("one => one.naturalWidth > 0", arg=picture.element_handle())
    window.complaints = [each for each in window.complaints if "404" not in each]  # the stale addresses


@pytest.mark.parametrize("wrong", [timedelta(hours=2), timedelta(hours=-2)], ids=["fast", "slow"])
def test_photos_end_by_the_clock_of_the_server(
    site: LiveSite, visitor: OpenWindow, person: str, wrong: timedelta
) -> None:
    address = fill(site, person, range(1), retention="1h")
    window = visitor()
    page = window.page
    window.sign_in(person)
    page.clock.install(time=datetime.now(UTC) + wrong)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/pass/" in request.url else None)
    window.open(address)
    page.clock.fast_forward("00:30")
    expect(page.locator("#grid .tile:visible")).to_have_count(1)
    assert asked == []  # its pass is as good as new
    page.clock.fast_forward("01:00:00")
    expect(page.locator("#grid .tile:visible")).to_have_count(0)
