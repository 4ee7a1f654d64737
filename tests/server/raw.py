"""HTTP as nobody should speak it: bytes over a socket."""

from __future__ import annotations

import socket

PATIENCE = 30.0  # seconds


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def say(port: int, text: str) -> bytes:
    """Everything that comes back until nginx closes the connection."""
    with connect(port) as line:
        line.sendall(text.encode())
        answer = b""
        try:
            while part := line.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


def status(answer: bytes) -> int:
    """0: there was none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0
