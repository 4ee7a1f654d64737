"""The lightbox follows what happens to its pictures, and keeps the keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.test_main_job import OpenWindow
from tests.browser.test_refresh import PAGE, fill
from tests.live import LiveSite

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_undo_shows_the_photo_again_and_leaves_the_keys_alive(
    site: LiveSite, visitor: OpenWindow, person: str, size: dict[str, int]
) -> None:
    """Of a gallery that is loaded in part: how many there are is what the server said last."""
    address = fill(site, person, range(PAGE + 10))
    window = visitor(size)
    page = window.page
    window.enter(person, address)
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
    """Requests to these addresses wait until it opens."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.page = page
        self.waiting: list[Route] = []
        self.is_open = False
        page.route(pattern, self._take)

    def _take(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.waiting.append(route)

    def await_one(self) -> None:
        while not self.waiting:
            self.page.wait_for_timeout(10)

    def open(self) -> None:
        self.await_one()
        self.is_open = True
        for route in self.waiting:
            route.continue_()


def test_each_of_several_quick_deletions_is_done(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    """The answer to the first has not come when the others are asked for, and the first is asked for twice."""
    address = fill(site, person, range(5))
    window = visitor()
    page = window.page
    window.enter(person, address)
    page.locator("#grid .tile-link").first.click()
    place = page.locator("dialog#lightbox [data-place]")
    expect(place).to_have_text("1 of 5")
    gate = Gate(page, f"**{address}images/")
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
    window.open(address)
    expect(page.locator("#grid .tile")).to_have_count(2)


@pytest.mark.parametrize("where", ["grid", "lightbox"])
def test_held_key_deletes_one_photo(site: LiveSite, visitor: OpenWindow, person: str, where: str) -> None:
    address = fill(site, person, range(4))
    window = visitor()
    page = window.page
    window.enter(person, address)
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


def test_pressing_delete_twice_in_the_grid_is_one_deletion(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    address = fill(site, person, range(3))
    window = visitor()
    page = window.page
    window.enter(person, address)
    page.locator("#grid .tile-link").first.focus()
    gate = Gate(page, f"**{address}images/")
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    gate.open()
    expect(page.locator("#grid .tile:visible")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".toast p")).to_have_text(["1 photo deleted."])


def test_focus_stays_in_the_facts_while_photos_pass_by(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    """The facts of the first photo that is passed have not come when the next one is."""
    address = fill(site, person, range(4))
    window = visitor()
    page = window.page
    window.enter(person, address)
    page.locator("#grid .tile-link").first.click()
    expect(page.locator("dialog#lightbox [data-place]")).to_have_text("1 of 4")
    page.keyboard.press("i")
    page.get_by_role("button", name="Keep", exact=True).focus()
    last = page.locator("#grid .tile-link").nth(3)
    gate = Gate(page, f"**{address}i/*/")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    gate.open()
    expect(page.locator(f'.facts[data-facts="{last.get_attribute("data-id")}"]')).to_be_attached()
    assert page.evaluate("document.activeElement.value") == "extend"
