"""The machine that a run was made on, in one paragraph."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "gunicorn", "pillow")


def describe_machine(now: datetime) -> str:
    """What may explain a number: processor, memory, kernel, versions, and how busy it was."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores of {_processor()}, {_memory()} GiB; "
        f"{platform.system()} {platform.release()}; Python {platform.python_version()}, {packages}, "
        f"SQLite {sqlite3.sqlite_version}; load before the run {os.getloadavg()[0]:.1f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3)
