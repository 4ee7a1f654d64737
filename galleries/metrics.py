"""What the site counts while it works, for Prometheus: only when the operator asked for it (GALLERY_METRICS_DIR).

The processes of a site write their counts to files in that folder; ``manage.py serve_metrics`` adds them up. Without
the folder nothing is counted and the library is not even loaded.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True)
class _Instruments:
    requests: Counter
    request_seconds: Histogram
    uploads: Counter
    upload_bytes: Counter
    upload_seconds: Histogram
    decoder_failures: Counter
    swept: Counter
    sweeps: Counter


_lock = threading.Lock()
_instruments: _Instruments | None = None


def metrics_folder() -> Path | None:
    """Where the processes leave their counts; None: nobody asked."""
    folder = os.environ.get("GALLERY_METRICS_DIR", "").strip()
    return Path(folder) if folder else None


def start() -> None:
    """Begin to count in this process, if somebody asked; before its first request."""
    global _instruments
    folder = metrics_folder()
    with _lock:
        if folder is None or _instruments is not None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # read when the library is loaded
        _instruments = _make()


def _make() -> _Instruments:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()

    def counter(name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"gallery_{name}", meaning, labels, registry=registry)

    def histogram(name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(f"gallery_{name}", meaning, labels, registry=registry, buckets=SECONDS)

    return _Instruments(
        counter("requests", "Requests answered", "route", "method", "status"),
        histogram("request_seconds", "From the first line of a request to the head of its answer", "route"),
        counter("uploads", "Uploads by their end: stored, duplicate, or the code of the problem", "outcome"),
        counter("upload_bytes", "Bytes of uploads that were stored"),
        histogram("upload_seconds", "Steps of an upload", "stage"),
        counter("decoder_failures", "Files that the decoder refused or died of", "code"),
        counter("swept_images", "Photos that the site's own sweep removed, or could not", "result"),
        counter("sweeps", "Rounds of the site's own sweep", "result"),
    )


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    if _instruments is not None:
        _instruments.requests.labels(route, method, str(status)).inc()
        _instruments.request_seconds.labels(route).observe(seconds)


def count_upload(outcome: str, size: int = 0) -> None:
    if _instruments is not None:
        _instruments.uploads.labels(outcome).inc()
        _instruments.upload_bytes.inc(size)


def count_decoder_failure(code: str) -> None:
    if _instruments is not None:
        _instruments.decoder_failures.labels(code).inc()


def count_sweep(result: str, deleted: int = 0, failed: int = 0) -> None:
    if _instruments is not None:
        _instruments.sweeps.labels(result).inc()
        _instruments.swept.labels("deleted").inc(deleted)
        _instruments.swept.labels("failed").inc(failed)


@contextmanager
def upload_stage(stage: str) -> Iterator[None]:
    """Time one step of an upload."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        if _instruments is not None:
            _instruments.upload_seconds.labels(stage).observe(time.perf_counter() - begin)


def add_up(registry: CollectorRegistry) -> None:
    """Put what all processes have counted so far into ``registry``; nothing when nobody asked for counting."""
    folder = metrics_folder()
    if folder is not None and folder.is_dir():
        from prometheus_client.multiprocess import MultiProcessCollector

        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]


def totals() -> list[tuple[str, float]]:
    """Every count by its name and labels, for people: without the buckets of histograms."""
    if metrics_folder() is None:
        return []
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    add_up(registry)
    found = []
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = ", ".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
                found.append((f"{sample.name}{{{labels}}}" if labels else sample.name, sample.value))
    return sorted(found)
