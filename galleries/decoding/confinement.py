"""What a child gives up before it looks at a picture, and what the picture may cost."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from galleries.decoding.limits import Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

# Standard streams, the pipe, the source, one file being written, and what a codec may open for itself.
_DESCRIPTORS = 32

# A process that has used this much opens no further picture: one that lives long is worth taking over. A usual photo
# takes 0.07.
STAY_CPU_SECONDS = 2


def _find_prctl() -> Callable[..., int] | None:
    """prctl(2) of Linux; looked up before the fork, where it costs nothing."""
    if sys.platform != "linux":
        return None
    prctl: Callable[..., int] | None = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl


_PRCTL = _find_prctl()


def confine_process(limits: Limits, parent: int) -> None:
    """Set the limits of this process, which ends with its parent. Raises OSError when one cannot be set."""
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


def limit_picture(limits: Limits, source_bytes: int, *, stays: bool) -> None:
    """Set the limits of the next picture, and where the process ``stays`` leave it room to set those of one more.
    Raises OSError when one cannot be set."""
    signal.alarm(limits.wall_seconds)
    used = int(time.process_time())
    most = (STAY_CPU_SECONDS if stays else 0) + limits.cpu_seconds + 1
    _limit(resource.RLIMIT_CPU, used + limits.cpu_seconds, most)
    written = source_bytes + limits.spare_file_bytes
    _limit(resource.RLIMIT_FSIZE, written, resource.RLIM_INFINITY if stays else written)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    ceiling = resource.getrlimit(what)[1]
    hard = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft = min(soft, ceiling)
        hard = ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))
