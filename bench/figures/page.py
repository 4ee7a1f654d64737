"""A gallery's page for its owner: 60 pictures, among 100 to 1,000,000, on the first page and on a deep one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.client import Chunk, Client, measure_gets, percentile, signed_in
from bench.context import Bench, Stocked, alternate
from bench.site import Site
from bench.table import Row, Wanted

MILLI = 1000
PLAIN = "plain Django page"
ALBUM = 1


def measure(bench: Bench) -> Iterator[Row]:
    """CPU for each page, its ratio to the plain page and to the first page of the smallest gallery, and p99."""
    requests = bench.scaled(200, 15)  # p99 of fewer than 100 is the slowest of them
    galleries = [bench.stocked(images) for images in bench.sizes]
    plain, session = _plain_site(bench)
    pages: dict[str, Callable[[], Chunk]] = {PLAIN: _reader(plain, signed_in(session), f"/album/{ALBUM}/", requests)}
    for gallery in galleries:
        for name, path in _addresses(gallery).items():
            pages[name] = _reader(gallery.site, gallery.headers, path, requests)
    chunks = dict(zip(pages, alternate(bench.repeats, *pages.values()), strict=True))
    yield from _rows(chunks)


def _addresses(gallery: Stocked) -> dict[str, str]:
    pages = {f"page of 60, first of {gallery.images:,}": gallery.first}
    if gallery.deep:
        pages[f"page of 60, deep in {gallery.images:,}"] = gallery.deep
    return pages


def _reader(site: Site, headers: dict[str, str], path: str, requests: int) -> Callable[[], Chunk]:
    client = Client(site.address, headers)
    return lambda: measure_gets(site, client, path, requests)


def _rows(chunks: dict[str, list[Chunk]]) -> Iterator[Row]:
    cpu = {name: [chunk.cpu * MILLI for chunk in made] for name, made in chunks.items()}
    ours = [name for name in chunks if name != PLAIN]
    for name in ours:
        yield Row(f"{name}, CPU", "ms", cpu[name], cpu[PLAIN], PLAIN, Wanted(1.25, of="ratio"))
    for name in ours[1:]:
        yield Row(f"{name}, over the smallest", "ms", cpu[name], cpu[ours[0]], ours[0], Wanted(1.2, of="ratio"))
    slowest = {name: [percentile(chunk.seconds, 0.99) * MILLI for chunk in made] for name, made in chunks.items()}
    for name in ours:
        yield Row(f"{name}, p99", "ms", slowest[name], slowest[PLAIN], PLAIN, Wanted(1.25, of="ratio"))
    for name in ours[1:]:
        yield Row(
            f"{name}, p99 over the smallest", "ms", slowest[name], slowest[ours[0]], ours[0], Wanted(1.2, of="ratio")
        )


def _plain_site(bench: Bench) -> tuple[Site, str]:
    site = bench.site("plain", start=False, environment={"DJANGO_SETTINGS_MODULE": "bench.baseline.settings"})
    site = replace(site, configuration="bench.baseline.gunicorn")
    session = site.inside("bench.baseline.filling:fill", album=ALBUM, count=10_000)
    bench.start(site)
    return site, session
