"""The tiles of the grid: ``_tile.html`` is written once for each kind of picture, and filled in for each picture.

Sixty tiles of twenty-five values each were two thirds of a gallery's page while each was a template of its own: Django
looks every value up by guessing what it might be (docs/decisions.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from html import escape
from typing import NamedTuple

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from galleries.templatetags.gallery import step_left, words_left
from galleries.tiles import Day, Tile, group_by_day

register = template.Library()

VALUES = (
    *("id", "href", "original_href", "thumbnail", "preview", "placeholder"),
    *("label", "width", "height", "ratio_class", "expires", "left"),
)
WIDE = 8  # quarters of a side, rounded
# A phone's first screen holds so many. They are asked for as the page is read; "lazy" ones wait for its layout.
IN_SIGHT = 6


class Kind(NamedTuple):
    """What a tile's HTML depends on besides the values in it; the conditions of ``_tile.html``."""

    has_end: bool
    step: str
    has_placeholder: bool
    is_animated: bool
    is_wide: bool
    is_in_sight: bool


register.filter("by_day", group_by_day)


@register.simple_tag
def write_tiles(day: Day) -> SafeString:
    """The list items of a day. The template is ours and each value is escaped: the result is safe."""
    now = timezone.now()
    read_form: Callable[[Kind], str] = _read_form.__wrapped__ if settings.DEBUG else _read_form
    written = [_write_tile(tile, place, now, read_form) for place, tile in enumerate(day.tiles, day.begins)]
    return SafeString("".join(written))


def _write_tile(tile: Tile, place: int, now: datetime, read_form: Callable[[Kind], str]) -> str:
    image, expires_at = tile.image, tile.expires_at
    kind = Kind(
        has_end=expires_at is not None,
        step=step_left(expires_at, now),
        has_placeholder=bool(image.placeholder),
        is_animated=image.animated,
        is_wide=round(image.ratio * 4) >= WIDE,
        is_in_sight=place < IN_SIGHT,
    )
    return read_form(kind) % {
        "id": image.hex,
        "href": escape(tile.href),
        "original_href": escape(tile.original_href),
        "thumbnail": escape(tile.thumbnail),
        "preview": escape(tile.preview),
        "placeholder": escape(image.placeholder),
        "label": escape(tile.label),
        "width": image.width,
        "height": image.height,
        "ratio_class": tile.ratio_class,
        "expires": "" if expires_at is None else int(expires_at.timestamp()),
        "left": words_left(expires_at, now),
    }


@cache
def _read_form(kind: Kind) -> str:
    """``_tile.html`` for this kind of picture, with ``%(value)s`` where the values go."""
    marks = {name: SafeString(f"\0{name}\0") for name in VALUES}
    written = render_to_string("galleries/_tile.html", {**kind._asdict(), **marks})
    return re.sub("\0([a-z_]+)\0", r"%(\1)s", written.replace("%", "%%"))
