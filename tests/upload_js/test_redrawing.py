"""Pure functions around drawing a photo anew: size, canvas, quality and colour; called in Chromium."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image as Pillow
from playwright.sync_api import Page

from bench.ssim import similarity
from galleries.decoding.picture import fit
from tests import photos
from tests.upload_js.conftest import Call

pytestmark = pytest.mark.browser


def test_fit_never_enlarges(call: Call) -> None:
    assert call("fit.js", "fit", 4000, 3000, 2048) == {"width": 2048, "height": 1536}
    assert call("fit.js", "fit", 3000, 4000, 2048) == {"width": 1536, "height": 2048}
    assert call("fit.js", "fit", 800, 600, 2048) == {"width": 800, "height": 600}
    assert call("fit.js", "fit", 20000, 3, 2048) == {"width": 2048, "height": 1}


@pytest.mark.parametrize("size", [(4000, 3000), (3264, 2448), (4000, 2250), (2600, 1957), (1933, 4001), (3201, 2)])
def test_fit_rounds_as_the_server_does(call: Call, size: tuple[int, int]) -> None:
    for edge in (1600, 400):
        width, height = fit(size, edge)
        assert call("fit.js", "fit", *size, edge) == {"width": width, "height": height}


def test_fit_takes_the_even_one_of_two_halves(call: Call) -> None:
    assert fit((3200, 1601), 1600) == (1600, 800)
    assert call("fit.js", "fit", 3200, 1601, 1600) == {"width": 1600, "height": 800}


def test_canvas_limit_of_ios(call: Call) -> None:
    assert call("fit.js", "fitsCanvas", {"width": 4096, "height": 4096}, 16_777_216) is True
    assert call("fit.js", "fitsCanvas", {"width": 4097, "height": 4096}, 16_777_216) is False
    assert call("fit.js", "fitsCanvas", {"width": 20_000, "height": 100}, 80_000_000) is False


def test_pixels_that_were_never_drawn_show(call: Call) -> None:
    assert call("probe.js", "judgePixels", [0, 0, 0, 0] * 4) == {"clear": True, "plain": True}
    assert call("probe.js", "judgePixels", [9, 9, 9, 255, 9, 9, 8, 255]) == {"clear": False, "plain": False}
    assert call("probe.js", "isSuspiciouslyPlain", True, 3_000_000, 12_000_000) is True
    assert call("probe.js", "isSuspiciouslyPlain", True, 60_000, 12_000_000) is False


def test_browser_that_turns_no_photo_is_known(blank_page: Page) -> None:
    found = blank_page.evaluate(
        """async () => {
          const decode = window.createImageBitmap;
          const found = [await (await import("/static/js/upload/probe.js?plain")).turnsUpright()];
          window.createImageBitmap = async () => ({ width: 2, height: 1, close() {} });
          found.push(await (await import("/static/js/upload/probe.js?none")).turnsUpright());
          window.createImageBitmap = decode;
          return found;
        }"""
    )
    assert found == [True, False]


# --- quality and colour ---


FORETELL = """async ([packed, width, quality]) => {
  const { foretellLikeness, transformBlocks } = await import("/static/js/upload/likeness.js");
  const pixels = Uint8ClampedArray.from(atob(packed), (letter) => letter.charCodeAt(0));
  return foretellLikeness(transformBlocks(pixels, width, 1), quality);
}"""


@pytest.mark.parametrize("name", ["apple-iphone-5.jpg", "blackberry-z10.jpg", "casio-qv-3000ex.jpg"])
@pytest.mark.parametrize("quality", [60, 75, 90])
def test_likeness_is_foretold(blank_page: Page, name: str, quality: int) -> None:
    """As bench measures it: on the pixels of a real JPEG, windows that lie across blocks too."""
    with Pillow.open(photos.path(f"photo/{name}")) as photo:
        corner = photo.convert("RGB").crop((640, 480, 1024, 736))
    target = io.BytesIO()
    corner.save(target, "JPEG", quality=quality)
    packed = base64.b64encode(corner.convert("RGBA").tobytes()).decode()
    foretold = blank_page.evaluate(FORETELL, [packed, corner.width, quality])
    assert foretold == pytest.approx(similarity(corner, Pillow.open(target)), abs=0.006)


@pytest.mark.parametrize("quality", [10, 50, 75, 100])
def test_steps_are_those_of_all_encoders(call: Call, quality: int) -> None:
    target = io.BytesIO()
    Pillow.new("L", (8, 8)).save(target, "JPEG", quality=quality)
    assert call("likeness.js", "stepsAt", quality) == Pillow.open(target).quantization[0]  # type: ignore[attr-defined]


def test_quality_is_the_lowest_that_looks_alike(call: Call) -> None:
    """Two blocks with one frequency each: the fine one is lost until a step is small enough for it."""
    flat, fine = [0.0] * 64, [0.0] * 64
    flat[0], fine[0], fine[63] = 100, 100, 40
    bounds = {"least": 0.6, "most": 0.9, "alike": 0.99}
    assert call("likeness.js", "chooseQuality", [flat], bounds) == 0.6
    chosen = call("likeness.js", "chooseQuality", [flat, fine], bounds)
    assert 0.6 < chosen < 0.9
    alike = [call("likeness.js", "foretellLikeness", [flat, fine], round(chosen * 100) - less) for less in (1, 0)]
    assert alike[0] < 0.99 <= alike[1]
    assert call("likeness.js", "chooseQuality", [], bounds) == 0.9
    assert call("likeness.js", "chooseQuality", [flat, fine], bounds | {"alike": 1.1}) == 0.9


@pytest.mark.parametrize(
    ("name", "wide"),
    [
        ("photo/iphone-13-pro-8568.jpg", True),
        ("photo/pixel6pro-ultrahdr-01.jpg", True),
        ("photo/iphone-7-sea.heic", True),
        ("webp/photo-iccp-adobergb.webp", True),
        ("colour/icc-p3.jpg", True),
        ("photo/sunset-by-the-pier.jpg", False),  # sRGB
        ("photo/apple-iphone-5.jpg", False),  # none
        ("colour/icc-garbage.jpg", False),
        ("colour/icc-cmyk-profile-on-rgb.jpg", False),
    ],
)
def test_is_wide_gamut(call: Call, name: str, wide: bool) -> None:
    assert call("colour.js", "isWideGamut", photos.path(name).read_bytes()[: 256 * 1024]) is wide


def test_profile_that_ends_early_is_not_wide(call: Call) -> None:
    head = photos.path("photo/iphone-13-pro-8568.jpg").read_bytes()
    assert call("colour.js", "isWideGamut", head[: head.index(b"acsp") + 100]) is False
