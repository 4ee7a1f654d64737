"""A grid that changes while it is open shows every photo, and takes nothing away from under a person's hands."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PAGE, fill
from tests.browser.test_main_job import OpenWindow, make_gallery
from tests.interception import intercept
from tests.live import LiveSite
from tests.pictures import jpeg

pytestmark = pytest.mark.browser

MANY = 75  # more than one page
TO_THE_END = "scrollTo(0, document.documentElement.scrollHeight)"
MERGE = """() => new Promise(done => {
    grid.addEventListener("tiles-changed", () => done(), { once: true });
    document.body.dispatchEvent(new CustomEvent("images-changed"));
})"""


def test_grid_that_outgrows_its_first_page_leads_to_the_rest(visitor: OpenWindow, person: str) -> None:
    window = visitor()
    page = window.page
    window.sign_in_unseen(person)
    make_gallery(window, "Many")
    files = [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(n)} for n in range(MANY)]
    page.set_input_files("input[type=file][name=file]", files)  # type: ignore[arg-type]
    expect(page.locator("#gallery-summary")).to_contain_text(f"{MANY} photos", timeout=90_000)
    for _ in range(20):
        page.mouse.wheel(0, 4_000)
        page.wait_for_timeout(250)
        if page.locator("#grid .tile").count() == MANY and page.locator("#grid .more").count() == 0:
            break
    names = page.locator("#grid .tile-link").evaluate_all("links => links.map(link => link.dataset.name)")
    assert sorted(names) == sorted(f"{n}.jpg" for n in range(MANY))


def load_to_the_end(page: Page, photos: int) -> Locator:
    """Scroll to the end of what is there, until all tiles of so many photos are; returns them."""
    page.evaluate(TO_THE_END)
    tiles = page.locator("#grid .tile")
    expect(tiles).to_have_count(photos)
    return tiles


def test_grid_that_was_loaded_to_its_end_keeps_its_tiles_and_checks(
    enter: OpenWindow, site: LiveSite, person: str
) -> None:
    page = enter(PAGE + 2).page
    tiles = load_to_the_end(page, PAGE + 2)
    page.locator("#grid .tile .check").last.click()
    expect(page.locator("html")).to_have_attribute("data-selecting", "")
    page.evaluate(MERGE)
    expect(tiles).to_have_count(PAGE + 2)
    fill(site, person, range(PAGE + 2, PAGE + 3))
    page.evaluate(MERGE)
    expect(tiles).to_have_count(PAGE + 3)
    expect(page.locator("#grid .tile input").last).to_be_checked()
    expect(page.locator("[data-more]")).to_have_count(0)


def test_what_is_open_or_selected_stays_while_photos_come_in_between(
    enter: OpenWindow, site: LiveSite, person: str
) -> None:
    """The last page has to be fetched again for them: that waits until nobody is at it."""
    page = enter(PAGE + 2).page
    tiles = load_to_the_end(page, PAGE + 2)
    page.locator("#grid .tile-link").last.click()
    place = page.locator("dialog#lightbox [data-place]")
    expect(place).to_have_text(f"{PAGE + 2} of {PAGE + 2}")
    fill(site, person, range(PAGE + 2, PAGE + 3), old=True)
    page.evaluate(MERGE)
    expect(place).to_have_text(f"{PAGE + 2} of {PAGE + 2}")
    page.keyboard.press("Escape")
    expect(page.locator("#grid .tile-link").last).to_be_focused()
    page.evaluate(MERGE)
    expect(page.locator("#grid .tile-link").nth(PAGE + 1)).to_be_focused()
    page.keyboard.press("Home")
    page.evaluate(MERGE)
    page.evaluate(TO_THE_END)
    expect(tiles).to_have_count(PAGE + 3)


def test_open_photo_keeps_its_zoom_and_what_was_chosen_in_its_facts(
    enter: OpenWindow, site: LiveSite, person: str
) -> None:
    page = enter(2).page
    page.locator("#grid .tile-link").last.click()
    dialog = page.locator("dialog#lightbox")
    expect(dialog).to_be_visible()
    page.keyboard.press("i")
    end, keep = dialog.locator(".facts > p"), dialog.locator("select[name=retention]")
    keep.select_option("1y")
    page.keyboard.press("+")
    frame, zoomed = dialog.locator(".slide:not([inert]) .slide-frame"), re.compile(r"scale\(1\.5\)")
    expect(frame).to_have_attribute("style", zoomed)
    fill(site, person, range(2, 3))
    page.evaluate(MERGE)
    expect(dialog.locator("[data-place]")).to_have_text("3 of 3")
    expect(frame).to_have_attribute("style", zoomed)
    expect(keep).to_have_value("1y")
    before = end.inner_text()
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(end).not_to_have_text(before)  # they follow what was done
    expect(keep).to_have_value("1y")


def test_grid_that_is_fetched_without_a_line_says_nothing_and_comes_later(enter: OpenWindow) -> None:
    """What the page does by itself is no concern of a person who did nothing."""
    window = enter(1)
    page = window.page
    intercept(page, lambda url: url.endswith(window.path), lambda route: route.abort("internetdisconnected"))
    page.set_input_files("input[type=file][name=file]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(7)})
    with page.expect_event("requestfailed", lambda request: request.url.endswith(window.path)):
        pass
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator("#grid .tile")).to_have_count(1)
    page.unroute_all()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#grid .tile")).to_have_count(2)
    assert [each for each in window.complaints if not each.startswith("error:")] == []
    window.complaints.clear()


def test_what_was_said_of_the_line_goes_when_it_is_back(enter: OpenWindow) -> None:
    window = enter(1)
    page = window.page
    page.locator("#grid .tile-link").first.click()
    page.wait_for_load_state("networkidle")  # what the first stir asks for
    page.context.set_offline(True)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No connection. Nothing was changed.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".toast")).to_have_count(0)
    assert [each for each in window.complaints if not each.startswith("error:")] == []
    window.complaints.clear()


def test_photos_beyond_the_first_page_follow_their_new_end_and_its_undo(
    site: LiveSite, visitor: OpenWindow, person: str
) -> None:
    """By the page's clock, on which hours pass within a second; the photos of the first page say it too."""
    address = fill(site, person, range(PAGE + 1), retention="1h")
    window = visitor()
    page = window.page
    window.sign_in(person)
    page.clock.install()
    window.open(address)
    tiles = load_to_the_end(page, PAGE + 1)
    page.evaluate("scrollTo(0, 0)")
    for each in (tiles.first, tiles.last):
        each.locator(".tile-link").focus()
        page.keyboard.press("Space")
    left = page.locator("#grid .tile-left")
    before = tiles.last.get_attribute("data-expires")
    page.locator(".selection-bar summary").click()
    page.locator(".selection-bar").get_by_role("button", name="7 days").click()
    for each in (left.first, left.last):
        expect(each).to_have_text("7 days left")
    expect(left.nth(1)).not_to_have_text("7 days left")
    expect(left.last).to_have_class("tile-left")
    page.get_by_role("button", name="Undo").click()
    expect(tiles.last).to_have_attribute("data-expires", str(before))
    expect(left.last).to_have_class("tile-left is-shown is-today")
    page.locator(".selection-bar summary").click()
    page.locator(".selection-bar").get_by_role("button", name="7 days").click()
    expect(left.last).to_have_text("7 days left")
    page.clock.fast_forward("01:01:00")
    expect(page.locator("#grid .tile:visible")).to_have_count(2)


def test_new_photos_are_shown_though_the_line_broke_when_htmx_was_fetched(
    site: LiveSite, visitor: OpenWindow, person: str
) -> None:
    """It comes when somebody stirs; a failure then must not leave a grid that never shows more."""
    address = fill(site, person, range(1))
    window = visitor()
    page = window.page
    window.sign_in(person)
    page.route("**/htmx-2.min*.js", lambda route: route.abort(), times=1)
    window.open(address)
    with page.expect_event("requestfailed"):
        page.mouse.move(200, 200)
    page.set_input_files("input[type=file][name=file]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(7)})
    expect(page.locator("#grid .tile")).to_have_count(2)
    window.complaints = [each for each in window.complaints if "ERR_FAILED" not in each]
