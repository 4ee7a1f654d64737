"""What the terminal shows once the site listens: its address, and a QR code for phones on the same network."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping

import segno

from gallery_site.network import EVERYWHERE, LOOPBACK, lan_address, own_address
from gallery_site.runner.listening import join_address, listen_address


def print_banner(environ: Mapping[str, str]) -> None:
    """Print where the site can be reached."""
    host, port = listen_address(environ)
    print(banner(host, port, environ.get("SITE_URL", ""), lan_address()), flush=True)  # noqa: T201 (for the terminal)


def banner(host: str, port: int, site_url: str, lan: str | None) -> str:
    """The lines for a site that listens on ``host``; ``lan`` is this machine's address on its network, if any."""
    if site_url:
        return f"Image Gallery is at {site_url} (listening on {join_address(host, port)})"
    local = "127.0.0.1" if host in EVERYWHERE else host
    lines = [f"Image Gallery is at http://{join_address(local, port)}"]
    if host in EVERYWHERE and lan is None:
        lines.append("This machine has no address on a network, so no phone can reach it.")
    elif host not in LOOPBACK:
        address = own_address(host, port, lan)
        lines += [f"For phones on the same network: {address}", qr_code(address)]
    return "\n".join(lines)


def qr_code(address: str) -> str:
    """``address`` as a QR code of terminal characters; empty where the terminal cannot show them."""
    out = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(out, border=2, compact=True)
    lines = out.getvalue().rstrip("\n").split("\n")
    try:
        "".join(lines).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ""
    if sys.stdout.isatty():
        # White on black whatever the terminal's colours are: some phones do not read an inverted code.
        lines = [f"\033[97;40m{line}\033[0m" for line in lines]
    return "\n".join(lines)
