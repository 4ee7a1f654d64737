"""DynamoDB and S3 over HTTP on the loopback, for real boto3 clients in any process: the strict
table, a folder as the bucket, and what goes wrong between a client and a service.

A rule of ``faults`` is asked once for each request and may answer for the service: an error before anything is done
(``fail``), silence after it was done (``lose``), or partial deletion.
"""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.records.bucket import Bucket, Response, error
from tests.records.table import Refused, Table

API = "com.amazonaws.dynamodb.v20120810"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Fault:
    """Something that goes wrong ``times`` times with requests of ``operation`` ("": any). ``code``: an error instead
    of the effect; ``lost``: the effect, and then a closed connection instead of the answer."""

    operation: str
    times: int = 1
    code: str = ""
    status: int = 400
    lost: bool = False
    only: Callable[[Any], bool] = lambda request: True


@dataclass
class Service:
    """Both services at one address. ``now``: the time that they write into their answers; ``before`` is called with
    each operation and request, before its effect."""

    table: Table = field(default_factory=Table)
    objects: Bucket = field(default_factory=lambda: Bucket("photos"))
    now: Callable[[], float] = time.time
    faults: list[Fault] = field(default_factory=list)
    before: Callable[[str, Any], object] = lambda operation, request: None
    calls: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Service:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 1 << 16  # an answer in one piece

            def do_POST(self) -> None:
                service.serve(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST

            def date_time_string(self, timestamp: float | None = None) -> str:
                return email.utils.formatdate(service.now(), usegmt=True)

            def log_message(self, format: str, *args: object) -> None:
                return None

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                return None

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that uses it."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.address}

    def fail(self, operation: str, code: str, *, times: int = 1, status: int = 400) -> None:
        """The next ``times`` requests of ``operation`` have no effect."""
        self.faults.append(Fault(operation, times, code, status))

    def lose(self, operation: str, *, times: int = 1) -> None:
        """The next ``times`` requests have their effect and no answer."""
        self.faults.append(Fault(operation, times, lost=True))

    # --- one request

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        target = handler.headers.get("X-Amz-Target", "")
        if target:
            operation, request = target.partition(".")[2], json.loads(body)
        else:
            operation, request = self.objects.operation(handler.command, handler.path), body
        self.calls[operation] += 1
        fault = self._fault(operation, request)
        if fault is not None and fault.code:
            answer = _fail(fault) if target else error(fault.status, fault.code)
        else:
            self.before(operation, request)
            answer = (
                self._table(operation, request)
                if target
                else self.objects.ask(operation, handler.path, dict(handler.headers.items()), body)
            )
        if fault is not None and fault.lost:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer.body)

    def _fault(self, operation: str, request: Any) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.operation in {"", operation} and fault.only(request):
                fault.times -= 1
                return fault
        return None

    def _table(self, operation: str, request: Any) -> Response:
        try:
            return _said(200, self.table.ask(operation, request))
        except Refused as refused:
            answer = {"__type": f"{API}#{refused.code}", "message": refused.message}
            return _said(400, answer | ({} if refused.item is None else {"Item": refused.item}))


def _said(status: int, answer: Any) -> Response:
    body = json.dumps(answer).encode()
    return Response(status, body, {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": str(zlib.crc32(body))})


def _fail(fault: Fault) -> Response:
    return _said(fault.status, {"__type": f"{API}#{fault.code}", "message": fault.code})
