"""What survives a closed or killed tab, and who may take it up again: in Chromium, against a site that can be slow."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import photos
from tests.upload_js.conftest import kill, open_gallery, wait_until
from tests.upload_js.fake_site import FakeSite
from tests.upload_js.test_uploader import HEAD, choose, row, small, wait_for_end

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEPT = """() => new Promise((resolve) => {
  const request = indexedDB.open("image-gallery-uploads", 1);
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


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of its own, whose tabs may be killed."""
    context = browser.new_context()
    yield context
    context.close()


def open_tab(profile: BrowserContext, site: FakeSite) -> Page:
    page = profile.new_page()
    open_gallery(page, site)
    return page


def press(page: Page, name: str) -> None:
    page.locator(".upload-panel").get_by_role("button", name=name, exact=True).click()


# --- kept, and gone when it is safe --------------------------------------------------------------------------------


def test_each_photo_is_kept_until_it_is_safe(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 6)
    choose(gallery_page, *small(6))
    wait_until_kept(gallery_page, 6)
    assert {each["person"] for each in kept(gallery_page)} == {"alice"}
    site.go_on.set()
    wait_for_end(gallery_page, "6 photos safe")
    wait_until_kept(gallery_page, 0)


def test_what_is_refused_or_cancelled_is_not_kept(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 422)
    site.plan("photo-001.jpg", 507)
    site.plan("*", *["wait"] * 4)
    choose(gallery_page, *small(6))
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 422.")
    expect(row(gallery_page, "photo-001.jpg")).to_contain_text("Refused with 507.")
    expect(gallery_page.locator('.upload-row[data-state="compressing"]')).to_have_count(0)
    press(gallery_page, "Cancel all")
    site.go_on.set()
    wait_for_end(gallery_page, "2 not added")
    wait_until_kept(gallery_page, 1)  # the one that can be tried again
    assert [each["name"] for each in kept(gallery_page)] == ["photo-001.jpg"]


# --- taken up again -------------------------------------------------------------------------------------------------


def test_tab_killed_at_30_percent_is_finished_by_another(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *[201] * 6, *["wait"] * 3)
    choose(first, *small(20))
    expect(first.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    wait_until_kept(first, 14)
    kill(first)
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("14 of 20 still to send")
    site.go_on.set()  # those that were on their way arrive, and nobody hears of it
    wait_until(lambda: len(site.stored) == 9)
    press(second, "Continue")
    wait_for_end(second, "14 photos safe")
    assert sorted(each.filename for each in site.stored.values()) == [f"photo-{each:03}.jpg" for each in range(20)]
    assert len(site.received) == 20
    wait_until_kept(second, 0)


def test_real_photos_survive_as_what_they_became(profile: BrowserContext, site: FakeSite) -> None:
    """Photos of 12 megapixels and more, compressed and kept, are read again after a kill and arrive whole."""
    names = ["iphone-13-pro-8568.jpg", "nikon-d3100-o8.jpg"]  # both lie on their side
    files = [photos.path(f"photo/{name}") for name in names]
    first = open_tab(profile, site)
    site.plan("*", *["close"] * 200)
    choose(first, *files)
    wait_until_ready(first, len(files))
    assert [each["name"] for each in kept(first) if each["isFile"]] == []
    kill(first)
    site.plans.clear()
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("2 photos still to send")
    press(second, "Continue")
    wait_for_end(second, "2 photos safe.")
    assert len(site.stored) == 2
    for file in files:
        body = site.attempts(file.name)[-1].body
        assert len(body) < file.stat().st_size
        with Image.open(io.BytesIO(body)) as sent, Image.open(file) as original:
            right = ImageOps.exif_transpose(original)
            assert sent.size == right.size
            pairs = zip(sent.resize((6, 8)).tobytes(), right.resize((6, 8)).tobytes(), strict=True)
            assert max(abs(one - other) for one, other in pairs) < (40 if "iphone-13" in file.name else 8)


def test_next_page_in_the_same_tab_goes_on_by_itself(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 30)
    choose(gallery_page, *small(8))
    wait_until_kept(gallery_page, 8)
    gallery_page.reload()
    site.go_on.set()
    wait_for_end(gallery_page, "8 photos safe")
    assert len(site.stored) == 8


ROOM_FOR = """
const put = IDBObjectStore.prototype.put;
let room = %d;
IDBObjectStore.prototype.put = function (record, ...more) {
  if ((record.file || record.blob) && room-- <= 0) throw new DOMException("full", "QuotaExceededError");
  return put.call(this, record, ...more);
};
"""


def test_partly_kept_drop_names_what_must_be_chosen_again(profile: BrowserContext, site: FakeSite) -> None:
    """There was room for some: those go on, and nobody is told that the others are safe."""
    first = profile.new_page()
    first.add_init_script(ROOM_FOR % 3)
    open_gallery(first, site)
    site.plan("*", *["wait"] * 60)
    press_pause_at_once(first)
    choose(first, *small(8))
    expect(first.locator('[data-part="short"]')).to_be_visible()
    wait_until_noted(first, 8)
    kill(first)
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("3 of 8 still to send")
    offer = second.locator('[data-part="offer"]')
    expect(offer).to_contain_text("5 photos were not kept on this device. Choose them again: photo-003.jpg, photo-004")
    site.go_on.set()
    press(second, "Continue")
    wait_for_end(second, "3 photos safe.")
    expect(offer).to_contain_text("5 photos to choose again.")
    expect(offer.get_by_role("button", name="Continue")).to_be_hidden()
    choose(second, *small(4, first=2))
    wait_for_end(second, "3 photos safe, 1 already here.")
    expect(offer).to_contain_text("2 photos to choose again.")
    wait_until_noted(second, 2)
    second.reload()
    expect(second.locator(HEAD)).to_have_text("2 photos to choose again")
    press(second, "Forget them")
    wait_until_kept(second, 0)
    assert len(site.stored) == 6


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


def test_closed_panel_keeps_what_can_be_tried_again(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 507)
    site.plan("photo-001.jpg", 422)
    choose(gallery_page, *small(3))
    wait_for_end(gallery_page, "1 photo safe, 2 not added.")
    wait_until_kept(gallery_page, 1)
    gallery_page.get_by_role("button", name="Close the panel").click()
    pill = gallery_page.get_by_role("button", name="Show the uploads")
    expect(pill).to_be_focused()
    expect(pill).to_contain_text("1 needs you")
    wait_until_kept(gallery_page, 1)
    gallery_page.reload()
    expect(gallery_page.locator(HEAD)).to_have_text("1 of 3 still to send")
    press(gallery_page, "Continue")
    wait_for_end(gallery_page, "1 photo safe.")
    assert len(site.stored) == 2
    wait_until_kept(gallery_page, 0)


def test_forgotten_means_gone(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 3)
    choose(first, *small(3))
    wait_until_kept(first, 3)
    kill(first)
    second = open_tab(profile, site)
    # All, or those that the site has not stored since.
    expect(second.locator(HEAD)).to_have_text(re.compile(r"^(3 photos|[12] of 3) still to send$"))
    press(second, "Forget them")
    wait_until_kept(second, 0)
    expect(second.locator(".upload-panel")).to_be_hidden()


def test_forgetting_leaves_what_another_tab_has_taken_up(profile: BrowserContext, site: FakeSite) -> None:
    """Both were offered it; the one that went on believes that its photos are kept."""
    leave_behind(profile, site, 3)
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("3 photos still to send")
    leave_behind(profile, site, 1, first=3)
    third = open_tab(profile, site)
    expect(third.locator(HEAD)).to_have_text("4 photos still to send")
    site.plan("*", *["wait"] * 3)
    press(second, "Continue")
    expect(second.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    press(third, "Forget them")
    wait_until_kept(second, 3)
    site.go_on.set()
    wait_for_end(second, "3 photos safe")


# Until `mend()` is called.
OUT_OF_REACH = """() => {
  const { get } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.get = () => { throw new DOMException("cannot be read", "UnknownError"); };
  window.mend = () => { IDBObjectStore.prototype.get = get; };
}"""


def test_offer_that_could_not_be_carried_out_still_stands(profile: BrowserContext, site: FakeSite) -> None:
    leave_behind(profile, site, 3)
    page = open_tab(profile, site)
    for answer in ("Continue", "Forget them"):
        expect(page.locator(HEAD)).to_have_text("3 photos still to send")
        page.evaluate(OUT_OF_REACH)
        press(page, answer)
        expect(page.locator("#toasts")).to_contain_text("The photos on this device could not be reached.")
        page.locator("#toasts").get_by_role("button", name="Close").click()
        expect(page.locator(".toast")).to_have_count(0)
        page.evaluate("mend()")
    press(page, "Continue")
    wait_for_end(page, "3 photos safe")
    wait_until_kept(page, 0)


def test_going_on_with_one_gallery_leaves_the_others(profile: BrowserContext, site: FakeSite) -> None:
    """And counts once: whoever loads the page again has not said so again."""
    leave_behind(profile, site, 2)
    first = open_tab(profile, site)
    elsewhere = """async () => {
      const { Vault } = await import("/static/js/upload/vault.js");
      const vault = new Vault({ person: "alice" });
      const [record] = await vault.list();
      const target = { ...record.target, galleryId: "other", title: "Other" };
      const batch = { id: "other", total: 1 };
      await vault.put({ ...record, key: "other", name: "other.jpg", order: 9, batch, target });
    }"""
    first.evaluate(elsewhere)
    first.close()
    page = profile.new_page()
    page.goto(f"{site.page}?day=1#continue")
    wait_for_end(page, "2 photos safe")
    offer = page.locator('[data-part="offer"]')
    expect(offer).to_contain_text("1 photo still to send.")
    assert page.url == f"{site.page}?day=1"
    page.reload()
    expect(page.locator(HEAD)).to_have_text("1 photo still to send")
    assert [each["name"] for each in kept(page)] == ["other.jpg"]
    press(page, "Forget it")
    wait_until_kept(page, 0)
    assert len(site.received) == 2


def leave_behind(profile: BrowserContext, site: FakeSite, count: int, first: int = 0) -> None:
    """A tab is killed before any of its photos left it."""
    page = open_tab(profile, site)
    before = len(kept(page))
    site.plan("*", *["close"] * 30)
    choose(page, *small(count, first))
    wait_until_ready(page, before + count)
    kill(page)
    site.plans.clear()


def test_second_tab_sends_nothing_that_the_first_sends(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 10)
    choose(first, *small(10))
    wait_until_kept(first, 10)
    second, third = open_tab(profile, site), open_tab(profile, site)
    for page in (second, third):
        page.wait_for_function("() => document.querySelector('[data-uploader]').dataset.recovered === '0'")
        expect(page.locator(".upload-panel")).to_be_hidden()
    kill(first)
    for page in (second, third):
        page.reload()
        expect(page.locator(HEAD)).to_have_text("10 photos still to send")
    site.go_on.set()
    wait_until(lambda: len(site.stored) == 3)
    press(second, "Continue")
    press(third, "Continue")
    wait_until(lambda: len(site.stored) == 10)
    wait_until_kept(second, 0)
    assert len(site.received) == 10


# --- whose it is ----------------------------------------------------------------------------------------------------


def test_another_person_is_never_offered_it(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 3)
    choose(first, *small(5))
    wait_until_kept(first, 5)
    wait_until(lambda: len(site.received) == 3)
    kill(first)
    site.person = "bob"
    second = open_tab(profile, site)
    second.wait_for_function("() => document.querySelector('[data-uploader]').dataset.recovered === '0'")
    expect(second.locator(".upload-panel")).to_be_hidden()
    choose(second, *small(2, first=100))
    wait_for_end(second, "2 photos safe")
    site.person = "alice"
    third = open_tab(profile, site)
    expect(third.locator(HEAD)).to_have_text("5 photos still to send")
    site.go_on.set()


def test_page_of_one_person_never_sends_for_another(gallery_page: Page, site: FakeSite) -> None:
    """Somebody else signed in, in another tab: the token is another, and fetching a new one tells who it is."""
    site.token, site.person = "of-bob", "bob"
    choose(gallery_page, *small(3))
    expect(gallery_page.locator('[data-part="halted"]')).to_contain_text("You are no longer signed in.")
    press(gallery_page, "Continue")
    expect(gallery_page.locator('[data-part="halted"]')).to_be_visible()
    assert not site.stored
    assert not any(request.token == "of-bob" for request in site.received)


def test_stale_token_is_renewed_without_asking(gallery_page: Page, site: FakeSite) -> None:
    site.token = "a-new-one"
    choose(gallery_page, *small(5))
    wait_for_end(gallery_page, "5 photos safe")


def test_renewed_token_lifts_no_pause(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 5)
    choose(gallery_page, *small(5))
    wait_until(lambda: len(site.received) == 3)
    press(gallery_page, "Pause")
    site.token = "a-new-one"
    with gallery_page.expect_response(site.page):
        site.go_on.set()
    expect(gallery_page.locator('.upload-row[data-state="waiting"]')).to_have_count(5)
    expect(gallery_page.locator('[data-part="halted"]')).to_be_hidden()
    expect(gallery_page.get_by_role("button", name="Resume")).to_be_visible()
    press(gallery_page, "Resume")
    wait_for_end(gallery_page, "5 photos safe")


def test_late_answer_to_a_stale_token_signs_nobody_out(gallery_page: Page, site: FakeSite) -> None:
    """It comes when the token has been renewed already, and before anything was stored with the new one."""
    site.token = "a-new-one"
    site.plan("photo-000.jpg", "wait")
    site.plan("photo-001.jpg", 201, 500)
    choose(gallery_page, *small(2))
    wait_until(lambda: len(site.attempts("photo-001.jpg")) == 2)  # the second with the new token
    site.go_on.set()
    wait_for_end(gallery_page, "2 photos safe")


def test_session_that_ended_is_taken_up_after_signing_in(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *[201] * 4, *["wait"] * 4)
    choose(gallery_page, *small(8))
    wait_until(lambda: len(site.stored) == 4)
    site.signed_out = True
    site.go_on.set()
    expect(gallery_page.get_by_role("link", name="Sign in")).to_be_visible()
    wait_until_kept(gallery_page, 4)
    site.signed_out = False
    site.token = "after-signing-in"
    open_gallery(gallery_page, site)
    expect(gallery_page.locator(HEAD)).to_have_text("4 of 8 still to send")
    press(gallery_page, "Continue")
    wait_for_end(gallery_page, "4 photos safe")
    assert len(site.stored) == 8


def test_signing_out_in_another_tab_forgets_here_too(gallery_page: Page, site: FakeSite) -> None:
    """What is on its way, what failed and what waits: the next person may sit here."""
    site.plan("photo-000.jpg", 507)
    site.plan("*", *["wait"] * 30)
    choose(gallery_page, *small(8))
    expect(gallery_page.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 507.")
    other = gallery_page.context.new_page()
    open_gallery(other, site)
    leave = "async (person) => (await import('/static/js/upload/farewell.js')).sayGoodbye(person)"
    other.evaluate(leave, "bob")
    other.evaluate(leave, "alice")
    expect(gallery_page.locator('[data-part="halted"]')).to_contain_text("You signed out in another tab.")
    expect(gallery_page.locator(".upload-row")).to_have_count(0)
    wait_until_kept(gallery_page, 0)
    site.go_on.set()


# --- without a page -------------------------------------------------------------------------------------------------

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


# --- no room --------------------------------------------------------------------------------------------------------

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
