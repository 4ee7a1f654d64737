"""The first screen carries nothing that only hands need, and what they do before it is there is not lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitor, await_one, fill
from tests.browser.test_long_press import FINGER
from tests.browser.test_main_job import PHOTOS
from tests.live import LiveSite
from tests.photos import path

pytestmark = pytest.mark.browser

FOR_HANDS = {"gallery_hands", "selection", "keys", "keymap", "slide", "desk", "uploader", "vault", "htmx-2"}
LATE = "**/gallery_hands*.js"
MORE = """<p class="more"><a href="?after=1" data-more hx-get="?after=1" hx-trigger="more" hx-target="closest .more"
  hx-swap="outerHTML">More photos</a></p>"""


@dataclass
class Shut:
    """A window that has not opened its gallery of two photos yet, on a device that never sent any."""

    page: Page
    address: str

    def open(self) -> list[str]:
        """Open it; returns the names of the scripts that it fetches, as they come."""
        fetched: list[str] = []
        self.page.on("request", lambda request: fetched.extend(re.findall(r"/([\w-]+)[\w.]*\.js$", request.url)))
        self.page.goto(self.address, wait_until="networkidle")
        return fetched


@pytest.fixture
def gallery(site: LiveSite, visitor: Callable[..., Visitor], person: str) -> Shut:
    window = visitor()
    window.sign_in_unseen(person)  # a hand that signs in has stirred already
    return Shut(window.page, f"{site.address}{fill(site, person, range(2))}")


def release(page: Page, waiting: list[Route]) -> None:
    """Let the first of these requests go on."""
    await_one(page, waiting)
    waiting[0].continue_()


def test_scripts_for_hands_are_fetched_at_the_first_stir(gallery: Shut) -> None:
    fetched = gallery.open()
    assert {"gallery", "passes", "drop", "stir"} <= set(fetched)
    assert not FOR_HANDS & set(fetched)
    with gallery.page.expect_request("**/vault*.js"), gallery.page.expect_request("**/slide*.js"):
        gallery.page.mouse.move(50, 50)


def test_picker_opens_before_its_script_has_come(gallery: Shut) -> None:
    """Where it has not come for seconds, a press would lead to the end of the page and open nothing."""
    waiting: list[Route] = []
    page = gallery.page
    page.route("**/upload/index*.js", lambda route: waiting.append(route))
    page.goto(gallery.address, wait_until="commit")
    link = page.get_by_role("link", name="Add photos").first
    over = page.locator("[data-upload-early]").first
    with page.expect_file_chooser() as early:
        over.click(position={"x": 8, "y": 20})
    early.value.set_files(str(path(PHOTOS[2])))
    with page.expect_file_chooser() as still_open:
        over.click(position={"x": link.evaluate("link => link.offsetWidth") - 8, "y": 20})
    release(gallery.page, waiting)
    expect(page.locator("#grid .tile")).to_have_count(3, timeout=30_000)
    still_open.value.set_files(str(path(PHOTOS[3])))
    expect(page.locator("#grid .tile")).to_have_count(4, timeout=30_000)
    assert "#upload" not in page.url
    with page.expect_file_chooser():
        link.click()


def test_presses_and_keys_before_that_wait_for_it(gallery: Shut) -> None:
    waiting: list[Route] = []
    gallery.page.route(LATE, lambda route: waiting.append(route))
    gallery.open()
    tiles = gallery.page.locator(".tile-link")
    with gallery.page.expect_request(LATE):
        gallery.page.keyboard.press("ArrowRight")
    gallery.page.keyboard.press("ArrowRight")
    tiles.first.click()
    expect(gallery.page).to_have_url(gallery.address)
    release(gallery.page, waiting)
    expect(gallery.page.locator("dialog.lightbox")).to_be_visible()
    gallery.page.keyboard.press("Escape")
    expect(tiles.first).to_be_focused()


def test_impatient_presses_count_as_one(gallery: Shut) -> None:
    waiting: list[Route] = []
    gallery.page.route(LATE, lambda route: waiting.append(route))
    gallery.open()
    before = gallery.page.evaluate("history.length")
    with gallery.page.expect_request(LATE):
        gallery.page.locator(".tile-link").first.click()
    gallery.page.locator(".tile-link").first.click()
    release(gallery.page, waiting)
    expect(gallery.page.locator("dialog.lightbox")).to_be_visible()
    assert gallery.page.evaluate("history.length") == before + 1


def test_finger_that_rests_before_that_selects(gallery: Shut) -> None:
    waiting: list[Route] = []
    gallery.page.route(LATE, lambda route: waiting.append(route))
    gallery.page.clock.install()
    gallery.open()
    first, second = (gallery.page.locator(".tile-link").nth(index) for index in range(2))
    with gallery.page.expect_request(LATE):
        first.dispatch_event("pointerdown", FINGER)
        gallery.page.clock.fast_forward(1_000)
        first.dispatch_event("pointerup", FINGER)
        first.dispatch_event("click")
    second.dispatch_event("pointerdown", FINGER)
    second.dispatch_event("pointerup", FINGER)
    second.dispatch_event("click")  # an impatient tap: it selects too, when there is a selection
    release(gallery.page, waiting)
    expect(gallery.page.locator("[data-selection-count]")).to_have_text("2 selected")
    expect(gallery.page.locator("dialog.lightbox")).not_to_be_visible()


def test_space_before_that_selects_and_nothing_else(gallery: Shut) -> None:
    waiting: list[Route] = []
    gallery.page.route(LATE, lambda route: waiting.append(route))
    gallery.page.set_viewport_size({"width": 1280, "height": 240})
    gallery.open()
    gallery.page.locator(".tile-link").first.evaluate("link => link.focus({ preventScroll: true })")
    with gallery.page.expect_request(LATE):
        gallery.page.keyboard.press("Space")
    release(gallery.page, waiting)
    expect(gallery.page.locator("[data-selection-count]")).to_have_text("1 selected")
    gallery.page.wait_for_timeout(300)  # a scroll by a key is a movement
    assert gallery.page.evaluate("scrollY") == 0


def test_keys_before_that_act_where_they_were_pressed(gallery: Shut) -> None:
    """Also when the focus was moved in between by what waits for nothing, such as Tab."""
    waiting: list[Route] = []
    page = gallery.page
    page.route(LATE, lambda route: waiting.append(route))
    gallery.open()
    tiles = page.locator(".tile-link")
    tiles.first.focus()
    with page.expect_request(LATE):
        page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    page.locator("a.brand").focus()
    release(page, waiting)
    expect(page.locator("[data-selection-count]")).to_have_text("2 selected")
    expect(page.locator("a.brand")).to_be_focused()


def test_picker_opens_in_the_press_itself(gallery: Shut) -> None:
    """Safari opens none for a press that waited. What is chosen waits for the uploader instead."""
    waiting: list[Route] = []
    gallery.page.route("**/desk*.js", lambda route: waiting.append(route))
    gallery.open()
    with gallery.page.expect_request("**/desk*.js"), gallery.page.expect_file_chooser() as chooser:
        gallery.page.get_by_role("link", name="Add photos").first.click()
    chooser.value.set_files(str(path(PHOTOS[2])))
    release(gallery.page, waiting)
    expect(gallery.page.locator("#grid .tile")).to_have_count(3)
    assert "#" not in gallery.page.url


def test_without_it_a_photo_opens_on_its_own_page(gallery: Shut) -> None:
    gallery.page.route(LATE, lambda route: route.fulfill(status=204, content_type="text/javascript"))
    gallery.open()
    gallery.page.locator(".tile-link").first.click()
    gallery.page.wait_for_url("**/i/*/")


def test_the_next_page_comes_to_a_tall_screen_without_a_stir(gallery: Shut) -> None:
    """htmx is fetched for it, and nothing else."""

    def with_more(route: Route) -> None:
        answer = route.fetch()
        empty = '<div class="empty grid-empty">'
        assert empty in answer.text()
        route.fulfill(response=answer, body=answer.text().replace(empty, MORE + empty))

    gallery.page.route(gallery.address, with_more)
    second = "<p>The second page</p>"
    gallery.page.route("**/?after=1", lambda route: route.fulfill(content_type="text/html", body=second))
    fetched = gallery.open()
    expect(gallery.page.get_by_text("The second page")).to_be_attached()
    assert FOR_HANDS & set(fetched) == {"htmx-2"}
