"""Toasts never pile up, whatever the page has to say at once."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route

from tests.live import ROOT

pytestmark = pytest.mark.browser

ORIGIN = "http://toasts.test"
HTML = """<!doctype html><title>Toasts</title>
<body><main id="main" tabindex="-1"><a href="#">Photo</a></main><div id="toasts"></div></body>"""


@pytest.fixture
def board(page: Page) -> Page:
    """A page with nothing but the place of the toasts, at a clock that stands still."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.endswith(".js"):
            route.fulfill(body=(ROOT / Path(path[1:])).read_bytes(), content_type="text/javascript")
        else:
            route.fulfill(body=HTML, content_type="text/html")

    page.route(f"{ORIGIN}/**", answer)
    page.clock.install()
    page.goto(ORIGIN)
    return page


def said(page: Page, *sentences: tuple[str, str]) -> list[str]:
    """What stands there after these (words, kind), when what leaves has left."""
    page.evaluate(
        """async (sentences) => {
            const { say } = await import("/static/js/toasts.js");
            for (const [words, kind] of sentences) {
                say(words, kind);
                await Promise.resolve();  // each is seen for itself
            }
        }""",
        list(sentences),
    )
    page.clock.run_for(500)
    return page.locator(".toast p").all_inner_texts()


def test_three_stand_there_and_warnings_longest(board: Page) -> None:
    assert said(board, ("one", "info"), ("lost", "warning"), ("two", "info"), ("three", "info"), ("four", "info")) == [
        "lost",
        "three",
        "four",
    ]


def test_the_same_words_stand_there_once(board: Page) -> None:
    assert said(board, *[("No connection.", "warning")] * 5, ("Copied.", "info")) == ["No connection.", "Copied."]


def test_of_many_warnings_the_newest_stay(board: Page) -> None:
    assert said(board, *[(str(number), "warning") for number in range(6)]) == ["3", "4", "5"]


@pytest.mark.parametrize("is_there", [True, False], ids=["back", "to the content"])
def test_a_toast_that_is_closed_by_keyboard_gives_the_focus_back(board: Page, is_there: bool) -> None:
    said(board, ("No connection.", "warning"))
    photo = board.locator("main a")
    photo.focus()
    board.keyboard.press("Tab")
    if not is_there:
        photo.evaluate("one => { one.hidden = true; }")
    board.keyboard.press("Enter")
    board.clock.run_for(500)
    assert board.locator(".toast").count() == 0
    assert board.evaluate("document.activeElement.localName") == ("a" if is_there else "main")
