"""How many things of one kind are worked on at once for somebody, in each process: its threads are what they take.

One more waits for its turn, so that a program that sends a hundred photos at once simply gets them all stored
(SAFETY 5.3: 16 uploads of a person). It is refused when none of the others ends: then somebody holds them open.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from galleries.problems import Problem

AT_ONCE = 16  # a quarter of the 64 threads of a process
STANDSTILL = 5.0  # seconds without one of them ending
PATIENCE = 30.0  # seconds in all; clients wait a minute for an answer


class Turns:
    """At most ``at_once`` for each person, or for whatever is named; ``busy`` is what one more is told."""

    def __init__(
        self, at_once: int = AT_ONCE, standstill: float = STANDSTILL, patience: float = PATIENCE, busy: str = ""
    ) -> None:
        self.at_once, self.standstill, self.patience = at_once, standstill, patience
        self.busy = busy or f"{at_once} of your uploads are still running. Try again when one has finished."
        self.changed = threading.Condition()
        self.running: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()  # of those who run or wait, so that it stays small

    @contextmanager
    def turn(self, person: object) -> Iterator[None]:
        """Work on one thing of ``person`` inside this block.

        Raises:
            Problem: rate_limited when it does not get its turn.
        """
        name = str(person)
        with self.changed:
            self._wait(name)
            self.running[name] += 1
        try:
            yield
        finally:
            with self.changed:
                self.running[name] -= 1
                self.ended[name] += 1
                if not self.running[name]:
                    del self.running[name], self.ended[name]
                self.changed.notify_all()

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + self.patience
        while self.running[name] >= self.at_once:
            seen = self.ended[name]

            def goes_on(seen: int = seen) -> bool:
                return self.running[name] < self.at_once or self.ended[name] != seen

            left = min(self.standstill, deadline - time.monotonic())
            if left <= 0 or not self.changed.wait_for(goes_on, left):
                raise Problem("rate_limited", detail=self.busy, retry_after=5)


uploads = Turns()
