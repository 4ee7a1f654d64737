"""gunicorn's worker with threads. What never became a request is answered like everything else that is refused here, by
problem details (RFC 9457): gunicorn's own answer is a page of HTML, also for programs."""

from __future__ import annotations

import json
from http import HTTPStatus
from socket import socket
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


class Worker(ThreadWorker):
    """Answers broken requests by the site's own rules."""

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
