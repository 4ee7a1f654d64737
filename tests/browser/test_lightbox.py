"""The lightbox follows what happens to its pictures, and keeps the keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import DESK, PAGE, PHONE, await_one
from tests.browser.test_main_job import PHOTOS, OpenWindow, make_gallery
from tests.interception import intercept
from tests.live import LiveSite
from tests.photos import path

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_undo_shows_the_photo_again_and_leaves_the_keys_alive(
    enter: OpenWindow, site: LiveSite, size: dict[str, int]
) -> None:
    """Of a gallery that is loaded in part: how many there are is what the server said last."""
    page = enter(PAGE + 10, size).page
    tiles = page.locator("#grid .tile-link")
    first, second = (f"{site.address}{tiles.nth(index).get_attribute('href')}" for index in range(2))
    tiles.first.click()
    place = page.locator("dialog#lightbox [data-place]")
    expect(place).to_have_text(f"1 of {PAGE + 10}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(place).to_have_text(f"1 of {PAGE + 9}")
    expect(page).to_have_url(second)
    page.get_by_role("button", name="Undo").click()
    expect(place).to_have_text(f"1 of {PAGE + 10}")
    expect(page).to_have_url(first)
    expect(page.locator(".toast [data-dismiss]")).to_have_count(1)  # that of "restored": the other one has left
    page.locator(".toast [data-dismiss]").click()
    expect(page.locator(".toast")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text(f"2 of {PAGE + 10}")
    page.keyboard.press("Escape")
    expect(page.locator("dialog#lightbox")).not_to_be_visible()
    expect(tiles.nth(1)).to_be_focused()


class Gate:
    """Requests of an open page to these addresses wait until it opens. A service worker that takes the page over
    meanwhile would hide them, so its window has none."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.page = page
        self.waiting: list[Route] = []
        self.is_open = False
        intercept(page, pattern, self._take)

    def _take(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.waiting.append(route)

    def await_one(self) -> None:
        await_one(self.page, self.waiting)

    def open(self) -> None:
        self.await_one()
        self.is_open = True
        for route in self.waiting:
            route.continue_()


def test_each_of_several_quick_deletions_is_done(enter: OpenWindow) -> None:
    """The answer to the first has not come when the others are asked for, and the first is asked for twice."""
    window = enter(5, service_workers="block")
    page = window.page
    page.locator("#grid .tile-link").first.click()
    place = page.locator("dialog#lightbox [data-place]")
    expect(place).to_have_text("1 of 5")
    gate = Gate(page, f"**{window.path}images/")
    page.keyboard.press("Delete")
    gate.await_one()
    page.keyboard.press("Delete")
    for number in (2, 3):
        page.keyboard.press("ArrowRight")
        expect(place).to_have_text(f"{number} of 5")
        page.keyboard.press("Delete")
    gate.open()
    expect(place).to_have_text("1 of 2")
    expect(page.locator(".toast p")).to_have_text(["1 photo deleted."] * 3)
    window.open(window.path)
    expect(page.locator("#grid .tile")).to_have_count(2)


@pytest.mark.parametrize("where", ["grid", "lightbox"])
def test_held_key_deletes_one_photo(enter: OpenWindow, where: str) -> None:
    page = enter(4).page
    first = page.locator("#grid .tile-link").first
    if where == "grid":
        first.focus()
    else:
        first.click()
        expect(page.locator("dialog#lightbox [data-place]")).to_have_text("1 of 4")
    page.keyboard.down("Delete")
    expect(page.locator(".toast p")).to_have_text(["1 photo deleted."])
    for _ in range(3):
        page.keyboard.down("Delete")  # as a keyboard repeats it
    page.wait_for_load_state("networkidle")
    page.keyboard.up("Delete")
    expect(page.locator(".toast p")).to_have_text(["1 photo deleted."])


def test_pressing_delete_twice_in_the_grid_is_one_deletion(enter: OpenWindow) -> None:
    window = enter(3, service_workers="block")
    page = window.page
    page.locator("#grid .tile-link").first.focus()
    gate = Gate(page, f"**{window.path}images/")
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    gate.open()
    expect(page.locator("#grid .tile:visible")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".toast p")).to_have_text(["1 photo deleted."])


def test_focus_stays_in_the_facts_while_photos_pass_by(enter: OpenWindow) -> None:
    """The facts of the first photo that is passed have not come when the next one is."""
    window = enter(4)
    page = window.page
    page.locator("#grid .tile-link").first.click()
    expect(page.locator("dialog#lightbox [data-place]")).to_have_text("1 of 4")
    page.keyboard.press("i")
    page.get_by_role("button", name="Keep", exact=True).focus()
    last = page.locator("#grid .tile-link").nth(3)
    gate = Gate(page, f"**{window.path}i/*/")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    gate.open()
    expect(page.locator(f'.facts[data-facts="{last.get_attribute("data-id")}"]')).to_be_attached()
    assert page.evaluate("document.activeElement.value") == "extend"


def test_a_name_from_right_to_left_keeps_its_beginning(visitor: OpenWindow, person: str) -> None:
    window = visitor(PHONE)
    page = window.page
    window.sign_in(person)
    make_gallery(window, "Names")
    name, photo = "صورة العائلة في الصيف الماضي على الشاطئ.jpg", path(PHOTOS[0]).read_bytes()
    page.set_input_files("input[type=file][name=file]", {"name": name, "mimeType": "image/jpeg", "buffer": photo})
    page.get_by_role("button", name="Close the panel").click()
    page.locator("#grid .tile-link").tap()
    begin, end = (page.locator(".lightbox-name [data-name] > span").nth(index) for index in range(2))
    expect(begin).to_contain_text("صورة")
    assert begin.evaluate("one => getComputedStyle(one).direction") == "rtl", "cut at its left"
    assert begin.bounding_box()["x"] > end.bounding_box()["x"]  # type: ignore[index]


def test_close_pressed_twice_stays_on_the_page(enter: OpenWindow) -> None:
    """On a busy phone the second press comes before the browser has gone back for the first."""
    window = enter(1)
    page = window.page
    for _ in range(2):
        page.locator("#grid .tile-link").click()
        expect(page.locator("dialog#lightbox")).to_be_visible()
        page.evaluate("for (let press = 0; press < 2; press += 1) document.querySelector('[data-close]').click()")
        expect(page.locator("dialog#lightbox")).not_to_be_visible()
        page.wait_for_timeout(300)  # for a second step back
        expect(page).to_have_url(f"{window.site.address}{window.path}")


NOTE_RINGS = """() => {
  const { focus } = HTMLElement.prototype;
  HTMLElement.prototype.focus = function (options) {
    if (this.matches(".tile-link")) this.dataset.ring = String(options?.focusVisible);
    focus.call(this, options);
  };
}"""


def test_whoever_closes_by_key_sees_where_they_are(enter: OpenWindow) -> None:
    """Firefox marks no tile that a script focuses after a click, whichever keys came since, unless it is asked to."""
    page = enter(2).page
    page.evaluate(NOTE_RINGS)
    tiles = page.locator("#grid .tile-link")
    place = page.locator("dialog#lightbox [data-place]")
    tiles.first.click()
    expect(place).to_have_text("1 of 2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(tiles.nth(1)).to_have_attribute("data-ring", "true")
    tiles.first.click()
    expect(place).to_have_text("1 of 2")
    page.mouse.move(200, 200)
    page.get_by_role("button", name="Close", exact=True).click()
    expect(tiles.first).to_have_attribute("data-ring", "undefined")
