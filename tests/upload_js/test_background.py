"""What the service worker sends of kept photos when no page is open."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.upload_js.choosing import HEAD, choose, small, wait_for_end
from tests.upload_js.conftest import kill, wait_until
from tests.upload_js.fake_site import FakeSite
from tests.upload_js.kept_photos import kept, open_tab, press, wait_until_kept, wait_until_ready

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SYNC = """async () => {
  const { sendKept } = await import("/static/js/sw/background.js");
  return sendKept().then(() => "", (error) => error.message);
}"""


def test_background_sends_what_is_ready_and_stumbles_over_nothing(profile: BrowserContext, site: FakeSite) -> None:
    """One that the site stumbles over stops no other, and what is not compressed is left to a page."""
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 3)
    hold_back_after(first, 6)
    choose(first, *small(8))
    expect(first.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    wait_until_ready(first, 6)
    wait_until_kept(first, 8)
    kill(first)
    site.go_on.set()
    wait_until(lambda: len(site.stored) == 3)
    waiting = sorted({f"photo-{each:03}.jpg" for each in range(6)} - {each.filename for each in site.stored.values()})
    site.plan(waiting[0], 500)
    worker = profile.new_page()
    worker.goto(urljoin(site.origin, "/blank/"))
    assert worker.evaluate(SYNC) == "Refused with 500."
    assert sorted(each["name"] for each in kept(worker)) == [waiting[0], "photo-006.jpg", "photo-007.jpg"]
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("3 of 8 still to send")  # nobody holds on to them
    press(second, "Continue")
    wait_for_end(second, "3 photos safe.")
    assert len(site.stored) == 8


def hold_back_after(page: Page, count: int) -> None:
    """Only so many files of this page are compressed; the others wait for ever."""
    page.evaluate(
        """(count) => {
          const post = Worker.prototype.postMessage;
          let left = count;
          Worker.prototype.postMessage = function (message, ...more) {
            if (message.task === "hash" || left-- > 0) post.call(this, message, ...more);
          };
        }""",
        count,
    )


def test_background_comes_back_when_the_site_is_down(profile: BrowserContext, site: FakeSite) -> None:
    """Its proxy answers with a page of its own, on which nobody is signed in: that is no end of the work."""
    first = open_tab(profile, site)
    site.plan("*", *["close"] * 20)
    choose(first, *small(2))
    wait_until_ready(first, 2)
    kill(first)
    site.plans.clear()
    worker = profile.new_page()
    worker.goto(urljoin(site.origin, "/blank/"))
    worker.route("**/", lambda route: route.fulfill(status=503, body="<title>Back soon</title>"), times=1)
    assert worker.evaluate(SYNC) == "No page: 503"
    assert not site.stored
    assert worker.evaluate(SYNC) == ""
    assert len(site.stored) == 2
