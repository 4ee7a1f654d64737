"""Where the site listens (``GALLERY_BIND``, ``PORT``), and whether it can."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

DEFAULT_BIND = "127.0.0.1"
DEFAULT_PORT = 8000


class CannotListen(Exception):
    """The address cannot be used; the message is one sentence for the person at the terminal."""


def listen_address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Host and port from the environment.

    Raises:
        CannotListen: ``PORT`` is not a port number.
    """
    host = environ.get("GALLERY_BIND", "").strip().strip("[]") or DEFAULT_BIND
    text = environ.get("PORT", "").strip() or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CannotListen(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return host, int(text)


def join_address(host: str, port: int) -> str:
    """``host:port`` as it stands in an address; IPv6 hosts get their brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_listening(host: str, port: int) -> None:
    """Bind once and let go, so that a taken port is one clear line and not five retries of the server.

    Raises:
        CannotListen: taken, forbidden, or not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As gunicorn does: a port in TIME_WAIT after a restart is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # On macOS SO_REUSEADDR lets two binds succeed; listening tells them apart.
            probe.listen(1)
        except OSError as error:
            raise CannotListen(_explain(error, host, port)) from error


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return f"Port {port} is already in use. Choose another: PORT={other} python3 run.py"
    if error.errno == errno.EACCES:
        return f"Port {port} needs administrator rights. Choose one above 1023: PORT=8000 python3 run.py"
    return f"GALLERY_BIND={host} is not an address of this machine."
