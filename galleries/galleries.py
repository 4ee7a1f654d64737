"""Making and changing a gallery itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from galleries.expiry import apply_retention, shorten_uploads
from galleries.metadata import records
from galleries.models import Gallery, Image, Retention
from galleries.models.image import UNHIDDEN, unexpired
from galleries.outcomes import Outcome
from galleries.problems import Problem
from galleries.walking import walk_rows

if TYPE_CHECKING:
    from gallery_site.accounts.models import User


def create_gallery(owner: User, *, title: str, retention: str, now: datetime, description: str = "") -> Gallery:
    """A new, empty gallery of ``owner``; the caller has validated the texts."""
    with transaction.atomic():
        gallery = Gallery.objects.create(
            owner=owner, title=title, description=description, retention=Retention(retention), created_at=now
        )
        records().enqueue_galleries([gallery.id], now)
    return gallery


def change_gallery(
    gallery: Gallery,
    *,
    title: str,
    description: str,
    retention: str,
    apply_to_existing: bool,
    now: datetime,
    as_seen: bool = False,
) -> Outcome:
    """Rename, describe, and set the policy; with ``apply_to_existing`` also for what the gallery holds, image by
    image.

    Raises:
        Problem: precondition_failed, with ``as_seen``, when somebody else changed one of them since ``gallery`` was
            read.
    """
    given = {"title": title, "description": description, "retention": Retention(retention)}
    # Only what differs: somebody else may be changing the rest at this moment.
    changes = {name: value for name, value in given.items() if value != getattr(gallery, name)}
    rows = Gallery.objects.filter(id=gallery.id)
    if as_seen:
        rows = rows.filter(title=gallery.title, description=gallery.description, retention=gallery.retention)
    if changes:
        with transaction.atomic():
            if rows.update(**changes, version=F("version") + 1) == 0 and as_seen:
                raise Problem("precondition_failed")
            records().enqueue_galleries([gallery.id], now)
    gallery.title, gallery.description, gallery.retention = title, description, Retention(retention)
    if not apply_to_existing:
        return Outcome()
    shorten_uploads(gallery, now)
    live = Image.objects.filter(UNHIDDEN & unexpired(now), gallery=gallery).select_related("gallery")
    return apply_retention(gallery, walk_rows(live), now)


def choose_cover(gallery: Gallery, image: Image) -> None:
    """Show ``image`` (live, of this gallery) on the front page.

    Raises:
        Problem: not_found when it belongs elsewhere.
    """
    if image.gallery_id != gallery.id:
        raise Problem("not_found")
    Gallery.objects.filter(id=gallery.id).update(cover=image)


def find_covers(galleries: Sequence[Gallery], now: datetime) -> dict[UUID, Image]:
    """The cover of each gallery that has one, by gallery: the chosen image while it is live, otherwise the newest.

    Two queries, however many galleries.
    """
    newest = Image.objects.live(now).filter(gallery=OuterRef("id")).order_by("-id").values("id")[:1]
    rows = Gallery.objects.filter(id__in=[gallery.id for gallery in galleries]).annotate(newest=Subquery(newest))
    newest_of = dict(rows.values_list("id", "newest"))
    ids = {*newest_of.values(), *(gallery.cover_id for gallery in galleries)} - {None}
    live = {image.id: image for image in Image.objects.live(now).filter(id__in=ids)}
    covers = {}
    for gallery in galleries:
        choices = (gallery.cover_id, newest_of.get(gallery.id))
        cover = next((live[image_id] for image_id in choices if image_id in live), None)
        if cover is not None:
            covers[gallery.id] = cover
    return covers
