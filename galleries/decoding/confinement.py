"""What a child gives up before it looks at a picture."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from galleries.decoding.limits import Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

# Standard streams, the pipe, the source, one file being written, and what a codec may open for itself.
_DESCRIPTORS = 32


def _find_prctl() -> Callable[..., int] | None:
    """prctl(2) of Linux; looked up before the fork, where it costs nothing."""
    if sys.platform != "linux":
        return None
    prctl: Callable[..., int] | None = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl


_PRCTL = _find_prctl()


def confine_process(limits: Limits, source_bytes: int, parent: int) -> None:
    """Set the limits of this process, which ends with its parent. Raises OSError when one cannot be set."""
    signal.alarm(limits.wall_seconds)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _limit(resource.RLIMIT_FSIZE, source_bytes + limits.spare_file_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    # macOS knows the limit and refuses to set it; there the pixel limits alone bound the memory.
    with suppress(*(() if sys.platform == "linux" else (ValueError, OSError))):
        _limit(resource.RLIMIT_AS, limits.address_space)
    if _PRCTL is not None:
        _PRCTL(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        os._exit(1)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    ceiling = resource.getrlimit(what)[1]
    hard = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))
