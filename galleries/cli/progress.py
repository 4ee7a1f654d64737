"""What is shown while files move: one line that is drawn over itself on a terminal, nothing elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

EVERY = 0.1  # seconds between two drawings
WIDTH = 24  # characters of the bar


class Progress:
    """Counts of files and bytes, from many threads. ``total`` and ``bytes_total`` may grow while files are found."""

    def __init__(
        self, verb: str, *, shown: bool, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.out = out or sys.stderr
        self.shown = shown and self.out.isatty()
        self.verb, self.clock = verb, clock
        self.total = self.done = self.bytes_total = self.bytes_done = self.bytes_moved = 0
        self.started = clock()
        self._drawn = 0.0
        self._lock = threading.Lock()

    def expect(self, files: int, size: int) -> None:
        with self._lock:
            self.total += files
            self.bytes_total += size
            self._draw()

    def move(self, size: int) -> None:
        """So many bytes went over the line."""
        with self._lock:
            self.bytes_moved += size
            self._draw()

    def finish(self, size: int) -> None:
        """One file is done, whatever became of it."""
        with self._lock:
            self.done += 1
            self.bytes_done += size
            self._draw(force=self.done == self.total)

    def say(self, text: str) -> None:
        """A line above the bar."""
        with self._lock:
            self._clear()
            self.out.write(printable(text) + "\n")
            self.out.flush()

    def close(self) -> None:
        with self._lock:
            self._clear()

    def line(self) -> str:
        """What is drawn."""
        share = self.bytes_done / self.bytes_total if self.bytes_total else 0.0
        bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
        seconds = max(self.clock() - self.started, 0.001)
        return f"{self.verb} [{bar}] {self.done}/{self.total}  {human(self.bytes_moved / seconds)}/s"

    def _draw(self, force: bool = False) -> None:
        if not self.shown:
            return
        now = self.clock()
        if force or now - self._drawn >= EVERY:
            self._drawn = now
            columns = shutil.get_terminal_size().columns - 1
            self.out.write("\r\x1b[K" + self.line()[:columns])
            self.out.flush()

    def _clear(self) -> None:
        if self.shown:
            self.out.write("\r\x1b[K")
            self.out.flush()


def human(size: float) -> str:
    """``size`` bytes as people read it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def printable(text: str) -> str:
    """``text`` without what would move the cursor or change the terminal: names of files and galleries are not ours."""
    return "".join(c if c.isprintable() or c == " " else "?" for c in text)
