"""Browsers that can less, or whose canvas cannot be trusted: no photo is spoilt or left out for that."""

from __future__ import annotations

import io

import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from playwright.sync_api import Browser, Page, expect

from tests import photos
from tests.pictures import jpeg
from tests.upload_js.choosing import INPUT, TURNED, choose, made, picture, row, wait_for_end
from tests.upload_js.conftest import wait_until
from tests.upload_js.fake_site import FakeSite

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize(
    "missing",
    ["delete window.Worker", "delete window.OffscreenCanvas", "window.Worker = class { constructor() { throw 1 } }"],
)
def test_without_workers_the_page_does_the_work(
    page: Page, site: FakeSite, complaints: list[str], missing: str
) -> None:
    page.add_init_script(missing)
    page.goto(site.page)
    path = photos.path("photo/casio-ex-z3.jpg")
    choose(page, path, TURNED)
    wait_for_end(page, "2 photos safe")
    assert picture(site.attempts(TURNED.name)[0]).size == (1932, 2576)
    assert complaints == []


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        ("CanvasRenderingContext2D.prototype.getImageData = () => ({data: new Uint8ClampedArray(1024)})", "hides"),
        ("CanvasRenderingContext2D.prototype.drawImage = () => {}", "empty"),
        ("window.createImageBitmap = () => Promise.reject(new Error())", "cannot read it"),
    ],
)
def test_canvas_that_cannot_be_trusted_sends_the_original(page: Page, site: FakeSite, trick: str, words: str) -> None:
    page.add_init_script(f"delete window.Worker; {trick}")
    page.goto(site.page)
    path = photos.path("photo/casio-ex-z3.jpg")
    choose(page, path)
    wait_for_end(page, "1 photo safe")
    assert site.received[0].body == path.read_bytes()
    page.locator(".upload-finished summary").click()
    expect(page.locator(".upload-finished li")).to_contain_text(words)


BEFORE_2023 = """delete window.Worker;
const decode = window.createImageBitmap;
window.createImageBitmap = async (file, settings = {}) => {
  if (settings.imageOrientation) throw new TypeError("not a valid enum value");
  return decode(file, settings);
};"""


def test_photo_is_turned_upright_where_that_has_no_name(page: Page, site: FakeSite) -> None:
    """Without a word for it, older browsers turn every photo."""
    page.add_init_script(BEFORE_2023)
    page.goto(site.page)
    choose(page, TURNED)
    wait_for_end(page, "1 photo safe")
    assert picture(site.received[0]).size == (1932, 2576)
    assert len(site.received[0].body) < TURNED.stat().st_size


def test_webp_that_lies_on_its_side_goes_as_it_is(gallery_page: Page, site: FakeSite) -> None:
    """Chromium does not turn it."""
    target = io.BytesIO()
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Pillow.effect_noise((400, 300), 90).convert("RGB").save(target, "WEBP", lossless=True, exif=exif)
    lying = made("lying.webp", target.getvalue(), "image/webp")
    choose(gallery_page, lying)
    wait_for_end(gallery_page, "1 photo safe")
    assert site.received[0].body == target.getvalue()


def test_decode_that_hangs_is_given_up(clocked_page: Page, site: FakeSite) -> None:
    page = clocked_page
    page.add_init_script(
        "delete window.Worker; window.createImageBitmap = () => { window.hangs = true; return new Promise(() => {}); }"
    )
    page.goto(site.page)
    path = photos.path("photo/casio-ex-z3.jpg")
    choose(page, path)
    expect(row(page, path.name)).to_contain_text("Making it lighter")
    wait_until(lambda: page.evaluate("window.hangs === true"))
    page.clock.fast_forward(31_000)
    wait_for_end(page, "1 photo safe")
    assert site.received[0].body == path.read_bytes()


def test_without_javascript_it_is_a_plain_form(browser: Browser, site: FakeSite) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.page)
    form = page.locator(".uploader-form")
    expect(form).to_be_visible()
    assert form.get_attribute("enctype") == "multipart/form-data"
    assert form.get_attribute("method") == "post"
    assert (page.get_attribute(INPUT, "multiple"), page.get_attribute(INPUT, "accept")) == ("", "image/*")
    expect(page.locator(".upload-panel")).to_be_hidden()
    page.set_input_files(INPUT, [made("plain.jpg", jpeg(9))])
    with page.expect_request(lambda request: request.method == "POST"):
        form.get_by_role("button", name="Add photos").click()
    context.close()
