"""Pictures as pages show them: the row with its addresses, in keyset pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from galleries.models import Gallery, Image, ImageQuerySet
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.removal import restorable_until

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE_SIZE = 60
SORTS = ("taken", "uploaded")


@dataclass(frozen=True)
class Tile:
    """One picture on a page; addresses carry their pass."""

    image: Image
    href: str
    original_href: str
    thumbnail: str
    thumbnail_width: int
    preview: str
    preview_width: int
    ratio_class: str
    label: str
    day: date
    expires_at: datetime | None
    restorable_until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """One keyset page of images; ``cursor`` leads to the next one, "" when this is the last."""

    images: list[Image]
    cursor: str


def read_page(images: ImageQuerySet, sort: str, cursor: str, size: int = PAGE_SIZE) -> Page:
    """The page of ``images`` after ``cursor``, newest first by when they were taken or uploaded.

    Raises:
        Problem: invalid_request when the cursor is not one of ours.
    """
    if sort == "taken":
        ordered = images.order_by("-sort_at", "-id")
        if cursor:
            time, last = _parse_cursor(cursor)
            ordered = ordered.filter(sort_at__lte=time).filter(Q(sort_at__lt=time) | Q(id__lt=last))
    else:
        ordered = images.order_by("-id")
        if cursor:
            ordered = ordered.filter(id__lt=_parse_cursor(cursor)[1])
    rows = list(ordered[: size + 1])
    more = len(rows) > size
    return Page(rows[:size], write_cursor(rows[size - 1]) if more else "")


def write_cursor(image: Image) -> str:
    """Where a page ended: the microsecond and the id, so that inserts neither repeat nor skip anything."""
    micros = (image.sort_at - EPOCH) // timedelta(microseconds=1)  # exact, where a float of seconds is not
    return f"{micros:x}.{image.hex}".replace("-", "m")


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    time, _, identifier = cursor.partition(".")
    try:
        moment = EPOCH + timedelta(microseconds=int(time.replace("m", "-"), 16))
        return moment, UUID(hex=identifier)
    except (ValueError, OverflowError):
        raise Problem("invalid_request", detail="This is not a page of the list.", fields=("cursor",)) from None


def make_tiles(gallery: Gallery, images: Sequence[Image], addresses: Addresses, sort: str = "taken") -> list[Tile]:
    """The tiles of ``images``, all of ``gallery``; ``sort`` is the order in which their pages lead on to each other."""
    return [_tile(gallery, image, addresses, "" if sort == "taken" else f"?sort={sort}") for image in images]


def _tile(gallery: Gallery, image: Image, addresses: Addresses, query: str) -> Tile:
    image.gallery = gallery
    sizes = image.rendition_sizes
    thumbnail, preview = sizes["thumbnail"], sizes["preview"]
    address = image.get_absolute_url()
    return Tile(
        image=image,
        href=f"{address}{query}",
        original_href=f"{address}original/",
        thumbnail=addresses.rendition(image, "thumbnail"),
        thumbnail_width=thumbnail.width,
        preview=addresses.rendition(image, "preview"),
        preview_width=preview.width,
        ratio_class=image.ratio_class,
        label=image.filename,
        day=image.sort_at.date(),
        expires_at=image.expires_at,
        restorable_until=restorable_until(image),
    )


def next_url(gallery: Gallery, sort: str, cursor: str) -> str:
    """The address of the next page of a gallery, "" when there is none."""
    if not cursor:
        return ""
    return f"{reverse('galleries:gallery-detail', args=[gallery.hex])}?sort={sort}&after={cursor}"
