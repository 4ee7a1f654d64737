"""Admission: what a server in front may keep for a minute about a pass, to ask once and send the bytes itself.

nginx asks for a pass, not for a picture, and remembers the answer (deploy/nginx). A gallery's pass opens all of its
renditions, so the answer also names the images of that gallery whose files are there and may not be seen: those it
keeps back. A removal, or an end that is brought forward, therefore reaches addresses that were handed out within that
minute, and an expiry that was known when nginx asked in its second, because no answer is kept beyond the end of its
pass, nor of the first photo under it.

Ends are whole seconds here, as they are in passes: what ends within a second is kept back from the beginning of it.
However many photos of a gallery end one after another, nginx thus asks once a second at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cleanup_lambda.keys import Key, parse_key
from galleries.filenames import download_header
from galleries.models import Gallery, Image
from galleries.models.image import UNHIDDEN
from galleries.passes import verify_pass
from galleries.problems import Problem
from galleries.storage import cache_control

KEPT_FOR = 60  # seconds that an answer may be kept
# An id with its blank is 33 bytes, so that 400 of them fit nginx's buffer of 16 KiB for this answer beside the rest.
MOST_NAMED = 400


@dataclass(frozen=True)
class Admission:
    """The pass is good, and this may be remembered for the seconds (Unix time) before ``until``; not for the images
    ``hidden``."""

    until: int
    cache_control: str
    hidden: tuple[str, ...] = ()
    disposition: str = ""


def admit(path: str, query: Mapping[str, str], now: datetime) -> Admission:
    """Whether the pass in ``query`` opens what it was made for; ``path`` is the key of any object under it.

    Raises:
        Problem: not_found for anything that is not allowed, whatever the reason.
    """
    key = parse_key(path)
    if key is None or not verify_pass(key, path, query, int(now.timestamp())):
        raise Problem("not_found")
    now = now.replace(microsecond=999_999)  # the last moment of this second
    second, end = int(now.timestamp()), int(query["u"])
    if query["p"] != "r":
        image = _served_image(key, now)
        end = _sooner(end, image.expires_at)
        disposition = "" if key.spec else download_header(image)
        return Admission(min(second + KEPT_FOR, end), _cache_control(end - second), disposition=disposition)
    gallery = Gallery.objects.filter(
        id=UUID(key.gallery), owner=UUID(key.owner), owner__is_active=True, removed_at=None
    )
    if not gallery.exists():
        raise Problem("not_found")
    end = _sooner(end, _first_end(UUID(key.gallery), now))
    hidden = _hidden(UUID(key.gallery), now)
    if len(hidden) > MOST_NAMED:  # too many to name: about each picture, each time
        _served_image(key, now)
        return Admission(second, _cache_control(end - second))
    return Admission(min(second + KEPT_FOR, end), _cache_control(end - second), hidden)


def _served_image(key: Key, now: datetime) -> Image:
    image = (
        Image.objects.served(now)
        .filter(id=UUID(key.image), gallery=UUID(key.gallery), gallery__owner=UUID(key.owner))
        .first()
    )
    if image is None:
        raise Problem("not_found")
    return image


def _hidden(gallery: UUID, now: datetime) -> tuple[str, ...]:
    """Images of the gallery that may not be seen and whose files may be there; MOST_NAMED + 1 at most. Each part has
    an index."""
    images = Image.objects.filter(gallery=gallery)
    parts = (images.filter(UNHIDDEN, expires_at__lte=now), *images.kept_back())
    first, *others = (part.values_list("id", flat=True) for part in parts)
    return tuple(image.hex for image in first.union(*others)[: MOST_NAMED + 1])


def _first_end(gallery: UUID, now: datetime) -> datetime | None:
    """When the first of the gallery's images expires that can be seen now; not always the end of a pass, for an end may
    be set after the pass was made."""
    ending = Image.objects.filter(UNHIDDEN, gallery=gallery, expires_at__gt=now).order_by("expires_at")
    return ending.values_list("expires_at", flat=True).first()


def _sooner(end: int, gone: datetime | None) -> int:
    return end if gone is None else min(end, int(gone.timestamp()))


def _cache_control(left: int) -> str:
    """Of a pass with ``left`` seconds, less the minute that the answer may be old."""
    return cache_control(max(left - KEPT_FOR, 0))
