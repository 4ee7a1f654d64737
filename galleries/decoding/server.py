"""The warm parent: a single-threaded process with Pillow and without Django, that forks a child per picture.

A fresh interpreter per picture costs 40 to 50 ms, a fork 1 ms. It is started by `client`, reads jobs from the
socket it was given, and ends when that closes: nothing outlives the web process. The child writes one line to
the pipe of its job, the report; when the child is gone, the parent adds a line that says how it ended.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from PIL import AvifImagePlugin, Image

from galleries.decoding.confinement import confine_process
from galleries.decoding.job import run_job
from galleries.decoding.limits import Limits
from galleries.decoding.picture import too_much_memory
from galleries.decoding.results import ImageRejected
from galleries.decoding.wire import Job, receive_job

Work = Callable[[Job, Limits, datetime], dict[str, object]]

_OVERRUN_SECONDS = 2  # after which a child that ignores its alarm is killed
_REPLY = 3  # where a child finds its pipe; it closes everything above
_DESCRIPTORS = 256  # two for each child, and a handful


def main() -> None:
    """`python -m galleries.decoding.server FD LIMITS`: the number of a connected socket, the limits as JSON."""
    serve(int(sys.argv[1]), Limits(**json.loads(sys.argv[2])), run_job)


def serve(descriptor: int, limits: Limits, work: Work) -> None:
    """Serve jobs until the other end of the socket `descriptor` closes. Starts no threads: it forks."""
    # It has the number that it had in a web process with hundreds of files open: take the lowest.
    control = socket.socket(fileno=os.dup(descriptor))
    os.close(descriptor)
    # Whoever stops the service signals all its processes: this one ends after the last upload, by the socket.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _warm_up()
    parent = _Parent(control, limits, work)
    try:
        parent.run()
    finally:
        parent.kill_children()


def _warm_up() -> None:
    """Import everything that a child would import, and share it with all of them."""
    warnings.simplefilter("ignore")  # about pixels and broken EXIF, on standard error
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the children are the threads
    with suppress(ImportError):
        # An extra: its binary bundles a GPLv2 encoder. Without it HEIC is refused with its own sentence.
        import pillow_heif

        pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
    Image.init()
    gc.collect()
    gc.freeze()


@dataclass
class _Child:
    reply: int
    deadline: float  # monotonic seconds


class _Parent:
    def __init__(self, control: socket.socket, limits: Limits, work: Work) -> None:
        self._control = control
        self._limits = limits
        self._work = work
        self._children: dict[int, _Child] = {}
        self._wakeup, self._wakeup_writer = socket.socketpair()

    def run(self) -> None:
        self._wakeup.setblocking(False)
        self._wakeup_writer.setblocking(False)
        signal.set_wakeup_fd(self._wakeup_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            sources = [self._control, self._wakeup]
            ready, _, _ = select.select(sources, [], [], self._seconds_to_next_deadline())
            if self._wakeup in ready:
                with suppress(BlockingIOError):
                    self._wakeup.recv(4096)
            self._reap()
            self._kill_overdue()
            if self._control in ready:
                received = receive_job(self._control)
                if received is None:
                    return
                self._start(*received)

    def kill_children(self) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _seconds_to_next_deadline(self) -> float | None:
        if not self._children:
            return None
        return max(0.0, min(child.deadline for child in self._children.values()) - time.monotonic())

    def _start(self, job: Job, reply: int) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            _write(reply, _failure(error))
            os.close(reply)
            return
        if pid == 0:
            _run_child(job, self._limits, self._work, reply, parent)
        deadline = time.monotonic() + self._limits.wall_seconds + _OVERRUN_SECONDS
        self._children[pid] = _Child(reply, deadline)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                # A child that filled the pipe must not make the parent wait. Only now: they share the flag.
                os.set_blocking(child.reply, False)
                _write(child.reply, {"exit": os.waitstatus_to_exitcode(status)})
                os.close(child.reply)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.deadline <= now:
                child.deadline = now + _OVERRUN_SECONDS
                os.kill(pid, signal.SIGKILL)


def _run_child(job: Job, limits: Limits, work: Work, reply: int, parent: int) -> NoReturn:
    """All that happens in a child. It never returns into the parent's loop."""
    exit_code = 1
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # The control socket and the pipes of others go: a child that was taken over must not reach them.
        os.dup2(reply, _REPLY)
        os.closerange(_REPLY + 1, _DESCRIPTORS)
        _write(_REPLY, _do(job, limits, work, parent))
        exit_code = 0
    except BaseException:  # noqa: BLE001 (it must not return into the loop of the parent)
        traceback.print_exc()
    finally:
        os._exit(exit_code)


def _do(job: Job, limits: Limits, work: Work, parent: int) -> dict[str, object]:
    try:
        confine_process(limits, job.source.stat().st_size, parent)
        # A camera's clock may be a time zone ahead.
        latest = datetime.fromtimestamp(time.time(), UTC) + timedelta(days=1)
        return {"result": work(job, limits, latest)}
    except ImageRejected as rejected:
        return _rejection(rejected)
    except MemoryError:
        return _rejection(too_much_memory())
    except OSError as error:
        return _failure(error)


def _rejection(rejected: ImageRejected) -> dict[str, object]:
    return {"rejected": {"code": rejected.code, "message": rejected.message}}


def _failure(error: OSError) -> dict[str, object]:
    return {"failed": {"errno": error.errno, "message": error.strerror or type(error).__name__}}


def _write(reply: int, document: dict[str, object]) -> None:
    with suppress(OSError):  # nobody waits for it any more, or the pipe is full of nonsense
        os.write(reply, json.dumps(document).encode() + b"\n")


if __name__ == "__main__":
    main()
