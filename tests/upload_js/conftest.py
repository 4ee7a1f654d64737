"""A Chromium and a site that fails on purpose, for the uploader's modules."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from tests.upload_js.fake_site import FakeServer, FakeSite
from tests.upload_js.queue_world import WORLD

Call = Callable[..., Any]
Play = Callable[..., Any]


@pytest.fixture(scope="module")
def fake_server() -> Iterator[FakeServer]:
    """One address for a module, whose scripts the browser keeps."""
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def site(fake_server: FakeServer) -> FakeSite:
    """This test's own."""
    return fake_server.open()


@pytest.fixture(scope="module")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for a module, whose cache holds the scripts; making one takes longer than most tests."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def page(shared_context: BrowserContext, site: FakeSite) -> Iterator[Page]:
    """A tab of a browser that has kept nothing of this site but its cache."""
    page = shared_context.new_page()
    wipe = {"origin": site.origin, "storageTypes": "local_storage,indexeddb,service_workers,cache_storage"}
    shared_context.new_cdp_session(page).send("Storage.clearDataForOrigin", wipe)
    yield page
    for each in shared_context.pages:
        each.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the console said and no test expects: errors of scripts and of the content security policy."""
    return listen(page)


def listen(page: Page) -> list[str]:
    """What ``page`` complains about from now on."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def gallery_page(page: Page, site: FakeSite, complaints: list[str]) -> Iterator[Page]:
    """The gallery, open, with the uploader at work. Nothing may have complained by the end of the test."""
    open_gallery(page, site)
    yield page
    assert complaints == []


@pytest.fixture
def clocked_page(browser: Browser, site: FakeSite) -> Iterator[Page]:
    """The same in a profile of its own, whose clock the test turns."""
    context = browser.new_context()
    page = context.new_page()
    complaints = listen(page)
    page.clock.install()
    open_gallery(page, site)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of its own, whose tabs may be killed."""
    context = browser.new_context()
    yield context
    context.close()


def open_gallery(page: Page, site: FakeSite) -> None:
    """Wait until the uploader listens."""
    page.goto(site.page)
    page.wait_for_selector('[data-uploader="ready"]', state="attached")


@pytest.fixture(scope="module")
def blank_page(shared_context: BrowserContext, fake_server: FakeServer) -> Iterator[Page]:
    """One empty page for all pure functions of a test module: they leave nothing behind."""
    page = shared_context.new_page()
    page.goto(f"{fake_server.origin}/blank/")
    yield page
    page.close()


@pytest.fixture
def call(blank_page: Page) -> Call:
    """``call("fit.js", "fit", 4000, 3000, 2048)``: a function of a module, run in Chromium. Bytes become Uint8Array."""

    def run(module: str, function: str, *arguments: Any) -> Any:
        packed = [
            {"bytes": base64.b64encode(each).decode()} if isinstance(each, bytes) else {"value": each}
            for each in arguments
        ]
        return blank_page.evaluate(
            """async ([module, name, packed]) => {
              const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
              const values = packed.map((each) => ("bytes" in each ? decode(each.bytes) : each.value));
              return (await import(`/static/js/upload/${module}`))[name](...values);
            }""",
            [module, function, packed],
        )

    return run


@pytest.fixture
def play(blank_page: Page) -> Play:
    """Run a scene: the body of an async function that sees WORLD."""

    def run(scene: str, argument: Any = None) -> Any:
        return blank_page.evaluate(f"async (given) => {{ {WORLD} {scene} }}", argument)

    return run


def wait_until(holds: Callable[[], bool], patience: float = 20.0) -> None:
    """What the site sees, and no page tells."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def kill(page: Page, blank: str = "/blank/") -> None:
    """The tab's process dies: nothing of the page runs any more, and its locks are free (which takes a moment).
    ``blank``: a page of the same site that holds none."""
    witness = page.context.new_page()
    witness.goto(urljoin(page.url, blank))
    count_locks = "async () => (await navigator.locks.query()).held.length"
    before = witness.evaluate(count_locks)
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash", timeout=300)
    page.close()
    wait_until(lambda: witness.evaluate(count_locks) < before)
    witness.close()
