"""A server that answers as it is told, one connection at a time: for what a real site does only on a bad day."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from galleries.cli.web import Patience, Site

Answer = bytes | None  # None: hang up without a word


def answer(status: int, body: Any = None, *headers: str) -> bytes:
    """A whole HTTP answer."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


@dataclass
class Scripted:
    """What came, and what is answered next. ``early``: answered after the head, before the body was read."""

    answers: list[Answer]
    early: bool = False
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    sites: list[Site] = field(default_factory=list)

    def site(self, patience: Patience | None = None) -> Site:
        """A client of this server; without ``patience`` one that does not wait."""
        self.sites.append(Site(self.url, "igal_x", patience or Patience(part=lambda: 0.0)))
        return self.sites[-1]

    def serve(self, server: socket.socket) -> None:
        while self.answers:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while self.answers and self._one(connection, stream.readline, stream.read):
                    pass

    def _one(self, connection: socket.socket, line: Callable[[], bytes], read: Callable[[int], bytes]) -> bool:
        first = line().decode().split()
        if len(first) < 2:
            return False
        headers = {}
        while text := line().decode().strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = b"" if self.early else read(int(headers.get("content-length", "0")))
        self.requests.append((f"{first[0]} {first[1]}", headers, body))
        reply = self.answers.pop(0)
        if reply is None:
            return False
        connection.sendall(reply)
        return not self.early


@contextmanager
def scripted(*answers: Answer, early: bool = False) -> Iterator[Scripted]:
    """A running server; every answer must have been asked for at the end."""
    script = Scripted(list(answers), early)
    with socket.create_server(("127.0.0.1", 0)) as server:
        script.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=script.serve, args=(server,))
        thread.start()
        try:
            yield script
        finally:
            for site in script.sites:
                site.__exit__()
            if script.answers:
                script.answers.clear()
                socket.create_connection(server.getsockname()).close()
            thread.join(timeout=10)
