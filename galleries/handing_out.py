"""What leaves by a link: one original or a zip, counted, under neutral names, without metadata."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, BinaryIO
from uuid import UUID

from django.http import StreamingHttpResponse

from galleries.access import live_images, require, seen_image
from galleries.clean_copies import measure_clean, open_clean_original
from galleries.links import take_download
from galleries.models import Guest, Right
from galleries.numbers import Numbering
from galleries.problems import Problem
from galleries.storage import StorageError
from galleries.throttling import Limit, Spread, per_hour
from galleries.walking import walk_rows
from galleries.zips import Entry, Places, clamp_time, stream_zip

FIELDS = (
    "extension", "bytes", "crc32", "sha256", "stored_sha256", "clean_bytes", "clean_crc32", "sort_at",
    "taken_offset", "gallery__owner_id",
)  # fmt: skip
AT_ONCE = 1  # zips of one visitor (SAFETY 5.3)
AT_ONCE_PER_LINK = 16  # of everybody with the link: half of what a process has room for
AT_ONCE_PER_ADDRESS = 12  # of all visitors behind one address: a party has one, and leaves some to those elsewhere
# Zips of a link begun at one address: a party of a hundred takes everything three times. What tells visitors apart is a
# cookie, which somebody who wants no limit makes anew for each zip.
PER_HOUR_AND_ADDRESS = 300
BEGUN_AT_ADDRESS = Spread(Limit("zip-link-address", (per_hour(PER_HOUR_AND_ADDRESS),)), step=5)


@dataclass(frozen=True)
class Visitor:
    """Who takes something along, for as long as it takes and in memory only: what tells them from others, and the
    address that they may share with a whole party."""

    name: str
    network: str


def require_download(guest: Guest) -> None:
    """Refuse what this link does not give, or gives no more, before any work is done for it; also where only the
    headers are asked for.

    Raises:
        Problem: forbidden, downloads_used_up.
    """
    require(guest, Right.DOWNLOAD)
    if guest.link.downloads_left == 0:
        raise Problem("downloads_used_up")


class Original:
    """One original on its way out: an open file, its size in bytes, its type and its name."""

    def __init__(self, guest: Guest, image_id: UUID, now: datetime, *, head: bool = False) -> None:
        """``head``: what the file holds is not asked for.

        Raises:
            Http404, Problem: the guest may not have it, or it cannot be had now. Nothing is counted then.
        """
        require_download(guest)
        gallery = guest.link.gallery
        image = seen_image(guest, image_id, now)
        numbering = Numbering(gallery, live_images(gallery, now))
        self.name = numbering.name(numbering.number_of(image), image.extension)
        self.content_type = image.content_type
        self.file: BinaryIO | IO[bytes]
        self.file, self.size = open_clean_original(image, head=head)


def zip_for_guest(
    guest: Guest, ids: Collection[UUID] | None, visitor: Visitor, now: datetime, *, head: bool = False
) -> StreamingHttpResponse:
    """A zip of these pictures (None: of all), counted as one download when it begins.

    Raises:
        Problem: forbidden, not_found (nothing to pack), rate_limited, downloads_used_up, link_ended, unavailable.
    """
    require_download(guest)
    link = guest.link
    live = live_images(link.gallery, now)
    numbering = Numbering(link.gallery, live)
    everybody = f"link {link.hex}"
    shared = {everybody: AT_ONCE_PER_LINK, f"{everybody} at {visitor.network}": AT_ONCE_PER_ADDRESS}
    places = Places(f"{everybody} {visitor.name}", AT_ONCE, shared)

    def freeze() -> list[Entry]:
        return freeze_clean(numbering, None if ids is None else frozenset(ids))

    def begin() -> None:
        BEGUN_AT_ADDRESS.count(link.hex, visitor.network, now=now)
        take_download(link, now)

    return stream_zip(freeze, f"{numbering.stem}.zip", places, head=head, begin=begin)


def freeze_clean(numbering: Numbering, ids: Collection[UUID] | None) -> list[Entry]:
    """What goes into a visitor's zip. A picture whose metadata cannot be taken away is not among it."""
    wanted = numbering.live if ids is None else numbering.live.filter(id__in=ids)
    numbers = None if ids is None else numbering.numbers_of(ids)
    entries = []
    rows = walk_rows(wanted.select_related("gallery").only(*FIELDS), "sort_at", "id")  # what is measured is written
    for place, image in enumerate(rows, 1):
        number = place if numbers is None else numbers.get(image.id, place)
        try:
            clean = measure_clean(image)
        except StorageError:
            raise Problem("unavailable", retry_after=5) from None
        if clean is not None:
            name, day = numbering.name(number, image.extension).encode(), _day(image.own_time)
            entries.append(Entry(image.original_key, name, clean.size, clean.crc32, day, clean.kind))
    return entries


def _day(time: datetime) -> datetime:
    """When visitors' files are from: the day, which the page says too, and nothing of the hour or the zone."""
    return clamp_time(time).replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=UTC)
