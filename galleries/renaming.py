"""Giving an image another file name: what downloads, zips and the record call it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from galleries.counting import bump, lock_galleries
from galleries.filenames import clean_filename
from galleries.metadata import records
from galleries.models import Image
from galleries.models.image import unchanged_since
from galleries.problems import Problem


def rename_image(image: Image, filename: str, now: datetime, seen: Image | None = None) -> None:
    """Call ``image`` what ``filename`` is when cleaned; the record learns of it through the outbox. ``seen``: only when
    the row is still as it was read into this.

    Raises:
        Problem: not_found when it is not live any more, precondition_failed when it is not as seen.
    """
    name = clean_filename(filename)
    if name == image.filename:
        return
    with transaction.atomic():
        lock_galleries([image.gallery_id])
        live = Image.objects.live(now).filter(id=image.id)
        if live.filter(unchanged_since(seen)).update(filename=name, **bump(now)) == 0:
            raise Problem("precondition_failed" if live.exists() else "not_found")
        records().enqueue([image.id], now)
    image.filename = name
