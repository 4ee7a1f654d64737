"""What the browser keeps of photos for later, and what a test does to the tabs that hold them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.upload_js.choosing import choose, small
from tests.upload_js.conftest import kill, open_gallery, wait_until
from tests.upload_js.fake_site import FakeSite

KEPT = """() => new Promise((resolve) => {
  const request = indexedDB.open("image-gallery-uploads");
  request.onupgradeneeded = () => request.transaction.abort(); // the page has not made it yet: leave that to it
  request.onerror = () => resolve([]);
  request.onsuccess = () => {
    const all = request.result.transaction("items").objectStore("items").getAll();
    all.onsuccess = () => {
      request.result.close();
      resolve(all.result.map(({ name, person, blob, file }) => ({ name, person, isReady: !!blob, isFile: !!file })));
    };
  };
})"""


def kept(page: Page) -> list[dict[str, Any]]:
    """What the browser holds for later."""
    found: list[dict[str, Any]] = page.evaluate(KEPT)
    return found


# Not `page.wait_for_function`: of an async function it takes the promise itself for a yes.
def wait_until_kept(page: Page, count: int) -> None:
    """So many are there, each with its photo."""
    wait_until(lambda: [each["isReady"] or each["isFile"] for each in kept(page)] == [True] * count, patience=60)


def wait_until_noted(page: Page, count: int) -> None:
    """So many are there, with their photo or without."""
    wait_until(lambda: len(kept(page)) == count, patience=60)


def wait_until_ready(page: Page, count: int) -> None:
    """So many are kept as what they became."""
    wait_until(lambda: sum(each["isReady"] for each in kept(page)) == count, patience=90)


def open_tab(profile: BrowserContext, site: FakeSite) -> Page:
    page = profile.new_page()
    open_gallery(page, site)
    return page


def press(page: Page, name: str) -> None:
    page.locator(".upload-panel").get_by_role("button", name=name, exact=True).click()


def leave_behind(profile: BrowserContext, site: FakeSite, count: int, first: int = 0) -> None:
    """A tab is killed before any of its photos left it."""
    page = open_tab(profile, site)
    before = len(kept(page))
    site.plan("*", *["close"] * 30)
    choose(page, *small(count, first))
    wait_until_ready(page, before + count)
    kill(page)
    site.plans.clear()


def press_pause_at_once(page: Page) -> None:
    """Nothing that is chosen from now on is compressed or sent."""
    page.evaluate(
        """() => {
          const pause = document.querySelector('[data-part="pause"]');
          const watch = new MutationObserver(() => {
            if (pause.hidden) return;
            watch.disconnect();
            pause.click();
          });
          watch.observe(pause, { attributes: true, attributeFilter: ["hidden"] });
        }"""
    )


# Until `mend()` is called.
OUT_OF_REACH = """() => {
  const { get } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.get = () => { throw new DOMException("cannot be read", "UnknownError"); };
  window.mend = () => { IDBObjectStore.prototype.get = get; };
}"""
