"""A session that ends while a page of it is open, and a new one of the same person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PAGE, PHONE, Visitor, fill
from tests.browser.test_main_job import PHOTOS, OpenWindow, add_photos, make_gallery
from tests.browser.test_refresh import TO_THE_END
from tests.live import PASSWORD, LiveSite

pytestmark = pytest.mark.browser

SIGNED_OUT = "You are no longer signed in. Nothing was changed."


def forgive(window: Visitor) -> None:
    """Let go of what htmx wrote about answers that this test asked for."""
    window.complaints = [each for each in window.complaints if "Response Status Error" not in each]


def test_whole_page_goes_on_after_signing_in_anew_in_another_tab(
    site: LiveSite, visitor: OpenWindow, person: str
) -> None:
    """Not the uploads alone: each form and button of the page had the token of the session that ended."""
    window = visitor()
    page = window.page
    window.sign_in(person)
    make_gallery(window, "Over night")
    page.context.clear_cookies()
    Visitor(site, page.context).sign_in(person)
    add_photos(window, PHOTOS[:1])
    page.locator("#grid .tile").hover()
    page.locator("#grid .tile .check").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#grid .tile:visible")).to_have_count(1)
    window.complaints = [each for each in window.complaints if "403" not in each]  # what told that the token is old
    with page.expect_response("**/accounts/logout/") as left:
        # Not within the evaluation: a page that leaves meanwhile may never answer it.
        page.locator('form[action$="/accounts/logout/"]').evaluate("form => void setTimeout(() => form.submit())")
    assert left.value.status == 302


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_action_after_the_end_of_the_session_leads_to_sign_in_and_back(
    enter: OpenWindow, person: str, size: dict[str, int]
) -> None:
    window = enter(2, size)
    page = window.page
    page.locator("#grid .tile-link").first.click()
    expect(page.locator("dialog#lightbox [data-place]")).to_have_text("1 of 2")
    photo, title = page.url, page.title()
    page.context.clear_cookies(name="session")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".toast p")).to_have_text([SIGNED_OUT])
    assert page.locator("main").count() == 1, "no page within the page"
    assert page.title() == title
    page.locator(".toast").get_by_role("link", name="Sign in").click()
    page.fill("input[name=login]", person)
    page.fill("input[name=password]", PASSWORD)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url(photo)
    forgive(window)


def test_next_page_after_the_end_of_the_session_stays_to_be_asked_for(
    enter: OpenWindow, site: LiveSite, person: str
) -> None:
    window = enter(PAGE + 1)
    page = window.page
    page.context.clear_cookies(name="session")
    page.evaluate(TO_THE_END)
    expect(page.locator(".toast p")).to_have_text([SIGNED_OUT])
    expect(page.locator("[data-more]")).to_have_text("That did not load. Try again")
    Visitor(site, page.context).sign_in(person)
    page.locator(".toast").get_by_role("button", name="Close").click()
    page.locator("[data-more]").click()
    expect(page.locator("#grid .tile")).to_have_count(PAGE + 1)
    forgive(window)


def delete_in_another_session(page: Page, site: LiveSite, person: str) -> None:
    """Somebody signs in anew behind the page's back; then its first photo is to go."""
    page.context.clear_cookies()
    Visitor(site, page.context).sign_in(person)
    page.locator("#grid .tile-link").first.focus()
    page.keyboard.press("Delete")


def test_action_works_once_its_page_has_learnt_of_the_new_session(
    enter: OpenWindow, site: LiveSite, person: str
) -> None:
    window = enter(2)
    page = window.page
    delete_in_another_session(page, site, person)
    expect(page.locator(".toast p")).to_contain_text("try again now")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#grid .tile:visible")).to_have_count(1)
    window.complaints = [each for each in window.complaints if "403" not in each]


def test_page_of_another_person_asks_to_be_loaded_anew(
    site: LiveSite, visitor: OpenWindow, people: Iterator[str]
) -> None:
    first, second = next(people), next(people)
    address = fill(site, first, range(1))
    window = visitor()
    page = window.page
    window.enter(first, address)
    delete_in_another_session(page, site, second)
    toast = page.locator(".toast")
    expect(toast).to_contain_text("This page was open too long. Nothing was changed.")
    expect(toast.get_by_role("link", name="Load it anew")).to_have_attribute("href", f"{site.address}{address}")
    expect(page.locator("#grid .tile:visible")).to_have_count(1)
    window.complaints = [each for each in window.complaints if "403" not in each and "404" not in each]


def test_refusal_is_said_and_no_page_within_the_page(enter: OpenWindow) -> None:
    window = enter(1)
    page = window.page
    page.locator("#grid .check").click()
    title = page.title()
    button = page.get_by_role("button", name="Delete", exact=True)
    button.evaluate("button => { button.value = 'nonsense'; }")
    button.click()
    expect(page.locator(".toast p")).to_have_text(["This is not something that can be done here."])
    assert page.locator("main").count() == 1
    assert page.title() == title
    window.complaints = [each for each in window.complaints if "422" not in each]
