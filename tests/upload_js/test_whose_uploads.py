"""Whose photos they are: other people, tokens that are renewed, sessions that end."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.interception import intercept
from tests.upload_js.choosing import HEAD, choose, row, small, wait_for_end
from tests.upload_js.conftest import kill, open_gallery, wait_until
from tests.upload_js.fake_site import FakeSite
from tests.upload_js.kept_photos import open_tab, press, wait_until_kept

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_another_person_is_never_offered_it(profile: BrowserContext, site: FakeSite) -> None:
    first = open_tab(profile, site)
    site.plan("*", *["wait"] * 3)
    choose(first, *small(5))
    wait_until_kept(first, 5)
    wait_until(lambda: len(site.received) == 3)
    kill(first)
    site.person = "bob"
    second = open_tab(profile, site)
    second.wait_for_function("() => document.querySelector('[data-uploader]').dataset.recovered === '0'")
    expect(second.locator(".upload-panel")).to_be_hidden()
    choose(second, *small(2, first=100))
    wait_for_end(second, "2 photos safe")
    site.person = "alice"
    third = open_tab(profile, site)
    expect(third.locator(HEAD)).to_have_text("5 photos still to send")
    site.go_on.set()


def test_page_of_one_person_never_sends_for_another(gallery_page: Page, site: FakeSite) -> None:
    """Somebody else signed in, in another tab: the token is another, and fetching a new one tells who it is."""
    site.token, site.person = "of-bob", "bob"
    choose(gallery_page, *small(3))
    expect(gallery_page.locator('[data-part="halted"]')).to_contain_text("You are no longer signed in.")
    press(gallery_page, "Continue")
    expect(gallery_page.locator('[data-part="halted"]')).to_be_visible()
    assert not site.stored
    assert not any(request.token == "of-bob" for request in site.received)


def test_stale_token_is_renewed_without_asking(gallery_page: Page, site: FakeSite) -> None:
    site.token = "a-new-one"
    choose(gallery_page, *small(5))
    wait_for_end(gallery_page, "5 photos safe")


def test_renewed_token_lifts_no_pause(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *["wait"] * 5)
    choose(gallery_page, *small(5))
    wait_until(lambda: len(site.received) == 3)
    press(gallery_page, "Pause")
    site.token = "a-new-one"
    renewals: list[Route] = []
    intercept(gallery_page, site.page, lambda route: renewals.append(route))
    site.go_on.set()
    # All three are refused before there is a new token: what is refused later is sent with that at once.
    expect(gallery_page.locator('.upload-row[data-state="waiting"]')).to_have_count(5)
    with gallery_page.expect_response(site.page):
        renewals[0].continue_()
    expect(gallery_page.locator('[data-part="halted"]')).to_be_hidden()
    expect(gallery_page.get_by_role("button", name="Resume")).to_be_visible()
    press(gallery_page, "Resume")
    wait_for_end(gallery_page, "5 photos safe")


def test_late_answer_to_a_stale_token_signs_nobody_out(gallery_page: Page, site: FakeSite) -> None:
    """It comes when the token has been renewed already, and before anything was stored with the new one."""
    site.token = "a-new-one"
    site.plan("photo-000.jpg", "wait")
    site.plan("photo-001.jpg", 201, 500)
    choose(gallery_page, *small(2))
    wait_until(lambda: len(site.attempts("photo-001.jpg")) == 2)  # the second with the new token
    site.go_on.set()
    wait_for_end(gallery_page, "2 photos safe")


def test_session_that_ended_is_taken_up_after_signing_in(gallery_page: Page, site: FakeSite) -> None:
    site.plan("*", *[201] * 4, *["wait"] * 4)
    choose(gallery_page, *small(8))
    wait_until(lambda: len(site.stored) == 4)
    site.signed_out = True
    site.go_on.set()
    expect(gallery_page.get_by_role("link", name="Sign in")).to_be_visible()
    wait_until_kept(gallery_page, 4)
    site.signed_out = False
    site.token = "after-signing-in"
    open_gallery(gallery_page, site)
    expect(gallery_page.locator(HEAD)).to_have_text("4 of 8 still to send")
    press(gallery_page, "Continue")
    wait_for_end(gallery_page, "4 photos safe")
    assert len(site.stored) == 8


def test_signing_out_in_another_tab_forgets_here_too(gallery_page: Page, site: FakeSite) -> None:
    """What is on its way, what failed and what waits: the next person may sit here."""
    site.plan("photo-000.jpg", 507)
    site.plan("*", *["wait"] * 30)
    choose(gallery_page, *small(8))
    expect(gallery_page.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    expect(row(gallery_page, "photo-000.jpg")).to_contain_text("Refused with 507.")
    other = gallery_page.context.new_page()
    open_gallery(other, site)
    leave = "async (person) => (await import('/static/js/upload/farewell.js')).sayGoodbye(person)"
    other.evaluate(leave, "bob")
    other.evaluate(leave, "alice")
    expect(gallery_page.locator('[data-part="halted"]')).to_contain_text("You signed out in another tab.")
    expect(gallery_page.locator(".upload-row")).to_have_count(0)
    wait_until_kept(gallery_page, 0)
    site.go_on.set()
