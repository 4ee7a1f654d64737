"""A bad line and a bad server under the whole uploader, in Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import photos
from tests.pictures import jpeg
from tests.upload_js.choosing import INPUT, choose, row, small, wait_for_end
from tests.upload_js.conftest import wait_until
from tests.upload_js.fake_site import FakeSite

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def test_signed_out_stops_all_and_goes_on_after_signing_in(gallery_page: Page, site: FakeSite) -> None:
    site.token = "another"
    site.signed_out = True
    choose(gallery_page, *small(6))
    expect(gallery_page.locator('[data-part="halted"]')).to_contain_text("You are no longer signed in.")
    assert not site.stored
    site.signed_out = False
    gallery_page.get_by_role("button", name="Continue").click()
    wait_for_end(gallery_page, "6 photos safe")
