"""Handing files to the phone's sheet, batch by batch: what was fetched is kept, whatever comes between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route

from tests.live import ROOT

pytestmark = pytest.mark.browser

ORIGIN = "http://share.test"
# A sheet that does as it is told, once each ("" takes the files, a name is the error it ends in), and then takes all.
SHEET = """() => {
    window.taken = [];
    window.sheet = [];
    navigator.share = async ({ files }) => {
        const error = window.sheet.shift();
        if (error) throw new DOMException("no", error);
        window.taken.push(...files.map(file => file.name));
    };
}"""
Start = Callable[..., None]
Tap = Callable[[], dict[str, Any]]


class Line:
    """What the photos' addresses answer: ``plans`` by number, in turn (0: the line breaks), then 200."""

    def __init__(self) -> None:
        self.plans: dict[int, list[int]] = {}
        self.asked: list[int] = []

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.endswith(".js"):
            route.fulfill(body=(ROOT / Path(path[1:])).read_bytes(), content_type="text/javascript")
        elif not path.startswith("/photo/"):
            route.fulfill(body="<!doctype html><title>Share</title>", content_type="text/html")
        else:
            self._photo(route, int(path.removeprefix("/photo/")))

    def _photo(self, route: Route, number: int) -> None:
        self.asked.append(number)
        status = self.plans.get(number, []).pop(0) if self.plans.get(number) else 200
        if status == 0:
            route.abort("connectionreset")
        elif status == 200:
            route.fulfill(body=b"photo", content_type="image/jpeg")
        else:
            route.fulfill(status=status, json={"detail": f"Refused with {status}."})


@pytest.fixture
def line(page: Page) -> Line:
    answers = Line()
    page.route(f"{ORIGIN}/**", answers.answer)
    return answers


@pytest.fixture
def start(page: Page, line: Line) -> Start:
    """Share so many photos; ``sheet`` is what becomes of the first tries."""

    def begin(many: int, *sheet: str) -> None:
        page.goto(f"{ORIGIN}/")
        page.evaluate(SHEET)
        page.evaluate(
            """async ([many, sheet]) => {
                window.sheet = sheet;
                const { shareFiles } = await import("/static/js/share_files.js");
                const photo = (_, n) => ({ address: `/photo/${n + 1}`, name: `${n + 1}.jpg` });
                window.sharing = shareFiles(Array.from({ length: many }, photo));
            }""",
            [many, list(sheet)],
        )

    return begin


@pytest.fixture
def tap(page: Page) -> Tap:
    return lambda: page.evaluate("window.sharing.next(() => {})")


def names(*numbers: int) -> list[str]:
    return [f"{number}.jpg" for number in numbers]


def test_a_second_batch_follows_with_the_next_tap(page: Page, line: Line, start: Start, tap: Tap) -> None:
    start(13)
    assert tap() == {"saved": 10, "left": 3, "ready": 0, "problem": ""}
    assert tap() == {"saved": 13, "left": 0, "ready": 0, "problem": ""}
    assert page.evaluate("window.taken") == names(*range(1, 14))
    assert line.asked == [*range(1, 14)]


@pytest.mark.parametrize("error", ["AbortError", "NotAllowedError"])
def test_a_sheet_that_was_closed_or_came_too_late_keeps_what_was_fetched(
    error: str, page: Page, line: Line, start: Start, tap: Tap
) -> None:
    start(12, error)
    assert tap() == {"saved": 0, "left": 12, "ready": 10, "problem": ""}
    assert tap() == {"saved": 10, "left": 2, "ready": 0, "problem": ""}
    assert tap()["left"] == 0
    assert page.evaluate("window.taken") == names(*range(1, 13))
    assert line.asked == [*range(1, 13)]  # each once: a download may be counted


def test_a_line_that_breaks_hands_on_what_came_and_goes_on(page: Page, line: Line, start: Start, tap: Tap) -> None:
    line.plans[3] = [0, 503]
    start(4)
    assert tap() == {"saved": 2, "left": 2, "ready": 0, "problem": "Connection lost. Try again."}
    assert tap() == {"saved": 2, "left": 2, "ready": 0, "problem": "Refused with 503."}
    assert tap() == {"saved": 4, "left": 0, "ready": 0, "problem": ""}
    assert page.evaluate("window.taken") == names(1, 2, 3, 4)
    assert line.asked == [1, 2, 3, 3, 3, 4]


def test_a_photo_that_is_gone_is_left_out(page: Page, line: Line, start: Start, tap: Tap) -> None:
    line.plans[2] = [404]
    start(3)
    assert tap() == {"saved": 2, "left": 0, "ready": 0, "problem": "One photo is no longer there."}
    assert page.evaluate("window.taken") == names(1, 3)


def test_a_link_without_downloads_left_still_hands_on_what_came(page: Page, line: Line, start: Start, tap: Tap) -> None:
    line.plans[3] = [403]
    start(9)
    assert tap() == {"saved": 2, "left": 0, "ready": 0, "problem": "Refused with 403."}
    assert line.asked == [1, 2, 3]


def test_files_that_the_device_refuses_are_not_offered_again(line: Line, start: Start, tap: Tap) -> None:
    start(2, "DataError")
    assert tap() == {
        "saved": 0, "left": 0, "ready": 0, "problem": "This device did not take them. Download them instead.",
    }  # fmt: skip
