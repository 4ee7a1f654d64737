"""What the Canvas makes of real photos: the lighter file, the renditions that go along, colours, and its limits."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, ImageStat
from playwright.sync_api import Browser, Page, expect

from bench.ssim import similarity
from galleries.decoding.limits import Limits
from galleries.decoding.offered import LIKENESS_EDGE, LIKENESS_FILTER, take_offered
from galleries.decoding.picture import open_picture
from tests import photos
from tests.upload_js.conftest import open_gallery
from tests.upload_js.fake_site import FakeSite, Received

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INPUT = "input[type=file]"
SIX = (
    "casio-ex-z3.jpg",
    "casio-qv-3000ex.jpg",
    "hp-photosmart-c812.jpg",
    "samsung-sm-j327t1.jpg",
    "photo-by-spacex.jpg",
    "picture_0b_by_freespace.jpg",
)
HEAD = '[data-part="head"]'
WIDE = "iphone-13-pro-8568.jpg"  # Display P3, 4032 x 3024, EXIF orientation 6
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


def send(page: Page, *names: str) -> None:
    page.set_input_files(INPUT, [photos.path(f"photo/{name}") for name in names])
    words = "1 photo safe" if len(names) == 1 else f"{len(names)} photos safe"
    expect(page.locator(HEAD)).to_contain_text(words, timeout=120_000)


def choose_quality(page: Page, name: str) -> None:
    page.get_by_role("button", name="Quality").click()
    page.get_by_role("radio", name=name).check()


def picture(body: bytes) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(body))
    image.load()
    return image


def accepted(request: Received, tmp_path: Path) -> set[str]:
    """The renditions of a request that the server would use."""
    paths = {}
    for name, body in request.renditions.items():
        paths[name] = tmp_path / f"{request.filename}-{name}"
        paths[name].write_bytes(body)
    opened = open_picture(io.BytesIO(request.body), Limits(), datetime.now(UTC), LIKENESS_EDGE, LIKENESS_FILTER)
    return set(take_offered(paths, opened))


@pytest.mark.parametrize(
    ("quality", "names"),
    [
        ("Full resolution, lighter", [WIDE, "nikon-d3100-o8.jpg", "dji-fc300s-0025.jpg", "apple-iphone-5.jpg"]),
        ("Small", [WIDE, "nikon-d3100-o8.jpg"]),
        ("Original", [WIDE, "nikon-d3100-o8.jpg"]),
    ],
    ids=["full", "small", "original"],
)
def test_server_would_use_the_renditions(
    gallery_page: Page, site: FakeSite, tmp_path: Path, quality: str, names: list[str]
) -> None:
    for name in names:
        # Renditions go along on a fast line; before anything was sent, none is known to be slow.
        gallery_page.evaluate("localStorage.clear()")
        open_gallery(gallery_page, site)
        choose_quality(gallery_page, quality)
        send(gallery_page, name)
    assert len(site.received) == len(names)
    for request in site.received:
        assert set(request.renditions) == {"preview", "thumbnail"}
        assert "preview" in accepted(request, tmp_path), request.filename


def test_small_pictures_come_alone(gallery_page: Page, site: FakeSite) -> None:
    gallery_page.set_input_files(INPUT, photos.path("orientation/orient-6.jpg"))
    expect(gallery_page.locator(HEAD)).to_contain_text("1 photo safe")
    assert site.received[0].renditions == {}


def test_wide_gamut_is_kept_and_said(gallery_page: Page, site: FakeSite) -> None:
    send(gallery_page, WIDE, "apple-iphone-5.jpg")
    sent = {request.filename: picture(request.body) for request in site.received}
    assert "P3" in description(sent[WIDE])
    assert "P3" not in description(sent["apple-iphone-5.jpg"])
    with Pillow.open(photos.path(f"photo/{WIDE}")) as original:
        expected = to_srgb(ImageOps.exif_transpose(original))
    made = to_srgb(sent[WIDE])
    assert made.size == expected.size
    assert ImageStat.Stat(made).mean == pytest.approx(ImageStat.Stat(expected).mean, abs=1)
    assert ImageStat.Stat(made).stddev == pytest.approx(ImageStat.Stat(expected).stddev, abs=1)


def description(image: Pillow.Image) -> str:
    profile = image.info.get("icc_profile")
    return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))) if profile else ""


def to_srgb(image: Pillow.Image) -> Pillow.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    converted = ImageCms.profileToProfile(image.reduce(8), profile, ImageCms.createProfile("sRGB"))
    assert converted is not None
    return converted


def test_each_photo_gets_the_quality_that_looks_like_it(gallery_page: Page, site: FakeSite) -> None:
    """One and the same quality would be too coarse for the grain of some and finer than anybody sees for others."""
    names = ["casio-ex-z3.jpg", "casio-qv-3000ex.jpg", "samsung-sm-j327t1.jpg", "motorola-xt1068-moto-g.jpg"]
    send(gallery_page, *names)
    steps = set()
    for request in site.received:
        made = picture(request.body)
        with Pillow.open(photos.path(f"photo/{request.filename}")) as chosen:
            assert 0.97 <= similarity(ImageOps.exif_transpose(chosen), made) < 0.98
        steps.add(tuple(made.quantization[0]))  # type: ignore[attr-defined]
    assert len(site.received) == len(names)
    assert len(steps) > 1


def test_more_pixels_than_ios_draws_go_as_they_are(browser: Browser, site: FakeSite, tmp_path: Path) -> None:
    page = browser.new_page(user_agent=IPHONE)
    page.goto(site.page)
    send(page, "sunset-by-the-pier.jpg", WIDE)  # 19.9 and 12.2 megapixels
    sent = {request.filename: request for request in site.received}
    assert sent["sunset-by-the-pier.jpg"].body == photos.path("photo/sunset-by-the-pier.jpg").read_bytes()
    assert sent[WIDE].body != photos.path(f"photo/{WIDE}").read_bytes()
    assert "preview" in accepted(sent["sunset-by-the-pier.jpg"], tmp_path)
    page.locator(".upload-finished summary").click()
    expect(page.locator(".upload-finished li", has_text="sunset")).to_contain_text("too many pixels for this browser")
    page.close()


def test_slow_line_carries_no_renditions(page: Page, site: FakeSite) -> None:
    page.add_init_script("localStorage.setItem('upload', JSON.stringify({ speed: 1_000_000 }))")
    page.goto(site.page)
    send(page, "casio-ex-z3.jpg")
    assert site.received[0].renditions == {}


def test_line_that_turns_out_slow_carries_no_more_renditions(gallery_page: Page, site: FakeSite) -> None:
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    gallery_page.context.new_cdp_session(gallery_page).send("Network.emulateNetworkConditions", line)
    send(gallery_page, *SIX)
    assert any(request.renditions for request in site.received)
    assert not site.received[-1].renditions


COUNT_BITMAPS = """
delete window.Worker;
const create = window.createImageBitmap;
window.alive = window.most = 0;
window.createImageBitmap = async (...given) => {
  const bitmap = await create(...given);
  const close = bitmap.close.bind(bitmap);
  let isOpen = true;
  window.most = Math.max(window.most, ++window.alive);
  bitmap.close = () => { if (isOpen) window.alive -= 1; isOpen = false; close(); };
  return bitmap;
};
const urls = new Set();
const make = URL.createObjectURL, revoke = URL.revokeObjectURL;
URL.createObjectURL = (blob) => { const url = make(blob); urls.add(url); return url; };
URL.revokeObjectURL = (url) => { urls.delete(url); revoke(url); };
window.urls = urls;
"""


def test_without_workers_one_picture_at_a_time_and_nothing_is_left(page: Page, site: FakeSite) -> None:
    page.add_init_script(COUNT_BITMAPS)
    page.goto(site.page)
    send(page, "casio-ex-z3.jpg", "casio-qv-3000ex.jpg", "hp-photosmart-c812.jpg")
    assert page.evaluate("[window.most, window.alive]") == [1, 0]
    page.wait_for_function("window.urls.size === 0")
    assert len(site.received[0].renditions) == 2
    assert {len(request.renditions) for request in site.received} <= {0, 2}  # the others while the line is fast


def test_the_page_never_stands_still(browser: Browser, gallery_page: Page, site: FakeSite, tmp_path: Path) -> None:
    """No task of the page's main thread works longer than what the Long Tasks API calls long. Time in which the thread
    was not let work is left out, and what happens once and not again: on a busy machine they say nothing about the
    page."""
    longest = longest_task(browser, gallery_page, site, make_corners(tmp_path, 0))
    if longest > 50:
        longest = longest_task(browser, gallery_page, site, make_corners(tmp_path, 1))
    assert len(site.stored) in {100, 200}
    assert 0 < longest <= 50  # 0: the browser measured nothing


def make_corners(folder: Path, turn: int) -> list[Path]:
    """A hundred small photos, others each turn."""
    with Pillow.open(photos.path("photo/casio-qv-3000ex.jpg")) as photo:
        photo.load()
    corners = [(x, y) for x in range(0, 1200, 60) for y in range(turn, 900, 180)]
    files = [folder / f"{x}-{y}.jpg" for x, y in corners]
    for (x, y), file in zip(corners, files, strict=True):
        photo.crop((x, y, x + 800, y + 600)).save(file, quality=92)
    return files


def longest_task(browser: Browser, page: Page, site: FakeSite, files: list[Path]) -> float:
    """Of a page's main thread from a drop of a hundred photos until they are safe, in milliseconds of work."""
    page.goto(site.page)
    categories = ["__metadata", "devtools.timeline", "disabled-by-default-devtools.timeline"]
    browser.start_tracing(page=page, categories=categories)
    page.set_input_files(INPUT, files)
    expect(page.locator(HEAD)).to_contain_text("100 photos safe", timeout=120_000)
    tasks = main_thread_tasks(json.loads(browser.stop_tracing()))
    assert len(tasks) > 100
    return max(tasks)


def main_thread_tasks(trace: dict[str, Any]) -> list[float]:
    """How long each task of a main thread worked, in milliseconds."""
    events = trace["traceEvents"]
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return [
        event.get("tdur", 0) / 1000
        for event in events
        if event["name"] == "RunTask" and event["ph"] == "X" and (event["pid"], event["tid"]) in threads
    ]


def test_choices_are_remembered_for_each_person(gallery_page: Page, site: FakeSite) -> None:
    choose_quality(gallery_page, "Original")
    gallery_page.get_by_role("checkbox", name="Keep location").check()
    assert chosen(gallery_page, site, "bob") == ["full", False]
    assert chosen(gallery_page, site, "alice") == ["original", True]


def chosen(page: Page, site: FakeSite, person: str) -> list[Any]:
    """What the panel offers to a person who opens it here."""
    site.person = person
    page.reload()
    page.get_by_role("button", name="Quality").click()
    page.wait_for_selector("[name=quality]:checked", state="attached")
    read = "[document.querySelector('[name=quality]:checked').value, document.querySelector('[name=keep]').checked]"
    choice: list[Any] = page.evaluate(read)
    return choice
