"""The grammar of object keys, written once for the site and for the sweep.

``media/<owner>/<gallery>/r/<image>/<spec>.<ext>``   a rendition
``media/<owner>/<gallery>/o/<image>.<ext>``          an original

Ids are UUIDs as 32 hex digits. Nothing a person typed is ever part of a key, and a key that does not match in full
is never opened, signed or deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ID = r"[0-9a-f]{32}"
_KEY = re.compile(
    rf"media/(?P<owner>{ID})/(?P<gallery>{ID})/"
    rf"(?:r/(?P<image>{ID})/(?P<spec>[a-z][a-z0-9]{{0,19}})|o/(?P<original>{ID}))\.(?P<extension>[a-z][a-z0-9]{{2,3}})"
)


@dataclass(frozen=True)
class Key:
    """A parsed key; ``spec`` is empty for an original."""

    owner: str
    gallery: str
    image: str
    spec: str
    extension: str


def is_id(text: str) -> bool:
    """Whether ``text`` is an id as it stands in keys."""
    return re.fullmatch(ID, text) is not None


def parse_key(key: str) -> Key | None:
    """The parts of ``key``, or None when it is not one of ours (the whole text must match, line ends included)."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    parts = match.groupdict()
    return Key(
        owner=parts["owner"],
        gallery=parts["gallery"],
        image=parts["image"] or parts["original"],
        spec=parts["spec"] or "",
        extension=parts["extension"],
    )


def gallery_prefix(owner: str, gallery: str) -> str:
    """Where everything of one gallery lies; ends with a slash."""
    return f"media/{owner}/{gallery}/"


def rendition_key(owner: str, gallery: str, image: str, spec: str, extension: str) -> str:
    """The key of one rendition of ``image``."""
    return f"{gallery_prefix(owner, gallery)}r/{image}/{spec}.{extension}"


def original_key(owner: str, gallery: str, image: str, extension: str) -> str:
    """The key of the original of ``image``."""
    return f"{gallery_prefix(owner, gallery)}o/{image}.{extension}"
