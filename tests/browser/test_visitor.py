"""The page of somebody with a link: it says what is left to take, and fits on the smallest phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PAGE, PHONE, await_one, fill
from tests.browser.test_refresh import TO_THE_END
from tests.browser.test_sharing import SHEET, OpenWindow, forgive, make_gallery, make_link
from tests.live import LiveSite

pytestmark = pytest.mark.browser

USED_UP = "The downloads of this link are used up. You can still look."


def share(visitor: OpenWindow, person: str, title: str = "Harbour", count: int = 2, **fields: str) -> str:
    """A gallery of this person, with a link to it; returns the link's address."""
    desk = visitor()
    desk.sign_in(person)
    make_link(desk, make_gallery(desk, title, count), **{"kind": "download", "lasts": "1d", **fields})
    return desk.page.locator("#address").input_value()


def offers(page: Page) -> list[str]:
    """What of the page takes photos along and can be seen."""
    found: list[str] = page.locator("[data-takes]:visible, .check:visible").evaluate_all(
        "all => all.map(each => each.ariaLabel || each.textContent.trim() || each.className)"
    )
    return found


def test_page_learns_that_the_last_download_was_used(visitor: OpenWindow, person: str) -> None:
    address = share(visitor, person, max_downloads="2")
    window = visitor()
    page = window.page
    page.goto(address)
    expect(page.get_by_text("2 downloads left")).to_be_visible()
    with page.expect_download():
        page.get_by_role("link", name="Download all").click()
    expect(page.get_by_text("1 download left")).to_be_visible()
    page.locator("#grid .tile-link").first.click()
    page.mouse.move(300, 300)
    with page.expect_download():
        page.get_by_role("link", name="Download the original").click()
    expect(page.locator("dialog.lightbox").get_by_text(USED_UP)).to_be_visible()
    assert offers(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#downloads-left")).to_have_text(USED_UP)
    assert offers(page) == []
    page.locator("#grid .tile-link").first.focus()
    page.keyboard.press("Space")
    expect(page.locator("html")).not_to_have_attribute("data-selecting", "")


def test_page_that_comes_to_the_front_says_what_others_left(visitor: OpenWindow, person: str) -> None:
    address = share(visitor, person, max_downloads="1")
    window = visitor()
    page = window.page
    page.goto(address)
    page.locator(".check").first.click()
    expect(page.get_by_text("1 selected")).to_be_visible()
    assert len(page.request.get(f"{address}zip/").body()) > 0
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#downloads-left")).to_have_text(USED_UP)
    expect(page.locator("html")).not_to_have_attribute("data-selecting", "")
    assert offers(page) == []


def test_a_page_that_is_read_to_its_end_learns_that_its_link_was_revoked(
    visitor: OpenWindow, site: LiveSite, person: str
) -> None:
    """It asks for the rest of its pictures then."""
    desk = visitor()
    desk.sign_in(person)
    make_link(desk, fill(site, person, range(PAGE + 1)), kind="look", lasts="1d")
    window = visitor()
    window.page.goto(desk.page.locator("#address").input_value())
    desk.page.get_by_role("button", name="Revoke").click()
    expect(desk.page.get_by_text("Revoked: it opens nothing.")).to_be_visible()
    window.page.evaluate(TO_THE_END)
    expect(window.page.get_by_role("heading", name="This link has ended.")).to_be_visible()
    forgive(window)


def test_refused_download_is_a_page_and_no_file(visitor: OpenWindow, person: str) -> None:
    address = share(visitor, person, max_downloads="1")
    window = visitor()
    page = window.page
    page.goto(address)
    files: list[str] = []
    page.on("download", lambda file: files.append(file.suggested_filename))
    assert len(page.request.get(f"{address}zip/").body()) > 0  # in another window
    page.get_by_role("link", name="Download all").click()
    expect(page.get_by_text("downloads are used up")).to_be_visible()
    page.get_by_role("link", name="Back to the photos").click()
    expect(page.locator("#downloads-left")).to_have_text(USED_UP)
    assert files == []
    forgive(window)


def test_photos_that_were_fetched_can_be_saved_though_no_download_is_left(visitor: OpenWindow, person: str) -> None:
    address = share(visitor, person, max_downloads="2")
    window = visitor(PHONE)
    page = window.page
    page.add_init_script(SHEET)
    page.goto(address)
    page.get_by_role("button", name="Select all").tap()
    with page.expect_response("**/left/"):
        page.get_by_role("button", name="Save to photos").press("Enter")  # the sheet is closed: they are still at hand
    assert page.evaluate("document.activeElement.hasAttribute('data-selection-share')"), "it has kept the focus"
    page.get_by_role("button", name="Save 2 now").tap()
    expect(page.locator("#downloads-left")).to_have_text(USED_UP)
    assert len(page.evaluate("window.taken")) == 2
    assert offers(page) == []


@pytest.mark.parametrize("kind", ["download", "look"])
def test_actions_fit_on_small_phones_and_say_what_they_are(visitor: OpenWindow, person: str, kind: str) -> None:
    address = share(visitor, person, kind=kind)
    window = visitor(PHONE)
    page = window.page
    for width in (320, 360, 390):
        page.set_viewport_size({"width": width, "height": 640})
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        actions = page.locator(".gallery-actions > :visible")
        places = actions.evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
        assert {round(place["height"]) for place in places} == {44}, "each in one line"
        assert len({round(place["y"]) for place in places}) == 1, "all in one row"
        words = page.get_by_role("link", name="Report this gallery").get_by_text("Report")
        expect(words).to_be_visible(visible=kind == "look")  # alone, a flag says nothing
    if kind == "download":
        page.set_viewport_size({"width": 320, "height": 640})
        page.get_by_role("button", name="Select all").tap()
        button = page.get_by_role("button", name="Download", exact=True)
        expect(button).to_be_in_viewport(ratio=1)


def test_the_end_of_a_long_name_is_seen(visitor: OpenWindow, person: str) -> None:
    """Visitors' photos have the gallery's name and a number: it is the number that differs."""
    address = share(visitor, person, "Long gallery with two hundred pictures of the walk through the mountains")
    window = visitor(PHONE)
    page = window.page
    page.goto(address)
    page.locator("#grid .tile-link").first.tap()
    name = page.locator(".lightbox-name [data-name]")
    expect(name).to_have_text("long-gallery-with-two-hundred-pictures-of-the-walk-through-t-002.jpg")
    expect(name.get_by_text("002.jpg")).to_be_in_viewport(ratio=1)
    assert name.evaluate("one => one.scrollWidth <= one.clientWidth")


STOPS_WITHOUT_A_WORD = """addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement) event.stopImmediatePropagation();
}, true)"""


def test_picture_that_a_download_stopped_comes_after_all(visitor: OpenWindow, person: str) -> None:
    """Firefox stops what the page loads when a download begins by a link, and tells the pictures nothing."""
    address = share(visitor, person, count=1)
    page = visitor(service_workers="block").page
    page.add_init_script(STOPS_WITHOUT_A_WORD)
    waiting: list[Route] = []
    page.route("**/media/**", lambda route: waiting.append(route))
    page.goto(address, wait_until="commit")
    picture = page.locator("#grid .tile-over")
    expect(picture).to_have_attribute("data-loading", "")  # the page's scripts are there
    await_one(page, waiting)
    page.evaluate("window.stop()")
    page.unroute("**/media/**")
    expect(picture).to_have_js_property("complete", True)
    expect(picture).to_have_js_property("naturalWidth", 0)
    with page.expect_download():
        page.get_by_role("link", name="Download all").click()
    expect(picture).not_to_have_js_property("naturalWidth", 0)


IS_HELD = 'link => !link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }))'


def test_download_before_the_scripts_for_hands_are_there_waits_for_them(visitor: OpenWindow, person: str) -> None:
    """Firefox would stop them, and never fetch them again on this page: photos would no longer open in their place."""
    address = share(visitor, person)
    page = visitor(service_workers="block").page
    waiting: list[Route] = []
    page.route("**/visit_hands*.js", lambda route: waiting.append(route))
    page.goto(address, wait_until="networkidle")
    with page.expect_download():
        assert page.get_by_role("link", name="Download all").evaluate(IS_HELD)
        await_one(page, waiting)
        waiting[0].continue_()
    page.locator("#grid .tile-link").first.click()
    expect(page.locator("dialog.lightbox")).to_be_visible()


def test_download_before_the_page_is_loaded_leaves_it_whole(visitor: OpenWindow, person: str) -> None:
    """Browsers say "load" no more when a download began by a link before that; they only call the page complete."""
    address = share(visitor, person)
    window = visitor(service_workers="block")
    page = window.page
    waiting: list[Route] = []
    page.route("**/media/**", lambda route: waiting.append(route))
    page.goto(address, wait_until="commit")
    expect(page.locator("#grid .tile-over").first).to_have_attribute("data-loading", "")  # the page's scripts are there
    with page.expect_download():
        page.get_by_role("link", name="Download all").click()
    page.unroute("**/media/**")
    window.stir()
    page.locator("#grid .tile-link").first.click()
    expect(page.locator("dialog.lightbox")).to_be_visible()
