"""A person at the panel while photos are on their way: who changes their mind, folds it, or hears it read."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import photos
from tests.upload_js.choosing import HEAD, choose, row, slow_line, small, wait_for_end
from tests.upload_js.conftest import wait_until
from tests.upload_js.fake_site import FakeSite

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def test_what_is_over_is_spoken_of_no_more(gallery_page: Page, site: FakeSite) -> None:
    live = gallery_page.locator('[data-part="live"]')
    site.plan("*", *["wait"] * 5)
    choose(gallery_page, *small(5))
    for _ in range(2):
        gallery_page.get_by_role("button", name="Pause", exact=True).click()
        expect(live).to_contain_text("Paused.")
        gallery_page.get_by_role("button", name="Resume", exact=True).click()
        expect(live).to_have_text("0 of 5 safe.")
    site.go_on.set()
    expect(live).to_contain_text("5 photos safe.")


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
