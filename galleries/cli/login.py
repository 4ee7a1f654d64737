"""Where the token is kept: a file that only its owner can read, in the user's configuration folder."""

from __future__ import annotations

import getpass
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from galleries.cli.errors import WrongUse

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Login:
    """Which site, and the token for it."""

    url: str
    token: str


def login_file() -> Path:
    """
    Raises:
        WrongUse: whoever runs this has no folder of their own, as in many containers.
    """
    base = os.environ.get("XDG_CONFIG_HOME")
    try:
        return Path(base or Path.home() / ".config") / "image-gallery" / "login.json"
    except RuntimeError:
        raise WrongUse("There is no home folder to keep a login in: set XDG_CONFIG_HOME, or GALLERY_TOKEN.") from None


def site_address(given: str | None) -> str:
    """The site that is meant: as ``given``, of ``GALLERY_URL``, of the last login, or on this machine."""
    stored = _stored()
    return (given or os.environ.get("GALLERY_URL") or (stored.url if stored else DEFAULT_URL)).rstrip("/")


def read_login(url: str | None = None) -> Login:
    """The login of ``GALLERY_URL`` and ``GALLERY_TOKEN`` where they are set, otherwise what ``gallery login`` stored.

    A token that was stored for one site is never sent to another one.

    Raises:
        WrongUse: there is none for this site.
    """
    stored = _stored()
    wanted = site_address(url)
    token = os.environ.get("GALLERY_TOKEN", "")
    if not token and stored and stored.url == wanted:
        token = stored.token
    if not token:
        raise WrongUse(f"No token for {wanted}: run `gallery login --url {wanted}` first.")
    return Login(wanted, token)


def store_login(login: Login) -> Path:
    """Keep ``login``, whole or not at all, readable by its owner alone."""
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".login-")  # mkstemp: 0600 from the start
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(login), file)
    Path(name).replace(path)
    return path


def ask_secret(prompt: str, variable: str) -> str:
    """A secret from the environment, the terminal (unseen) or standard input; never an argument, which every other
    process could read."""
    if os.environ.get(variable):
        return os.environ[variable].strip()
    try:
        return (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    except (EOFError, UnicodeDecodeError):  # Ctrl-D; a file that is no text
        return ""


def _stored() -> Login | None:
    try:
        given = json.loads(login_file().read_text(encoding="utf-8"))
        return Login(str(given["url"]), str(given["token"]))
    except (WrongUse, OSError, ValueError, KeyError, TypeError):
        return None
