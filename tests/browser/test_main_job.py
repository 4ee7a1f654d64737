"""The main job, as a person does it: sign up, make a gallery, drop in real photos, look, download, delete, undo, see
them go."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image as Pillow
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visitor
from tests.live import PASSWORD, LiveSite
from tests.photos import path, records

pytestmark = pytest.mark.browser

PHOTOS = [r["name"] for r in records() if r["category"] == "photo" and r["true_format"] in {"JPEG", "WEBP"}][:5]
OpenWindow = Callable[..., Visitor]
IS_STILL = """() => document.getAnimations().every(({playState, effect}) =>
  playState !== "running" || effect.getComputedTiming().iterations === Infinity)"""


def make_gallery(window: Visitor, title: str) -> str:
    """Make a gallery through the form; returns its path."""
    window.open("/g/new/")
    window.page.fill("input[name=title]", title)
    window.page.locator("main form button").last.click()
    window.page.wait_for_url("**/g/*/")
    return window.page.url.removeprefix(window.site.address)


def add_photos(window: Visitor, names: list[str]) -> None:
    """Choose these photos in the uploader and wait until all of them are safe."""
    page = window.page
    before = page.locator("#grid .tile").count()
    page.set_input_files("input[type=file][name=file]", [str(path(name)) for name in names])
    expect(page.locator("#grid .tile")).to_have_count(before + len(names), timeout=60_000)
    page.wait_for_load_state("networkidle")


def check_axe(page: Page) -> None:
    """What is fading in has not its own contrast yet."""
    page.wait_for_function(IS_STILL)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def no_layout_shift(page: Page) -> float:
    """The cumulative layout shift of the page so far (Layout Instability API, entries after input left out)."""
    shift: float = page.evaluate(
        """() => new Promise(resolve => {
            let sum = 0;
            new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) sum +=
            e.value; })
                .observe({type: 'layout-shift', buffered: true});
            setTimeout(() => resolve(sum), 300);
        })"""
    )
    return shift


def fits(page: Page) -> bool:
    """Nothing is wider than the window (a phone's ``innerWidth`` grows with what is), and no button is drawn out."""
    fitting: bool = page.evaluate(
        """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth
            && [...document.querySelectorAll(".button")].every(one => one.getBoundingClientRect().height <= 64)"""
    )
    return fitting


def test_story_of_a_person(site: LiveSite, visitor: OpenWindow) -> None:
    window = visitor()
    page = window.page
    window.open("/")
    page.get_by_role("link", name="Make a gallery").click()
    page.fill("input[name=username]", "dora")
    page.fill("input[name=email]", "dora@example.org")
    page.fill("input[name=password1]", PASSWORD)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url(f"{site.address}/")
    address = make_gallery(window, "Summer by the sea")
    add_photos(window, PHOTOS)
    window.open(address)
    tiles = page.locator("#grid .tile")
    expect(tiles).to_have_count(len(PHOTOS))
    pictures = page.locator("#grid .tile-over")
    for index in range(len(PHOTOS)):
        pictures.nth(index).scroll_into_view_if_needed()
        expect(pictures.nth(index)).to_have_js_property("complete", True)
        assert pictures.nth(index).evaluate("each => each.naturalWidth") > 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert archive.testzip() is None
    assert len(archive.namelist()) == len(PHOTOS)
    for name in archive.namelist():
        with Pillow.open(io.BytesIO(archive.read(name))) as picture:
            picture.load()
            assert not picture.getexif()


def test_delete_and_undo_from_the_toast(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    window = visitor()
    page = window.page
    window.sign_in_unseen(person)
    address = make_gallery(window, "Undo")
    add_photos(window, PHOTOS[:3])
    window.open(address)
    tiles = page.locator("#grid .tile")
    page.locator("#grid .tile").first.hover()
    page.locator("#grid .tile .check").first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#grid .tile:visible")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#grid .tile:visible")).to_have_count(3)
    page.reload()
    expect(tiles).to_have_count(3)


def test_lightbox_moves_closes_and_gives_the_focus_back(visitor: OpenWindow, person: str) -> None:
    window = visitor()
    page = window.page
    window.sign_in_unseen(person)
    address = make_gallery(window, "Look")
    add_photos(window, PHOTOS[:3])
    window.open(address)
    first = page.locator("#grid .tile-link").first
    first.click()
    dialog = page.locator("dialog#lightbox")
    expect(dialog).to_be_visible()
    assert "/i/" in page.url
    page.wait_for_timeout(600)
    check_axe(page)
    one = page.url
    page.keyboard.press("i")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("1 photo kept for 7 days from now.")
    page.wait_for_timeout(2_500)  # the grid is fetched again a second later, and the facts with it
    assert page.evaluate("document.activeElement.value") == "extend", "the focus is never lost by a swap"
    page.locator("#toasts [data-dismiss]").first.click()
    page.keyboard.press("i")
    page.locator("dialog#lightbox").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("one => location.href !== one", arg=one)
    page.go_back()
    expect(dialog).not_to_be_visible()
    assert page.url.removeprefix(window.site.address) == address
    assert page.evaluate("document.activeElement.classList.contains('tile-link')")
    page.goto(one)
    expect(page.locator("main img").first).to_be_visible()
    check_axe(page)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_pages_are_accessible_and_stand_still(visitor: OpenWindow, person: str, phone: bool) -> None:
    window = visitor(PHONE) if phone else visitor()
    page = window.page
    window.open("/")
    check_axe(page)
    window.open("/accounts/login/")
    page.fill("input[name=login]", person)
    page.fill("input[name=password]", "not the password")
    page.locator("main button[type=submit]").first.click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is not right.")
    check_axe(page)
    window.sign_in_unseen(person)
    address = make_gallery(window, "Still")
    check_axe(page)
    add_photos(window, PHOTOS[:4])
    opened = ("/", "/deleted/", "/receipts/", f"{address}edit/", f"{address}bin/", "/accounts/", "/offline/", "/share/")
    for each in (address, *opened):
        window.open(each)
        page.wait_for_load_state("networkidle")
        check_axe(page)
        assert no_layout_shift(page) < 0.01, each
        assert fits(page), each
    page.set_viewport_size({"width": 320, "height": 640} if phone else {"width": 2560, "height": 1300})
    for each in (address, *opened):
        window.open(each)
        assert fits(page), each


def in_sight(page: Page, selector: str) -> bool:
    """This lies in the window's width, and is as high as its first words need."""
    seen: bool = page.locator(selector).first.evaluate(
        "each => { const box = each.getBoundingClientRect();"
        "return box.left >= 0 && box.right <= innerWidth && box.height > 16; }"
    )
    return seen


# As wide as a phone of 390 pixels whose letters are twice as large, and the narrowest phone.
@pytest.mark.parametrize("width", [195, 320])
def test_large_letters_lose_nothing(visitor: OpenWindow, person: str, width: int) -> None:
    window = visitor({"width": width, "height": 2 * width})
    page = window.page
    window.sign_in(person)
    address = make_gallery(window, "Large letters")
    add_photos(window, PHOTOS[:2])
    for each in ("/", "/accounts/", address):
        window.open(each)
        assert fits(page), each
        for menu in page.locator("details.menu:visible > summary").all():
            menu.click()
            assert in_sight(page, "details[open] .menu-list"), each
            page.keyboard.press("Escape")
    page.set_input_files("input[type=file][name=file]", str(path("corrupt/empty.jpg")))
    expect(page.get_by_text("This file is empty.")).to_be_visible()
    assert in_sight(page, ".upload-scroll")


def test_orientation_survives_the_browser_and_the_server(visitor: OpenWindow, person: str) -> None:
    """A picture whose EXIF turns it stands upright in the grid, whoever turned it."""
    probe = next(
        r for r in records() if r.get("orientation_probe") and r["orientation"] == 6 and r["true_format"] == "JPEG"
    )
    window = visitor()
    page = window.page
    window.sign_in_unseen(person)
    address = make_gallery(window, "Upright")
    add_photos(window, [probe["name"]])
    window.open(address)
    picture = page.locator("#grid .tile-over").first
    expect(picture).to_have_js_property("complete", True)
    width, height = picture.evaluate("each => [each.naturalWidth, each.naturalHeight]")
    assert (width > height) == (probe["display_width"] > probe["display_height"])


def test_plain_form_works_without_javascript(visitor: OpenWindow, person: str) -> None:
    window = visitor(java_script_enabled=False)
    page = window.page
    window.sign_in(person)
    make_gallery(window, "Plain")
    page.set_input_files(
        "input[type=file][name=file]", [str(path(name)) for name in [*PHOTOS[:2], "corrupt/empty.jpg"]]
    )
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator("#grid .tile")).to_have_count(2)
    expect(page.locator("#toasts")).to_contain_text("2 photos added.")
    expect(page.locator("#toasts")).to_contain_text("This file is empty.")
    page.locator("#grid .tile .check input").first.check(force=True)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#grid .tile")).to_have_count(1)
    page.get_by_role("link", name="Deleted photos").first.click()
    page.locator("main input[name=ids]").first.check(force=True)
    page.get_by_role("button", name="Restore").first.click()
    expect(page.locator("#toasts")).to_contain_text("1 photo restored.")


def test_expired_photo_is_gone_from_the_second(site: LiveSite, visitor: OpenWindow, person: str) -> None:
    """The promise is moved in the database file to a moment ago; page and media address refuse at once."""
    window = visitor()
    page = window.page
    window.sign_in_unseen(person)
    address = make_gallery(window, "Gone")
    add_photos(window, PHOTOS[:1])
    window.open(address)
    source = page.locator("#grid .tile-over").first.get_attribute("src") or ""
    assert page.request.get(f"{site.address}{source}").status == 200
    past = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with sqlite3.connect(site.database) as database:
        database.execute(
            "UPDATE galleries_image SET expires_at = ?, due_at = ? WHERE id = ?", (past, past, source.split("/")[5])
        )
    assert page.request.get(f"{site.address}{source}").status == 404
    window.open(address)
    expect(page.locator("#grid .tile")).to_have_count(0)
