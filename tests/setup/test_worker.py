"""Which requests a thread answers one after another, and which it leaves to the main thread."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from galleries.receiving import PIECE
from gallery_site.worker import Worker

THREADS = 2
SHORT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = b"GET /media/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def worker() -> Worker:
    """One that answers a request on one of its two threads; nobody waits."""
    made: Any = Worker.__new__(Worker)
    made.cfg = SimpleNamespace(threads=THREADS)
    made.alive = True
    made.waiting, made.long, made.in_threads = deque(), set(), 1
    worker: Worker = made
    return worker


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, Any]]:
    """The client's end, and the connection as the worker has it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        conn = TConn.__new__(TConn)
        conn.sock, conn.parser = ours, SimpleNamespace(unreader=SocketUnreader(ours))
        yield theirs, conn


@pytest.mark.parametrize(("sent", "follows"), [(SHORT, True), (SHORT * 2, True), (SHORT[:-1], False), (LONG, False)])
def test_what_came_is_taken_or_left_in_the_parser(
    worker: Worker, line: tuple[socket.socket, Any], sent: bytes, follows: bool
) -> None:
    client, conn = line
    client.sendall(sent)
    assert worker._follows_at_once(conn) is follows
    assert conn.parser.unreader.take_buffered() == sent


def test_a_long_one_follows_a_long_one_in_its_place(worker: Worker, line: tuple[socket.socket, Any]) -> None:
    client, conn = line
    worker.long.add(conn)
    client.sendall(LONG)
    assert worker._follows_at_once(conn)


def test_silence_and_the_end_are_the_main_threads_to_wait_for(worker: Worker, line: tuple[socket.socket, Any]) -> None:
    client, conn = line
    assert not worker._follows_at_once(conn)
    client.close()
    assert not worker._follows_at_once(conn)


@pytest.mark.parametrize("state", [{"in_threads": THREADS}, {"waiting": deque(["another"])}, {"alive": False}])
def test_a_thread_that_others_need_takes_nothing(
    worker: Worker, line: tuple[socket.socket, Any], state: dict[str, Any]
) -> None:
    client, conn = line
    for name, value in state.items():
        setattr(worker, name, value)
    client.sendall(SHORT)
    assert not worker._follows_at_once(conn)
    assert conn.sock.recv(1024) == SHORT


def test_bytes_that_the_parser_has_are_not_passed_by(worker: Worker, line: tuple[socket.socket, Any]) -> None:
    client, conn = line
    conn.parser.unreader.unread(SHORT[:9])
    client.sendall(SHORT[9:])
    assert not worker._follows_at_once(conn)
    assert conn.parser.unreader.take_buffered() == SHORT[:9]


def test_a_body_is_received_in_the_pieces_in_which_it_is_read() -> None:
    """What is received beyond what was asked for is copied twice (galleries/receiving.py)."""
    assert SocketUnreader.max_body_chunk == PIECE
