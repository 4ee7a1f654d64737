"""Write-through: the records that mirror rows for the deleter that cannot see rows.

Orders of operation (LIFECYCLE): what shortens life writes the row first and tells the record later, through the outbox
(galleries/outbox.py); what lengthens it writes the record first. Without a record store the steps are there and say
yes. The store itself is galleries/table.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from django.conf import settings

from cleanup_lambda.records import GalleryRecord, ImageRecord, epoch

if TYPE_CHECKING:
    from galleries.models import Gallery, Image


class Published(Enum):
    """What the record store answered to a write that lengthens."""

    HELD = "held"
    TOO_LATE = "claimed by a sweep"
    OVERTAKEN = "a newer version is there"
    ABSENT = "no record yet"
    UNKNOWN = "no answer"


class RecordsUnavailable(Exception):
    """The record store does not answer, or does not let us in; the message is for the operator."""


@dataclass(frozen=True)
class Promise:
    """What a record must hold so that the deleter keeps its hands off: due later, at this version."""

    gallery: UUID
    image: UUID
    version: int
    expires_at: datetime | None
    due_at: datetime | None


Record = ImageRecord | GalleryRecord


class RecordStore(Protocol):
    """Where records are."""

    enabled: bool

    def lengthen(self, promise: Promise) -> Published:
        """Write a later due time, before the row says so (R-LEN)."""

    def enqueue(self, images: Iterable[UUID], now: datetime) -> None:
        """Leave an outbox entry for each image, inside the caller's transaction (O); ``now``: when to try."""

    def enqueue_galleries(self, galleries: Iterable[UUID], now: datetime) -> None:
        """The same for galleries."""

    def publish(self, records: Mapping[UUID, Record], *, patient: bool = False) -> set[UUID]:
        """Write these records where they are older (R-PUT); returns the ids of those that are in line now.
        ``patient``: nobody waits for the answer.

        Raises:
            RecordsUnavailable: the first of them already got no answer.
        """

    def drop(self, images: Iterable[Image]) -> set[UUID]:
        """Delete the records of images whose objects are gone (R-DROP); returns the ids of those that may be left."""

    def drop_galleries(self, galleries: Collection[UUID]) -> set[UUID]:
        """Delete the records of galleries of which nothing is left; returns the ids of those that may be left."""

    def check(self) -> None:
        """Raise RecordsUnavailable when records cannot be read now, or not be relied upon."""


class NullRecords:
    """No record store: the rows alone are the truth and the deleter reads them."""

    enabled = False

    def lengthen(self, promise: Promise) -> Published:
        return Published.HELD

    def enqueue(self, images: Iterable[UUID], now: datetime) -> None:
        return None

    def enqueue_galleries(self, galleries: Iterable[UUID], now: datetime) -> None:
        return None

    def publish(self, records: Mapping[UUID, Record], *, patient: bool = False) -> set[UUID]:
        return set(records)

    def drop(self, images: Iterable[Image]) -> set[UUID]:
        return set()

    def drop_galleries(self, galleries: Collection[UUID]) -> set[UUID]:
        return set()

    def check(self) -> None:
        return None


def records() -> RecordStore:
    """The record store that the settings name: one of each kind in a process, whichever thread asks."""
    grace = round(settings.GRACE.total_seconds())
    return _open_store(settings.GALLERY_TABLE, settings.AWS_REGION, settings.AWS_ENDPOINT_URL, grace)


@cache
def _open_store(table: str, region: str, endpoint: str, grace: int) -> RecordStore:
    if not table:
        return NullRecords()
    from galleries.table import open_table

    return open_table(table, region, endpoint, grace)


def image_record(image: Image) -> ImageRecord:
    """What the record of ``image`` (with its gallery) has to be."""
    return ImageRecord(
        owner=image.gallery.owner_id.hex,
        gallery=image.gallery_id.hex,
        image=image.hex,
        keys=tuple(image.keys),
        bytes=image.bytes,
        content_type=image.content_type,
        width=image.width,
        height=image.height,
        filename=image.filename,
        created_at=epoch(image.created_at.timestamp()),
        expires_at=_epoch(image.expires_at),
        due_at=_epoch(image.due_at),
        version=image.version,
    )


def gallery_record(gallery: Gallery) -> GalleryRecord:
    """What the record of ``gallery`` has to be."""
    return GalleryRecord(
        owner=gallery.owner_id.hex,
        gallery=gallery.hex,
        title=gallery.title,
        retention=gallery.retention,
        created_at=epoch(gallery.created_at.timestamp()),
        removed_at=_epoch(gallery.removed_at),
        version=gallery.version,
    )


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else epoch(moment.timestamp())
