"""The real site in processes of its own, and what they cost: CPU and memory as the kernel counts them (Linux)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live import ROOT, LiveSite

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


@dataclass
class Site(LiveSite):
    """A site in the shipped configuration, as ``tests.live`` starts it for the tests too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data_dir.mkdir(parents=True, exist_ok=True)

    def set_up(self) -> None:
        """Database, cache table and static files, as the first start makes them."""
        self.inside("gallery_site.serve:prepare")

    def set_up_like(self, other: Site) -> None:
        """As ``set_up``, by copying what ``other`` made."""
        shutil.copytree(other.data_dir, self.data_dir, dirs_exist_ok=True, ignore=shutil.ignore_patterns("site.log"))

    def inside(self, function: str, **arguments: Any) -> Any:
        """The answer of ``function`` ("module:name"), run with the site's Django in a process of its own."""
        command = [sys.executable, "-m", "bench.inside", function, json.dumps(arguments)]
        done = subprocess.run(command, env=self.environ(), cwd=ROOT, check=False, text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{function} failed:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    @property
    def pid(self) -> int:
        """gunicorn's first process."""
        assert self.process is not None
        return self.process.pid

    def cpu(self) -> float:
        """CPU seconds so far of all of the site's processes, those that ended too."""
        return sum(cpu_seconds(pid) for pid in family(self.pid))

    def forget_peak(self) -> None:
        """Let ``peak`` begin anew."""
        for pid in family(self.pid):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The most resident memory, in MiB, that each process had since ``forget_peak``, added up."""
        return sum(_status(pid, "VmHWM") for pid in family(self.pid)) / MIB

    def rss(self) -> float:
        """Resident memory of all of the site's processes in MiB, what they share counted once (PSS of the kernel)."""
        return sum(map(proportional_set, family(self.pid))) / MIB


def family(pid: int) -> list[int]:
    """A process and everything that descends from it and lives."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    members = [pid]
    for member in members:  # grows while we walk
        members += [child for child, parent in parents.items() if parent == member]
    return members


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, to the microsecond, with those of its children that have ended (proc(5), to 10 ms)."""
    own = time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3) of another process
    fields = _stat(pid)
    return own + (int(fields[13]) + int(fields[14])) / TICK


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third one, the state, on: the second may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def proportional_set(pid: int) -> int:
    """Resident bytes, what is shared counted in part (PSS)."""
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") * 1024


def _status(pid: int, name: str) -> int:
    return _kilobytes(Path(f"/proc/{pid}/status"), name) * 1024


def _kilobytes(path: Path, name: str) -> int:
    """The number behind ``name:`` in a file of proc(5)."""
    for line in path.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
