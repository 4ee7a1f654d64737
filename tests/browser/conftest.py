"""A real Chromium in front of the real site."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route

from tests.conftest import PATIENCE
from tests.live import PASSWORD, LiveSite

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
PAGE = 60  # photos on a page of a gallery
FILL = """
from datetime import UTC, datetime
from django.utils import timezone
from galleries.models import Gallery
from galleries.uploads import UploadOptions
from gallery_site.accounts.models import User
from tests.pictures import jpeg, store
owner = User.objects.get(username={person!r})
gallery, _ = Gallery.objects.get_or_create(owner=owner, title="Full", retention={retention!r},
                                           defaults=dict(created_at=timezone.now()))
for seed in range({first}, {end}):
    store(gallery, jpeg(seed), options=UploadOptions(taken_at=datetime(2020, 1, 1, tzinfo=UTC) if {old} else None))
print(gallery.hex)
"""
BLOCKED = "Service Worker registration blocked by Playwright"
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


def fill(site: LiveSite, person: str, seeds: range, *, old: bool = False, retention: str = "7d") -> str:
    """Put photos into a gallery of this person, behind its pages' backs; returns its path. Those that are ``old`` come
    after all others."""
    program = FILL.format(person=person, first=seeds.start, end=seeds.stop, old=old, retention=retention)
    return f"/g/{site.manage('shell', '-v0', '-c', program).stdout.strip()}/"


def await_one(page: Page, waiting: list[Route]) -> None:
    """Until a request is held back; its handler may hear of it later than whoever expects the request."""
    for _ in range(PATIENCE // 10):
        if waiting:
            return
        page.wait_for_timeout(10)
    pytest.fail("Nothing was asked for.")


class Visitor:
    """One browser window, and what it complained about. ``path``: where the gallery of :func:`enter` lies."""

    path = ""

    def __init__(self, site: LiveSite, context: BrowserContext) -> None:
        self.site = site
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and message.text != BLOCKED:
            self.complaints.append(f"{message.type}: {message.text}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site.address}{path}")

    def sign_in(self, name: str) -> None:
        self.open("/accounts/login/")
        self.page.fill("input[name=login]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.locator("main button[type=submit]").first.click()
        self.page.wait_for_url(f"{self.site.address}/")

    def sign_in_unseen(self, name: str) -> None:
        """Without the form and the page behind it, which take longer to draw than most that a test looks at."""
        form = f"{self.site.address}/accounts/login/"
        request = self.page.request
        request.get(form)
        token = next(each["value"] for each in self.page.context.cookies() if each["name"].endswith("csrf"))
        answer = request.post(form, form={"login": name, "password": PASSWORD, "csrfmiddlewaretoken": token})
        assert answer.url == f"{self.site.address}/"

    def stir(self) -> None:
        """Have what hands need fetched, and wait: on a busy machine a press before may wait in vain (stir.js)."""
        self.page.mouse.move(5, 5)
        self.page.wait_for_function("() => window.htmx !== undefined")

    def enter(self, name: str, path: str) -> None:
        """Open what lies at ``path``, signed in."""
        self.sign_in_unseen(name)
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


@pytest.fixture
def enter(site: LiveSite, visitor: Callable[..., Visitor], person: str) -> Callable[..., Visitor]:
    """``enter(5)``, ``enter(5, PHONE)``: a window with a gallery of five photos, whose owner has moved a hand in it."""

    def open_window(photos: int, viewport: dict[str, int] = DESK, **options: object) -> Visitor:
        window = visitor(viewport, **options)
        window.path = fill(site, person, range(photos))
        window.enter(person, window.path)
        window.stir()
        return window

    return open_window
