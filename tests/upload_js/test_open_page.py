"""While the page must stay open, because there is no room or photos are on their way, it says so, and no longer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.upload_js.choosing import choose, small, wait_for_end
from tests.upload_js.conftest import open_gallery
from tests.upload_js.fake_site import FakeSite
from tests.upload_js.kept_photos import press, press_pause_at_once, wait_until_ready

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NO_ROOM = {
    "told before": "navigator.storage.estimate = async () => ({ quota: 1000, usage: 990 });",
    "told by a write": """navigator.storage.estimate = async () => ({ quota: 1e12, usage: 0 });
      IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };""",
    "no store": "Object.defineProperty(window, 'indexedDB', { value: undefined });",
}


@pytest.mark.parametrize("trick", NO_ROOM.values(), ids=NO_ROOM)
def test_without_room_it_says_so_and_goes_on(page: Page, site: FakeSite, complaints: list[str], trick: str) -> None:
    page.add_init_script(trick)
    open_gallery(page, site)
    site.plan("*", *["wait"] * 4)
    choose(page, *small(4))
    expect(page.locator('[data-part="short"]')).to_have_text(re.compile("Keep this page open"))
    site.go_on.set()
    wait_for_end(page, "4 photos safe")
    expect(page.locator('[data-part="short"]')).to_be_hidden()
    assert complaints == []


def test_page_need_not_stay_open_once_all_is_kept(page: Page, site: FakeSite) -> None:
    """There was no room for the photos as they were, but for what they became."""
    page.add_init_script(NO_ROOM["told before"])
    open_gallery(page, site)
    short = page.locator('[data-part="short"]')
    site.plan("*", *["wait"] * 3)
    press_pause_at_once(page)
    choose(page, *small(3))
    expect(short).to_be_visible()
    press(page, "Resume")
    expect(page.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    expect(short).to_be_hidden()
    wait_until_ready(page, 3)
    site.go_on.set()


def test_leaving_asks_only_while_something_would_be_lost(page: Page, site: FakeSite) -> None:
    page.add_init_script(NO_ROOM["no store"])
    open_gallery(page, site)
    site.plan("*", *["wait"] * 2)
    leaving = """() => {
      const event = document.createEvent("BeforeUnloadEvent");
      event.initEvent("beforeunload", false, true);
      return [!window.dispatchEvent(event), event.returnValue !== ""]; // as browsers ask now, and did until 2023
    }"""
    assert page.evaluate(leaving) == [False, False]
    choose(page, *small(2))
    expect(page.locator('[data-part="short"]')).to_be_visible()
    assert page.evaluate(leaving) == [True, True]
    site.go_on.set()
    wait_for_end(page, "2 photos safe")
    assert page.evaluate(leaving) == [False, False]


def test_screen_stays_on_only_while_photos_are_on_their_way(page: Page, site: FakeSite) -> None:
    page.add_init_script(
        """window.locks = [];
        const request = async () => {
          window.locks.push("on");
          return { released: false, release: async () => void window.locks.push("off") };
        };
        Object.defineProperty(navigator, "wakeLock", { value: { request } });"""
    )
    open_gallery(page, site)
    site.plan("*", *["wait"] * 3)
    choose(page, *small(3))
    page.wait_for_function("() => window.locks.join() === 'on'")
    press(page, "Pause")
    page.wait_for_function("() => window.locks.join() === 'on,off'")
    press(page, "Resume")
    site.go_on.set()
    wait_for_end(page, "3 photos safe")
    page.wait_for_function("() => window.locks.join() === 'on,off,on,off'")
