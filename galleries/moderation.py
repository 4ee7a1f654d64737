"""Taking down and reinstating: a moderator's hiding, kept apart from the owner's deleting (LIFECYCLE rule 9)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from galleries.counting import change_images, cut
from galleries.invalidating import forget
from galleries.lengthening import Lengthening, lengthen
from galleries.models import Image, State
from galleries.models.image import unexpired
from galleries.outcomes import Outcome, each_alone
from galleries.problems import Problem
from galleries.renditions import rebuild_renditions, settle_renditions, settle_taken_down
from galleries.storage import StorageError

log = logging.getLogger(__name__)

AT_ONCE = 500  # images whose two renditions are deleted together: the thousand keys of one DeleteObjects


def take_down(images: Iterable[Image], now: datetime, hidden: Callable[[int], object] = lambda hit: None) -> int:
    """Hide these images from everybody, their owners too; returns how many were not taken down before, and tells
    ``hidden`` before the files of many take their time.

    Their renditions are deleted at once, so that nothing handed out earlier shows them; the original waits out the
    grace.
    """
    images = list(images)
    condition = Q(state=State.READY, taken_down_at=None)
    changes = {"taken_down_at": now, "due_at": cut(now), "dedup_key": None, "upload_key": None}
    galleries = {image.gallery_id for image in images}
    ids = [image.id for image in images]
    hit = change_images(galleries, condition, changes, now, ids=ids, at_edge=True)
    hidden(hit)
    for start in range(0, len(images), AT_ONCE):
        with _keeping_on():
            settle_taken_down(images[start : start + AT_ONCE])
    # Again, as a request of its own: the edge may have fetched a rendition before it was deleted.
    forget(galleries, timezone.now())
    return hit


def reinstate(images: Iterable[Image]) -> Outcome:
    """Undo a take-down within the restore window, renditions first, each image alone."""
    return each_alone(images, _reinstate)


def _reinstate(image: Image) -> None:
    """Renditions first, so that nothing visible lacks them; none are left of what stays hidden."""
    how = _reinstatement()
    if not Image.objects.filter(how.condition(timezone.now()), id=image.id).exists():
        raise how.too_late
    try:
        rebuild_renditions(image)
        lengthen(image, how)
    finally:
        with _keeping_on():
            settle_renditions(image)


@contextmanager
def _keeping_on() -> Iterator[None]:
    """The row hides the image or shows it already; what should have gone goes with the sweep, what is missing can be
    made again."""
    try:
        yield
    except (StorageError, Problem):
        log.exception("renditions are not as their rows say")


def _reinstatement() -> Lengthening:
    def condition(now: datetime) -> Q:
        window = Q(state=State.READY, taken_down_at__gt=now - settings.RESTORE_WINDOW)
        return window & unexpired(now)

    def changes(image: Image) -> dict[str, Any]:
        ends = [end for end in (image.expires_at, image.removed_at) if end is not None]
        shown: dict[str, Any] = {"dedup_key": image.sha256} if image.removed_at is None else {}
        return shown | {"taken_down_at": None, "due_at": min(ends, default=None)}

    return Lengthening(condition, changes, Problem("conflict", detail="It is too late to bring this back."))
