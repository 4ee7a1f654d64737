"""The sweep and its limit, measured inside the site's Django; the same code as ``manage.py sweep_expired --apply``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from galleries.models import Image
from galleries.sweeping import make_plan, run_sweep

OBJECTS = 3  # of each image
OBJECT_BYTES = 45_000  # on average


def sweep_due(count: int) -> dict[str, Any]:
    """Wall seconds and queries of a sweep that must find ``count`` images, and wall seconds of its limit."""
    limit = _limit(count)
    queries = 0

    def note(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    with connection.execute_wrapper(note):
        begin = time.perf_counter()
        report = run_sweep(make_plan(timezone.now(), older_than=timedelta(hours=1)))
        seconds = time.perf_counter() - begin
    assert report.deleted == count, report
    return {"seconds": seconds, "queries": queries, "limit_seconds": limit}


def sweep_gallery(gallery: str) -> None:
    """Whatever this gallery holds goes, unmeasured."""
    plan = make_plan(
        timezone.now() + timedelta(days=1), older_than=timedelta(), gallery=UUID(hex=gallery), allow_mass=True
    )
    run_sweep(plan)


def _limit(count: int) -> float:
    """As many files of this size in one folder, and as many plain rows, gone: wall seconds."""
    folder = Path(default_storage.path("limit"))
    folder.mkdir()
    paths = [folder / f"{number}" for number in range(count * OBJECTS)]
    for path in paths:
        path.write_bytes(bytes(OBJECT_BYTES))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bench_limit AS SELECT * FROM {Image._meta.db_table} LIMIT %s", [count])  # noqa: S608
        begin = time.perf_counter()
        for path in paths:
            os.unlink(path)
        with transaction.atomic():
            cursor.execute("DELETE FROM bench_limit WHERE id IS NOT NULL")
        seconds = time.perf_counter() - begin
        cursor.execute("DROP TABLE bench_limit")
    folder.rmdir()
    return seconds
