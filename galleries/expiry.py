"""The promise: when images expire. Shortening writes the row first; lengthening goes through ``lengthening``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from galleries.counting import bump, cut, lock_galleries
from galleries.filenames import clean_filename
from galleries.lengthening import Lengthening, lengthen
from galleries.metadata import records
from galleries.models import Gallery, Image, Retention, State
from galleries.models.image import UNHIDDEN, unchanged_since, unexpired
from galleries.outcomes import PATIENCE, Outcome, each_alone
from galleries.problems import Problem
from galleries.renaming import rename_image


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


def set_expiry(
    image: Image, expires_at: datetime | None, now: datetime, seen: Image | None = None, filename: str | None = None
) -> Image:
    """Change the promise for one image, whichever way; returns the row as it is then. ``seen``: only when the row is
    still as it was read into this. ``filename``: its name, changed with the promise or not at all.

    Somebody else who changes the promise at the same moment is taken to have come after: theirs stands.

    Raises:
        Problem: expiry_in_past, expiry_too_late; not_found when it is not live any more; precondition_failed when it is
            not as seen; unavailable when the change lengthens and could not be confirmed.
    """
    check_expiry(expires_at, now)
    if expires_at != image.expires_at:
        change = _extend if is_later(expires_at, image.expires_at) else _shorten
        changed = change(
            image, expires_at, now, seen, {} if filename is None else {"filename": clean_filename(filename)}
        )
        if changed is not None:
            return changed
        image = _overtaken(image, seen)
    if filename is not None:
        rename_image(image, filename, now, seen)
    return image


def set_expiry_of_many(images: Iterable[Image], expires_at: datetime | None, now: datetime) -> Outcome:
    """``set_expiry`` for each image alone: one that cannot be changed does not stop the others."""
    return each_alone(images, lambda image: set_expiry(image, expires_at, now), PATIENCE)


def shorten_images(
    gallery: Gallery, which: Q, expires_at: datetime | None, now: datetime, also: Mapping[str, Any] | None = None
) -> int:
    """Bring forward the expiry of those of ``which`` that would expire later; one UPDATE, the row first. ``also``:
    columns that change with it."""
    if expires_at is None:
        return 0
    later = Q(expires_at=None) | Q(expires_at__gt=expires_at)
    condition = which & Q(state__in=[State.PENDING, State.READY]) & later
    changes = {"expires_at": expires_at, "due_at": cut(expires_at), **(also or {})}
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

    An image whose new expiry would already have passed keeps a moment rather than dying at once: it is refused. What
    there was no time for is refused too and can be asked for again: what has its time already costs nothing.
    """
    policy = gallery.policy
    return each_alone(images, lambda image: set_expiry(image, policy.expires_at(image.created_at), now), PATIENCE)


def is_later(new: datetime | None, old: datetime | None) -> bool:
    """Whether ``new`` keeps longer than ``old``; None: for ever."""
    return old is not None and (new is None or new > old)


def _extend(
    image: Image, expires_at: datetime | None, now: datetime, seen: Image | None, also: Mapping[str, Any]
) -> Image | None:
    """The row as it is then; None: somebody else had it kept as long or longer already."""
    later = Q(expires_at__isnull=False) if expires_at is None else Q(expires_at__lt=expires_at)

    def condition(now: datetime) -> Q:
        return UNHIDDEN & unexpired(now) & later

    gone = Problem("not_found", detail="This photo is already gone.")
    changes = {"expires_at": expires_at, "due_at": expires_at}
    try:
        return lengthen(image, Lengthening(condition, lambda _: changes, gone, seen=seen, also=also))
    except Problem as problem:
        if problem is gone and _is_kept_until(image, expires_at):
            return None
        raise


def _is_kept_until(image: Image, expires_at: datetime | None) -> bool:
    fresh = Image.objects.live(timezone.now()).filter(id=image.id).first()
    return fresh is not None and not is_later(expires_at, fresh.expires_at)


def _shorten(
    image: Image, expires_at: datetime | None, now: datetime, seen: Image | None, also: Mapping[str, Any]
) -> Image | None:
    """The row as it is then; None: somebody else was faster."""
    this = Q(id=image.id) & UNHIDDEN & unexpired(now) & unchanged_since(seen)
    if shorten_images(image.gallery, this, expires_at, now, also) == 0:
        return None
    return Image.objects.select_related("gallery").get(id=image.id)


def _overtaken(image: Image, seen: Image | None) -> Image:
    """The row as somebody else left it.

    Raises:
        Problem: not_found when it is not live any more; precondition_failed when it had to be as seen.
    """
    fresh = Image.objects.live(timezone.now()).select_related("gallery").filter(id=image.id).first()
    if fresh is None:
        raise Problem("not_found")
    if seen is not None:
        raise Problem("precondition_failed")
    return fresh
