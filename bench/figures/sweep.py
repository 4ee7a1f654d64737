"""Deleting 1,000 images, and sweeping 1,000 that are due, among few and among many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.client import Client
from bench.context import PERSON, Bench, Stocked
from bench.table import Row, Wanted

COUNT = 1_000
LIMIT = "unlink + one DELETE"


def measure(bench: Bench) -> Iterator[Row]:
    """Images a second of the sweep in each gallery, its queries, what it left, and the page's own "delete"."""
    sizes = bench.sizes[1:] or bench.sizes
    smallest: list[float] = []
    for stocked in map(bench.stocked, sizes):
        stocked.site.stop()  # its timer would sweep along
        runs = [_sweep(stocked) for _ in range(bench.scaled(5, 2))]
        stocked.site.start()
        rates = [COUNT / run["seconds"] for run in runs]
        limits = [COUNT / run["limit_seconds"] for run in runs]
        among = f"{COUNT:,} due among {stocked.images:,}"
        yield Row(f"sweep of {among}", "images/s", rates, limits, LIMIT, Wanted(2_000, "high"))
        smallest = smallest or rates
        if rates is not smallest:
            few = f"among {sizes[0]:,}"
            yield Row(f"sweep of {among}, flat", "images/s", rates, smallest, few, Wanted(0.83, "high", "ratio"))
        yield Row(f"sweep of {among}, queries", "", [run["queries"] for run in runs])
        yield Row(f"sweep of {among}, files left", "", [run["files_left"] for run in runs], wanted=Wanted(0))
        deletions = [_delete(stocked) for _ in range(bench.scaled(3, 2))]
        name = f"delete of {COUNT:,} on the page of {stocked.images:,}"
        yield Row(name, "images/s", deletions, wanted=Wanted(2_000, "high"))


def _sweep(stocked: Stocked) -> dict[str, Any]:
    due = stocked.site.inside("bench.filling:add_due", person=PERSON, count=COUNT)
    before = _files(stocked)
    assert before >= due["files"], due
    return {**stocked.site.inside("bench.sweeping:sweep_due", count=COUNT), "files_left": _files(stocked)}


def _files(stocked: Stocked) -> int:
    """Files and folders below the media folder, but for those of living images."""
    media: Path = stocked.site.data_dir / "media"
    return sum(1 for path in media.rglob("*") if path.is_file())


def _delete(stocked: Stocked) -> float:
    """Images a second of the page's own form, which hides them; they leave for good, unmeasured, afterwards."""
    live = stocked.site.inside("bench.filling:add_live", person=PERSON, count=COUNT)
    with Client(stocked.site.address, stocked.headers) as client:
        page = client.get(f"/g/{live['gallery']}/")
        token = page.body.decode().partition('name="csrf-token" content="')[2].partition('"')[0]
        form = urlencode([("action", "delete"), *(("ids", identifier) for identifier in live["ids"])])
        headers = {
            "Cookie": f"{client.headers['Cookie']}; csrf={page.cookies['csrf']}",
            "X-CSRFToken": token,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = client.send("POST", f"/g/{live['gallery']}/images/", form.encode(), headers)
    stocked.site.inside("bench.sweeping:sweep_gallery", gallery=live["gallery"])
    return COUNT / answer.seconds
