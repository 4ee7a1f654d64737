"""The uploader of a site in headless Chromium, and what its tab costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.context import PERSON
from bench.site import MIB, Site, family, proportional_set
from gallery_site.runner.browser import obtain_chromium

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 1_800_000  # ms
SAMPLE_SECONDS = 0.1

# The address of the pool's module, undefined before the page has loaded it.
POOL = r"""() => performance.getEntriesByType("resource").map(({ name }) => name)
  .find((name) => /\/upload\/pool\.[^/]*js$/.test(name))"""
COMPRESS = """async () => {
  const { WorkerPool } = await import((POOL)());
  const pool = new WorkerPool({ url: document.querySelector("[data-uploader]").dataset.worker });
  const options = { quality: "full", maxPixels: 80_000_000, renditions: false };
  const begin = performance.now();
  const made = await Promise.all([...bench.files].map((file) => pool.prepare(file, options)));
  window.made = made.map(({ blob }) => blob);
  return (performance.now() - begin) / 1000;
}""".replace("POOL", POOL)
LONG_TASKS = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
}).observe({ type: "longtask" });
"""
READ = """async (index) => {
  const bytes = new Uint8Array(await window.made[index].arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 30_000) text += String.fromCharCode(...bytes.subarray(at, at + 30_000));
  return btoa(text);
}"""
IS_SAFE = """(count) => new RegExp(`^${count} photos? safe|safe, \\\\d+ already here`).test(
  document.querySelector('[data-part="head"]').textContent)"""


@dataclass
class Tab:
    """A new gallery, open, with the uploader at work."""

    page: Page
    renderers: list[int]  # what draws and runs the page, its workers too
    browser: int  # the process that all others of this browser descend from

    def drop(self, files: Sequence[Path]) -> float:
        """Seconds from the choice of these files until all of them are safe."""
        begin = time.monotonic()
        self.page.set_input_files("input[type=file][name=file]", list(files))
        # By default it is asked at each frame, and the page has to make sixty a second for that.
        self.page.wait_for_function(IS_SAFE, arg=len(files), timeout=PATIENCE, polling=100)
        return time.monotonic() - begin

    def compress(self, files: Sequence[Path]) -> float:
        """Seconds that the uploader's pool needs for these files when it does nothing else."""
        self.choose(files)
        seconds: float = self.page.evaluate(COMPRESS)
        return seconds

    def choose(self, files: Sequence[Path]) -> None:
        """Give the page files that the uploader does not see."""
        self.page.evaluate(
            "document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'bench',"
            " multiple: true}))"
        )
        self.page.set_input_files("#bench", list(files))

    @property
    def longest_task(self) -> float:
        """Of the page's main thread, in ms; 0 when none took 50 and more."""
        longest: float = self.page.evaluate("window.longest")
        return longest

    def own(self) -> list[int]:
        """The tab's own processes."""
        return self.renderers

    def others(self) -> set[int]:
        """The browser's processes but the tab's own: where chosen files, the store and the network are held."""
        return set(family(self.browser)) - set(self.renderers)

    def slow_down(self, bytes_per_second: float) -> None:
        line = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        self.page.context.new_cdp_session(self.page).send("Network.emulateNetworkConditions", line)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=obtain_chromium(), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def tab(browser: Browser, site: Site, *, quality: str = "full", gallery: str = "") -> Iterator[Tab]:
    """A tab of its own on a gallery of ``PERSON``, a new one unless its id is given."""
    gallery = gallery or site.inside("bench.filling:new_gallery", person=PERSON)
    session = site.inside("bench.filling:sign_in", person=PERSON)
    context = browser.new_context()
    context.add_cookies([{"name": "session", "value": session, "url": site.address}])
    context.add_init_script(LONG_TASKS)
    before = _processes(browser, "renderer")
    page = context.new_page()
    page.goto(f"{site.address}/g/{gallery}/")
    page.wait_for_selector('[data-uploader="ready"]', state="attached")
    page.mouse.move(5, 5)  # the uploader is fetched when somebody stirs
    page.wait_for_function(POOL)
    page.evaluate("(value) => document.querySelector(`[name=quality][value=${value}]`).click()", quality)
    now = _processes(browser, "renderer")
    yield Tab(page, sorted(now - before or now), *_processes(browser, "browser"))
    context.close()


def _processes(browser: Browser, kind: str) -> set[int]:
    information: dict[str, Any] = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return {int(each["id"]) for each in information["processInfo"] if each["type"] == kind}


class Peak:
    """The most memory, in MiB, that some processes had together while the block ran; asked each time which they are."""

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self.processes = processes
        self.most = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            try:
                self.most = max(self.most, sum(map(proportional_set, self.processes())) / MIB)
            except (FileNotFoundError, ProcessLookupError):
                continue
