"""What was left behind is offered: it goes on, or is forgotten, once, and what was not kept is named."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.upload_js.choosing import HEAD, choose, small, wait_for_end
from tests.upload_js.conftest import kill, open_gallery
from tests.upload_js.fake_site import FakeSite
from tests.upload_js.kept_photos import (
    OUT_OF_REACH,
    kept,
    leave_behind,
    open_tab,
    press,
    press_pause_at_once,
    wait_until_kept,
    wait_until_noted,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOM_FOR = """
const put = IDBObjectStore.prototype.put;
let room = %d;
IDBObjectStore.prototype.put = function (record, ...more) {
  if ((record.file || record.blob) && room-- <= 0) throw new DOMException("full", "QuotaExceededError");
  return put.call(this, record, ...more);
};
"""


def test_partly_kept_drop_names_what_must_be_chosen_again(profile: BrowserContext, site: FakeSite) -> None:
    """There was room for some: those go on, and nobody is told that the others are safe."""
    first = profile.new_page()
    first.add_init_script(ROOM_FOR % 3)
    open_gallery(first, site)
    site.plan("*", *["wait"] * 60)
    press_pause_at_once(first)
    choose(first, *small(8))
    expect(first.locator('[data-part="short"]')).to_be_visible()
    wait_until_noted(first, 8)
    kill(first)
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("3 of 8 still to send")
    offer = second.locator('[data-part="offer"]')
    expect(offer).to_contain_text("5 photos were not kept on this device. Choose them again: photo-003.jpg, photo-004")
    site.go_on.set()
    press(second, "Continue")
    wait_for_end(second, "3 photos safe.")
    expect(offer).to_contain_text("5 photos to choose again.")
    expect(offer.get_by_role("button", name="Continue")).to_be_hidden()
    choose(second, *small(4, first=2))
    wait_for_end(second, "3 photos safe, 1 already here.")
    expect(offer).to_contain_text("2 photos to choose again.")
    wait_until_noted(second, 2)
    second.reload()
    expect(second.locator(HEAD)).to_have_text("2 photos to choose again")
    press(second, "Forget them")
    wait_until_kept(second, 0)
    assert len(site.stored) == 6


def test_closed_panel_keeps_what_can_be_tried_again(gallery_page: Page, site: FakeSite) -> None:
    site.plan("photo-000.jpg", 507)
    site.plan("photo-001.jpg", 422)
    choose(gallery_page, *small(3))
    wait_for_end(gallery_page, "1 photo safe, 2 not added.")
    wait_until_kept(gallery_page, 1)
    gallery_page.get_by_role("button", name="Close the panel").click()
    pill = gallery_page.get_by_role("button", name="Show the uploads")
    expect(pill).to_be_focused()
    expect(pill).to_contain_text("1 needs you")
    wait_until_kept(gallery_page, 1)
    gallery_page.reload()
    expect(gallery_page.locator(HEAD)).to_have_text("1 of 3 still to send")
    press(gallery_page, "Continue")
    wait_for_end(gallery_page, "1 photo safe.")
    assert len(site.stored) == 2
    wait_until_kept(gallery_page, 0)


def test_forgotten_means_gone(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 3)
    choose(first, *small(3))
    wait_until_kept(first, 3)
    kill(first)
    second = open_tab(profile, site)
    # All, or those that the site has not stored since.
    expect(second.locator(HEAD)).to_have_text(re.compile(r"^(3 photos|[12] of 3) still to send$"))
    press(second, "Forget them")
    wait_until_kept(second, 0)
    expect(second.locator(".upload-panel")).to_be_hidden()


def test_forgetting_leaves_what_another_tab_has_taken_up(profile: BrowserContext, site: FakeSite) -> None:
    """Both were offered it; the one that went on believes that its photos are kept."""
    leave_behind(profile, site, 3)
    second = open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("3 photos still to send")
    leave_behind(profile, site, 1, first=3)
    third = open_tab(profile, site)
    expect(third.locator(HEAD)).to_have_text("4 photos still to send")
    site.plan("*", *["wait"] * 3)
    press(second, "Continue")
    expect(second.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    press(third, "Forget them")
    wait_until_kept(second, 3)
    site.go_on.set()
    wait_for_end(second, "3 photos safe")


def test_offer_ends_once_another_tab_has_sent_it(profile: BrowserContext, site: FakeSite) -> None:
    """Whoever comes back to the second tab is not asked about photos that are safe."""
    leave_behind(profile, site, 2)
    first, second = open_tab(profile, site), open_tab(profile, site)
    expect(second.locator(HEAD)).to_have_text("2 photos still to send")
    press(first, "Continue")
    wait_for_end(first, "2 photos safe")
    wait_until_kept(first, 0)
    second.evaluate("window.dispatchEvent(new Event('focus'))")  # all pages of a test's browser have the focus
    expect(second.locator(".upload-panel")).to_be_hidden()
    expect(second.locator('[data-part="live"]')).to_be_empty()


def test_offer_that_could_not_be_carried_out_still_stands(profile: BrowserContext, site: FakeSite) -> None:
    leave_behind(profile, site, 3)
    page = open_tab(profile, site)
    for answer in ("Continue", "Forget them"):
        expect(page.locator(HEAD)).to_have_text("3 photos still to send")
        page.evaluate(OUT_OF_REACH)
        press(page, answer)
        expect(page.locator("#toasts")).to_contain_text("The photos on this device could not be reached.")
        page.locator("#toasts").get_by_role("button", name="Close").click()
        expect(page.locator(".toast")).to_have_count(0)
        page.evaluate("mend()")
    press(page, "Continue")
    wait_for_end(page, "3 photos safe")
    wait_until_kept(page, 0)


def test_going_on_with_one_gallery_leaves_the_others(profile: BrowserContext, site: FakeSite) -> None:
    """And counts once: whoever loads the page again has not said so again."""
    leave_behind(profile, site, 2)
    first = open_tab(profile, site)
    elsewhere = """async () => {
      const { Vault } = await import("/static/js/upload/vault.js");
      const vault = new Vault({ person: "alice" });
      const [record] = await vault.list();
      const target = { ...record.target, galleryId: "other", title: "Other" };
      const batch = { id: "other", total: 1 };
      await vault.put({ ...record, key: "other", name: "other.jpg", order: 9, batch, target });
    }"""
    first.evaluate(elsewhere)
    first.close()
    page = profile.new_page()
    page.goto(f"{site.page}?day=1#continue")
    wait_for_end(page, "2 photos safe")
    offer = page.locator('[data-part="offer"]')
    expect(offer).to_contain_text("1 photo still to send.")
    assert page.url == f"{site.page}?day=1"
    page.reload()
    expect(page.locator(HEAD)).to_have_text("1 photo still to send")
    assert [each["name"] for each in kept(page)] == ["other.jpg"]
    press(page, "Forget it")
    wait_until_kept(page, 0)
    assert len(site.received) == 2
