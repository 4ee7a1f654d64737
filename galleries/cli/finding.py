"""Galleries by their name or id."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from galleries.cli.errors import Away, CliError, WrongUse
from galleries.cli.web import Site

Gallery = dict[str, Any]
ID = re.compile("[0-9a-f]{32}")
LOOKS = 4  # about four seconds: what was begun before a time-out in between may end by then
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def find_gallery(site: Site, name: str) -> Gallery:
    """The one gallery with this title or id.

    Raises:
        CliError: not_found.
        WrongUse: several have this title.
    """
    gallery = _look(site, name)
    if gallery is None:
        raise CliError("not_found", f"There is no gallery called {name}.")
    return gallery


def find_or_make_gallery(site: Site, name: str, retention: str | None) -> tuple[Gallery, bool]:
    """The gallery with this title or id, made when there is none; and whether it was made now.

    Making one is not sent twice blindly: when no answer came, it is looked for first.

    Raises:
        CliError: not_found when this is an id, of no gallery: nobody wants one that is called so.
    """
    for attempt in range(LOOKS):
        if attempt:
            site.patience.wait(attempt, None)
        gallery = _look(site, name)
        if gallery is not None:
            return gallery, False
        if ID.fullmatch(name):
            raise CliError("not_found", f"There is no gallery with the id {name}.")
        try:
            payload = {"title": name} | ({"retention": retention} if retention else {})
            made: Gallery = site.post("/galleries", payload, repeatable=False)
        except Away as away:
            last = away
        else:
            return made, True
    raise last


def as_title(name: str) -> str:
    """``name`` as the site keeps it: NFC (macOS gives names in NFD), without what cannot be seen, single blanks."""
    text = unicodedata.normalize("NFC", name.replace("\r", "\n"))
    kept = (c for c in text if c in {"\n", "\u200d"} or unicodedata.category(c) not in _DROPPED)
    return " ".join("".join(kept).split())


def _look(site: Site, name: str) -> Gallery | None:
    wanted = as_title(name)
    found: list[Gallery] = [each for each in site.items("/galleries") if name == each["id"] or wanted == each["title"]]
    if ID.fullmatch(name):
        found = [each for each in found if each["id"] == name] or found
    if len(found) > 1:
        ids = ", ".join(each["id"] for each in found)
        raise WrongUse(f"{len(found)} galleries are called {name}; say which one by its id: {ids}.")
    return found[0] if found else None
