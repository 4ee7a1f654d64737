"""What is selected, and the bar that says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import PAGE, PHONE, await_one
from tests.browser.test_main_job import PHOTOS, OpenWindow, check_axe, in_sight
from tests.interception import intercept
from tests.photos import path

pytestmark = pytest.mark.browser


def test_folded_uploads_leave_the_bar_free(enter: OpenWindow) -> None:
    window = enter(1, PHONE)
    page = window.page
    waiting: list[Route] = []
    intercept(page, f"**{window.path}upload/", lambda route: waiting.append(route))
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
def test_owner_selects_all_of_a_gallery_that_is_loaded_in_part(enter: OpenWindow, way: str) -> None:
    page = enter(PAGE + 2, PHONE).page
    expect(page.locator("#grid .tile")).to_have_count(PAGE)
    if way == "menu":
        page.get_by_label("More for this gallery").click()
        page.get_by_role("button", name="Select all").click()
        expect(page.locator(".gallery-actions .menu-list")).not_to_be_visible()
        expect(page.locator(".gallery-actions summary")).to_be_focused()
    else:
        page.keyboard.press("Control+a")
    expect(page.locator("[data-selection-count]")).to_have_text(f"{PAGE + 2} selected")


def test_focus_stays_in_a_gallery_whose_last_photo_goes(enter: OpenWindow) -> None:
    page = enter(1, PHONE).page
    tile, lightbox = page.locator(".tile-link"), page.get_by_role("dialog", name="Photo")
    undo = page.get_by_role("button", name="Undo")
    for is_open in (False, True):
        expect(tile).to_be_visible()
        tile.focus()
        if is_open:
            page.keyboard.press("Enter")
            expect(lightbox).to_be_visible()
        page.keyboard.press("Delete")
        expect(page.locator(".grid-empty [data-upload-choose]")).to_be_focused()
        undo.click()
        expect(undo).to_have_count(0)


def test_choice_of_quality_is_accessible(enter: OpenWindow) -> None:
    page = enter(0).page
    page.get_by_label("More for this gallery").click()
    page.get_by_role("button", name="Quality").click()
    expect(page.get_by_role("heading", name="Add photos")).to_be_visible()
    check_axe(page)


def test_message_with_a_long_word_stays_in_the_window(enter: OpenWindow) -> None:
    page = enter(0, PHONE).page
    page.goto(f"{page.url}edit/")
    page.get_by_label("Title").fill("x" * 80)
    page.get_by_role("button", name="Save").click()
    page.get_by_label("More for this gallery").click()
    page.get_by_role("button", name="Delete this gallery").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert in_sight(page, ".toast")


def test_empty_gallery_offers_nothing_to_select(enter: OpenWindow) -> None:
    page = enter(0, PHONE).page
    expect(page.get_by_text("Nothing here yet.")).to_be_visible()
    expect(page.get_by_text("Drop photos anywhere.")).not_to_be_visible()  # by a finger
    page.get_by_label("More for this gallery").click()
    expect(page.get_by_role("link", name="Deleted photos")).to_be_visible()
    expect(page.get_by_role("button", name="Select all")).not_to_be_visible()


ENDS_WITHOUT_A_WORD = """() => {
  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (...given) {
    this.addEventListener("abort", (event) => event.stopImmediatePropagation());
    window.endIt = () => this.abort();
    open.apply(this, given);
  };
}"""


def test_act_that_ends_without_a_word_is_said_and_can_be_tried_again(enter: OpenWindow) -> None:
    """Firefox, when a navigation that becomes a download ends a request, says "loadend" and nothing before it."""
    window = enter(2, service_workers="block")
    page = window.page
    page.evaluate(ENDS_WITHOUT_A_WORD)
    waiting: list[Route] = []
    intercept(page, "**/images/", lambda route: waiting.append(route))
    page.locator("#grid .tile .check").first.click()
    delete = page.get_by_role("button", name="Delete", exact=True)
    delete.click()
    await_one(page, waiting)
    page.evaluate("endIt()")
    expect(page.locator("#toasts")).to_contain_text("No connection. Nothing was changed.")
    window.complaints.clear()  # htmx says so too
    page.unroute("**/images/")
    delete.click()
    expect(page.locator("#grid .tile:visible")).to_have_count(1)
