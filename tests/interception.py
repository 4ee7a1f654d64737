"""Requests that a test takes from a page which is open already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route

PROBE = """() => fetch(document.querySelector("script[src]").src, { method: "HEAD" }).then(() => {}, () => {})"""
TRIES = 1_000


def intercept(page: Page, pattern: Any, handler: Callable[[Route], object], **options: Any) -> None:
    """``page.route``, in force when this returns.

    On a busy machine Chromium sends some more requests past a route that was the page's first: it says that it
    intercepts before the process that draws the page does. So requests are made until one is taken.
    """
    taken: list[Route] = []

    def take(route: Route) -> None:
        if route.request.method == "HEAD":
            taken.append(route)
            route.fulfill()
        else:
            route.fallback()

    page.route(pattern, handler, **options)
    page.route("**", take)
    for _ in range(TRIES):
        page.evaluate(PROBE)
        if taken:
            break
    else:
        pytest.fail("Nothing is intercepted.")
    page.unroute("**", take)
