"""What a server in front answers by itself, when the site is away or is not to be asked.

Pages in the site's look, and the problem details that the API would give (deploy/nginx/site.conf).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from django.template.loader import render_to_string

from galleries.problems import Problem

# name -> (the code of the problem, the page's heading, its sentence)
PAGES = {
    "down": (
        "unavailable",
        "Back in a moment",
        "The site is not there just now. Photos that were shown as safe are safe. Load this page again in a moment.",
    ),
    "slow": (
        "rate_limited",
        "Too much at once",
        "More came from your network than we can take at once. Wait a few seconds, then load this page again.",
    ),
    "large": (
        "file_too_large",
        "Too large",
        "This is larger than what we take, and nothing was stored. Of several photos, add fewer of them at a time.",
    ),
    "gone": (
        "not_found",
        "There is nothing at this address",
        "The link may be wrong, or what was here has reached its end.",
    ),
    "bad": (
        "malformed",
        "That request could not be read",
        "Go back, load the page anew and try again.",
    ),
}


def write_front_pages(folder: Path) -> None:
    """Write each page and its problem into ``folder``, every file at once or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in front_pages():
        partial = folder / f".{name}"
        partial.write_text(text, encoding="utf-8")
        partial.rename(folder / name)


def front_pages() -> Iterator[tuple[str, str]]:
    """File name and content of each."""
    for name, (code, title, sentence) in PAGES.items():
        yield f"{name}.html", render_to_string("front.html", {"title": title, "sentence": sentence})
        yield f"{name}.json", json.dumps(Problem(code).as_json())
