"""Giving an image another file name: what downloads, zips and the record call it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from galleries.counting import bump, lock_galleries
from galleries.filenames import clean_filename
from galleries.metadata import records
from galleries.models import Image
from galleries.problems import Problem


def rename_image(image: Image, filename: str, now: datetime) -> None:
    """Call ``image`` what ``filename`` is when cleaned; the record learns of it through the outbox.

    Raises:
        Problem: not_found when it is not live any more.
    """
    name = clean_filename(filename)
    if name == image.filename:
        return
    with transaction.atomic():
        lock_galleries([image.gallery_id])
        if Image.objects.live(now).filter(id=image.id).update(filename=name, **bump(now)) == 0:
            raise Problem("not_found")
        records().enqueue([image.id], now)
    image.filename = name
