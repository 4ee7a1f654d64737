"""The warm parent: a single-threaded process with Pillow and without Django, that forks children for pictures.

A fresh interpreter per picture costs 40 to 50 ms, a fork 1 ms. It is started by `client`, reads jobs from the
socket it was given, and ends when that closes: nothing outlives the web process. The child writes one line to
the pipe of its job, the report; when the child is gone or done, the parent adds a line that says how it ended.

A child waits a moment for another picture of the same group. Of what goes wrong with a picture that was not its child's
first the parent's line says that it is not final: `client` asks again, without a group, so that no picture is judged by
what an earlier one did to the process.
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
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from PIL import AvifImagePlugin, Image

from galleries.decoding.child import WENT_WELL, Work, failure, run_child, write_line
from galleries.decoding.job import run_job
from galleries.decoding.limits import LIMIT_SIGNALS, Limits
from galleries.decoding.report import write_end
from galleries.decoding.wire import Job, receive_job, send_job

_OVERRUN_SECONDS = 2  # after which a child that ignores its alarm is killed
_REST_SECONDS = 1  # that a child waits for another picture of its group; it holds some 70 MiB


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
    """`reply`: the pipe of its picture; None while it waits for another one of `group`. `deadline`: monotonic seconds.

    `jobs`: where it gets them from, and says of each that it went well; None in a child for one picture.
    """

    group: str
    jobs: socket.socket | None
    reply: int | None
    deadline: float
    is_first: bool = True
    is_overdue: bool = False

    def went_well(self) -> bool:
        """Whether it has just said so."""
        try:
            return self.jobs is not None and self.jobs.recv(1, socket.MSG_DONTWAIT) == WENT_WELL
        except OSError:
            return False

    def end(self, exit_code: int) -> None:
        """Say how its picture ended: it is gone, or done with it."""
        if self.reply is None:
            return
        # What goes wrong with a later picture may be an earlier one's doing, unless it only took too long.
        final = self.is_first or self.is_overdue or -exit_code in LIMIT_SIGNALS
        # A child that filled the pipe must not make the parent wait. Only now: they share the flag.
        os.set_blocking(self.reply, False)
        with suppress(OSError):
            os.write(self.reply, write_end(exit_code, final=final))
        os.close(self.reply)
        self.reply = None

    def rest(self) -> None:
        """It is done with its picture, and waits for another."""
        self.end(0)
        self.is_first = False
        self.deadline = time.monotonic() + _REST_SECONDS

    def take(self, job: Job, reply: int) -> bool:
        """Give it another picture; False when it has died meanwhile, or was told to leave."""
        if self.jobs is None:
            return False
        try:
            send_job(self.jobs, job, reply)
        except OSError:
            return False
        self.reply = reply
        return True

    def leave(self) -> None:
        """Let it end, unless it is at work."""
        if self.jobs is not None:
            self.jobs.close()
        self.jobs = None


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
            busy = {child.jobs: child for child in self._children.values() if child.reply is not None and child.jobs}
            sources = [self._control, self._wakeup, *busy]
            ready, _, _ = select.select(sources, [], [], self._seconds_to_next_deadline())
            if self._wakeup in ready:
                with suppress(BlockingIOError):
                    self._wakeup.recv(4096)
            for jobs, child in busy.items():
                if jobs in ready:
                    self._hear(child)
            self._reap()
            self._end_overdue()
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

    def _hear(self, child: _Child) -> None:
        if child.went_well():
            child.rest()
        else:
            child.leave()  # it has closed its end

    def _start(self, job: Job, reply: int) -> None:
        for child in self._resting():
            if job.group and child.group == job.group and child.take(job, reply):
                child.deadline = self._deadline()
                return
        for child in self._resting()[: max(0, len(self._children) + 1 - self._limits.children)]:
            child.leave()
        self._fork(job, reply)

    def _resting(self) -> list[_Child]:
        """Children that wait, the one that has waited longest first."""
        return sorted((child for child in self._children.values() if child.reply is None), key=lambda it: it.deadline)

    def _fork(self, job: Job, reply: int) -> None:
        parent = os.getpid()
        with ExitStack() as ends:
            ours, theirs = socket.socketpair() if job.group else (None, None)
            if theirs is not None:
                ends.enter_context(theirs)
            child = _Child(job.group, ours, reply, self._deadline())
            try:
                pid = os.fork()
            except OSError as error:
                write_line(reply, failure(error))
                child.leave()
                child.end(0)
                return
            if pid == 0:
                run_child(job, self._limits, self._work, reply, theirs, parent)
            self._children[pid] = child

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.wall_seconds + _OVERRUN_SECONDS

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                child.leave()
                child.end(os.waitstatus_to_exitcode(status))

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.deadline > now:
                continue
            child.deadline = now + _OVERRUN_SECONDS
            if child.reply is not None or child.jobs is None:
                child.is_overdue = True
                os.kill(pid, signal.SIGKILL)
            child.leave()


if __name__ == "__main__":
    main()
