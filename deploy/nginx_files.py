"""nginx's configuration for one host, from ``deploy/nginx``: the site's names, who in front is believed, and how large
a photo may be.

``nginx_files.py --etc /etc/nginx --site-url URL [--hosts A,B] [--fronts CIDR,CIDR|any] [--max-upload BYTES]``;
install.sh runs it with the system's Python, so it is standard library only.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
import sys
from math import ceil
from pathlib import Path
from urllib.parse import urlsplit

SHIPPED = Path(__file__).resolve().parent / "nginx"
EXAMPLE = "gallery.example.org"
CERTBOT = "managed by Certbot"
# Whoever reaches our port stands in front of us: a security group lets nobody else in.
ANY = "any"
MIB = 1024 * 1024
SHIPPED_BODY = "client_max_body_size 65m;"  # of uploads
FRONT_SAYS_NOTHING = '"~^1 ;$"        '
_NAME = re.compile(r"\.?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")


class WrongSetting(Exception):
    """A value that nginx could not be told; the message is a sentence."""


def write_files(etc: Path, site_url: str, hosts: str, fronts: str, max_upload: str = "") -> None:
    """Write the four files below ``etc`` and switch the server on.

    Raises:
        WrongSetting: before anything was written.
    """
    names = server_names(site_url, hosts)
    files = {
        "conf.d/image-gallery.conf": http_file(site_url),
        "conf.d/image-gallery-fronts.conf": fronts_file(fronts),
        "snippets/image-gallery.conf": site_file(max_upload),
        "sites-available/image-gallery": server_file(names),
    }
    for name, text in files.items():
        path = etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and CERTBOT in path.read_text():
            continue
        path.write_text(text)
    enabled = etc / "sites-enabled" / "image-gallery"
    enabled.parent.mkdir(exist_ok=True)
    if not enabled.is_symlink():
        enabled.symlink_to("../sites-available/image-gallery")


def http_file(site_url: str) -> str:
    """image-gallery.conf: how a visitor came when the front says nothing is as the site's address has it."""
    text = (SHIPPED / "image-gallery.conf").read_text()
    return text.replace(FRONT_SAYS_NOTHING + "https;", FRONT_SAYS_NOTHING + f"{urlsplit(site_url).scheme};")


def site_file(max_upload: str) -> str:
    """site.conf with room for a photo of ``max_upload`` bytes (GALLERY_MAX_UPLOAD_BYTES; "": as the site's default is)
    and for the MiB that multipart may add."""
    shipped = (SHIPPED / "site.conf").read_text()
    if not max_upload:
        return shipped
    try:
        size = int(max_upload)
    except ValueError:
        size = 0
    if size < 1:
        raise WrongSetting(f"GALLERY_MAX_UPLOAD_BYTES must be a number of bytes, not {max_upload!r}.")
    return shipped.replace(SHIPPED_BODY, f"client_max_body_size {ceil(size / MIB) + 1}m;")


def server_names(site_url: str, hosts: str) -> list[str]:
    """The names under which the site is asked for, that of SITE_URL first."""
    named = [urlsplit(site_url).hostname or "", *(host.strip() for host in hosts.split(","))]
    names = [f"[{name}]" if ":" in name and not name.startswith("[") else name for name in named if name]
    wrong = [name for name in names if not _NAME.fullmatch(name.lower())]
    if wrong or not urlsplit(site_url).hostname:
        raise WrongSetting(
            f"SITE_URL and DJANGO_ALLOWED_HOSTS must hold names of hosts, not {(wrong or [site_url])[0]!r}."
        )
    return list(dict.fromkeys(name.lower() for name in names))


def server_file(names: list[str]) -> str:
    """server.conf for these names."""
    text = (SHIPPED / "server.conf").read_text()
    text = text.replace(f"server_name {EXAMPLE};", f"server_name {' '.join(names)};")
    return text.replace(EXAMPLE, names[0])


def fronts_file(fronts: str) -> str:
    """fronts.conf that believes ``fronts``: networks with commas between them, ``any``, or nothing.

    Of networks the last address in X-Forwarded-For that is none of theirs is the visitor. With ``any`` it is the last
    one, whatever it is: what the one proxy in front has seen itself.
    """
    shipped = (SHIPPED / "fronts.conf").read_text()
    if not fronts.strip():
        return shipped
    everybody = fronts.strip() == ANY
    networks = ["0.0.0.0/0", "::/0"] if everybody else [_network(word) for word in fronts.split(",") if word.strip()]
    lines = ["# What stands in front of this nginx and is believed about a visitor's address and protocol."]
    lines += [f"set_real_ip_from {network};" for network in networks]
    lines += ["real_ip_header X-Forwarded-For;", f"real_ip_recursive {'off' if everybody else 'on'};"]
    lines += ["geo $realip_remote_addr $image_gallery_front {", "    default 0;"]
    lines += [f"    {network} 1;" for network in networks]
    return "\n".join([*lines, "}", ""])


def _network(word: str) -> str:
    try:
        return str(ipaddress.ip_network(word.strip()))
    except ValueError:
        raise WrongSetting(
            f"GALLERY_FRONT_PROXIES must hold networks or be {ANY!r}; {word.strip()!r} is none."
        ) from None


def main(arguments: list[str]) -> int:
    """Write the files; 2 with a sentence when a setting is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--etc", type=Path, required=True)
    parser.add_argument("--site-url", required=True)
    parser.add_argument("--hosts", default="")
    parser.add_argument("--fronts", default="")
    parser.add_argument("--max-upload", default="")
    options = parser.parse_args(arguments)
    try:
        write_files(options.etc, options.site_url, options.hosts, options.fronts, options.max_upload)
    except WrongSetting as wrong:
        print(wrong, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
