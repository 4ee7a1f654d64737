"""What the tests of records share: what is in the table, and whether it is in line with the rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from cleanup_lambda.records import ImageRecord, parse_gallery, parse_image
from galleries.metadata import gallery_record, image_record
from galleries.models import Gallery, Image, State
from tests.records.table import Table

MINUTE = timedelta(minutes=1)


def record_of(table: Table, image: Image) -> ImageRecord | None:
    """The record of ``image``, None when there is none."""
    item = table.items.get((f"GALLERY#{image.gallery_id.hex}", f"IMAGE#{image.hex}"))
    return None if item is None else parse_image(item)


def check_in_line(table: Table) -> None:
    """I8 after a drain: every ready row has its record and every record its row, nothing is claimed."""
    rows = {
        image.hex: image_record(image) for image in Image.objects.filter(state=State.READY).select_related("gallery")
    }
    found = {record.image: record for record in map(parse_image, table.images())}
    assert found == rows
    assert not [record for record in found.values() if record.claim]
    galleries = [parse_gallery(item) for (_, sort), item in table.items.items() if sort == "GALLERY"]
    assert {g.gallery: g for g in galleries} == {g.hex: gallery_record(g) for g in Gallery.objects.all()}


def check_never_early(table: Table, now: datetime) -> None:
    """I8 at any time: what is visible or may be brought back is not due sooner by its record than by its row."""
    for image in Image.objects.live(now):
        record = record_of(table, image)
        if record is not None and record.due_at is not None:
            assert image.due_at is not None, "a record is due, its row never"
            assert record.due_at >= image.due_at.timestamp(), "a record is due before its row"
