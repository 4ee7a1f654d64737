"""A page that stays open, and a large drop with bad files in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_main_job import PHOTOS, OpenWindow, add_photos, make_gallery
from tests.photos import path
from tests.pictures import jpeg

pytestmark = pytest.mark.browser

GOOD = 195
BAD = ("corrupt/empty.jpg", "corrupt/random.png", "disguise/html-named.jpg", "truncated/trunc-progressive-50pc.jpg")


def test_pictures_load_after_their_pass_has_ended(visitor: OpenWindow, person: str) -> None:
    """The addresses are given an end that has passed, as after an hour; the page asks for a fresh pass by itself."""
    window = visitor()
    page = window.page
    window.sign_in(person)
    address = make_gallery(window, "Open")
    add_photos(window, PHOTOS[:3])
    window.open(address)
    page.wait_for_load_state("networkidle")
    with page.expect_response("**/pass/**") as asked:
        page.evaluate(
            """() => document.querySelectorAll('#grid .tile-over').forEach(picture => {
                const stale = address => address.replaceAll(/u=[0-9]+/g, 'u=1700000000');
                picture.srcset = stale(picture.srcset);
                picture.src = stale(picture.src);
            })"""
        )
    assert asked.value.status == 200
    for index in range(3):
        picture = page.locator("#grid .tile-over").nth(index)
        expect(picture).to_have_js_property("complete", True)
        page.wait_for_function("one => one.naturalWidth > 0", arg=picture.element_handle())
    window.complaints = [each for each in window.complaints if "404" not in each]  # the stale addresses


def test_two_hundred_with_five_bad_store_the_others_and_say_why(visitor: OpenWindow, person: str) -> None:
    window = visitor()
    page = window.page
    window.sign_in(person)
    make_gallery(window, "Batch")
    files = [{"name": f"{n:03}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(n)} for n in range(GOOD)]
    for name in BAD:
        files.append({"name": name.replace("/", "-"), "mimeType": "image/jpeg", "buffer": path(name).read_bytes()})
    files.insert(100, {"name": "text.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture at all"})
    page.set_input_files("input[type=file][name=file]", files)  # type: ignore[arg-type]
    expect(page.locator("#upload-head")).to_contain_text(f"{GOOD} photos safe, 5 not added", timeout=180_000)
    problems = page.locator(".upload-rows .upload-row")
    expect(problems).to_have_count(5)
    for index in range(5):
        assert len(problems.nth(index).locator(".upload-state, .upload-note").all_inner_texts()[0]) > 10
    expect(page.locator("#gallery-summary")).to_contain_text(f"{GOOD} photos")
    window.complaints = [each for each in window.complaints if "422" not in each and "415" not in each]
