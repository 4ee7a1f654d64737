"""Lighthouse's score for the first screen of a gallery on a phone, the owner's and that of somebody with a link.

Lighthouse loads the page in Chromium as it is and works out, from what it saw, how the same load would have gone on a
phone with a processor 4 times slower and 1.6 Mbit/s (its "simulated throttling", the default for mobile). On a machine
without a graphics card Chromium paints on the processor, which counts as the page's work: the limit, a page of the same
pictures and nothing else, tells how much that is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from pathlib import Path

from bench.client import Client, signed_in
from bench.context import PERSON, Bench, alternate
from bench.figures.first_screen import CHROMIUM_FLAGS, fill
from bench.folder_server import serve
from bench.npm import install
from bench.site import Site
from bench.table import Row, Wanted
from gallery_site.runner.browser import obtain_chromium

ATTEMPTS = 3  # now and then it misses the beginning of its own recording, and says "please run Lighthouse again"
SOURCE = Path(__file__).parents[1] / "lighthouse"
BARE = "<!doctype html><html lang=en><meta name=viewport content='width=device-width'><title>Pictures</title>"


def measure(bench: Bench) -> Iterator[Row]:
    """The scores, of 100."""
    folder = bench.scratch / "lighthouse"
    install(SOURCE, folder)
    site = bench.site("lighthouse-site")
    gallery = fill(site)
    headers = signed_in(site.inside("bench.filling:sign_in", person=PERSON))
    link = site.inside("bench.filling:new_link", gallery=gallery)
    bare = _write_bare_page(bench.scratch / "bare", site, f"/g/{gallery}/", headers)
    with serve(bare) as address:
        pages: list[Callable[[], float]] = [
            partial(_score, folder, f"{site.address}/g/{gallery}/", headers),
            partial(_score, folder, f"{site.address}{link}", {}),
            partial(_score, folder, address, {}),
        ]
        own, visits, limits = alternate(bench.scaled(5, 1), *pages)
    for name, scores in (("", own), (" of a link", visits)):
        wanted = Wanted(98, best="high")
        yield Row(f"first screen{name}, Lighthouse's score", "", scores, limits, "the pictures alone", wanted)


def _write_bare_page(folder: Path, site: Site, path: str, headers: dict[str, str]) -> Path:
    """A page of the gallery's thumbnails, their sizes reserved, without style or script; returns ``folder``. They lie
    beside it, since the site's own may not be shown by a page of another origin."""
    folder.mkdir()
    pictures = ""
    with Client(site.address, headers) as client:
        page = client.get(path).body.decode()
        for number, address in enumerate(re.findall(r'class="tile-over" src="([^"]+)"', page)):
            (folder / f"{number}.webp").write_bytes(client.get(unescape(address)).body)
            pictures += f"<img src={number}.webp width=130 height=98 alt=Picture loading=lazy>"
    (folder / "index.html").write_text(BARE + pictures)
    return folder


def _score(folder: Path, address: str, headers: dict[str, str]) -> float:
    report = folder / "report.json"
    command = [
        "node_modules/.bin/lighthouse",
        address,
        "--quiet",
        "--only-categories=performance",
        "--no-enable-error-reporting",
        "--output=json",
        f"--output-path={report}",
        f"--chrome-flags=--headless=new {' '.join(CHROMIUM_FLAGS)}",
        f"--extra-headers={json.dumps(headers)}",
    ]
    environment = os.environ | {"CHROME_PATH": obtain_chromium()}
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            break
    else:
        raise RuntimeError(f"Lighthouse gave up: {done.stderr.strip()[-1000:]}")
    return 100 * float(json.loads(report.read_text())["categories"]["performance"]["score"])
