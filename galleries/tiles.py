"""Pictures as pages show them: the row with its addresses, in keyset pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate, groupby
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from galleries.access import live_images
from galleries.microseconds import from_microseconds, to_microseconds
from galleries.models import Gallery, Image, ImageQuerySet
from galleries.passes import Addresses
from galleries.prepared import A_TIME, AN_ID, Prepared
from galleries.problems import Problem
from galleries.removal import restorable_until
from galleries.routes import address_of

PAGE_SIZE = 60
ORDERS = {"taken": ("-sort_at", "-id"), "uploaded": ("-id",)}
SORTS = tuple(ORDERS)
# What a tile and the words around it read of an image; its gallery is known.
TILE_FIELDS = (
    *("id", "filename", "extension", "renditions", "width", "height", "animated", "placeholder"),
    *("sort_at", "taken_at", "taken_offset", "created_at", "expires_at", "removed_at", "taken_down_at"),
)
WIDEST_SPAN = 8  # ratios of a day's pictures added up: more than that fills a row by itself
SPAN_STEPS = 4  # to 1: the classes .span-N of ratios.css


class Tile(NamedTuple):
    """One picture on a page; addresses carry their pass. (A frozen dataclass takes three times as long to make.)"""

    image: Image
    href: str
    original_href: str
    thumbnail: str
    preview: str
    ratio_class: str
    label: str
    day: date
    expires_at: datetime | None
    restorable_until: datetime | None = None
    is_by_upload: bool = False  # ``day`` is that of the upload: it is asked for so, or nobody knows a better one


@dataclass(frozen=True)
class Day:
    """Neighbouring tiles of one day, after ``begins`` others of their page; ``span_class`` says how wide they are
    together, "" when they fill a row."""

    day: date
    is_by_upload: bool
    tiles: list[Tile]
    begins: int = 0

    @property
    def key(self) -> str:
        """Equal for the two halves of a day that a page's end divides."""
        return f"{self.day:%Y-%m-%d}{' added' if self.is_by_upload else ''}"

    @property
    def span_class(self) -> str:
        span = sum(min(max(tile.image.ratio, 0.25), 4.0) for tile in self.tiles)
        return f"span-{round(span * SPAN_STEPS)}" if span <= WIDEST_SPAN else ""


def group_by_day(tiles: Sequence[Tile]) -> list[Day]:
    """The tiles of a page in their order, divided where the day changes.

    They follow each other by instants: around midnight a photo whose clock is ahead of its neighbour's stays in the
    neighbour's day, so that two days never take turns.
    """
    days = accumulate((tile.day for tile in tiles), min)
    grouped = groupby(zip(days, tiles, strict=True), key=lambda each: (each[0], each[1].is_by_upload))
    found: list[Day] = []
    for (day, is_by_upload), group in grouped:
        begins = found[-1].begins + len(found[-1].tiles) if found else 0
        found.append(Day(day, is_by_upload, [tile for _, tile in group], begins))
    return found


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
    ordered = images.order_by(*ORDERS[sort])
    if cursor:
        ordered = _after(ordered, sort, *_parse_cursor(cursor))
    return _as_page(list(ordered[: size + 1]), size)


def read_grid_page(gallery: Gallery, now: datetime, sort: str, cursor: str) -> Page:
    """``read_page`` of what is live in ``gallery``, by a statement that is ready, with the columns of a tile alone.

    Raises:
        Problem: invalid_request when the cursor is not one of ours.
    """
    if not cursor:
        return _as_page(_FIRST_PAGE[sort].fetch(gallery=gallery.id, now=now), PAGE_SIZE)
    time, last = _parse_cursor(cursor)
    place: dict[str, UUID | datetime] = {"time": time, "last": last} if sort == "taken" else {"last": last}
    return _as_page(_NEXT_PAGE[sort].fetch(gallery=gallery.id, now=now, **place), PAGE_SIZE)


def _after(ordered: ImageQuerySet, sort: str, time: datetime, last: UUID) -> ImageQuerySet:
    if sort == "taken":
        return ordered.filter(sort_at__lte=time).filter(Q(sort_at__lt=time) | Q(id__lt=last))
    return ordered.filter(id__lt=last)


def _as_page(rows: list[Image], size: int) -> Page:
    """``rows``: one more than the page has, where there is one."""
    return Page(rows[:size], write_cursor(rows[size - 1]) if len(rows) > size else "")


def write_cursor(image: Image) -> str:
    """Where a page ended: the microsecond and the id, so that inserts neither repeat nor skip anything."""
    return f"{to_microseconds(image.sort_at):x}.{image.hex}".replace("-", "m")


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    time, _, identifier = cursor.partition(".")
    try:
        return from_microseconds(int(time.replace("m", "-"), 16)), UUID(hex=identifier)
    except (ValueError, OverflowError):
        raise Problem("invalid_request", detail="This is not a page of the list.", fields=("cursor",)) from None


def make_tiles(gallery: Gallery, images: Sequence[Image], addresses: Addresses, sort: str = "taken") -> list[Tile]:
    """The tiles of ``images``, all of ``gallery``; ``sort`` is the order in which their pages lead on to each other."""
    query = "" if sort == "taken" else f"?sort={sort}"
    return [_tile(gallery, image, addresses, query) for image in images]


def _tile(gallery: Gallery, image: Image, addresses: Addresses, query: str) -> Tile:
    page = address_of("galleries:image-detail", gallery.hex, image.hex)
    is_by_upload = bool(query) or image.taken_at is None
    return Tile(
        image=image,
        href=f"{page}{query}",
        original_href=f"{page}original/",
        thumbnail=addresses.rendition(image, "thumbnail"),
        preview=addresses.rendition(image, "preview"),
        ratio_class=image.ratio_class,
        label=image.filename,
        day=(image.created_at if is_by_upload else image.own_time).date(),
        expires_at=image.expires_at,
        restorable_until=restorable_until(image),
        is_by_upload=is_by_upload,
    )


def next_url(gallery: Gallery, sort: str, cursor: str) -> str:
    """The address of the next page of a gallery, "" when there is none."""
    if not cursor:
        return ""
    return f"{gallery.get_absolute_url()}?sort={sort}&after={cursor}"


_LAST, _TIME = UUID(int=2), datetime(2000, 1, 2, tzinfo=UTC)


def _first_page(sort: str) -> Prepared[Image]:
    def build(gallery: UUID, now: datetime) -> ImageQuerySet:
        live = live_images(Gallery(id=gallery), now).only(*TILE_FIELDS)
        return live.order_by(*ORDERS[sort])[: PAGE_SIZE + 1]

    return Prepared(build, gallery=AN_ID, now=A_TIME)


def _next_page(sort: str) -> Prepared[Image]:
    def build(gallery: UUID, now: datetime, last: UUID, time: datetime = _TIME) -> ImageQuerySet:
        live = live_images(Gallery(id=gallery), now).only(*TILE_FIELDS)
        return _after(live.order_by(*ORDERS[sort]), sort, time, last)[: PAGE_SIZE + 1]

    place: dict[str, UUID | datetime] = {"time": _TIME, "last": _LAST} if sort == "taken" else {"last": _LAST}
    return Prepared(build, gallery=AN_ID, now=A_TIME, **place)


_FIRST_PAGE = {sort: _first_page(sort) for sort in SORTS}
_NEXT_PAGE = {sort: _next_page(sort) for sort in SORTS}
