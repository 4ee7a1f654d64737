"""gunicorn's worker with threads, with two changes.

What never became a request is answered like everything else that is refused here, by problem details (RFC 9457):
gunicorn's own answer is a page of HTML, also for programs. And nobody is waited for who leaves a connection open that
is over: gunicorn does that in the one thread that also accepts everybody else, for two seconds each.
"""

from __future__ import annotations

import json
import selectors
import time
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
from gunicorn.workers.gthread import ThreadWorker

from galleries.problems import Problem

REFUSALS = {
    LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, "This address is too long."),
    LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "This request has too many headers, or too long.",
    ),
    ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "Only 100-continue can be expected here."),
    UnsupportedTransferCoding: (HTTPStatus.NOT_IMPLEMENTED, "Bodies are taken whole or in chunks, in no other coding."),
}
LINGER = 2.0  # seconds for the other side to take the last answer and close, as gunicorn has it (RFC 9112, section 9.6)
MOST_DRAINED = 64 * 1024  # bytes that it may go on sending meanwhile


class Worker(ThreadWorker):
    """Answers broken requests by the site's own rules, and ends connections without waiting for their other side."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lingering: dict[Any, int] = {}  # connection -> bytes drained; in the order of their ends

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """After a request, in the main thread: keep the connection, or begin to end it."""
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
            self._let_go(conn)

    def murder_pending(self) -> None:
        """Called at least once a second: those who waited too long are let go, those that are over too."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn in self.lingering if conn.timeout <= now]:
            self._let_go(conn)

    def _let_go(self, conn: Any) -> None:
        del self.lingering[conn]
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
