"""Receipts: what remains to be read of images that were deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from galleries.metadata import records
from galleries.models import Image, Receipt

# Of an image; of its gallery a receipt needs owner and title.
RECEIPT_FIELDS = (
    "gallery",
    "filename",
    "bytes",
    "created_at",
    "due_at",
    "expires_at",
    "removed_at",
    "taken_down_at",
    "touched_at",
)
LAYERS, LAYERS_WITH_RECORD = "files, row", "files, record, row"


def write_receipts(images: Iterable[Image], now: datetime) -> None:
    """One for each of ``images`` that its owner has ever seen; once, however often this is called."""
    receipts = [_receipt(image, reason, now) for image in images if (reason := _reason(image))]
    Receipt.objects.bulk_create(receipts, ignore_conflicts=True)


def _receipt(image: Image, reason: Receipt.Reason, now: datetime) -> Receipt:
    return Receipt(
        owner_id=image.gallery.owner_id,
        gallery=image.gallery_id,
        gallery_title=image.gallery.title,
        image=image.id,
        filename=image.filename,
        bytes=image.bytes,
        reason=reason,
        layers=LAYERS_WITH_RECORD if records().enabled else LAYERS,
        uploaded_at=image.created_at,
        due_at=image.due_at,
        swept_at=now,
    )


def _reason(image: Image) -> Receipt.Reason | None:
    """Why an image went; None for an upload that never became visible, which its owner need not read about."""
    if image.taken_down_at is not None:
        return Receipt.Reason.TAKEN_DOWN
    if image.removed_at is not None:
        return Receipt.Reason.REMOVED
    if image.expires_at is not None and image.expires_at <= image.touched_at:
        return Receipt.Reason.EXPIRED
    return None
