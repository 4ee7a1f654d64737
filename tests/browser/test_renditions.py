"""Renditions from the Canvas, all the way: made in the page, sent along, checked, and served."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import pytest
from PIL import Image as Pillow
from PIL import ImageChops, ImageStat

from tests.browser.conftest import Visitor
from tests.browser.test_main_job import add_photos, make_gallery
from tests.live import LiveSite

pytestmark = pytest.mark.browser

# Keeps the renditions of the last upload; `window.forge` may put others into their place.
WATCH = """
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (form) {
  if (form instanceof FormData) {
    if (window.forged) form.set("preview", window.forged, "preview.jpg");
    window.sent = form.get("preview");
  }
  return send.call(this, form);
};
"""
READ = """async () => {
  const bytes = new Uint8Array(await window.sent.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
UPSIDE_DOWN = """async () => {
  const bitmap = await createImageBitmap(window.sent, { imageOrientation: "flipY" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  window.forged = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 });
}"""


def test_preview_of_the_canvas_is_served_and_a_forged_one_is_not(
    site: LiveSite, visitor: Callable[..., Visitor], person: str
) -> None:
    window = visitor()
    window.page.add_init_script(WATCH)
    window.sign_in_unseen(person)
    make_gallery(window, "Renditions")
    add_photos(window, ["photo/apple-iphone-5.jpg"])
    sent = picture(base64.b64decode(window.page.evaluate(READ)))
    assert sent.size == (1600, 1200)
    assert distance(served_preview(window), sent) < 2  # 4.6 when the server makes its own

    window.page.evaluate(UPSIDE_DOWN)
    add_photos(window, ["photo/casio-ex-z3.jpg"])
    forged = picture(base64.b64decode(window.page.evaluate(READ)))
    assert distance(served_preview(window), forged) > 20


def served_preview(window: Visitor) -> Pillow.Image:
    """The preview of the newest photo, as the page links it."""
    address = window.page.locator("#grid [data-preview]").first.get_attribute("data-preview")
    assert address is not None
    return picture(window.page.request.get(window.site.address + address).body())


def picture(body: bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(body)).convert("RGB")


def distance(one: Pillow.Image, other: Pillow.Image) -> float:
    """Root mean square difference, of 255."""
    return float(max(ImageStat.Stat(ImageChops.difference(one, other.resize(one.size))).rms))
