"""``gallery ls`` and ``gallery share``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from galleries.cli.errors import WrongUse
from galleries.cli.finding import find_gallery
from galleries.cli.progress import human, printable
from galleries.cli.web import Site

LASTS = re.compile(r"([1-9][0-9]{0,3})([hd])")
Rows = list[dict[str, Any]]


def list_galleries(site: Site) -> Rows:
    """Every gallery, the newest first."""
    return list(site.items("/galleries"))


def list_images(site: Site, name: str) -> Rows:
    """Every image of one gallery, the latest first."""
    return list(site.items(f"/galleries/{find_gallery(site, name)['id']}/images"))


def share(
    site: Site, name: str, *, look_only: bool, lasts: str | None, label: str, passcode: str, now: datetime
) -> dict[str, Any]:
    """A new link of one gallery; ``lasts`` is ``12h`` or ``7d``, None: as long as the site gives it.

    Raises:
        CliError
    """
    payload: dict[str, Any] = {"kind": "look" if look_only else "download", "name": label}
    if lasts:
        match = LASTS.fullmatch(lasts)
        if match is None:
            raise WrongUse(f"{lasts} is not a time: write 12h or 7d.")
        unit = timedelta(hours=1) if match[2] == "h" else timedelta(days=1)
        payload["ends_at"] = (now + int(match[1]) * unit).isoformat()
    if passcode:
        payload["passcode"] = passcode
    gallery = find_gallery(site, name)
    made: dict[str, Any] = site.post(f"/galleries/{gallery['id']}/links", payload, repeatable=False)
    return made


def galleries_table(rows: Rows) -> str:
    """One line a gallery, for people."""
    cells = [
        (row["id"], printable(row["title"]), f"{row['image_count']} photos", human(row["bytes"]), row["retention"])
        for row in rows
    ]
    return _table(cells)


def images_table(rows: Rows) -> str:
    """One line an image, for people."""
    cells = [
        (
            row["id"],
            printable(row["filename"]),
            f"{row['width']}x{row['height']}",
            human(row["bytes"]),
            f"until {row['expires_at'][:16].replace('T', ' ')}" if row["expires_at"] else "for ever",
        )
        for row in rows
    ]
    return _table(cells)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
