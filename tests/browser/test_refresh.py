"""A grid that is filled while it is open shows every photo, also when it outgrows its first page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_main_job import OpenWindow, make_gallery
from tests.pictures import jpeg

pytestmark = pytest.mark.browser

MANY = 75  # more than one page


def test_grid_that_outgrows_its_first_page_leads_to_the_rest(visitor: OpenWindow, person: str) -> None:
    window = visitor()
    page = window.page
    window.sign_in(person)
    make_gallery(window, "Many")
    files = [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(n)} for n in range(MANY)]
    page.set_input_files("input[type=file][name=file]", files)  # type: ignore[arg-type]
    expect(page.locator("#gallery-summary")).to_contain_text(f"{MANY} photos", timeout=90_000)
    for _ in range(20):
        page.mouse.wheel(0, 4_000)
        page.wait_for_timeout(250)
        if page.locator("#grid .tile").count() == MANY and page.locator("#grid .more").count() == 0:
            break
    names = page.locator("#grid .tile-link").evaluate_all("links => links.map(link => link.dataset.name)")
    assert sorted(names) == sorted(f"{n}.jpg" for n in range(MANY))
