"""The web process's side: one `Decoder` per process, used by all of its threads."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from galleries.decoding.limits import LIMIT_SIGNALS, Limits
from galleries.decoding.report import (
    REPORT_MAX,
    ReportInvalid,
    is_final,
    is_silent,
    parse_line,
    read_rejection,
    read_result,
)
from galleries.decoding.results import DecodedImage, DecoderUnavailable, ImageRejected
from galleries.decoding.wire import Job, send_job

logger = logging.getLogger(__name__)

SERVER_MODULE = "galleries.decoding.server"

PROJECT_ROOT = Path(__file__).resolve().parents[2]

# Huge pages for pixels: 3,200 page faults for a 12 MP photo instead of 11,400, and 20 ms less. The rare 64 MP PNG
# pays for it with 1 s more. And what is given back stays with the process for what is asked for next, or the kernel
# would clear it again: 4 ms less. (Linux with glibc 2.35; nothing happens elsewhere.)
_KEEP_BYTES = 256 * 1024 * 1024
MEMORY = f"glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold={_KEEP_BYTES}:glibc.malloc.trim_threshold={_KEEP_BYTES}"

_ATTEMPTS = 2
_SEND_SECONDS = 5.0  # a job is 300 bytes: a parent that does not take it in that time hangs
_ANSWER_SPARE_SECONDS = 5.0  # beyond the child's own wall clock, and its parent's
_END_SECONDS = 2.0

_TOO_SLOW = "This file takes too long to open, or is damaged."
_CRASHED = "This file is damaged: it could not be opened."


@dataclass(frozen=True)
class _Server:
    """The warm parent, as seen from here."""

    process: subprocess.Popen[bytes]
    control: socket.socket

    def end(self) -> None:
        """Close the socket, on which it ends by itself, and see to it that it does."""
        self.control.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Decoder:
    """Decodes pictures in limited processes. Thread-safe; starts its parent process with the first picture.

    After a fork (a gunicorn worker) the new process starts a parent of its own.
    """

    def __init__(self, limits: Limits | None = None, *, server_module: str = SERVER_MODULE) -> None:
        """`server_module`: what is run as the parent; tests put faults into it."""
        self.limits = limits or Limits()
        self._server_module = server_module
        self._server: _Server | None = None
        self._make_locks()
        _DECODERS.add(self)

    def decode(
        self,
        source: Path,
        workdir: Path,
        *,
        keep_metadata: bool,
        offered: Mapping[str, Path] | None = None,
        group: str = "",
    ) -> DecodedImage:
        """Check and decode `source`, and write the renditions and the original to store into `workdir`.

        The original is written without its metadata; with `keep_metadata` the source's own bytes are to be
        stored, and nothing is written for them. Nothing is synced to disk. `offered`: renditions that came with
        the picture, by the name of their spec; they save work when they show it, and are never a reason to refuse it.
        `group`: pictures of one that follow each other at once may share a process, which saves a tenth of the work;
        without it the picture has a process of its own.

        Raises ImageRejected (the file is the reason; nothing is left in `workdir`) and DecoderUnavailable
        (it is not; may be tried again).
        """
        job = Job(source, workdir, keep_metadata, offered or {}, group)
        if not self._slots.acquire(timeout=self.limits.queue_seconds):
            raise DecoderUnavailable("too many pictures are waiting")
        try:
            return self._decode(job)
        except BaseException:
            job.remove_outputs()
            raise
        finally:
            self._slots.release()

    def _decode(self, job: Job) -> DecodedImage:
        answer = self._ask_again(job)
        if job.offered and is_silent(answer):
            # What was offered may be the reason of the child's end, and must not be the picture's.
            job.remove_outputs()
            return self._decode(replace(job, offered={}))
        try:
            return self._read_answer(answer, job)
        except (ImageRejected, DecoderUnavailable):
            if not job.group or is_final(answer):
                raise
        # It had opened other pictures before: a child of its own says what is wrong with this one.
        job.remove_outputs()
        return self._decode(replace(job, group=""))

    def _ask_again(self, job: Job) -> bytes:
        for _ in range(_ATTEMPTS):
            answer = self._ask(job)
            if answer is not None:
                return answer
            job.remove_outputs()
            logger.warning("the decoding process died; starting another")
        raise DecoderUnavailable("the decoding process died twice")

    def close(self) -> None:
        """End the parent process and its children. The next `decode` starts another."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.end()

    @property
    def server_pid(self) -> int | None:
        """The process id of the warm parent; None while there is none. For health pages and tests."""
        server = self._server
        return None if server is None else server.process.pid

    def _make_locks(self) -> None:
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self.limits.children)

    def _after_fork(self) -> None:
        """As if new: in a forked process the server is another's, and locks may be held by threads left there."""
        self._make_locks()
        server, self._server = self._server, None
        if server is not None:
            server.control.close()  # or the old server would live as long as this process

    def _ask(self, job: Job) -> bytes | None:
        """All that is written to the pipe of a job; None when the server died over it."""
        reader, writer = os.pipe()
        try:
            try:
                server = self._send(job, writer)
            finally:
                os.close(writer)
            if server is None:
                return None
            seconds = self.limits.wall_seconds + _ANSWER_SPARE_SECONDS
            try:
                answer = _read_pipe(reader, time.monotonic() + seconds)
            except TimeoutError:
                self._discard(server)
                raise DecoderUnavailable("the decoding process does not answer") from None
        finally:
            os.close(reader)
        if not answer.endswith(b"\n"):
            self._discard(server)
            return None
        return answer

    def _send(self, job: Job, writer: int) -> _Server | None:
        with self._lock:
            server = self._server
            if server is None or server.process.poll() is not None:
                if server is not None:
                    server.end()
                server = self._server = self._start_server()
            try:
                send_job(server.control, job, writer)
            except OSError:
                self._server = None
            else:
                return server
        server.end()
        return None

    def _start_server(self) -> _Server:
        ours, theirs = socket.socketpair()
        ours.settimeout(_SEND_SECONDS)
        arguments = [str(theirs.fileno()), json.dumps(asdict(self.limits))]
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", self._server_module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=PROJECT_ROOT,
                env=_server_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C ends the web process, and the server after it
            )
        except OSError as error:
            ours.close()
            raise DecoderUnavailable("the decoding process could not be started", error.errno) from error
        finally:
            theirs.close()
        return _Server(process, ours)

    def _discard(self, server: _Server) -> None:
        """End a server that died or hangs, unless another thread has done so."""
        with self._lock:
            if self._server is not server:
                return
            self._server = None
        server.process.kill()
        server.end()

    def _read_answer(self, answer: bytes, job: Job) -> DecodedImage:
        """The report of the child, or what its end says about the picture."""
        try:
            document = parse_line(answer.partition(b"\n")[0])
            match document:
                case {"result": dict() as result}:
                    return read_result(result, job, self.limits)
                case {"rejected": dict() as rejected}:
                    raise read_rejection(rejected)
                case {"failed": {"errno": int() | None as errno, "message": str() as message}}:
                    raise DecoderUnavailable(f"decoding failed: {message[:200]!r}", errno)
                case {"exit": int() as exit_code}:
                    raise _explain_exit(exit_code)
        except ReportInvalid as error:
            logger.error("a decoding child reported nonsense: %s", error)
            raise ImageRejected("corrupt_image", _CRASHED) from error
        logger.error("a decoding child reported nonsense")
        raise ImageRejected("corrupt_image", _CRASHED)


def _explain_exit(exit_code: int) -> ImageRejected:
    """Why a child ended without a report: minus the signal, or the status of a child that raised. Its parent kills
    one that is deaf to its limits."""
    logger.warning("a decoding child ended with %d", exit_code)
    return ImageRejected("corrupt_image", _TOO_SLOW if -exit_code in {*LIMIT_SIGNALS, signal.SIGKILL} else _CRASHED)


def _read_pipe(reader: int, deadline: float) -> bytes:
    """Everything until the pipe is closed by all who write to it. Raises TimeoutError."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    received = b""
    while (seconds := deadline - time.monotonic()) > 0:
        if not poll.poll(seconds * 1000):
            break
        chunk = os.read(reader, REPORT_MAX)
        if not chunk:
            return received
        received += chunk
        if len(received) > 4 * REPORT_MAX:  # nonsense, and endless
            return received[:REPORT_MAX] + b"\n"
    raise TimeoutError


def _server_environment() -> dict[str, str]:
    """Nothing of the site's own environment, which holds its secrets."""
    return {
        "PYTHONPATH": os.fspath(PROJECT_ROOT),
        "LC_ALL": "C.UTF-8",
        # glibc reserves 64 MB of address space per thread and arena, which RLIMIT_AS counts.
        "MALLOC_ARENA_MAX": "1",
        "GLIBC_TUNABLES": MEMORY,
    }


def _forget_after_fork() -> None:
    for decoder in tuple(_DECODERS):
        decoder._after_fork()


_DECODERS: weakref.WeakSet[Decoder] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forget_after_fork)
