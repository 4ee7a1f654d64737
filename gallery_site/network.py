"""The addresses under which other devices on the same network reach this machine."""

from __future__ import annotations

import socket

from gallery_site.runner.listening import join_address

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 (compared, not bound)


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


def own_address(bind: str, port: int, lan: str | None) -> str:
    """The address of a site that listens on ``bind`` and that nobody has named, as it stands in links, QR codes and
    mails: one that phones on the network reach when the site listens there; ``lan`` is this machine's on it, if any."""
    host = "127.0.0.1" if bind in {"127.0.0.1", "localhost"} else bind
    if bind in EVERYWHERE:
        host = lan or "127.0.0.1"
    return f"http://{join_address(host, port)}"


def local_hosts(bind: str) -> list[str]:
    """Host names that a browser may send in ``Host`` when the site listens on ``bind``."""
    hosts = ["127.0.0.1", "localhost", "[::1]"]
    if bind in LOOPBACK:
        return hosts
    if bind not in EVERYWHERE:
        return [*hosts, f"[{bind}]" if ":" in bind else bind]
    name = socket.gethostname()
    return [*hosts, *filter(None, [lan_address()]), name, f"{name}.local"]
