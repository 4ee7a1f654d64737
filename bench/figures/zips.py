"""The zip of 100 originals: how fast, how soon, in how much memory, and what pages do while 50 people read slowly."""

from __future__ import annotations

import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.client import Client, percentile, signed_in
from bench.context import PERSON, Bench
from bench.photo import photo
from bench.site import Site
from bench.table import Row, Wanted

ORIGINALS = 100
READERS = 50
PER_PERSON = 2  # what the site allows
MILLION = 1_000_000
MILLI = 1000
SLOW_BYTES = 64 * 1024  # read at a time by a slow reader, who then rests
REST = 0.5  # seconds: 1 Mbit/s


@dataclass(frozen=True)
class Download:
    """One zip: first byte and all of it, in seconds; its bytes; what the memory grew meanwhile, in MiB."""

    first: float
    seconds: float
    size: int
    growth: float


def measure(bench: Bench) -> Iterator[Row]:
    site = bench.site("zips")
    people = [f"reader{number}" for number in range(READERS // PER_PERSON)]
    site.inside("bench.filling:add_people", names=people)
    path = bench.scratch / "photo.jpg"
    path.write_bytes(photo())
    own = site.inside("bench.filling:add_originals", people=[PERSON], photo=str(path), count=ORIGINALS)[PERSON]
    _download(site, *own)  # warms up
    downloads, limits = [], []
    for _ in range(bench.repeats):
        downloads.append(_download(site, *own))
        limits.append(_store_in_memory())
    rates = [one.size / one.seconds / MILLION for one in downloads]
    yield Row(f"zip of {ORIGINALS} originals", "MB/s", rates, limits, "zipfile to nowhere")
    yield Row("zip, first byte", "s", [one.first for one in downloads], wanted=Wanted(0.1))
    yield Row("zip, memory grows by", "MiB", [one.growth for one in downloads], wanted=Wanted(8))
    others = site.inside("bench.filling:add_originals", people=people, photo=str(path), count=10)
    site.forget_peak()
    before = site.peak()
    with _slow_readers(site, [tuple(pair) for pair in others.values() for _ in range(PER_PERSON)]) as reading:
        with Client(site.address, signed_in(own[1])) as client:
            pages = [client.get(f"/g/{own[0]}/").seconds * MILLI for _ in range(bench.scaled(100, 30))]
        growth = site.peak() - before
    yield Row(f"page beside {READERS} slow readers, {reading} let in", "ms", pages, wanted=Wanted(50))
    yield Row(f"page beside {READERS} slow readers, p99", "ms", [percentile(pages, 0.99)])
    yield Row(f"memory with {READERS} slow readers grows by", "MiB", [growth], wanted=Wanted(READERS))


def _download(site: Site, gallery: str, session: str) -> Download:
    site.forget_peak()
    before = site.peak()
    begin = time.perf_counter()
    with closing(_ask(site, gallery, session)) as connection:
        size = len(connection.recv(1024 * 1024))
        first = time.perf_counter() - begin
        while chunk := connection.recv(1024 * 1024):
            size += len(chunk)
    seconds = time.perf_counter() - begin
    assert size > ORIGINALS * len(photo())
    return Download(first, seconds, size, site.peak() - before)


def _ask(site: Site, gallery: str, session: str) -> socket.socket:
    """A connection on which the zip was asked for, and which the server closes after it."""
    address = urlsplit(site.address)
    assert address.hostname is not None
    assert address.port is not None
    connection = socket.create_connection((address.hostname, address.port), timeout=60)
    headers = {"Host": address.netloc, "Connection": "close", **signed_in(session)}
    lines = [f"GET /g/{gallery}/zip/ HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def _store_in_memory() -> float:
    """MB a second of Python's own zipfile, from memory to nowhere."""
    content = photo()
    begin = time.perf_counter()
    with zipfile.ZipFile(_Nowhere(), "w", zipfile.ZIP_STORED) as target:
        for number in range(ORIGINALS):
            target.writestr(f"{number}.jpg", content)
    return ORIGINALS * len(content) / (time.perf_counter() - begin) / MILLION


class _Nowhere(io.RawIOBase):
    """Takes everything, keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(memoryview(data))


@contextmanager
def _slow_readers(site: Site, galleries: list[tuple[str, str]]) -> Iterator[int]:
    """So many connections that read a zip slowly while the block runs; gives how many the site let in."""
    connections = [_ask(site, gallery, session) for gallery, session in galleries]
    let_in = [one for one in connections if one.recv(12).endswith(b"200")]
    over = threading.Event()

    def read() -> None:
        while not over.wait(REST):
            for connection in let_in:
                connection.setblocking(False)
                try:
                    connection.recv(SLOW_BYTES)
                except BlockingIOError:
                    continue

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield len(let_in)
    finally:
        over.set()
        reader.join()
        for connection in connections:
            connection.close()
