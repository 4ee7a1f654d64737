"""What a worker's search for garbage leaves out, each in a process of its own: what is frozen stays so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.live import ROOT, LiveSite

KEPT = 50_000  # objects: those of the application are some 85,000
LATER = """
import gc
from gallery_site.garbage import spare_what_is_loaded
gc.collect()
spare_what_is_loaded()
first = gc.get_freeze_count()
templates = [[] for _ in range(1000)]
gc.collect()
second = gc.get_freeze_count()
rows = [[] for _ in range(1000)]
gc.collect()
print(first, second, gc.get_freeze_count())
"""


def test_what_is_loaded_first_and_with_the_first_requests_is_left_out_and_nothing_later() -> None:
    done = subprocess.run([sys.executable, "-c", LATER], cwd=ROOT, check=True, text=True, capture_output=True)
    first, second, third = map(int, done.stdout.split())
    assert first + 1000 <= second < first + 2000
    assert third == second


def test_worker_leaves_the_application_out(tmp_path: Path) -> None:
    site = LiveSite(tmp_path)
    site.set_up()
    program = "import gc; from gallery_site import gunicorn; gunicorn.look_first(); print(gc.get_freeze_count())"
    assert int(site.manage("shell", "-v0", "-c", program).stdout) > KEPT
