"""Two hundred who send a head, a body or nothing, or read nothing: everybody else is served."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.ledger import Uploader
from tests.faults.site import heavy_picture
from tests.faults.web import ask
from tests.server.nginx import Nginx
from tests.server.raw import connect

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]

MANY = 200
PROMPT = 5.0  # seconds; under one on a machine of one's own (bench), and a busy one is no news


@pytest.fixture
def lines(nginx: Nginx) -> Iterator[list[socket.socket]]:
    """Two hundred open connections."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(nginx.port)) for _ in range(MANY)]


def everybody_else_is_served(nginx: Nginx, alice: Uploader) -> None:
    for path in ("/", "/healthz", "/static/css/base.css"):
        begin = time.monotonic()
        assert ask(f"{nginx.address}{path}").status == 200
        assert time.monotonic() - begin < PROMPT, path
    begin = time.monotonic()
    assert alice.call("GET", "/galleries").status == 200
    assert time.monotonic() - begin < PROMPT


def comes_from(number: int) -> str:
    return f"X-Forwarded-For: 198.51.{number // 100}.{number % 100}\r\n"


def test_slow_heads(nginx: Nginx, alice: Uploader, lines: list[socket.socket]) -> None:
    for line in lines:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    everybody_else_is_served(nginx, alice)


def test_slow_bodies(nginx: Nginx, alice: Uploader, lines: list[socket.socket]) -> None:
    gallery = alice.make_gallery()
    head = f"POST /api/v1/galleries/{gallery}/images HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: Bearer {alice.token}\r\n"
    for number, line in enumerate(lines):
        line.sendall(f"{head}{comes_from(number)}Content-Length: 60000000\r\n\r\nbegin".encode())
    everybody_else_is_served(nginx, alice)


def test_slow_readers(nginx: Nginx, alice: Uploader, lines: list[socket.socket]) -> None:
    """Of an original from the disk, and of pages."""
    image = alice.upload(alice.make_gallery(), heavy_picture(1)).json["id"]
    address = alice.call("GET", f"/images/{image}/original").headers["location"].removeprefix(nginx.address)
    for number, line in enumerate(lines):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        path = address if number % 2 else "/"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{comes_from(number)}\r\n".encode())
    everybody_else_is_served(nginx, alice)
