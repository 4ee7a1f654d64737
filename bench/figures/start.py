"""From the command to the first answer, and the memory of the site's processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.client import Client
from bench.context import PERSON, Bench
from bench.photo import multipart, numbered
from bench.site import Site
from bench.table import Row, Wanted
from tests.live import ROOT

CALM = 8.0  # seconds after which the timer's first round is over
POLL = 0.005


def measure(bench: Bench) -> Iterator[Row]:
    """``python3 run.py`` with everything set up before, as on any day but the first."""
    site = bench.site("start", start=False)
    starts, idle = [], []
    for _ in range(bench.repeats):
        with _run_py(site) as seconds:
            starts.append(seconds)
            idle.append(site.rss())
    yield Row("cold start, until the first answer", "s", starts, wanted=Wanted(1.5))
    with _run_py(site):
        time.sleep(CALM)
        yield Row("memory at rest", "MiB", [*idle, site.rss()], wanted=Wanted(150))
        yield Row("memory after 40 uploads and 100 pages", "MiB", [_busy(site)])


@contextmanager
def _run_py(site: Site) -> Iterator[float]:
    """The site started by its own command; gives the seconds that it took."""
    begin = time.perf_counter()
    with site.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "run.py"], env=site.environ(), cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    site.process = process
    while not site.answers():
        assert process.poll() is None, site.log.read_text()[-2000:]
        time.sleep(POLL)
    try:
        yield time.perf_counter() - begin
    finally:
        site.stop()


def _busy(site: Site) -> float:
    """The most that was seen while photos were uploaded and pages were read."""
    gallery = site.inside("bench.filling:new_gallery", person=PERSON)
    token, session = site.token(PERSON), site.inside("bench.filling:sign_in", person=PERSON)
    most = site.rss()
    with Client(site.address, {"Authorization": f"Bearer {token}", "Cookie": f"session={session}"}) as client:
        for number in range(40):
            client.send("POST", f"/api/v1/galleries/{gallery}/images", *multipart("photo.jpg", numbered(number)))
            most = max(most, site.rss())
        for _ in range(100):
            client.get(f"/g/{gallery}/")
    return max(most, site.rss())
