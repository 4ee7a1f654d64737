"""``ask_ready.py SOCKET SITE_URL``: whether the site behind a Unix socket says on /readyz that it can work.

Exit code 0 or 1. Standard library only: install.sh runs it with the system's Python.
"""

from __future__ import annotations

import http.client
import socket
import sys
from urllib.parse import urlsplit

PATIENCE = 10  # seconds for one answer


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, host: str) -> None:
        super().__init__(host, timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def main(path: str, site_url: str) -> int:
    """Ask once."""
    parts = urlsplit(site_url)
    connection = SocketConnection(path, parts.hostname or "localhost")
    try:
        connection.request("GET", "/readyz", headers={"X-Forwarded-Proto": parts.scheme})
        answer = connection.getresponse()
        text = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()
    if answer.status != 200:
        print(f"not ready yet: {text}", file=sys.stderr)
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
