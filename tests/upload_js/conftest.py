"""A Chromium and a site that fails on purpose, for the uploader's modules."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from gallery_site.runner.browser import obtain_chromium
from tests.upload_js.fake_site import FakeSite

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": obtain_chromium(), "args": FLAGS}


@pytest.fixture
def site() -> Iterator[FakeSite]:
    fake = FakeSite()
    yield fake
    fake.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the console said and no test expects: errors of scripts and of the content security policy."""
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
    page.goto(site.page)
    page.wait_for_selector('[data-uploader="ready"]', state="attached")
    yield page
    assert complaints == []


@pytest.fixture(scope="module")
def blank_page(browser: Browser) -> Iterator[Page]:
    """One empty page for all pure functions of a test module: they leave nothing behind."""
    fake = FakeSite()
    page = browser.new_page()
    page.goto(f"{fake.origin}/blank/")
    yield page
    page.close()
    fake.close()


@pytest.fixture
def call(blank_page: Page) -> Callable[..., Any]:
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
