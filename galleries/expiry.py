"""The promise: when images expire. Shortening writes the row first; lengthening goes through ``lengthening``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from galleries.counting import bump, cut, lock_galleries
from galleries.lengthening import Lengthening, lengthen
from galleries.metadata import records
from galleries.models import Gallery, Image, Retention, State
from galleries.models.image import UNHIDDEN, unchanged_since, unexpired
from galleries.outcomes import Outcome, each_alone
from galleries.problems import Problem


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Refuse an expiry in the past, or beyond what this site keeps.

    Raises:
        Problem: expiry_in_past, expiry_too_late.
    """
    limit = Retention(settings.GALLERY_MAX_RETENTION).expires_at(now)
    if expires_at is not None and expires_at <= now:
        raise Problem("expiry_in_past", fields=("expires_at",))
    if limit is not None and (expires_at is None or expires_at > limit):
        raise _too_late("expires_at")


def check_retention(retention: Retention) -> None:
    """Refuse a policy that keeps longer than this site does.

    Raises:
        Problem: expiry_too_late.
    """
    if retention not in Retention.allowed():
        raise _too_late("retention")


def _too_late(field_name: str) -> Problem:
    longest = Retention(settings.GALLERY_MAX_RETENTION)
    detail = f"Photos can be kept for {longest.label} here at most."
    return Problem("expiry_too_late", detail=detail, fields=(field_name,))


def set_expiry(image: Image, expires_at: datetime | None, now: datetime, seen: int | None = None) -> Image:
    """Change the promise for one image, whichever way; returns the row as it is then. ``seen``: only when the row still
    has this version.

    Raises:
        Problem: expiry_in_past, expiry_too_late; not_found when it is not live any more; precondition_failed when it is
            not as seen; unavailable when the change lengthens and could not be confirmed.
    """
    check_expiry(expires_at, now)
    if expires_at == image.expires_at:
        return image
    if is_later(expires_at, image.expires_at):
        return _extend(image, expires_at, seen)
    this = Q(id=image.id) & UNHIDDEN & unexpired(now)
    if shorten_images(image.gallery, this & unchanged_since(seen), expires_at, now) == 0:
        fresh = Image.objects.select_related("gallery").filter(id=image.id).first()
        if fresh is None or not fresh.is_live(now):
            raise Problem("not_found")
        if seen is not None:
            raise Problem("precondition_failed")
        return fresh
    return Image.objects.select_related("gallery").get(id=image.id)


def set_expiry_of_many(images: Iterable[Image], expires_at: datetime | None, now: datetime) -> Outcome:
    """``set_expiry`` for each image alone: one that cannot be changed does not stop the others."""
    return each_alone(images, lambda image: set_expiry(image, expires_at, now))


def shorten_images(gallery: Gallery, which: Q, expires_at: datetime | None, now: datetime) -> int:
    """Bring forward the expiry of those of ``which`` that would expire later; one UPDATE, the row first."""
    if expires_at is None:
        return 0
    later = Q(expires_at=None) | Q(expires_at__gt=expires_at)
    condition = which & Q(state__in=[State.PENDING, State.READY]) & later
    changes = {"expires_at": expires_at, "due_at": cut(expires_at)}
    with transaction.atomic():
        lock_galleries([gallery.id])
        return _update_promise(gallery, condition, changes, now)


def shorten_uploads(gallery: Gallery, now: datetime) -> None:
    """Hold what is being uploaded to a shorter policy too; its answer has not promised anything yet."""
    for image in Image.objects.unfinished().filter(gallery=gallery, state=State.PENDING):
        expires_at = gallery.policy.expires_at(image.created_at)
        if expires_at is not None and expires_at > now:
            shorten_images(gallery, Q(id=image.id), expires_at, now)


def _update_promise(gallery: Gallery, condition: Q, changes: dict[str, Any], now: datetime) -> int:
    """Changes nothing about who is hidden, so the counts stay."""
    rows = Image.objects.filter(condition, gallery=gallery)
    touched = list(rows.values_list("id", flat=True)) if records().enabled else []
    hit = rows.update(**changes, **bump(now))
    records().enqueue(touched, now)
    return hit


def apply_retention(gallery: Gallery, images: Iterable[Image], now: datetime) -> Outcome:
    """Give what the gallery already holds its policy, counted from when each image was added; each confirmed alone.

    An image whose new expiry would already have passed keeps a moment rather than dying at once: it is refused.
    """
    return each_alone(images, lambda image: set_expiry(image, gallery.policy.expires_at(image.created_at), now))


def is_later(new: datetime | None, old: datetime | None) -> bool:
    """Whether ``new`` keeps longer than ``old``; None: for ever."""
    return old is not None and (new is None or new > old)


def _extend(image: Image, expires_at: datetime | None, seen: int | None) -> Image:
    later = Q(expires_at__isnull=False) if expires_at is None else Q(expires_at__lt=expires_at)

    def condition(now: datetime) -> Q:
        return UNHIDDEN & unexpired(now) & later

    gone = Problem("not_found", detail="This photo is already gone.")
    changes = {"expires_at": expires_at, "due_at": expires_at}
    return lengthen(image, Lengthening(condition, lambda _: changes, gone, seen=seen))
