"""Sharing with two browsers: the owner at a desk, a friend with a phone and nothing but the picture of a QR code."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visitor
from tests.browser.qr import read_qr
from tests.live import LiveSite
from tests.pictures import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OpenWindow = Callable[..., Visitor]
PASSCODE = "sea side 22"
CLOCK = Path(__file__).parent / "clock"
# A phone's sheet that takes files: closed the first time, then it notes their names and sizes.
SHEET = """
    window.taken = [];
    window.tries = 0;
    navigator.canShare = () => true;
    navigator.share = async ({ files }) => {
        window.tries += 1;
        if (window.tries === 1) throw new DOMException("closed", "AbortError");
        window.taken.push(...files.map(file => [file.name, file.size, file.type]));
    };
"""
# A page on plain http has none; what is copied the old way is heard.
NO_CLIPBOARD = """
    Object.defineProperty(navigator, "clipboard", { value: undefined });
    document.addEventListener("copy", () => { window.copied = document.activeElement.value; });
"""
# Its pass is over, and the page comes to the front: it asks for another one.
SOMEBODY_LOOKS_AGAIN = """() => {
    document.querySelector("[data-pass-url]").dataset.passUntil = "1";
    document.dispatchEvent(new Event("visibilitychange"));
}"""


class ClockSite(LiveSite):
    """A site whose clock can be moved on, by starting it again."""

    def move_clock(self, ahead: timedelta) -> None:
        self.stop()
        self.environment |= {"PYTHONPATH": str(CLOCK), "TEST_CLOCK_AHEAD": str(ahead.total_seconds())}
        self.start()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockSite]:
    """A site for this module alone: its clock moves."""
    live = ClockSite(tmp_path_factory.mktemp("sharing"))
    live.environment["SITE_URL"] = live.address
    live.set_up()
    live.start()
    yield live
    live.stop()


@pytest.fixture(autouse=True)
def true_time(site: ClockSite) -> None:
    """Whatever the test before did to the clock."""
    if site.environment.pop("TEST_CLOCK_AHEAD", None):
        site.stop()
        site.start()


def make_gallery(window: Visitor, title: str, count: int) -> str:
    """A gallery with ``count`` pictures; returns its path."""
    page = window.page
    window.open("/g/new/")
    page.fill("input[name=title]", title)
    page.locator("main form button").last.click()
    page.wait_for_url("**/g/*/")
    files = [{"name": f"anna {n}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(n, (640, 480))} for n in range(count)]
    page.set_input_files("input[type=file][name=file]", files)  # type: ignore[arg-type]
    expect(page.locator("#grid .tile")).to_have_count(count, timeout=60_000)
    return page.url.removeprefix(window.site.address)


def make_link(window: Visitor, gallery: str, **fields: str) -> None:
    """Make a link through the form; leaves its page open."""
    window.open(f"{gallery}links/")
    page = window.page
    for name, value in fields.items():
        field = page.locator(f"main form [name={name}]")
        if name in {"kind", "lasts"}:
            field.select_option(value)
        else:
            field.fill(value)
    page.get_by_role("button", name="Make the link").click()
    page.wait_for_url("**/links/*/")


def check_axe(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def forgive(*windows: Visitor) -> None:
    """What the console says of answers that were meant, and of the moment in which the site was started again."""
    meant = ("403", "404", "410", "422", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET")
    for window in windows:
        window.complaints = [each for each in window.complaints if not any(words in each for words in meant)]


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (loopback)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_friend_comes_by_qr_code_looks_takes_and_is_locked_out(
    site: ClockSite, visitor: OpenWindow, person: str
) -> None:
    desk = visitor()
    desk.sign_in_unseen(person)
    gallery = make_gallery(desk, "Summer by the sea", 3)
    make_link(desk, gallery, name="Family", kind="download", passcode=PASSCODE)
    code = desk.page.locator(".qr img")
    expect(code).to_have_js_property("complete", True)
    address = read_qr(code.screenshot())
    assert address == desk.page.locator("#address").input_value()
    assert address.startswith(f"{site.address}/s/")
    check_axe(desk.page)

    phone = visitor(PHONE)
    page = phone.page
    page.add_init_script(SHEET)
    page.goto(address)
    expect(page.get_by_role("heading", name="Enter the passcode")).to_be_visible()
    assert "Summer" not in page.content()
    check_axe(page)
    page.fill("#passcode", "wrong one")
    page.get_by_role("button", name="Show the photos").click()
    expect(page.locator("#passcode-error")).to_be_visible()
    page.fill("#passcode", PASSCODE)
    page.get_by_role("button", name="Show the photos").click()
    expect(page.get_by_role("heading", name="Summer by the sea")).to_be_visible()
    expect(page.locator("#grid .tile")).to_have_count(3)
    check_axe(page)
    picture = page.locator("#grid .tile-over").first
    page.wait_for_function("one => one.complete && one.naturalWidth > 0", arg=picture.element_handle())

    page.locator("#grid .tile-link").first.tap()
    expect(page.locator("dialog.lightbox")).to_be_visible()
    expect(page.locator("[data-name]").first).to_be_attached()
    assert page.locator("dialog.lightbox [data-delete]").count() == 0
    page.keyboard.press("Escape")
    expect(page.locator("dialog.lightbox")).to_be_hidden()

    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    names = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).namelist()
    assert names == [f"summer-by-the-sea-00{n}.jpg" for n in (1, 2, 3)]

    page.get_by_role("button", name="Select all").click()
    expect(page.locator("[data-selection-count]")).to_have_text("3 selected")
    page.get_by_role("button", name="Save to photos").click()
    page.get_by_role("button", name="Save 3 now").click()  # the sheet was closed: they are still at hand
    expect(page.locator("html")).not_to_have_attribute("data-selecting", "")
    taken = page.evaluate("window.taken")
    assert sorted(name for name, _, _ in taken) == names
    assert {kind for _, _, kind in taken} == {"image/jpeg"}
    media = page.locator("#grid .tile-over").first.get_attribute("src") or ""
    assert status_of(f"{site.address}{media}") == 200

    desk.page.reload()
    expect(desk.page.locator(".link-facts").first).to_contain_text("downloaded 4×")
    desk.page.get_by_role("button", name="Revoke").click()
    expect(desk.page.get_by_text("Revoked: it opens nothing.")).to_be_visible()
    page.evaluate(SOMEBODY_LOOKS_AGAIN)
    expect(page.get_by_role("heading", name="This link has ended.")).to_be_visible()
    site.move_clock(timedelta(minutes=30))  # no pass lives longer
    assert status_of(f"{site.address}{media}") == 404
    assert address.split("/s/")[1].strip("/") not in site.log.read_text()
    forgive(desk, phone)


def test_gallery_ends_under_an_open_page(site: ClockSite, visitor: OpenWindow, person: str) -> None:
    desk = visitor()
    desk.sign_in_unseen(person)
    gallery = make_gallery(desk, "A week", 2)
    make_link(desk, gallery, kind="look", lasts="1y")
    address = desk.page.locator("#address").input_value()
    phone = visitor(PHONE)
    page = phone.page
    page.clock.install()
    page.goto(address)
    expect(page.locator("#grid .tile:visible")).to_have_count(2)
    assert page.locator(".check:visible").count() == 0  # it is for looking
    page.clock.fast_forward(int(timedelta(days=7, hours=1).total_seconds() * 1000))
    expect(page.locator("#grid .tile:visible")).to_have_count(0)
    expect(page.get_by_text("These photos are gone.")).to_be_visible()
    site.move_clock(timedelta(days=8))
    later = page.context.new_page()  # this page may be about to load itself anew
    later.goto(address)
    expect(later.get_by_role("heading", name="This link has ended.")).to_be_visible()
    forgive(desk, phone)


def test_visitor_without_javascript(site: ClockSite, visitor: OpenWindow, person: str) -> None:
    desk = visitor()
    desk.sign_in_unseen(person)
    gallery = make_gallery(desk, "Plain", 2)
    make_link(desk, gallery, kind="download", passcode=PASSCODE)
    phone = visitor(PHONE, java_script_enabled=False)
    page = phone.page
    page.goto(desk.page.locator("#address").input_value())
    page.fill("#passcode", PASSCODE)
    page.get_by_role("button", name="Show the photos").click()
    expect(page.get_by_role("button", name="Select all")).to_be_hidden()  # it would do nothing
    bar = page.get_by_role("button", name="Download", exact=True)
    expect(bar).to_be_hidden()  # nothing lies over the pictures before one is checked
    page.locator(".tile .check").first.click()
    with page.expect_download() as download:
        bar.click()
    assert len(zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).namelist()) == 1
    page.locator("#grid .tile-link").first.click()
    expect(page.get_by_role("link", name="Next photo")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert download.value.suggested_filename == "plain-002.jpg"
    phone.complaints = [each for each in phone.complaints if "403" not in each]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_a_link_have_no_barrier(site: ClockSite, visitor: OpenWindow, person: str, theme: str) -> None:
    """Every page that the others here do not look at, with axe: the owner's at a desk, the visitor's on a phone."""
    desk = visitor(color_scheme=theme, reduced_motion="reduce")  # half-faded words have other colours
    desk.sign_in_unseen(person)
    gallery = make_gallery(desk, "Harbour", 2)
    desk.open(f"{gallery}links/")
    check_axe(desk.page)
    make_link(desk, gallery, kind="download", lasts="1d", max_downloads="3", passcode=PASSCODE)
    check_axe(desk.page)
    address, own = desk.page.locator("#address").input_value(), desk.page.url.removeprefix(site.address)
    desk.page.add_init_script(NO_CLIPBOARD)
    for path in ("/links/", f"{gallery}links/", f"{own}card/"):
        desk.open(path)
        check_axe(desk.page)
        if path != f"{own}card/":
            desk.page.get_by_role("button", name="Copy").click()
            expect(desk.page.get_by_text("Copied.")).to_be_visible()
            assert desk.page.evaluate("window.copied") == address

    phone = visitor(PHONE, color_scheme=theme, reduced_motion="reduce")
    page = phone.page
    page.goto(address)
    page.fill("#passcode", "wrong one")
    page.get_by_role("button", name="Show the photos").click()
    expect(page.locator("#passcode-error")).to_be_visible()
    check_axe(page)
    page.fill("#passcode", PASSCODE)
    page.get_by_role("button", name="Show the photos").click()
    expect(page.locator("#grid .tile")).to_have_count(2)
    check_axe(page)
    time_left = page.locator(".gallery-time")
    expect(time_left).to_contain_text("left, gone on")
    danger = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--danger')").strip()
    expect(time_left).to_have_css("color", rgb(danger))  # less than a day
    tile = page.locator("#grid .tile-link").first.get_attribute("href") or ""
    for path in (tile, f"{address}report/", f"{address}report/?image={tile.split('/')[-2]}"):
        page.goto(path if path.startswith("http") else f"{site.address}{path}")
        check_axe(page)
    page.get_by_role("button", name="Send the report").click()
    check_axe(page)  # either a reason is asked for, or it is sent
    desk.open(own)
    desk.page.get_by_role("button", name="Revoke").click()
    expect(desk.page.get_by_text("Revoked: it opens nothing.")).to_be_visible()
    check_axe(desk.page)
    page.goto(address)
    expect(page.get_by_role("heading", name="This link has ended.")).to_be_visible()
    check_axe(page)
    forgive(desk, phone)


def rgb(colour: str) -> str:
    """``#aabbcc`` as computed styles write it."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"
