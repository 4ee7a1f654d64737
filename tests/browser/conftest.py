"""A real Chromium in front of the real site."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.live import PASSWORD, LiveSite

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
AT_ONCE = 10  # accounts that are made together: a process for each takes longer than many a test
_firsts = itertools.count(1, AT_ONCE)  # modules share a site, or have their own


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """One site for all tests of this folder; each test has people of its own."""
    live = LiveSite(tmp_path_factory.mktemp("site"))
    live.set_up()
    live.start()
    yield live
    live.stop()


class Visitor:
    """One browser window, and what it complained about."""

    def __init__(self, site: LiveSite, context: BrowserContext) -> None:
        self.site = site
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site.address}{path}")

    def sign_in(self, name: str) -> None:
        self.open("/accounts/login/")
        self.page.fill("input[name=login]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.locator("main button[type=submit]").first.click()
        self.page.wait_for_url(f"{self.site.address}/")

    def enter(self, name: str, path: str) -> None:
        """Sign in, and open what lies at ``path``."""
        self.sign_in(name)
        self.open(path)


@pytest.fixture
def visitor(site: LiveSite, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open windows: ``visitor()`` is a desk, ``visitor(PHONE)`` a phone. Nothing may have complained by the end of
    the test."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def open_window(viewport: dict[str, int] = DESK, **options: object) -> Visitor:
        phone = viewport is PHONE
        context = browser.new_context(viewport=viewport, has_touch=phone, is_mobile=phone, **options)  # type: ignore[arg-type]
        opened.append((context, Visitor(site, context)))
        return opened[-1][1]

    yield open_window
    for context, window in opened:
        context.close()
        assert window.complaints == []


@pytest.fixture(scope="module")
def people(site: LiveSite) -> Iterator[str]:
    """Names of accounts that nobody has used, on the site of this module."""

    def make() -> Iterator[str]:
        for first in _firsts:
            names = [f"alice{each}" for each in range(first, first + AT_ONCE)]
            site.add_people(*names)
            yield from names

    return make()


@pytest.fixture
def person(people: Iterator[str]) -> str:
    """The name of an account that only this test uses."""
    return next(people)
