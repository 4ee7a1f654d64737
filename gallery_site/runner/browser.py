"""Finds the Chromium that the browser tests drive."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
APT = Path("/usr/bin/apt-get")
HOW_TO_GET_ONE = (
    "The browser tests need Chromium: apt install chromium (macOS: install Google Chrome), or CHROMIUM=/path/to/it.\n"
    'The others run without it: python3 run.py test -m "not browser"'
)


class NoBrowser(Exception):
    """There is no Chromium; the message says how to get one."""


def find_chromium(environ: Mapping[str, str] = os.environ) -> str | None:
    """Path of an executable Chromium or Chrome, or None. ``CHROMIUM`` is taken at its word.

    Raises:
        NoBrowser: ``CHROMIUM`` is set to something that cannot be started.
    """
    named = environ.get("CHROMIUM", "").strip()
    if named:
        found = shutil.which(named, path=environ.get("PATH"))
        if found is None:
            raise NoBrowser(f"CHROMIUM={named} cannot be started.")
        return found
    for command in (*COMMANDS, *MAC_APPLICATIONS):
        found = shutil.which(command, path=environ.get("PATH"))
        if found:
            return found
    return None


def obtain_chromium(environ: Mapping[str, str] = os.environ) -> str:
    """Path of a Chromium. CI, as root on a machine with apt, may install it; nobody else's machine is changed.

    Raises:
        NoBrowser: none here, and none could be installed.
    """
    found = find_chromium(environ)
    if found is None and environ.get("CI") and os.geteuid() == 0 and APT.exists():
        print("Installing Chromium...", flush=True)
        _apt("update", environ)
        _apt("install", environ, "--yes", "--no-install-recommends", "chromium")
        found = find_chromium(environ)
    if found is None:
        raise NoBrowser(HOW_TO_GET_ONE)
    return found


def _apt(command: str, environ: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(
        [str(APT), command, "--quiet", *arguments],
        env={**environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    )
