"""Galleries by their name or id."""

from __future__ import annotations

import re
from typing import Any

from galleries.cli.errors import Away, CliError, WrongUse
from galleries.cli.web import Site

Gallery = dict[str, Any]


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
    """
    for _ in range(3):
        gallery = _look(site, name)
        if gallery is not None:
            return gallery, False
        try:
            payload = {"title": name} | ({"retention": retention} if retention else {})
            made: Gallery = site.post("/galleries", payload, repeatable=False)
        except Away as away:
            last = away
        else:
            return made, True
    raise last


def _look(site: Site, name: str) -> Gallery | None:
    wanted = " ".join(name.split())
    found: list[Gallery] = [each for each in site.items("/galleries") if name == each["id"] or wanted == each["title"]]
    if re.fullmatch("[0-9a-f]{32}", name):
        found = [each for each in found if each["id"] == name] or found
    if len(found) > 1:
        ids = ", ".join(each["id"] for each in found)
        raise WrongUse(f"{len(found)} galleries are called {name}; say which one by its id: {ids}.")
    return found[0] if found else None
