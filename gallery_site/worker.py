"""gunicorn's worker with threads, with four changes.

What never became a request is answered like everything else that is refused here, by problem details (RFC 9457):
gunicorn's own answer is a page of HTML, also for programs. Nobody is waited for who leaves a connection open that is
over: gunicorn does that in the one thread that also accepts everybody else, for two seconds each. A thread is only
given to a request whose head is there, and never all of them to those that may be long, bodies that are still on their
way and files: as many slow clients as there are threads would hold the whole site. And requests that follow each other
at once, as a page's sixty pictures do, are answered by one thread, without waking the main thread for each.
"""

from __future__ import annotations

import json
import re
import select
import selectors
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from socket import SHUT_WR, socket
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

from galleries.problems import Problem
from galleries.receiving import PIECE
from gallery_site.patient_socket import PatientSocket

REFUSALS = {
    LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, "This address is too long."),
    LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "This request has too many headers, or too long.",
    ),
    ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "Only 100-continue can be expected here."),
    UnsupportedTransferCoding: (HTTPStatus.NOT_IMPLEMENTED, "Bodies are taken whole or in chunks, in no other coding."),
}
AT_ONCE = 2  # milliseconds that a thread waits for its connection's next request
LINGER = 2.0  # seconds for the other side to take the last answer and close, as gunicorn has it (RFC 9112, section 9.6)
MOST_DRAINED = 64 * 1024  # bytes that it may go on sending meanwhile

HEAD_PATIENCE = 10.0  # seconds for the head of a request to arrive; nginx's client_header_timeout
# Bytes of a head. Of a longer one gunicorn says what is wrong with it.
MOST_HEAD = 32 * 1024
_END = b"\r\n\r\n"
# Answers that leave at their reader's pace.
_FILES = re.compile(rb"\S+ [^ ?]*/(?:media/|(?:zip|original)[/? ])")
_BODY = re.compile(rb"(?i)\r\n(?:content-length: *(\d+)|transfer-encoding:)")
_MOST_DIGITS = 18  # of a body's length: Python refuses to read a number of thousands of them

SocketUnreader.max_body_chunk = PIECE


class Worker(ThreadWorker):
    """Answers broken requests by the site's own rules, lets no slow client hold a thread that others need, and ends
    connections without waiting for their other side."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lingering: dict[Any, int] = {}  # connection -> bytes drained; in the order of their ends
        self.heads: dict[Any, bytearray] = {}  # connection -> what has come of its next request's head
        self.in_threads = 0  # connections that have a thread, or wait for one
        self.long: set[Any] = set()  # connections whose request may be long, in threads
        self.waiting: deque[Any] = deque()  # those that wait for a place among them
        self.most_long = max(1, self.cfg.threads * 3 // 4)

    # --- from a connection to a thread; all of it in the main thread

    def enqueue_req(self, conn: Any) -> None:
        """A connection that has, or will have, a request: its head is read here."""
        if conn.parser is None:
            conn.sock = PatientSocket.around(conn.sock)
        self.heads[conn] = bytearray(conn.parser.unreader.take_buffered() if conn.parser else b"")
        conn.timeout = time.monotonic() + HEAD_PATIENCE
        conn.sock.setblocking(False)
        if self._receive_head(conn):
            self._dispatch(conn)
        else:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._go_on_with_head, conn))

    def _go_on_with_head(self, conn: Any, sock: Any) -> None:
        if self._receive_head(conn):
            self.poller.unregister(sock)
            self._dispatch(conn)

    def _receive_head(self, conn: Any) -> bool:
        """Take what has come; whether that is all that gunicorn's parser needs, or all that will ever come."""
        head = self.heads[conn]
        if _END not in head:  # of requests in a row the next one may be there already
            try:
                received = conn.sock.recv(MOST_HEAD)
            except BlockingIOError:
                return False
            except OSError:
                received = b""
            head += received
            return not received or _END in head or len(head) >= MOST_HEAD
        return True

    def _dispatch(self, conn: Any) -> None:
        head = bytes(self.heads.pop(conn))
        if not head:  # nothing came, and nothing will
            self.nr_conns -= 1
            conn.close()
            return
        conn.init()
        conn.parser.unreader.unread(head)
        if not may_be_long(head):
            self._give_thread(conn)
        elif len(self.long) < self.most_long:
            self.long.add(conn)
            self._give_thread(conn)
        else:
            self.waiting.append(conn)

    def _give_thread(self, conn: Any) -> None:
        self.in_threads += 1
        super().enqueue_req(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Called when the worker stops: nobody waits longer for a request that does not come."""
        super()._cap_keepalive(deadline)
        for conn in self.heads:
            conn.timeout = min(conn.timeout, deadline)

    # --- in a thread

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow it at once. Returns whether the connection may be kept."""
        keep = super().handle(conn)
        while keep is True and self._follows_at_once(conn):
            keep = super().handle(conn)
        return keep

    def _follows_at_once(self, conn: Any) -> bool:
        """Whether the connection's next request is there, and this thread may take it: nobody waits for a thread, and
        it is no longer than the one before. What has come of any other is left to the main thread, in the parser."""
        unreader = conn.parser.unreader
        if not self.alive or self.waiting or self.in_threads >= self.cfg.threads or unreader.buf.tell():
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        if not poll.poll(AT_ONCE):
            return False
        try:
            head = conn.sock.recv(MOST_HEAD)
        except OSError:
            return False
        unreader.unread(head)
        return _END in head and (conn in self.long or not may_be_long(head))

    # --- after a request

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """After a request, in the main thread: keep the connection, or begin to end it."""
        self.in_threads -= 1
        if conn in self.long:
            self.long.remove(conn)
            if self.waiting:
                self.long.add(self.waiting[0])
                self._give_thread(self.waiting.popleft())
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):  # the other side has gone already
            self.nr_conns -= 1
            conn.close()
            return
        conn.timeout = time.monotonic() + LINGER
        self.lingering[conn] = 0

    def _drain(self, conn: Any, _: object) -> None:
        """What comes after the end is read and dropped, or the last answer would be lost with it."""
        try:
            received = len(conn.sock.recv(4096))
        except BlockingIOError:
            return
        except OSError:
            received = 0
        self.lingering[conn] += received
        if received == 0 or self.lingering[conn] > MOST_DRAINED:
            self._let_go(conn, self.lingering)

    def murder_pending(self) -> None:
        """Called at least once a second: those who waited too long are let go, those that are over too."""
        super().murder_pending()
        now = time.monotonic()
        for watched in (self.lingering, self.heads):
            for conn in [conn for conn in watched if conn.timeout <= now]:
                self._let_go(conn, watched)

    def _let_go(self, conn: Any, watched: dict[Any, Any]) -> None:
        """End a connection of ``watched``, which the poller has."""
        del watched[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def handle_error(self, req: Any, client: socket, addr: Any, exc: Exception) -> None:
        """Say what is wrong with a request that could not be read, or that the application failed in.

        Nothing of the request is repeated, neither in the answer nor in the log: it may hold a token.
        """
        # A header that the application made is the application's fault, though it is the parser that finds it.
        ours = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if isinstance(exc, ParseException) and not ours:
            status, detail = REFUSALS.get(type(exc), (HTTPStatus.BAD_REQUEST, ""))
            problem = Problem("malformed", detail)
            self.log.warning("a request could not be read: %s", type(exc).__name__)
        else:
            status, problem = HTTPStatus.INTERNAL_SERVER_ERROR, Problem("server_error")
            self.log.error("a request could not be answered", exc_info=exc)
        try:
            util.write_nonblock(client, _answer(status, problem))
        except OSError:
            self.log.debug("nobody took the answer")


def may_be_long(head: bytes) -> bool:
    """Whether a request holds its thread for as long as its client likes: a part of its body has still to come, or its
    answer is a file. ``head``: what has come, of the body too."""
    if _FILES.match(head):
        return True
    start = head.find(_END)
    body = _BODY.search(head, 0, start + 2)
    if body is None:
        return False
    digits = body[1]
    return digits is None or len(digits) > _MOST_DIGITS or int(digits) > len(head) - start - len(_END)


def _answer(status: HTTPStatus, problem: Problem) -> bytes:
    body = json.dumps(problem.as_json() | {"status": status, "title": status.phrase}).encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
