"""The installed app in Chromium: no line, photos from another app, and sending after the tab is gone."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.conftest import Visitor
from tests.interception import intercept
from tests.live import PASSWORD, LiveSite
from tests.pictures import jpeg
from tests.upload_js.conftest import wait_until
from tests.upload_js.kept_photos import OUT_OF_REACH, kept

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Visitor]

SHARE = """(bodies) => {
  const transfer = new DataTransfer();
  for (const [name, text] of bodies) {
    transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  }
  const form = Object.assign(document.createElement("form"), {
    method: "post", action: "/share/", enctype: "multipart/form-data",
  });
  const input = Object.assign(document.createElement("input"), { type: "file", name: "file", multiple: true });
  input.files = transfer.files;
  form.append(input);
  document.body.append(form);
  form.submit();
}"""


# The store has room for one photo more; after that for as many as one likes.
FULL_AFTER_ONE = """() => {
  const put = IDBObjectStore.prototype.put;
  let room = 1;
  IDBObjectStore.prototype.put = function (...given) {
    if (room-- === 0) throw new DOMException("full", "QuotaExceededError");
    return put.apply(this, given);
  };
}"""


# Requests that carry photos find no line.
NO_LINE = """() => {
  XMLHttpRequest.prototype.send = function () {
    setTimeout(() => {
      for (const name of ["error", "loadend"]) this.dispatchEvent(new ProgressEvent(name));
    });
  };
}"""


def with_worker(visitor: Open, person: str) -> Page:
    """Signed in, with the service worker in charge of the page."""
    window = visitor()
    window.sign_in(person)
    window.page.evaluate("() => navigator.serviceWorker.ready")
    window.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    return window.page


def new_gallery(page: Page, title: str) -> None:
    page.fill("input[name=title]", title)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.wait_for_selector('[data-uploader="ready"]', state="attached")


def shared(number: int) -> list[str]:
    """A photo for SHARE."""
    return [f"IMG_{number}.jpg", base64.b64encode(jpeg(number)).decode()]


def test_without_a_line_it_says_so_and_keeps_nothing_private(visitor: Open, person: str) -> None:
    page = with_worker(visitor, person)
    new_gallery(page, "Private things")
    page.set_input_files("input[type=file]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(1)})
    expect(page.locator("#grid .tile")).to_have_count(1)
    kept: list[str] = page.evaluate(
        """async () => {
          const requests = [];
          for (const name of await caches.keys()) requests.push(...(await (await caches.open(name)).keys()));
          return requests.map((each) => new URL(each.url).pathname);
        }"""
    )
    assert "/offline/" in kept
    assert all(path == "/offline/" or path.startswith("/static/") for path in kept)
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    assert "Private things" not in page.content()
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Private things")).to_be_visible()


def test_photos_from_another_app_go_where_the_person_says(visitor: Open, person: str) -> None:
    page = with_worker(visitor, person)
    page.evaluate(SHARE, [shared(each) for each in range(3)])
    expect(page.locator("[data-share-words]")).to_have_text("3 photos from another app.")
    assert re.fullmatch(r"Shared on \d{1,2} \w{3}", page.get_by_label("Name").input_value())
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name=re.compile("Shared on"))).to_be_visible()
    expect(page.locator("#grid .tile")).to_have_count(3)
    page.goto(re.sub(r"/g/.*", "/share/", page.url))
    expect(page.locator("[data-share-words]")).to_contain_text("Nothing waits here.")


def test_shared_photos_that_find_no_room_are_added_once_all_the_same(
    visitor: Open, person: str, site: LiveSite
) -> None:
    page = with_worker(visitor, person)
    page.evaluate(SHARE, [shared(each) for each in range(3)])
    expect(page.locator("[data-share-words]")).to_have_text("3 photos from another app.")
    page.evaluate(FULL_AFTER_ONE)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("[data-share-words]")).to_contain_text("The photos are still here.")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name=re.compile("Shared on"))).to_be_visible()
    expect(page.locator('[data-part="head"]')).to_have_text(re.compile("^3 photos safe"))
    page.goto(f"{site.address}/")
    expect(page.get_by_role("link", name=re.compile("Shared on"))).to_have_count(1)


def test_what_was_shared_into_another_window_meanwhile_still_waits(visitor: Open, person: str) -> None:
    """While a slow line makes the gallery; and whoever forgets forgets what they were shown."""
    page = with_worker(visitor, person)
    other = page.context.new_page()
    other.goto(page.url)
    slow: list[Route] = []
    intercept(page, "**/g/new/", lambda route: slow.append(route))
    page.evaluate(SHARE, [shared(1), shared(2), shared(3)])
    with page.expect_request("**/g/new/"):
        page.get_by_role("button", name="Add").click()
    other.evaluate(SHARE, [shared(4), shared(5)])
    expect(other.locator("[data-share-words]")).to_have_text("5 photos from another app.")
    slow[0].continue_()
    expect(page.locator("#grid .tile")).to_have_count(3)
    other.reload()
    expect(other.locator("[data-share-words]")).to_have_text("2 photos from another app.")
    page.evaluate(SHARE, [shared(6)])
    expect(page.locator("[data-share-words]")).to_have_text("3 photos from another app.")
    other.get_by_role("button", name="Forget them").click()
    expect(other.locator("[data-share-words]")).to_have_text("1 photo from another app.")


def test_photos_that_another_window_forgot_make_no_empty_gallery(visitor: Open, person: str, site: LiveSite) -> None:
    page = with_worker(visitor, person)
    page.evaluate(SHARE, [shared(1)])
    words = page.locator("[data-share-words]")
    expect(words).to_have_text("1 photo from another app.")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Forget them").click()
    expect(other.locator("[data-share-words]")).to_contain_text("Nothing waits here.")
    page.get_by_role("button", name="Add").click()
    expect(words).to_contain_text("Nothing waits here.")
    page.goto(f"{site.address}/")
    expect(page.get_by_role("link", name=re.compile("Shared on"))).to_have_count(0)


def test_after_the_tab_is_gone_the_rest_is_sent_when_the_line_is_back(
    visitor: Open, person: str, site: LiveSite
) -> None:
    page = with_worker(visitor, person)
    new_gallery(page, "Train")
    address = page.url
    page.evaluate(NO_LINE)
    photos: list[FilePayload] = [
        {"name": f"{each}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(each)} for each in range(4)
    ]
    page.set_input_files("input[type=file]", photos)
    expect(page.locator(".upload-state", has_text="Trying again in")).to_have_count(4)
    other = page.context.new_page()
    page.close()
    registrations: list[dict[str, Any]] = []
    session = other.context.new_cdp_session(other)
    session.on("ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"]))
    session.send("ServiceWorker.enable")
    other.goto(f"{site.address}/offline/")
    wait_until(lambda: other.evaluate("true") and len(registrations) > 0)  # events come while the page is asked
    sync = {"origin": site.address, "registrationId": registrations[-1]["registrationId"], "tag": "uploads"}
    session.send("ServiceWorker.dispatchSyncEvent", {**sync, "lastChance": False})
    for _ in range(40):
        other.goto(address)
        if other.locator("#grid .tile").count() == 4:
            break
        other.wait_for_timeout(250)
    expect(other.locator("#grid .tile")).to_have_count(4)
    expect(other.locator(".upload-panel")).to_be_hidden()


def leave_behind(visitor: Open, person: str, title: str) -> Page:
    """A tab that is gone before four photos left it; the page of all galleries in another one."""
    window = visitor()
    window.sign_in(person)
    page = window.page
    new_gallery(page, title)
    page.evaluate(NO_LINE)
    photos: list[FilePayload] = [
        {"name": f"{each}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(each)} for each in range(4)
    ]
    page.set_input_files("input[type=file]", photos)
    expect(page.locator(".upload-state", has_text="Trying again in")).to_have_count(4)
    other = page.context.new_page()
    page.close()
    other.goto(window.site.address)
    return other


def test_page_of_galleries_leads_to_what_was_left(visitor: Open, person: str) -> None:
    page = leave_behind(visitor, person, "Ferry")
    left = page.locator("[data-leftovers] li")
    expect(left).to_contain_text("4 photos still to send to Ferry.")
    left.get_by_role("link", name="Continue").click()
    expect(page.locator("#grid .tile")).to_have_count(4)


def test_page_of_galleries_forgets_nothing_that_another_tab_sends(visitor: Open, person: str) -> None:
    """Both were offered it, and one went on. The focus of a button that goes is not lost either."""
    page = leave_behind(visitor, person, "Bus")
    left = page.locator("[data-leftovers] li")
    expect(left).to_contain_text("4 photos still to send to Bus.")
    other = page.context.new_page()
    other.goto(left.get_by_role("link", name="Continue").evaluate("link => link.href.split('#')[0]"))
    expect(other.locator('[data-part="head"]')).to_have_text("4 photos still to send")
    other.evaluate(NO_LINE)
    other.locator('[data-part="take-up"]').click()
    expect(other.locator(".upload-state", has_text="Trying again in")).to_have_count(4)
    left.get_by_role("button", name="Forget them").click()
    expect(page.locator("[data-leftovers]")).to_be_hidden()
    expect(page.locator("#main")).to_be_focused()
    assert len(kept(other)) == 4


def test_page_of_galleries_says_when_it_could_not_forget(visitor: Open, person: str) -> None:
    page = leave_behind(visitor, person, "Tram")
    left = page.locator("[data-leftovers] li")
    page.evaluate(OUT_OF_REACH)
    expect(left.get_by_role("link", name="Continue: Tram")).to_be_visible()
    left.get_by_role("button", name="Forget them: Tram").click()
    expect(page.locator("#toasts")).to_contain_text("The photos on this device could not be reached.")
    page.evaluate("mend()")
    left.get_by_role("button", name="Forget them").click()
    expect(page.locator("[data-leftovers]")).to_be_hidden()
    assert kept(page) == []


def test_signing_out_asks_and_forgets(visitor: Open, person: str) -> None:
    page = leave_behind(visitor, person, "Hotel computer")
    for answer in ("Cancel", "Sign out"):
        page.locator("summary[aria-label^='Menu of']").click()
        page.get_by_role("button", name="Sign out").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("4 photos are still to be sent.")
        dialog.get_by_role("button", name=answer).click()
        expect(dialog).to_have_count(0)
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.goto(f"{page.url}accounts/login/")
    page.fill("input[name=login]", person)
    page.fill("input[name=password]", PASSWORD)
    page.locator("main button[type=submit]").first.click()
    expect(page.get_by_role("link", name="Hotel computer")).to_be_visible()
    expect(page.locator("[data-leftovers]")).to_be_hidden()


SHEET = """
window.handed = [];
navigator.canShare = () => true;
navigator.share = async ({ files }) => window.handed.push(files.map((file) => [file.name, file.type, file.size > 0]));
"""


def test_selected_photos_go_to_the_share_sheet_in_batches(visitor: Open, person: str) -> None:
    window = visitor()
    window.page.add_init_script(SHEET)
    window.sign_in(person)
    page = window.page
    new_gallery(page, "Batches")
    photos: list[FilePayload] = [
        {"name": f"{each:02}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(each)} for each in range(12)
    ]
    page.set_input_files("input[type=file]", photos)
    expect(page.locator("#grid .tile")).to_have_count(12, timeout=20_000)
    page.locator("#grid").press("Control+a")
    share = page.locator("[data-selection-share]")
    share.click()
    expect(share).to_contain_text("Save the next 2")
    share.click()
    page.wait_for_function("() => window.handed.length === 2")
    handed = page.evaluate("() => window.handed")
    assert [len(batch) for batch in handed] == [10, 2]
    assert sorted(each[0] for batch in handed for each in batch) == [f"{each:02}.jpg" for each in range(12)]
    assert all(each[1:] == ["image/jpeg", True] for batch in handed for each in batch)
