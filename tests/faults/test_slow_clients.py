"""As many slow clients as there are threads, and more, hold up nobody else: without nginx too (F30 of SAFETY)."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gallery_site import patient_socket
from gallery_site.patient_socket import PatientSocket
from gallery_site.worker import may_be_long
from tests.faults.site import FaultSite, heavy_picture

pytestmark = [pytest.mark.slow]
MANY = 90  # the site has 64 threads
SOON = 1.0  # seconds


@contextmanager
def slow_clients(site: FaultSite, sent: bytes, *, buffer: int = 0) -> Iterator[list[socket.socket]]:
    """They have said so much, and neither say nor take anything more. ``buffer``: bytes that their system takes."""
    with ExitStack() as stack:
        lines = []
        for _ in range(MANY):
            line = stack.enter_context(socket.socket())
            if buffer:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            line.connect(("127.0.0.1", site.port))
            line.sendall(sent)
            lines.append(line)
        time.sleep(0.5)  # the site has seen all of them
        yield lines


def check_others_are_answered(site: FaultSite) -> None:
    for path in ("/healthz", "/", "/accounts/login/"):
        begin = time.monotonic()
        with urllib.request.urlopen(f"{site.address}{path}", timeout=10) as answer:  # noqa: S310 (loopback)
            assert answer.status == 200
        assert time.monotonic() - begin < SOON, path


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\nlogin=",
        b"POST /media/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["silent", "heads", "bodies", "bodies in chunks"],
)
def test_slow_senders_hold_up_nobody(site: FaultSite, sent: bytes) -> None:
    with slow_clients(site, sent):
        check_others_are_answered(site)


def test_slow_readers_hold_up_nobody(site: FaultSite) -> None:
    gallery = site.alice.make_gallery()
    image = site.alice.upload(gallery, heavy_picture(1)).json["id"]
    address = site.alice.call("GET", f"/images/{image}/original").headers["location"]
    path = address[address.index("/media/") :]
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 8  # more than the buffers take
    with slow_clients(site, asked, buffer=4096):
        check_others_are_answered(site)


def test_a_request_may_come_byte_by_byte_and_two_at_once(site: FaultSite) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as line:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n":
            line.sendall(bytes([byte]))
        assert line.recv(65_536).startswith(b"HTTP/1.1 200")
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 2:
            answers += line.recv(65_536)


def test_a_length_that_nothing_has_ends_nothing_but_its_request(site: FaultSite) -> None:
    others = slow_clients(site, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    with others as lines, socket.create_connection(("127.0.0.1", site.port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5_000))
        assert line.recv(65_536).startswith(b"HTTP/1.1 400")
        lines[0].sendall(b"\r\n")
        assert lines[0].recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("head", "is_long"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc", True),
        (b"POST / HTTP/1.1\r\ncontent-length:4\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5_000), True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
        (b"GET /x HTTP/1.1\r\nX: y\r\n\r\nContent-Length: 9", False),
        (b"GET /media/a/b HTTP/1.1\r\n\r\n", True),
        (b"GET http://x/media/a HTTP/1.1\r\n\r\n", True),
        (b"GET /s/t/zip/ HTTP/1.1\r\n\r\n", True),
        (b"GET /api/v1/galleries/a/zip HTTP/1.1\r\n\r\n", True),
        (b"GET /?next=/media/ HTTP/1.1\r\n\r\n", False),
    ],
)
def test_what_may_be_long(head: bytes, is_long: bool) -> None:
    assert may_be_long(head) == is_long


def test_silence_ends_a_connection_and_slowness_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_socket, "PATIENCE", 0.2)
    near, far = socket.socketpair()
    with PatientSocket.around(near) as patient, far:
        patient.setblocking(True)
        with pytest.raises(ConnectionResetError):
            patient.recv(1)
        with pytest.raises(ConnectionResetError):
            patient.sendall(b"x" * 10_000_000)  # more than the buffers take
