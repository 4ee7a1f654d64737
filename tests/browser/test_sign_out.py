"""After signing out, what was seen before cannot be brought back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_titles = itertools.count(1)


def test_row_35_back_after_signing_out_shows_no_gallery(visitor: Any, person: str) -> None:
    """htmx keeps no pages, the browser stores none: Back asks the site, which asks who it is."""
    window: Visitor = visitor()
    title = f"Nobody else's {next(_titles)}"
    window.sign_in(person)
    window.open("/g/new/")
    window.page.fill("input[name=title]", title)
    window.page.locator("main form button").last.click()
    window.page.wait_for_url("**/g/*/")
    assert title in window.page.content()
    window.open("/accounts/logout/")
    window.page.locator("main form button").first.click()
    window.page.wait_for_url(f"{window.site.address}/")
    for _ in range(3):
        window.page.go_back()
        assert title not in window.page.content()
    kept = window.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert title not in kept
