"""What a phone loads for the first screen of a gallery, the owner's and that of somebody with a link, in headless
Chromium with a slow phone and line emulated.

The emulation is Lighthouse's for mobile: 412 x 823 px at a density of 1.75, processor 4 times slower, 150 ms round
trip, 1.6 Mbit/s down and 0.75 up (Lighthouse's "simulated slow 4G", here applied to each request).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright

from bench.client import Client
from bench.context import PERSON, Bench
from bench.photo import multipart
from bench.real_photos import cut_out
from bench.site import Site
from bench.table import Row, Wanted
from gallery_site.runner.browser import obtain_chromium

PHOTOS = 60
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
VIEWPORT = {"width": 412, "height": 823}
DENSITY = 1.75
SLOWER = 4
LATENCY = 150  # ms
DOWN, UP = 1.6 * 1024 * 1024 / 8, 0.75 * 1024 * 1024 / 8  # bytes a second
KB = 1000
OBSERVE = """() => {
  window.seen = {shift: 0, first: 0, largest: 0};
  new PerformanceObserver((list) => {
    window.seen.first = list.getEntriesByName("first-contentful-paint")[0]?.startTime ?? window.seen.first;
  }).observe({type: "paint", buffered: true});
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.shift += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  new PerformanceObserver((list) => {
    window.seen.largest = list.getEntries().at(-1).startTime;
  }).observe({type: "largest-contentful-paint", buffered: true});
}"""


@dataclass
class Load:
    """One load with an empty cache."""

    requests: int = 0
    bytes_by_type: dict[str, int] = field(default_factory=dict)
    shift: float = 0.0
    first: float = 0.0  # ms until something is there
    largest: float = 0.0  # ms

    @property
    def kilobytes(self) -> float:
        """As they went over the line, headers too, without pictures."""
        return sum(size for kind, size in self.bytes_by_type.items() if kind != "Image") / KB


def measure(bench: Bench) -> Iterator[Row]:
    site = bench.site("first-screen")
    gallery = fill(site)
    session = site.inside("bench.filling:sign_in", person=PERSON)
    link = site.inside("bench.filling:new_link", gallery=gallery)
    times = bench.scaled(5, 2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=obtain_chromium(), args=CHROMIUM_FLAGS)
        own = [_load(browser, site, f"/g/{gallery}/", session) for _ in range(times)]
        visits = [_load(browser, site, link) for _ in range(times)]
        browser.close()
    yield from _rows("first screen", own)
    yield from _rows("first screen of a link", visits)
    yield Row("first screen of a link, first paint", "s", [load.first / 1000 for load in visits], wanted=Wanted(1.0))


def _rows(name: str, loads: list[Load]) -> Iterator[Row]:
    yield Row(f"{name}, requests", "", [load.requests for load in loads])
    yield Row(f"{name} without pictures", "kB", [load.kilobytes for load in loads], wanted=Wanted(60))
    yield Row(f"{name}, layout shift", "", [load.shift for load in loads], wanted=Wanted(0))
    yield Row(f"{name}, largest paint", "s", [load.largest / 1000 for load in loads], wanted=Wanted(2.5))


def fill(site: Site) -> str:
    """A gallery of as many photos as a first screen shows, of cameras and phones; returns its id."""
    gallery: str = site.inside("bench.filling:new_gallery", person=PERSON)
    with Client(site.address, {"Authorization": f"Bearer {site.token(PERSON)}"}) as client:
        for number in range(PHOTOS):
            client.send("POST", f"/api/v1/galleries/{gallery}/images", *multipart("photo.jpg", cut_out(number)))
    return gallery


def _load(browser: Browser, site: Site, path: str, session: str = "") -> Load:
    context = browser.new_context(viewport=VIEWPORT, device_scale_factor=DENSITY, is_mobile=True, has_touch=True)  # type: ignore[arg-type]
    if session:
        context.add_cookies([{"name": "session", "value": session, "url": site.address}])
    page = context.new_page()
    load = Load()
    developer = context.new_cdp_session(page)
    _count_requests(developer, load)
    _slow_down(developer)
    page.add_init_script(f"({OBSERVE})()")
    page.goto(f"{site.address}{path}", wait_until="load")
    page.wait_for_load_state("networkidle")
    seen: dict[str, Any] = json.loads(page.evaluate("() => JSON.stringify(window.seen)"))
    load.shift, load.first, load.largest = seen["shift"], seen["first"], seen["largest"]
    context.close()
    return load


def _count_requests(developer: CDPSession, load: Load) -> None:
    """Every request that went over the line, by what it was for, in bytes as they were sent."""
    kinds: dict[str, str] = {}

    def responded(event: dict[str, Any]) -> None:
        kinds[event["requestId"]] = event["type"]

    def finished(event: dict[str, Any]) -> None:
        if event["encodedDataLength"] == 0:  # a data: address, the cache
            return
        kind = kinds.get(event["requestId"], "Other")
        load.requests += 1
        load.bytes_by_type[kind] = load.bytes_by_type.get(kind, 0) + int(event["encodedDataLength"])

    developer.on("Network.responseReceived", responded)
    developer.on("Network.loadingFinished", finished)
    developer.send("Network.enable")


def _slow_down(developer: CDPSession) -> None:
    line = {"offline": False, "latency": LATENCY, "downloadThroughput": DOWN, "uploadThroughput": UP}
    developer.send("Network.emulateNetworkConditions", line)
    developer.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
