"""What a forked child does: one picture, and more of the same group while each is in order.

It closes everything that is not its own, gives up what it can, works, and writes one line, the report, to the pipe of
the job. Pictures of a group, those of one gallery, may follow each other in one child: a fork, its pages and its end
cost a tenth of a photo's time. But none follows one that was refused or that failed: then the child ends.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from galleries.decoding.confinement import STAY_CPU_SECONDS, confine_process, limit_picture
from galleries.decoding.limits import MIB, Limits
from galleries.decoding.picture import too_much_memory
from galleries.decoding.results import ImageRejected
from galleries.decoding.wire import Job, receive_job

Work = Callable[[Job, Limits, datetime], dict[str, object]]

WENT_WELL = b"."  # what a child says that waits for another picture

_REPLY = 3  # where a child finds its pipe,
_JOBS = 4  # and where more pictures come from; it closes everything above
_DESCRIPTORS = 256  # two for each child, and a handful

# What a child that has grown large holds is missing to others. The usual photo takes 70 MiB.
_STAY_BYTES = 192 * MIB


def run_child(job: Job, limits: Limits, work: Work, reply: int, jobs: socket.socket | None, parent: int) -> NoReturn:
    """Do ``job``, then those that come from ``jobs``. Never returns into the parent's loop."""
    exit_code = 1
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # The control socket and the pipes of others go: a child that was taken over must not reach them.
        os.dup2(reply, _REPLY)
        if jobs is None:
            os.closerange(_REPLY + 1, _DESCRIPTORS)
        else:
            os.dup2(jobs.detach(), _JOBS)
            os.closerange(_JOBS + 1, _DESCRIPTORS)
        document = _confined_answer(job, limits, work, parent, stays=jobs is not None)
        write_line(_REPLY, document)
        if jobs is not None and "result" in document:
            os.close(_REPLY)
            _go_on(socket.socket(fileno=_JOBS), limits, work)
        exit_code = 0
    except BaseException:  # noqa: BLE001 (it must not return into the loop of the parent)
        traceback.print_exc()
    finally:
        os._exit(exit_code)


def _go_on(jobs: socket.socket, limits: Limits, work: Work) -> None:
    """One picture after the other, until there is none, or one is not in order."""
    while _may_stay():
        jobs.send(WENT_WELL)
        signal.alarm(0)
        gc.collect()
        received = receive_job(jobs)
        if received is None:
            return
        job, reply = received
        document = _answer(job, limits, work, stays=True)
        write_line(reply, document)
        os.close(reply)
        if "result" not in document:
            return


def _may_stay() -> bool:
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return used.ru_utime + used.ru_stime < STAY_CPU_SECONDS and peak < _STAY_BYTES


def _confined_answer(job: Job, limits: Limits, work: Work, parent: int, *, stays: bool) -> dict[str, object]:
    try:
        confine_process(limits, parent)
    except OSError as error:
        return failure(error)
    return _answer(job, limits, work, stays=stays)


def _answer(job: Job, limits: Limits, work: Work, *, stays: bool) -> dict[str, object]:
    try:
        limit_picture(limits, job.source.stat().st_size, stays=stays)
        # A camera's clock may be a time zone ahead.
        latest = datetime.fromtimestamp(time.time(), UTC) + timedelta(days=1)
        return {"result": work(job, limits, latest)}
    except ImageRejected as rejected:
        return _rejection(rejected)
    except MemoryError:
        return _rejection(too_much_memory())
    except OSError as error:
        return failure(error)


def _rejection(rejected: ImageRejected) -> dict[str, object]:
    return {"rejected": {"code": rejected.code, "message": rejected.message}}


def failure(error: OSError) -> dict[str, object]:
    """The report of what is not the picture's fault."""
    return {"failed": {"errno": error.errno, "message": error.strerror or type(error).__name__}}


def write_line(reply: int, document: dict[str, object]) -> None:
    """A report; nothing happens when nobody waits for it any more."""
    with suppress(OSError):  # or the pipe is full of nonsense
        os.write(reply, json.dumps(document).encode() + b"\n")
