"""What survives a closed or killed tab, and is taken up again: in Chromium, against a site that can be slow."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import BrowserContext, Page, expect

from tests import photos
from tests.upload_js.choosing import HEAD, choose, row, small, wait_for_end
from tests.upload_js.conftest import kill, wait_until
from tests.upload_js.fake_site import FakeSite
from tests.upload_js.kept_photos import kept, open_tab, press, wait_until_kept, wait_until_ready

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_each_photo_is_kept_until_it_is_safe(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 6)
    choose(gallery_page, *small(6))
    wait_until_kept(gallery_page, 6)
    assert {each["person"] for each in kept(gallery_page)} == {"alice"}
    site.go_on.set()
    wait_for_end(gallery_page, "6 photos safe")
    wait_until_kept(gallery_page, 0)


def test_what_is_refused_or_cancelled_is_not_kept(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 422)
    site.plan("photo-001.jpg", 507)
    site.plan("*", *["wait"] * 4)
    choose(gallery_page, *small(6))
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 422.")
    expect(row(gallery_page, "photo-001.jpg")).to_contain_text("Refused with 507.")
    expect(gallery_page.locator('.upload-row[data-state="compressing"]')).to_have_count(0)
    press(gallery_page, "Cancel all")
    site.go_on.set()
    wait_for_end(gallery_page, "2 not added")
    wait_until_kept(gallery_page, 1)  # the one that can be tried again
    assert [each["name"] for each in kept(gallery_page)] == ["photo-001.jpg"]


def test_tab_killed_at_30_percent_is_finished_by_another(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *[201] * 6, *["wait"] * 3)
    choose(first, *small(20))
    expect(first.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    wait_until_kept(first, 14)
    kill(first)
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("14 of 20 still to send")
    site.go_on.set()  # those that were on their way arrive, and nobody hears of it
    wait_until(lambda: len(site.stored) == 9)
    press(second, "Continue")
    wait_for_end(second, "14 photos safe")
    assert sorted(each.filename for each in site.stored.values()) == [f"photo-{each:03}.jpg" for each in range(20)]
    assert len(site.received) == 20
    wait_until_kept(second, 0)


def test_real_photos_survive_as_what_they_became(profile: BrowserContext, site: FakeSite) -> None:
    """Photos of 12 megapixels and more, compressed and kept, are read again after a kill and arrive whole."""
    names = ["iphone-13-pro-8568.jpg", "nikon-d3100-o8.jpg"]  # both lie on their side
    files = [photos.path(f"photo/{name}") for name in names]
    first = open_tab(profile, site)
    site.plan("*", *["close"] * 200)
    choose(first, *files)
    wait_until_ready(first, len(files))
    assert [each["name"] for each in kept(first) if each["isFile"]] == []
    kill(first)
    site.plans.clear()
    site.plan("*", *["wait"] * len(files))
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("2 photos still to send")
    press(second, "Continue")
    expect(second.locator(".upload-row img[src]")).to_have_count(len(files))
    site.go_on.set()
    wait_for_end(second, "2 photos safe.")
    assert len(site.stored) == 2
    for file in files:
        body = site.attempts(file.name)[-1].body
        assert len(body) < file.stat().st_size
        with Image.open(io.BytesIO(body)) as sent, Image.open(file) as original:
            right = ImageOps.exif_transpose(original)
            assert sent.size == right.size
            pairs = zip(sent.resize((6, 8)).tobytes(), right.resize((6, 8)).tobytes(), strict=True)
            assert max(abs(one - other) for one, other in pairs) < (40 if "iphone-13" in file.name else 8)


def test_next_page_in_the_same_tab_goes_on_by_itself(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 30)
    choose(gallery_page, *small(8))
    wait_until_kept(gallery_page, 8)
    gallery_page.reload()
    site.go_on.set()
    wait_for_end(gallery_page, "8 photos safe")
    assert len(site.stored) == 8


def test_next_page_does_not_go_on_with_what_was_paused(gallery_page: Page, site: FakeSite) -> None:
    """Whoever paused may be on a dear line: loading the page anew says nothing else."""
    site.plan("*", *["wait"] * 3)
    choose(gallery_page, *small(6))
    wait_until(lambda: len(site.received) == 3)
    press(gallery_page, "Pause")
    wait_until_kept(gallery_page, 6)
    gallery_page.reload()
    expect(gallery_page.locator(HEAD)).to_have_text("6 photos still to send")
    assert len(site.received) == 3
    site.go_on.set()
    press(gallery_page, "Continue")
    wait_for_end(gallery_page, "6 photos safe")
    assert len(site.stored) == 6


def test_second_tab_sends_nothing_that_the_first_sends(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 10)
    choose(first, *small(10))
    wait_until_kept(first, 10)
    second, third = open_tab(profile, site), open_tab(profile, site)
    for page in (second, third):
        page.wait_for_function("() => document.querySelector('[data-uploader]').dataset.recovered === '0'")
        expect(page.locator(".upload-panel")).to_be_hidden()
    kill(first)
    for page in (second, third):
        page.reload()
        expect(page.locator(HEAD)).to_have_text("10 photos still to send")
    site.go_on.set()
    wait_until(lambda: len(site.stored) == 3)
    press(second, "Continue")
    press(third, "Continue")
    wait_until(lambda: len(site.stored) == 10)
    wait_until_kept(second, 0)
    assert len(site.received) == 10
