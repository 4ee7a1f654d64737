"""A socket whose other side may be slow, but not silent."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any

# Seconds in which the other side must take or send something; what nginx's send_timeout is on a server.
PATIENCE = 30.0


class PatientSocket(socket):
    """Waits for as long as bytes go on moving. Who neither sends nor takes any for ``PATIENCE`` has gone: that is told
    as a connection that was reset, which everybody who uses a socket expects."""

    @classmethod
    def around(cls, other: socket) -> PatientSocket:
        """The same connection; ``other`` is used up."""
        return cls(other.family, other.type, other.proto, other.detach())

    def setblocking(self, flag: bool) -> None:
        self.settimeout(PATIENCE if flag else 0)

    def recv(self, *arguments: Any) -> bytes:
        with _silence_is_an_end():
            return super().recv(*arguments)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """The time that is allowed is for each piece: the whole may be a large file for a slow reader."""
        left = memoryview(data).cast("B")
        with _silence_is_an_end():
            while left:
                left = left[self.send(left, flags) :]

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        with _silence_is_an_end():
            return super().sendfile(file, offset, count)


@contextmanager
def _silence_is_an_end() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise ConnectionResetError(errno.ECONNRESET, "The other side is silent.") from None
