"""The uploader and the real site while things go wrong: afterwards every good photo is there exactly once with the
right pixels, and every bad one has its sentence."""

from __future__ import annotations

import io
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from PIL import Image as Pillow
from PIL import ImageOps
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, expect

from tests import photos
from tests.live import PASSWORD, LiveSite
from tests.pictures import jpeg
from tests.upload_js.conftest import kill, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 90_000  # milliseconds: two cores decode for the site and compress for the page

# Only so many uploads leave the page until the gate is opened: what is to happen in the middle of a drop happens there,
# however busy the machine is.
GATE = """(count) => {
  const send = XMLHttpRequest.prototype.send;
  const held = [];
  let left = count;
  XMLHttpRequest.prototype.send = function (body) {
    if (body instanceof FormData && left-- <= 0) held.push(() => send.call(this, body));
    else send.call(this, body);
  };
  window.openGate = () => {
    left = Infinity;
    for (const go of held.splice(0)) go();
  };
}"""


@dataclass
class Drop:
    """One gallery of a person's, open in a browser that they are signed in with."""

    site: LiveSite
    person: str
    context: BrowserContext
    page: Page
    address: str = ""

    def open(self, title: str) -> None:
        self.page.goto(f"{self.site.address}/accounts/login/")
        self.sign_in()
        self.page.fill("input[name=title]", title)
        self.page.get_by_role("button", name="Create").click()
        expect(self.page.get_by_role("heading", name=title)).to_be_visible()
        self.address = self.page.url

    def sign_in(self) -> None:
        self.page.fill("input[name=login]", self.person)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.locator("main button[type=submit]").first.click()
        self.page.wait_for_url(lambda url: "/accounts/" not in url)

    def choose(self, *files: FilePayload) -> None:
        self.page.wait_for_selector('[data-uploader="ready"]', state="attached")
        self.page.set_input_files("input[type=file]", files)

    def choose_until(self, stored: int, *files: FilePayload) -> None:
        """Choose them, and wait until so many are stored, of which three more are on their way at most."""
        self.page.evaluate(GATE, stored + 3)
        self.choose(*files)
        wait_until(lambda: len(self.stored) >= stored, patience=60)

    def go_on(self) -> None:
        """What the gate held back leaves now."""
        self.page.evaluate("openGate()")

    def row(self, name: str) -> Locator:
        return self.page.locator(".upload-row", has_text=name)

    def ends_with(self, words: str) -> None:
        expect(self.page.locator('[data-part="head"]')).to_contain_text(words, timeout=PATIENCE)

    def press(self, name: str) -> None:
        self.page.locator(".upload-panel").get_by_role("button", name=name, exact=True).click()

    @property
    def stored(self) -> dict[str, tuple[int, int, str]]:
        """What the gallery holds by file name: width, height, id. A name that is there twice fails the test."""
        query = "SELECT filename, width, height, id FROM galleries_image WHERE gallery_id = ? AND state = 'ready'"
        with closing(sqlite3.connect(self.site.database, timeout=30)) as connection:
            rows = connection.execute(query, (self.address.rstrip("/").rsplit("/", 1)[1],)).fetchall()
        assert max(Counter(row[0] for row in rows).values(), default=1) == 1, "a photo is there twice"
        return {row[0]: row[1:] for row in rows}

    def original(self, name: str) -> Pillow.Image:
        """The stored picture, upright."""
        image = self.stored[name][2].replace("-", "")
        body = self.context.request.get(f"{self.address}i/{image}/original/").body()
        return ImageOps.exif_transpose(Pillow.open(io.BytesIO(body)))


@pytest.fixture
def drop(site: LiveSite, person: str, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Drop]:
    context = browser.new_context()
    found = Drop(site, person, context, context.new_page())
    found.open(request.node.name[:60])
    yield found
    context.close()
    if site.process is None:
        site.start()  # killed, and the test failed: the next ones need it


def payload(name: str, body: bytes, kind: str = "image/jpeg") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": body}


def good(count: int) -> list[FilePayload]:
    return [payload(f"good-{each:03}.jpg", jpeg(each)) for each in range(count)]


def colour(picture: Pillow.Image) -> tuple[int, ...]:
    """Of the whole picture, on average."""
    return tuple(picture.convert("RGB").resize((1, 1)).tobytes())


def is_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 6


def check_good(drop: Drop, count: int, samples: int = 3) -> None:
    """All of ``good(count)`` are there once, with their size; some are looked at."""
    assert {name: drop.stored[name][:2] for name in drop.stored} == {
        f"good-{each:03}.jpg": (64, 48) for each in range(count)
    }
    for each in range(0, count, max(1, count // samples)):
        right = Pillow.open(io.BytesIO(jpeg(each)))
        assert is_near(colour(drop.original(f"good-{each:03}.jpg")), colour(right))


def test_bad_odd_and_huge_files_among_two_hundred(drop: Drop) -> None:
    wide = io.BytesIO()
    Pillow.radial_gradient("L").resize((12_000, 5_000)).convert("RGB").save(wide, "JPEG", quality=70)
    turned = photos.path("photo/samsung-sm-j327t1.jpg")  # EXIF orientation 6
    names = {"photo/iphone-xr-3578.heic": "", "variant/png16-rgb.png": "", "animation/anim.webp": ""}
    odd = [payload(name.rsplit("/", 1)[1], photos.path(name).read_bytes()) for name in names]
    bad = [
        payload("broken.jpg", photos.path("truncated/trunc-jpg-50pc.jpg").read_bytes()),
        payload("cut.jpg", photos.path("truncated/trunc-progressive-50pc.jpg").read_bytes()),
        payload("empty.jpg", b""),
        payload("paper.jpg", b"%PDF-1.7\n1 0 obj"),
        payload("page.jpg", photos.path("disguise/html-named.jpg").read_bytes()),
        payload("noise.png", photos.path("corrupt/random.png").read_bytes(), "image/png"),
    ]
    drop.choose(
        *bad, *odd, payload("wide.jpg", wide.getvalue()), payload("turned.jpg", turned.read_bytes()), *good(200)
    )
    drop.ends_with("205 photos safe, 6 not added")
    for name in ("broken.jpg", "cut.jpg"):
        expect(drop.row(name)).to_contain_text("This file is damaged or not complete.")
    expect(drop.row("empty.jpg")).to_contain_text("This file is empty.")
    for name in ("paper.jpg", "page.jpg", "noise.png"):
        expect(drop.row(name)).to_contain_text("This file isn't a photo we can read.")
    expect(drop.page.locator(".upload-rows .upload-row")).to_have_count(6)
    expect(drop.page.locator("#gallery-summary")).to_contain_text("205 photos")
    stored = drop.stored
    assert len(stored) == 205
    assert stored["wide.jpg"][:2] == (12_000, 5_000)
    assert stored["png16-rgb.png"][:2] == (320, 200)
    assert stored["iphone-xr-3578.heic"][:2] == (4032, 3024)
    assert stored["anim.webp"][:2] == (320, 220)
    assert stored["turned.jpg"][:2] == (1932, 2576)
    upright = ImageOps.exif_transpose(Pillow.open(turned))
    for box in ((0, 0, 1932, 600), (0, 1976, 1932, 2576)):
        assert is_near(colour(drop.original("turned.jpg").crop(box)), colour(upright.crop(box)))
    for seed in (0, 77, 199):
        right = Pillow.open(io.BytesIO(jpeg(seed)))
        assert is_near(colour(drop.original(f"good-{seed:03}.jpg")), colour(right))


def test_tab_killed_at_30_percent(drop: Drop) -> None:
    drop.choose_until(9, *good(30))
    kill(drop.page, "/healthz")
    drop.page = drop.context.new_page()
    drop.page.goto(drop.address)
    drop.ends_with("of 30 still to send")
    drop.press("Continue")
    drop.ends_with("safe.")
    check_good(drop, 30)


def test_tab_killed_between_the_answer_and_forgetting_sends_nothing_twice(drop: Drop) -> None:
    """The site has committed them, the browser still holds them."""
    drop.page.evaluate("() => { IDBObjectStore.prototype.delete = () => {}; }")
    drop.choose(*good(12))
    drop.ends_with("12 photos safe.")
    kill(drop.page, "/healthz")
    drop.page = drop.context.new_page()
    sent: list[str] = []
    drop.page.on("request", lambda request: sent.append(request.url))
    drop.page.goto(drop.address)
    drop.ends_with("12 photos still to send")
    drop.press("Continue")
    drop.ends_with("12 photos safe.")
    assert not [url for url in sent if url.endswith("/upload/")]
    check_good(drop, 12)
    drop.page.goto(drop.address)
    recovered = "() => document.querySelector('[data-uploader]').dataset.recovered"
    drop.page.wait_for_function(f"{recovered} !== undefined")
    assert drop.page.evaluate(recovered) == "0"


def test_server_killed_at_60_percent_and_started_again(drop: Drop) -> None:
    drop.choose_until(18, *good(30))
    drop.site.kill()
    drop.go_on()
    expect(drop.page.locator(".upload-state", has_text="Connection lost.").first).to_be_visible()
    drop.site.start()
    drop.ends_with("30 photos safe.")
    check_good(drop, 30)


def test_line_off_for_20_seconds(browser: Browser, site: LiveSite, person: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    drop = Drop(site, person, context, page)
    drop.open("Tunnel")
    drop.choose_until(5, *good(20))
    context.set_offline(True)
    drop.go_on()
    expect(page.locator(".upload-state", has_text="Connection lost.").first).to_be_visible(timeout=PATIENCE)
    for _ in range(2):
        page.clock.fast_forward(10_000)
    context.set_offline(False)
    drop.ends_with("20 photos safe.")
    check_good(drop, 20)
    context.close()


def test_session_expired_at_50_percent(drop: Drop) -> None:
    drop.choose_until(15, *good(30))
    with closing(sqlite3.connect(drop.site.database, timeout=30)) as connection, connection:
        connection.execute("DELETE FROM django_session")
    drop.go_on()
    signs_in = drop.page.get_by_role("link", name="Sign in")
    signs_in.click(timeout=PATIENCE)
    drop.page.wait_for_selector("input[name=login]")
    drop.sign_in()
    drop.ends_with("of 30 still to send")
    drop.press("Continue")
    drop.ends_with("safe.")
    check_good(drop, 30)


def test_gallery_deleted_while_uploading_to_it(drop: Drop) -> None:
    drop.choose_until(5, *good(30))
    other = drop.context.new_page()
    other.goto(drop.address)
    other.locator("summary[aria-label='More for this gallery']").click()
    other.get_by_role("button", name="Delete this gallery").click()
    expect(other.get_by_role("button", name="Undo")).to_be_visible()
    drop.go_on()
    drop.ends_with("not added")
    expect(drop.page.locator('.upload-row[data-state="failed"]').first).to_contain_text(
        "This gallery is no longer there."
    )
    other.get_by_role("button", name="Undo").click()
    expect(other.locator("#toasts")).to_contain_text("is back")
    drop.press("Try all again")
    drop.ends_with("30 photos safe.")
    check_good(drop, 30)


def test_same_folder_dropped_twice_sends_nothing(drop: Drop) -> None:
    drop.choose(*good(20))
    drop.ends_with("20 photos safe.")
    sent: list[str] = []
    drop.page.on("request", lambda request: sent.append(request.url))
    drop.choose(*good(20))
    drop.ends_with("20 already here.")
    assert not [url for url in sent if url.endswith("/upload/")]
    check_good(drop, 20)
