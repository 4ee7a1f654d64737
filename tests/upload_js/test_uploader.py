"""The whole uploader in Chromium, with real photos, against a site that fails on purpose."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import ExifTags, ImageOps
from PIL import Image as Pillow
from playwright.sync_api import Browser, CDPSession, FilePayload, Page, expect

from tests import photos
from tests.pictures import jpeg
from tests.upload_js.conftest import open_gallery, wait_until
from tests.upload_js.fake_site import FakeSite, Received

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INPUT = "input[type=file]"
HEAD = '[data-part="head"]'
TURNED = photos.path("photo/samsung-sm-j327t1.jpg")  # EXIF orientation 6, upright 1932 x 2576


def choose(page: Page, *files: Path | FilePayload) -> None:
    """Pick files as the picker does: paths, or payloads of `made`, mixed."""
    payloads = [
        made(file.name, file.read_bytes(), "application/octet-stream") if isinstance(file, Path) else file
        for file in files
    ]
    page.set_input_files(INPUT, payloads)


def made(name: str, body: bytes, kind: str = "image/jpeg") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": body}


def small(count: int, first: int = 0) -> list[FilePayload]:
    """Tiny photos, all different."""
    return [made(f"photo-{each:03}.jpg", jpeg(each)) for each in range(first, first + count)]


def wait_for_end(page: Page, words: str) -> None:
    expect(page.locator(HEAD)).to_contain_text(words, timeout=60_000)


def row(page: Page, name: str) -> Any:
    return page.locator(".upload-row", has_text=name)


def picture(request: Received) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(request.body))
    image.load()
    return image


def slow_line(page: Page, bytes_per_second: int) -> CDPSession:
    """Uploads leave the browser no faster than this, until the session is detached; a slow server would only fill the
    system's buffers."""
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    session = page.context.new_cdp_session(page)
    session.send("Network.emulateNetworkConditions", conditions)
    return session


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


# --- a bad line and a bad server ------------------------------------------------------------------------------------


def hurry(page: Page) -> None:
    """Let the page's clock jump over a pause between tries."""
    expect(page.locator(".upload-state", has_text="Trying again in").first).to_be_visible()
    page.clock.fast_forward(13_000)


def test_three_errors_of_the_server_are_waited_for(clocked_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 500, 502, 500)
    choose(clocked_page, *small(1))
    for _ in range(3):
        hurry(clocked_page)
    wait_for_end(clocked_page, "1 photo safe")
    assert [request.status for request in site.attempts("photo-000.jpg")] == [500, 502, 500, 201]
    assert len({request.key for request in site.received}) == 1


def test_a_server_that_stays_broken_is_the_persons_turn(clocked_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", *[500] * 4)
    site.plan("photo-001.jpg", *[500] * 4)
    choose(clocked_page, *small(3))
    for _ in range(3):
        hurry(clocked_page)
    wait_for_end(clocked_page, "1 photo safe, 2 not added")
    again = row(clocked_page, "photo-000.jpg").get_by_role("button", name="Try again: photo-000.jpg", exact=True)
    expect(again).to_be_visible()
    clocked_page.get_by_role("button", name="Try all again").click()
    wait_for_end(clocked_page, "3 photos safe")
    assert len(site.attempts("photo-000.jpg")) == 5


def test_retry_after_is_obeyed_by_all(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", (429, {"Retry-After": "3"}))
    choose(gallery_page, *small(1))
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 429. Trying again in")
    choose(gallery_page, *small(3, first=1))
    wait_for_end(gallery_page, "4 photos safe")
    first, *others = site.received
    assert min(other.at for other in others) - first.at >= 3


def test_long_retry_after_holds_all_with_its_end(clocked_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", (429, {"Retry-After": "3600"}))
    choose(clocked_page, *small(1))
    progress = clocked_page.locator('[data-part="progress"]')
    expect(progress).to_have_text(re.compile(r"^Refused with 429\. The rest goes on by itself at \d\d:\d\d\.$"))
    expect(row(clocked_page, "photo-000.jpg")).to_contain_text("Trying again in about 1 h.")
    choose(clocked_page, *small(3, first=1))
    clocked_page.clock.fast_forward(3_400_000)
    expect(row(clocked_page, "photo-003.jpg")).to_contain_text("Waiting to be sent")
    assert len(site.received) == 1
    clocked_page.clock.fast_forward(300_000)
    wait_for_end(clocked_page, "4 photos safe")


def test_file_that_changed_after_it_was_chosen_is_said(clocked_page: Page, site: FakeSite, tmp_path: Path) -> None:
    """It cannot be sent any more, which looks like a line that breaks."""
    file = tmp_path / "moved.jpg"
    file.write_bytes(jpeg(1))
    site.plan("moved.jpg", 500)
    clocked_page.get_by_role("button", name="Quality").click()
    clocked_page.get_by_role("radio", name="Original").check()
    clocked_page.set_input_files(INPUT, file)
    expect(row(clocked_page, "moved.jpg")).to_contain_text("Trying again in")
    file.write_bytes(jpeg(2) + b"changed")
    hurry(clocked_page)
    sentence = "This file was changed or moved after you chose it. Choose it again."
    expect(row(clocked_page, "moved.jpg")).to_contain_text(sentence, timeout=20_000)
    wait_for_end(clocked_page, "1 not added")
    assert not site.stored


def test_connection_cut_in_the_middle_is_tried_again(clocked_page: Page, site: FakeSite) -> None:
    site.plan("casio-ex-z3.jpg", "close", "close")  # one may meet a spare connection: Chromium tries again by itself
    choose(clocked_page, photos.path("photo/casio-ex-z3.jpg"))
    expect(row(clocked_page, "casio-ex-z3.jpg")).to_contain_text("Connection lost. Trying again in", timeout=20_000)
    is_one_left = bool(site.plans["casio-ex-z3.jpg"])
    hurry(clocked_page)
    if is_one_left:
        wait_until(lambda: not site.plans["casio-ex-z3.jpg"])
        hurry(clocked_page)
    wait_for_end(clocked_page, "1 photo safe")
    assert len(site.stored) == 1


def test_lost_answer_is_no_duplicate_for_the_person(clocked_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", "silent", "silent")
    choose(clocked_page, *small(1))
    for tries in (1, 2):
        expect(row(clocked_page, "photo-000.jpg")).to_contain_text("Connection lost. Trying again in")
        assert len(site.attempts("photo-000.jpg")) == tries
        clocked_page.clock.fast_forward(13_000)
    wait_for_end(clocked_page, "1 photo safe")
    assert len(site.stored) == 1
    assert len(site.attempts("photo-000.jpg")) == 3


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


def test_one_file_stands_aside_and_goes_on(gallery_page: Page, site: FakeSite) -> None:
    line = slow_line(gallery_page, 15_000)
    name = "casio-ex-z3.jpg"
    choose(gallery_page, photos.path(f"photo/{name}"), *small(3))
    expect(row(gallery_page, name)).to_contain_text("Sending", timeout=20_000)
    gallery_page.get_by_role("button", name=f"Pause {name}").click()
    expect(row(gallery_page, name)).to_contain_text("Paused")
    line.detach()
    expect(gallery_page.locator('[data-part="safe"]')).to_have_text("3 safe")
    gallery_page.get_by_role("button", name=f"Go on with {name}").click()
    wait_for_end(gallery_page, "4 photos safe")
    assert len(site.stored) == 4


def test_too_large_is_not_sent_at_all(gallery_page: Page, site: FakeSite, tmp_path: Path) -> None:
    big = tmp_path / "big.gif"
    with big.open("wb") as file:
        file.write(b"GIF89a")
        file.truncate(65 * 1024 * 1024)
    gallery_page.set_input_files(INPUT, big)
    sentence = "Too large: the limit is 64 MB."
    expect(row(gallery_page, "big.gif")).to_contain_text(sentence, timeout=30_000)  # hashed first, in slices
    assert not site.received


def test_signed_out_stops_all_and_goes_on_after_signing_in(gallery_page: Page, site: FakeSite) -> None:
    site.token = "another"
    site.signed_out = True
    choose(gallery_page, *small(6))
    expect(gallery_page.locator('[data-part="halted"]')).to_contain_text("You are no longer signed in.")
    assert not site.stored
    site.signed_out = False
    gallery_page.get_by_role("button", name="Continue").click()
    wait_for_end(gallery_page, "6 photos safe")


# --- a person who changes their mind ---------------------------------------------------------------------------------


def test_cancel_one_and_all(gallery_page: Page, site: FakeSite) -> None:
    slow_line(gallery_page, 20_000)
    names = ["casio-ex-z3.jpg", "casio-qv-3000ex.jpg", "hp-photosmart-c812.jpg", "pentax-optio-330.jpg"]
    choose(gallery_page, *[photos.path(f"photo/{name}") for name in names])
    sending = gallery_page.locator('.upload-row[data-state="sending"]').first
    name = sending.locator(".upload-name").inner_text(timeout=20_000)
    gallery_page.get_by_role("button", name=f"Cancel {name}").click()
    expect(row(gallery_page, name)).to_have_count(0)
    gallery_page.get_by_role("button", name="Cancel all").click()
    wait_for_end(gallery_page, "Cancelled.")
    assert not site.stored


def test_pause_and_resume(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 3)
    choose(gallery_page, *small(12))
    expect(gallery_page.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    gallery_page.get_by_role("button", name="Pause", exact=True).click()
    wait_for_end(gallery_page, "paused")
    site.go_on.set()
    expect(gallery_page.locator('.upload-row:is([data-state="sending"], [data-state="checking"])')).to_have_count(0)
    assert len(site.received) == len(site.stored) == 3
    gallery_page.get_by_role("button", name="Resume").click()
    wait_for_end(gallery_page, "12 photos safe")


def test_panel_folds_to_a_pill_and_focus_is_never_lost(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 422)
    first, *others = small(12)
    choose(gallery_page, first)
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 422.")
    site.plan("*", *["wait"] * 12)
    choose(gallery_page, *others)
    gallery_page.get_by_role("button", name="Fold the panel").click()
    pill = gallery_page.get_by_role("button", name="Show the uploads")
    expect(pill).to_be_focused()
    expect(pill).to_contain_text(re.compile(r"\d+ left\s+1 needs you"))
    gallery_page.keyboard.press("Enter")
    expect(gallery_page.locator(HEAD)).to_be_focused()
    gallery_page.keyboard.press("Escape")
    expect(pill).to_be_focused()


def test_button_that_goes_hands_its_focus_to_the_head(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 30)
    choose(gallery_page, *small(4))
    expect(gallery_page.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    gallery_page.get_by_role("button", name="Cancel all").focus()
    fourth = gallery_page.locator('.upload-row:not([data-state="checking"])')  # whichever was prepared last
    fourth.get_by_role("button", name=re.compile("^Cancel photo")).click()
    site.go_on.set()
    wait_for_end(gallery_page, "3 photos safe")
    expect(gallery_page.get_by_role("button", name="Cancel all")).to_be_hidden()
    expect(gallery_page.locator(HEAD)).to_be_focused()


def test_what_stands_beside_the_lists_is_spoken_too(gallery_page: Page, site: FakeSite) -> None:
    live = gallery_page.locator('[data-part="live"]')
    gallery_page.evaluate(
        """() => {
          window.spoken = [];
          const live = document.querySelector('[data-part="live"]');
          const watch = new MutationObserver(() => window.spoken.push(live.textContent));
          watch.observe(live, { childList: true });
        }"""
    )
    site.plan("*", *["wait"] * 30)
    choose(gallery_page, *small(5))
    wait_until(lambda: len(site.received) == 3)
    gallery_page.get_by_role("button", name="Pause", exact=True).click()
    expect(live).to_contain_text("Paused.")
    site.token, site.signed_out = "another", True
    site.go_on.set()
    expect(live).to_contain_text("You are no longer signed in. Sign in again, and the rest goes on.")
    spoken = " ".join(gallery_page.evaluate("() => spoken"))
    assert spoken.count("Adding 5 photos.") == 1
    assert spoken.count("Paused.") == 1
    assert spoken.count("no longer signed in") == 1


def test_axe_finds_nothing(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 422)
    first, *others = small(12)
    choose(gallery_page, first)
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 422.")
    site.plan("*", *["wait"] * 12)
    choose(gallery_page, *others)
    gallery_page.locator(".upload-options summary").click()
    result = Axe().run(gallery_page)
    assert result.violations_count == 0, result.generate_report()


# --- other ways in ---------------------------------------------------------------------------------------------------

DROP = """([type, names]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of names) {
    transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  }
  const event = type === "paste"
    ? new ClipboardEvent(type, { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


def encoded(name: str, body: bytes) -> list[str]:
    import base64

    return [name, base64.b64encode(body).decode()]


def test_drop_anywhere_with_a_veil_that_names_the_gallery(gallery_page: Page, site: FakeSite) -> None:
    files = [encoded("one.jpg", jpeg(1)), encoded("two.jpg", jpeg(2))]
    gallery_page.evaluate(DROP, ["dragenter", files])
    veil = gallery_page.locator(".upload-veil")
    expect(veil).to_contain_text("Drop to add to Summer & <sea>")
    gallery_page.evaluate(DROP, ["drop", files])
    expect(veil).to_be_hidden()
    wait_for_end(gallery_page, "2 photos safe")


def test_dragging_a_picture_of_the_page_is_no_upload(gallery_page: Page, site: FakeSite) -> None:
    gallery_page.evaluate(DROP, ["dragstart", []])
    gallery_page.evaluate(DROP, ["dragenter", [encoded("one.jpg", jpeg(1))]])
    expect(gallery_page.locator(".upload-veil")).to_be_hidden()


def test_drag_whose_picture_went_away_hides_nothing(gallery_page: Page, site: FakeSite) -> None:
    """htmx took the dragged picture out of the page, so its drag never ended; files dropped later are files."""
    gallery_page.evaluate(
        """() => {
          const picture = document.querySelector("#grid").appendChild(document.createElement("img"));
          picture.dispatchEvent(new DragEvent("dragstart", { bubbles: true }));
          picture.remove();
        }"""
    )
    gallery_page.evaluate(DROP, ["drop", [encoded("one.jpg", jpeg(1))]])
    wait_until(lambda: len(site.stored) == 1)
    gallery_page.evaluate(DROP, ["dragstart", []])  # and one whose end was not said for another reason
    gallery_page.mouse.move(10, 10)
    gallery_page.evaluate(DROP, ["drop", [encoded("two.jpg", jpeg(2))]])
    wait_until(lambda: len(site.stored) == 2)


def test_paste(gallery_page: Page, site: FakeSite) -> None:
    gallery_page.evaluate(DROP, ["paste", [encoded("image.png", jpeg(3))]])
    wait_for_end(gallery_page, "1 photo safe")
    assert re.fullmatch(r"Pasted \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png", site.received[0].filename)


def test_folders_are_walked_to_the_bottom(gallery_page: Page) -> None:
    names = gallery_page.evaluate(
        """async () => {
          const file = (name) => ({ isFile: true, name, file: (ok) => ok(new File(["x"], name)) });
          const folder = (name, children) => ({
            isFile: false,
            isDirectory: true,
            name,
            createReader() {
              const rest = [...children];
              return { readEntries: (ok) => ok(rest.splice(0, 100)) };
            },
          });
          const broken = { isFile: true, name: "gone.jpg", file: (ok, no) => no(new Error("gone")) };
          const many = Array.from({ length: 250 }, (_, index) => file(`${index}.jpg`));
          const cut = folder("Day 1", [file("first.jpg")]);
          cut.createReader = () => {
            const lists = [[file("first.jpg")]];
            return { readEntries: (ok, no) => (lists.length > 0 ? ok(lists.pop()) : no(new Error("unplugged"))) };
          };
          const deep = folder("Day 2", [file("deep.jpg")]);
          const tree = folder("Trip", [...many, file(".DS_Store"), broken, cut, deep]);
          const items = [{ kind: "file", webkitGetAsEntry: () => tree }, { kind: "string" }];
          const { collectFiles } = await import("/static/js/upload/walk.js");
          const found = await collectFiles({ items });
          return [found.folder, found.unread, ...found.files.map((each) => each.name)];
        }"""
    )
    assert names.pop(0) == "Trip"
    assert names.pop(0) == ["gone.jpg", "Day 1"]
    assert len(names) == 252
    assert names[-2:] == ["first.jpg", "deep.jpg"]


UNPLUGGED = """() => {
  const photo = (name) => ({ isFile: true, name, file: (ok) => ok(new File(["x"], name)) });
  const reader = () => {
    const lists = [[photo("a.txt")]];
    return { readEntries: (ok, no) => (lists.length > 0 ? ok(lists.pop()) : no(new Error("unplugged"))) };
  };
  const folder = { isDirectory: true, name: "Card", createReader: reader };
  const items = [folder, photo("b")].map((entry) => ({ kind: "file", webkitGetAsEntry: () => entry }));
  const event = new Event("drop", { bubbles: true, cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: { items, types: ["Files"] } });
  document.body.dispatchEvent(event);
}"""


def test_folder_that_could_not_be_read_to_its_end_is_named(gallery_page: Page) -> None:
    gallery_page.evaluate(UNPLUGGED)
    unread = gallery_page.locator('[data-part="unread"]')
    expect(unread).to_contain_text("Not read, or not to the end: Card. Photos may be missing.")
    wait_for_end(gallery_page, "2 not added")
    gallery_page.get_by_role("button", name="Close the panel").click()
    gallery_page.get_by_role("button", name="Quality").click()
    expect(unread).to_be_hidden()


def test_folder_may_become_a_gallery_of_its_own(gallery_page: Page, site: FakeSite, tmp_path: Path) -> None:
    trip = tmp_path / "Trip"
    (trip / "Day 2").mkdir(parents=True)
    (trip / ".DS_Store").write_bytes(b"clutter")
    for seed, name in enumerate(("one.jpg", "Day 2/two.jpg")):
        (trip / name).write_bytes(jpeg(seed))
    gallery_page.get_by_role("button", name="Quality").click()
    for answer, gallery in (("Add to Summer & <sea>", "Summer"), ("Make it a gallery of its own", "Trip")):
        with gallery_page.expect_file_chooser() as chooser:
            gallery_page.get_by_role("button", name="Folder").click()
        chooser.value.set_files(trip)
        dialog = gallery_page.get_by_role("dialog")
        expect(dialog).to_contain_text("Trip: 2 files")
        dialog.get_by_role("button", name=answer).click()
        wait_until(lambda: len(site.received) == 2)
        assert {request.gallery for request in site.received} == {gallery}
        site.forget()
    wait_for_end(gallery_page, "2 photos safe")
    assert gallery_page.get_by_role("link", name="Trip").get_attribute("href") == f"/g/{site.gallery}-trip/"


TWO_FOLDERS = """([one, two]) => {
  for (const [name, text] of [one, two]) {
    const body = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const photo = { isFile: true, name: `${name}.jpg`, file: (ok) => ok(new File([body], `${name}.jpg`)) };
    const reader = () => {
      const lists = [[photo], []];
      return { readEntries: (ok) => ok(lists.shift()) };
    };
    const folder = { isDirectory: true, name, createReader: reader };
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const items = [{ kind: "file", webkitGetAsEntry: () => folder }];
    Object.defineProperty(event, "dataTransfer", { value: { items, types: ["Files"] } });
    document.body.dispatchEvent(event);
  }
}"""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 422, "json": {"detail": "You have too many galleries."}}, "You have too many galleries."),
        (None, "The gallery could not be made."),
    ],
    ids=["refused", "no line"],
)
def test_folder_whose_gallery_cannot_be_made_goes_nowhere_else(
    gallery_page: Page, site: FakeSite, answer: dict[str, Any] | None, words: str
) -> None:
    gallery_page.route("**/g/new/", lambda route: route.fulfill(**answer) if answer else route.abort())
    gallery_page.evaluate(TWO_FOLDERS, [encoded("One", jpeg(1)), encoded("Two", jpeg(2))])
    dialog = gallery_page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make it a gallery of its own").click()
    expect(gallery_page.locator("#toasts")).to_contain_text(f"{words} The photos of One were not added.")
    expect(dialog).to_contain_text("Two: 1 file")
    dialog.get_by_role("button", name="Add to Summer & <sea>").click()
    wait_for_end(gallery_page, "1 photo safe")
    assert [request.filename for request in site.received] == ["Two.jpg"]


def test_second_folder_has_a_question_of_its_own(gallery_page: Page, site: FakeSite) -> None:
    """Dropped while the first one waits for its answer."""
    gallery_page.evaluate(TWO_FOLDERS, [encoded("One", jpeg(1)), encoded("Two", jpeg(2))])
    dialog = gallery_page.get_by_role("dialog")
    expect(dialog).to_contain_text("One: 1 file")
    dialog.get_by_role("button", name="Add to Summer & <sea>").click()
    expect(dialog).to_contain_text("Two: 1 file")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    wait_for_end(gallery_page, "1 photo safe")
    assert [request.filename for request in site.received] == ["One.jpg"]


def test_on_android_files_and_camera_are_offered(browser: Browser, site: FakeSite) -> None:
    agent = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
    context = browser.new_context(user_agent=agent, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_gallery(page, site)
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator(".upload-hint")).to_contain_text("leaves out where they were taken")
    page.evaluate(
        """() => {
          window.inputs = [];
          HTMLInputElement.prototype.click = function () {
            window.inputs.push([this.accept, this.getAttribute("capture") ?? "", this.multiple]);
          };
        }"""
    )
    for name in ("Photos", "Camera", "Files"):
        page.locator(".upload-ways").get_by_role("button", name=name).click()
    assert page.evaluate("() => inputs") == [
        ["image/*", "", True],
        ["image/*", "environment", False],
        ["", "", True],
    ]
    context.close()


# --- other browsers --------------------------------------------------------------------------------------------------


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
