"""Deleting and undoing: of images, of a gallery, of everything that a person has.

Deleting hides at once and brings the due time forward; only the sweep removes anything physically, and only "delete
now, for good" enters its path without waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from galleries import crash
from galleries.counting import change_images, cut, lock_galleries
from galleries.lengthening import Lengthening, lengthen
from galleries.metadata import records
from galleries.models import Gallery, Image, ImageQuerySet, Removal, State
from galleries.models.image import restorable, unchanged_since
from galleries.outcomes import PATIENCE, Outcome, each_alone
from galleries.problems import Problem

TOO_LATE = "It is too late to bring this back."


def remove_images(
    galleries: Gallery | Iterable[Gallery], ids: Sequence[UUID], now: datetime, seen: Image | None = None
) -> int:
    """Hide these images at once; restorable for the restore window. Returns how many were not removed before.

    ``seen``: only what is still as it was read into this.
    """
    places = [galleries] if isinstance(galleries, Gallery) else galleries
    condition = Q(state=State.READY, removed_at=None) & unchanged_since(seen)
    changes = _removed(now, Removal.IMAGE)
    hit = change_images([gallery.id for gallery in places], condition, changes, now, ids=ids, at_edge=True)
    crash.point("remove.committed")
    return hit


def restore_image(image: Image) -> Image:
    """Bring one removed image back.

    Raises:
        Problem: not_found when it is too late, "duplicate" when the same photo was added again meanwhile,
        "unavailable".
    """
    return lengthen(image, _restoration())


def restore_images(images: Iterable[Image]) -> Outcome:
    """``restore_image`` for each alone."""
    return _restore_each(images, _restoration())


def delete_for_good(gallery: Gallery, ids: Sequence[UUID], now: datetime) -> int:
    """ "Delete now": removed images enter deletion without waiting; not undone by anything. Returns how many did.

    Only what is still removed: a bin opened before an image was restored must not kill it (LIFECYCLE X27).
    """
    condition = Q(state=State.READY, removed_at__isnull=False)
    return change_images([gallery.id], condition, _deleting(), now, ids=ids, at_edge=True)


def remove_gallery(gallery: Gallery, now: datetime, check: Callable[[], object] | None = None) -> bool:
    """Hide a gallery and everything in it at once; False when it was removed before. ``check`` may refuse (by raising)
    while nobody else can change the gallery or what it holds."""
    with transaction.atomic():
        lock_galleries([gallery.id])
        if check is not None:
            check()
        present = Gallery.objects.filter(id=gallery.id, removed_at=None)
        if present.update(removed_at=now, version=F("version") + 1) == 0:
            return False
        condition = Q(state__in=[State.PENDING, State.READY], removed_at=None)
        change_images([gallery.id], condition, _removed(now, Removal.GALLERY), now, at_edge=True)
        records().enqueue_galleries([gallery.id], now)
    crash.point("remove.committed")
    return True


def restore_gallery(gallery: Gallery, now: datetime) -> Outcome:
    """Bring a removed gallery back: its flag first, then each image that went with it, each confirmed alone. What there
    was no time for stays removed, in the bin of the gallery.

    Raises:
        Problem: not_found when it is too late.
    """
    with transaction.atomic():
        removed = Gallery.objects.restorable(now).filter(id=gallery.id)
        if removed.update(removed_at=None, version=F("version") + 1) == 0:
            raise Problem("not_found", detail=TOO_LATE)
        records().enqueue_galleries([gallery.id], now)
    images = removed_with_gallery(Image.objects.restorable(now).filter(gallery=gallery))
    return _restore_each(images.select_related("gallery").order_by("id"), _restoration(Removal.GALLERY))


def removed_with_gallery(images: ImageQuerySet) -> ImageQuerySet:
    """Those of ``images`` that come back with their gallery: what was deleted by hand before stays deleted."""
    return images.filter(removal=Removal.GALLERY)


def restore_galleries(galleries: Iterable[Gallery], now: datetime) -> Outcome:
    """``restore_gallery`` for each alone; the outcome counts galleries."""
    return each_alone(galleries, lambda gallery: restore_gallery(gallery, now), PATIENCE)


def remove_everything_of(user_id: UUID, now: datetime) -> None:
    """A person leaves: every gallery is removed and every image enters deletion without waiting.

    Galleries with which that was done already are left alone: this is called again until none is left.
    """
    there = Q(state__in=[State.PENDING, State.READY])
    left = Q(removed_at=None) | Exists(Image.objects.filter(there, gallery=OuterRef("pk")))
    for gallery in Gallery.objects.filter(left, owner_id=user_id).order_by("id"):
        remove_gallery(gallery, now)
        change_images([gallery.id], there, _deleting(), now, at_edge=True)


def restorable_until(image: Image) -> datetime | None:
    """Until when a removed image can be brought back; None when it cannot."""
    if image.removed_at is None or image.taken_down_at is not None:
        return None
    end: datetime = image.removed_at + settings.RESTORE_WINDOW
    return end if image.expires_at is None else min(end, image.expires_at)


def _restore_each(images: Iterable[Image], how: Lengthening) -> Outcome:
    return each_alone(images, lambda image: lengthen(image, how), PATIENCE)


def _restoration(removal: Removal | None = None) -> Lengthening:
    def condition(now: datetime) -> Q:
        return restorable(now) & (Q(removal=removal) if removal else Q())

    def changes(image: Image) -> dict[str, Any]:
        return {"removed_at": None, "removal": None, "dedup_key": image.sha256, "due_at": image.expires_at}

    too_late = Problem("not_found", detail=TOO_LATE)
    return Lengthening(condition, changes, too_late, gallery_present=True)


def _removed(now: datetime, removal: Removal) -> dict[str, Any]:
    return {"removed_at": now, "removal": removal, "due_at": cut(now), "dedup_key": None, "upload_key": None}


def _deleting() -> dict[str, Any]:
    return {"state": State.DELETING, "dedup_key": None, "upload_key": None}
