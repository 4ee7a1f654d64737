"""The addresses under which other devices on the same network reach this machine."""

from __future__ import annotations

import socket


def lan_address() -> str | None:
    """This machine's address on the local network, or None when it has none.

    Connecting a datagram socket sends nothing; it only asks the system which interface would be used.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def local_hosts(bind: str) -> list[str]:
    """Host names that a browser may send in ``Host`` when the site listens on ``bind``."""
    hosts = ["127.0.0.1", "localhost", "[::1]"]
    if bind in {"127.0.0.1", "localhost", "::1"}:
        return hosts
    if bind not in {"0.0.0.0", "::"}:  # noqa: S104 (comparing, not binding)
        return [*hosts, bind]
    name = socket.gethostname()
    return [*hosts, *filter(None, [lan_address()]), name, f"{name}.local"]
