"""The whole uploader in Chromium, with real photos: what arrives, what is here already, what is said of bad files."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageOps
from playwright.sync_api import Page, expect

from tests import photos
from tests.upload_js.choosing import HEAD, INPUT, TURNED, choose, made, picture, row, small, wait_for_end
from tests.upload_js.conftest import open_gallery, wait_until
from tests.upload_js.fake_site import FakeSite

pytestmark = [pytest.mark.browser, pytest.mark.slow]


# --- the good way ----------------------------------------------------------------------------------------------------


KEEP_HEADS = """() => {
  Object.defineProperty(navigator, "connection", { value: { downlink: 0.016 } });
  const head = document.querySelector('[data-part="head"]');
  window.heads = [];
  new MutationObserver(() => window.heads.push(head.textContent)).observe(head, { childList: true });
}"""


def test_photos_arrive_lighter_with_their_facts(gallery_page: Page, site: FakeSite) -> None:
    names = ["apple-iphone-5.jpg", "nikon-d3100-o8.jpg", "iphone-13-pro-8568.jpg"]
    gallery_page.evaluate(KEEP_HEADS)
    choose(gallery_page, *[photos.path(f"photo/{name}") for name in names])
    wait_for_end(gallery_page, "3 photos safe")
    before, *_, after = [each.replace("\u00a0", " ") for each in gallery_page.evaluate("heads")]
    assert re.fullmatch(r"3 photos, [\d.]+ MB \u2192 about [\d.]+ MB, about \d+ (min|h) on this connection", before)
    assert re.fullmatch(r"3 photos safe\. [\d.]+ MB saved\.", after)
    sent = {request.filename: request for request in site.received}
    assert sorted(sent) == sorted(names)
    for name in names:
        assert len(sent[name].body) < photos.path(f"photo/{name}").stat().st_size
        assert picture(sent[name]).format == "JPEG"
        assert len(picture(sent[name]).getexif()) == 0
        assert len(sent[name].fields["source_sha256"]) == 64
    assert picture(sent["nikon-d3100-o8.jpg"]).size == (3072, 4608)  # upright
    assert sent["iphone-13-pro-8568.jpg"].fields["taken_at"] == "2021-09-27T07:13:47-06:00"
    assert sent["apple-iphone-5.jpg"].fields["camera"] == "Apple iPhone 5"
    assert len({request.key for request in site.received}) == 3
    assert {request.token for request in site.received} == {site.token}


def test_grid_shows_what_is_safe(gallery_page: Page, site: FakeSite) -> None:
    choose(gallery_page, *small(5))
    wait_for_end(gallery_page, "5 photos safe")
    expect(gallery_page.locator("#grid .tile")).to_have_count(5)


def test_link_to_the_plain_form_opens_the_picker(gallery_page: Page) -> None:
    gallery_page.evaluate("() => { grid.innerHTML = '<a href=#upload data-upload-choose>More</a>'; }")
    with gallery_page.expect_file_chooser() as chooser:
        gallery_page.get_by_role("link", name="More").click()
    assert chooser.value.is_multiple()
    assert "#" not in gallery_page.url


def test_uploader_is_fetched_when_somebody_stirs(page: Page, site: FakeSite) -> None:
    """Not for the first screen; and long before photos have been chosen."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    open_gallery(page, site)
    page.wait_for_selector("[data-recovered]", state="attached")
    assert "index.js" in asked
    assert not {"uploader.js", "queue.js", "vault.js"} & set(asked)
    with page.expect_request("**/uploader.js"):
        page.mouse.move(50, 50)
    choose(page, *small(1))
    wait_for_end(page, "1 photo safe")


def test_uploader_that_cannot_be_fetched_says_so(page: Page, site: FakeSite) -> None:
    open_gallery(page, site)
    page.route("**/uploader.js", lambda route: route.abort())
    choose(page, *small(1))
    expect(page.locator("#toasts")).to_contain_text("the connection is gone")
    assert site.received == []


def test_three_at_a_time_and_a_hundred_lines_are_not_drawn(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *[("slow", 0.05)] * 100)
    choose(gallery_page, *small(100))
    expect(gallery_page.locator('[data-part="more"]')).to_contain_text("more wait")
    assert gallery_page.locator(".upload-row").count() < 30
    wait_for_end(gallery_page, "100 photos safe.")
    assert len(site.stored) == 100
    assert site.most_at_once == 3
    expect(gallery_page.locator('[data-part="live"]')).to_have_text("100 photos safe.")


def test_small_has_2048_pixels_and_is_remembered(gallery_page: Page, site: FakeSite) -> None:
    gallery_page.get_by_role("button", name="Quality").click()
    gallery_page.get_by_role("radio", name="Small").check()
    gallery_page.reload()
    gallery_page.wait_for_selector('[data-uploader="ready"]', state="attached")
    choose(gallery_page, photos.path("photo/nikon-d3100-o8.jpg"))
    wait_for_end(gallery_page, "1 photo safe")
    assert picture(site.received[0]).size in {(1365, 2048), (1366, 2048)}  # browsers round in their own way
    assert "Small" in gallery_page.locator("[data-upload-quality]").first.inner_text()


@pytest.mark.parametrize("keep", [True, False])
def test_original_is_sent_byte_for_byte(gallery_page: Page, site: FakeSite, keep: bool) -> None:
    path = photos.path("photo/samsung-sm-j327t1.jpg")
    gallery_page.get_by_role("button", name="Quality").click()
    gallery_page.get_by_role("radio", name="Original").check()
    gallery_page.get_by_role("checkbox", name="Keep location").set_checked(keep)
    choose(gallery_page, path)
    wait_for_end(gallery_page, "1 photo safe")
    assert site.received[0].body == path.read_bytes()
    assert site.received[0].fields["metadata"] == ("keep" if keep else "strip")


def test_turned_photo_comes_out_upright(gallery_page: Page, site: FakeSite) -> None:
    choose(gallery_page, TURNED)
    wait_for_end(gallery_page, "1 photo safe")
    sent = picture(site.received[0])
    right = ImageOps.exif_transpose(Pillow.open(TURNED))
    assert sent.size == right.size == (1932, 2576)
    pairs = zip(sent.resize((6, 8)).tobytes(), right.resize((6, 8)).tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) < 6


AS_THEY_ARE = [
    "animation/anim.gif",
    "animation/anim.webp",
    "animation/anim.png",
    "photo/iphone-xr-3578.heic",
    "truncated/trunc-jpg-50pc.jpg",
    "photo/wp-northern-buttercups-flowers.webp",
    "orientation/orient-1.png",
]


def test_what_a_canvas_would_spoil_goes_as_it_is(gallery_page: Page, site: FakeSite) -> None:
    choose(gallery_page, *[photos.path(name) for name in AS_THEY_ARE])
    wait_for_end(gallery_page, "7 photos safe")
    for name in AS_THEY_ARE:
        assert site.attempts(Path(name).name)[0].body == photos.path(name).read_bytes(), name


def test_transparent_picture_keeps_its_transparency(gallery_page: Page, site: FakeSite) -> None:
    target = io.BytesIO()
    noise = Pillow.effect_noise((400, 300), 90).convert("RGBA")
    noise.putpixel((7, 7), (0, 0, 0, 0))
    noise.paste((0, 0, 0, 0), (50, 50, 150, 150))
    noise.save(target, "PNG")
    choose(gallery_page, made("logo.png", target.getvalue(), "image/png"))
    wait_for_end(gallery_page, "1 photo safe")
    assert site.received[0].body == target.getvalue()


# --- here already ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_mute", [False, True])
def test_same_folder_twice_is_already_here(gallery_page: Page, site: FakeSite, is_mute: bool) -> None:
    """One question a drop; when nobody answers it, the bytes themselves are recognised."""
    choose(gallery_page, *small(4))
    wait_for_end(gallery_page, "4 photos safe")
    site.is_mute = is_mute
    choose(gallery_page, *small(5))
    wait_for_end(gallery_page, "1 photo safe, 4 already here")
    assert len(site.stored) == 5
    assert [len(hashes) for hashes in site.asked] == [4, 5]
    assert len(site.received) == (9 if is_mute else 5)


def test_lighter_form_that_is_here_already_is_said_and_outdone(gallery_page: Page, site: FakeSite) -> None:
    """Small is there, the whole file is chosen now: "already here" alone would make people delete their only copy."""
    path = TURNED
    gallery_page.get_by_role("button", name="Quality").click()
    gallery_page.get_by_role("radio", name="Small").check()
    choose(gallery_page, path)
    wait_for_end(gallery_page, "1 photo safe.")
    lighter = gallery_page.locator('[data-part="lighter"]')
    expect(lighter).to_be_hidden()
    for quality in ("Full", "Original"):
        gallery_page.get_by_role("radio", name=quality).check()
        choose(gallery_page, path)
        wait_for_end(gallery_page, "1 already here.")
        expect(lighter).to_contain_text("1 photo is here already, in a lighter form than you chose now.")
        lighter.get_by_role("button", name="Add them again as chosen now").click()
        wait_for_end(gallery_page, "1 photo safe.")
        expect(lighter).to_be_hidden()
    assert [max(picture(each).size) > 2048 for each in site.received] == [False, True, True]
    assert site.received[-1].body == path.read_bytes()
    for quality in ("Original", "Full", "Small"):
        gallery_page.get_by_role("radio", name=quality).check()
        site.asked.clear()
        choose(gallery_page, path)
        wait_until(lambda: len(site.asked) == 1)
        wait_for_end(gallery_page, "1 already here.")
        expect(lighter).to_be_hidden()
    assert len(site.received) == 3


# --- bad files -------------------------------------------------------------------------------------------------------


def test_bad_files_have_a_sentence_and_never_stop_the_others(gallery_page: Page, site: FakeSite) -> None:
    site.plan("broken.jpg", 422)
    bad = [
        made("empty.jpg", b""),
        made("paper.jpg", b"%PDF-1.7 nothing to see"),
        made("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
        made("broken.jpg", photos.path("truncated/trunc-jpg-50pc.jpg").read_bytes()),
    ]
    choose(gallery_page, *bad, *small(8))
    wait_for_end(gallery_page, "8 photos safe, 4 not added")
    expect(row(gallery_page, "empty.jpg")).to_contain_text("This file is empty.")
    expect(row(gallery_page, "paper.jpg")).to_contain_text("isn't a photo we can read")
    expect(row(gallery_page, "film.mp4")).to_contain_text("This is a video.")
    expect(row(gallery_page, "broken.jpg")).to_contain_text("Refused with 422.")
    assert not site.attempts("empty.jpg")
    assert not site.attempts("paper.jpg")
    assert len(site.attempts("broken.jpg")) == 1
    expect(row(gallery_page, "broken.jpg").get_by_role("button", name="Try again")).to_be_hidden()
    row(gallery_page, "paper.jpg").get_by_role("button", name="Remove from the list").click()
    expect(row(gallery_page, "paper.jpg")).to_have_count(0)
    expect(gallery_page.locator(HEAD)).to_be_focused()


def test_refusal_that_will_not_change_is_not_tried_again(gallery_page: Page, site: FakeSite) -> None:
    sentences = {413: "Refused with 413.", 507: "Refused with 507.", 404: "This gallery is no longer there."}
    for seed, status in enumerate(sentences):
        site.plan(f"photo-{seed:03}.jpg", status)
    choose(gallery_page, *small(6))
    wait_for_end(gallery_page, "3 photos safe, 3 not added")
    for seed, sentence in enumerate(sentences.values()):
        name = f"photo-{seed:03}.jpg"
        expect(row(gallery_page, name)).to_contain_text(sentence)
        assert len(site.attempts(name)) == 1


def test_names_that_try_to_be_markup(gallery_page: Page, site: FakeSite) -> None:
    name = '<img src=x onerror=alert(1)>"\u202egpj.jpg'
    choose(gallery_page, made(name, b""))
    expect(gallery_page.locator(".upload-name")).to_have_text(name)


def test_too_large_is_not_sent_at_all(gallery_page: Page, site: FakeSite, tmp_path: Path) -> None:
    big = tmp_path / "big.gif"
    with big.open("wb") as file:
        file.write(b"GIF89a")
        file.truncate(65 * 1024 * 1024)
    gallery_page.set_input_files(INPUT, big)
    sentence = "Too large: the limit is 64 MB."
    expect(row(gallery_page, "big.gif")).to_contain_text(sentence, timeout=30_000)  # hashed first, in slices
    assert not site.received
