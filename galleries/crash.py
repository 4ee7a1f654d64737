"""Named places where a test may kill the process, to show that nothing acknowledged is lost and nothing is left behind.

They do nothing unless ``GALLERY_CRASH_AT`` names one of them, or with ``name:n`` the n-th passing of one (tests only;
tests/faults kills a process at each).
"""

from __future__ import annotations

import os
import signal
from itertools import count

POINTS = (
    "upload.received",
    "upload.decoded",
    "upload.pending",
    "upload.object",
    "upload.objects",
    "upload.ready",
    "remove.committed",
    "lengthen.reserved",
    "lengthen.recorded",
    "lengthen.confirmed",
    "drain.taken",
    "drain.retired",
    "drain.published",
    "sweep.listed",
    "sweep.claimed",
    "sweep.object",
    "sweep.objects",
    "sweep.recorded",
    "sweep.emptied",
    "sweep.forgotten",
)

_CRASH_AT, _, _TURN = os.environ.get("GALLERY_CRASH_AT", "").partition(":")
_passed = count(1)


def point(name: str) -> None:
    """Die here with SIGKILL if this place was asked for; otherwise nothing."""
    if _CRASH_AT and name == _CRASH_AT and next(_passed) == int(_TURN or 1):
        os.kill(os.getpid(), signal.SIGKILL)
