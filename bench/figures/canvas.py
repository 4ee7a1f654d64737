"""Real photos from the drop to "all safe", in headless Chromium; this machine is browser and server at once."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image as Pillow
from playwright.sync_api import Browser

from bench.context import Bench, alternate
from bench.figures.first_screen import fill
from bench.real_photos import CAMERAS, write_photos
from bench.site import Site
from bench.ssim import similarity
from bench.table import Row, Wanted
from bench.uploader import READ, Peak, chromium, tab

LINE = 10_000_000 / 8  # bytes a second
MB = 1_000_000


def measure(bench: Bench) -> Iterator[Row]:
    count = bench.scaled(100, 9)
    files = write_photos(bench.scratch / "photos", count)
    site = bench.site("canvas")
    with chromium() as browser:
        yield from _whole(bench, browser, site, files)
        yield from _line(browser, site, files[: bench.scaled(20, 6)])
        yield from _memory(bench, browser, site, files)
        yield from _quality(browser, site, files[: bench.scaled(len(CAMERAS), 3)])


def _whole(bench: Bench, browser: Browser, site: Site, files: Sequence[Path]) -> Iterator[Row]:
    longest = []

    def drop() -> float:
        with tab(browser, site) as opened:
            seconds = opened.drop(files)
            longest.append(opened.longest_task)
        return seconds

    def compress() -> float:
        with tab(browser, site) as opened:
            return opened.compress(files)

    whole, merely = alternate(bench.scaled(2, 1), drop, compress)
    name = f"{len(files)} photos of 12 MP, drop to all safe"
    yield Row(name, "s", whole, merely, "the pool merely compressing", Wanted(1.25, of="ratio"))
    yield Row("longest task of the page meanwhile", "ms", longest, wanted=Wanted(50))


def _line(browser: Browser, site: Site, files: Sequence[Path]) -> Iterator[Row]:
    seconds = {}
    for quality in ("original", "full", "small"):
        with tab(browser, site, quality=quality) as opened:
            opened.slow_down(LINE)
            seconds[quality] = opened.drop(files)
    name, wanted = f"{len(files)} of them over 10 Mbit/s", Wanted(1 / 3, of="ratio")
    limit = [seconds["original"]]
    yield Row(f"{name}, full resolution", "s", [seconds["full"]], limit, "the originals", wanted)
    yield Row(f"{name}, small", "s", [seconds["small"]], limit, "the originals", wanted)


def _memory(bench: Bench, browser: Browser, site: Site, files: Sequence[Path]) -> Iterator[Row]:
    few, many = bench.scaled(20, 3), bench.scaled(200, 9)
    dropped = [_repeated(files, count, bench.scratch / f"repeated-{count}") for count in (few, many)]
    name, limit = f"peak memory of the tab, {many} photos", f"{few} photos"
    wanted = Wanted(1.2, of="ratio")
    less, more = (_peaks(browser, site, each, "") for each in dropped)
    yield Row(name, "MiB", [more.own], [less.own], limit, wanted)
    # Nothing is wanted of this one: what measures it holds the bodies of all requests, and its store in memory.
    yield Row(f"peak memory of the browser beside it, {many} photos", "MiB", [more.beside], [less.beside], limit)
    # A page that was full shows as many pictures after few photos as after many: the uploader's own growth is left.
    less, more = (_peaks(browser, site, each, fill(site)) for each in dropped)
    yield Row(f"{name}, on a page that was full", "MiB", [more.own], [less.own], limit, wanted)


class Peaks(NamedTuple):
    """The most memory, in MiB, of a tab and of its browser's other processes."""

    own: float
    beside: float


def _peaks(browser: Browser, site: Site, files: Sequence[Path], gallery: str) -> Peaks:
    with tab(browser, site, gallery=gallery) as opened, Peak(opened.own) as own, Peak(opened.others) as beside:
        opened.drop(files)
    return Peaks(own.most, beside.most)


def _repeated(files: Sequence[Path], count: int, folder: Path) -> list[Path]:
    """As many files; those beyond the first round are others by a byte at the end, and the same pictures."""
    folder.mkdir()
    repeated = list(files[:count])
    for number in range(len(files), count):
        repeated.append(folder / f"{number}.jpg")
        repeated[-1].write_bytes(files[number % len(files)].read_bytes() + b".")
    return repeated


def _quality(browser: Browser, site: Site, files: Sequence[Path]) -> Iterator[Row]:
    with tab(browser, site) as opened:
        opened.compress(files)
        made = [base64.b64decode(opened.page.evaluate(READ, index)) for index in range(len(files))]
    chosen = [file.stat().st_size / MB for file in files]
    yield Row("a lighter photo", "MB", [len(each) / MB for each in made], chosen, "as chosen", Wanted(0.5, of="ratio"))
    pairs = zip(files, made, strict=True)
    likeness = [similarity(Pillow.open(file), Pillow.open(io.BytesIO(body))) for file, body in pairs]
    yield Row("its SSIM, mean", "", [sum(likeness) / len(likeness)])
    yield Row("its SSIM, the least", "", [min(likeness)], wanted=Wanted(0.97, "high"))
