"""``run.py aws``: the cloud, then the site on it, until Ctrl-C. What it serves lasts as long as it runs."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from deploy.emulator.cloud import FOREIGN, Cloud
from deploy.emulator.ministack import EmulatorFailed

# Every minute, so that one can watch it; the grace is the least that a site with records may have.
PARAMETERS = {"SweepSchedule": "rate(1 minute)", "GraceSeconds": "3600"}
STOP_SECONDS = 15.0


def main() -> int:
    """Start everything and wait; returns the site's exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, required=True, help="interpreter of the emulator's environment")
    parser.add_argument("--folder", type=Path, required=True, help="where its data lies while it runs")
    parser.add_argument("--environment", type=Path, required=True, help="where the site's variables are written")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell may have left it ignored
        signal.signal(number, _interrupt)
    beside = os.open(arguments.folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(beside, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
    except BlockingIOError:
        print(f"It runs already, with its data in {arguments.folder}.", file=sys.stderr)
        return 1
    shutil.rmtree(arguments.folder, ignore_errors=True)  # rows of photos that went with the last emulator
    try:
        _say("Starting AWS on this machine...")
        with Cloud(arguments.python, arguments.folder / "cloud", PARAMETERS) as cloud:
            ours = cloud.environment() | {"GALLERY_DATA_DIR": str(arguments.folder / "site")}
            with _written(arguments.environment, ours):
                _say(
                    f"AWS is at {cloud.emulator.endpoint}, its edge at {cloud.edge.base}; the sweep runs every minute."
                )
                return _serve(ours)
    except EmulatorFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(arguments.folder, ignore_errors=True)


def _serve(ours: dict[str, str]) -> int:
    """The site as a child, so that the cloud outlives it; Ctrl-C at the terminal reaches both."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    site = subprocess.Popen([sys.executable, "-m", "gallery_site.serve"], env=kept | ours)
    try:
        return site.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(ProcessLookupError):
            site.send_signal(signal.SIGINT)
        try:
            site.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            site.kill()
            site.wait()
        return 0


@contextlib.contextmanager
def _written(path: Path, ours: dict[str, str]) -> Iterator[None]:
    """The site's variables in a file, for ``run.py aws manage``, while the site runs."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(ours, indent=2))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
