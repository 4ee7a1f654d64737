"""Changes of many rows at once that keep the gallery's stored counts right.

Whatever hides images or begins to delete them goes through ``change_images``: it locks the galleries and then the
images (in the order of LIFECYCLE: gallery, image, usage, outbox), repeats the condition inside the UPDATE, and moves
the counts by what the UPDATE hit. An upload counts its image itself, and so does what brings one back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, Count, F, Q, Sum, Value, When

from galleries.invalidating import forget
from galleries.metadata import records
from galleries.models import Gallery, Image, ImageQuerySet
from galleries.models.image import UNHIDDEN


def lock_galleries(ids: Iterable[UUID]) -> None:
    """Serialise with everything else that changes what these galleries hold. SQLite has one writer at a time, and a
    transaction is that from its beginning on."""
    if not _has_row_locks():
        return
    list(Gallery.objects.select_for_update().filter(id__in=set(ids)).order_by("id").values_list("id"))


def _lock_images(images: ImageQuerySet) -> list[UUID]:
    """Their ids, in order. Until the transaction ends nobody else changes them: not every writer of an image locks its
    gallery, and what was counted would not be what the UPDATE hits."""
    rows = images.select_for_update() if _has_row_locks() else images
    return list(rows.order_by("id").values_list("id", flat=True))


def _has_row_locks() -> bool:
    return connection.features.has_select_for_update


def cut(moment: datetime) -> Any:
    """CUT(t) of LIFECYCLE: ``due_at`` brought forward to ``moment`` (LEAST and MIN disagree about NULL)."""
    return Case(When(due_at=None, then=Value(moment)), When(due_at__gt=moment, then=Value(moment)), default=F("due_at"))


def bump(now: datetime) -> dict[str, Any]:
    """V of LIFECYCLE: a new version, no reservation, touched now."""
    return {"version": F("version") + 1, "reserved": False, "touched_at": now}


def change_images(
    gallery_ids: Iterable[UUID],
    condition: Q,
    changes: dict[str, Any],
    now: datetime,
    *,
    ids: Collection[UUID] | None = None,
    at_edge: bool = False,
) -> int:
    """Apply ``changes`` to the images of these galleries that meet ``condition``; returns how many did. ``ids``: only
    these of them.

    Hiding changes only (a change that shows an image again counts it itself): afterwards none of them is counted.
    ``at_edge``: the edge is to forget them before their passes end. Atomic by itself; may be part of a larger
    transaction.
    """
    with transaction.atomic():
        places = sorted(set(gallery_ids))
        lock_galleries(places)
        matching = Image.objects.filter(_among(places, ids), condition)
        touched = _lock_images(matching) if _has_row_locks() or records().enabled else []
        counted = (
            matching.filter(UNHIDDEN).values("gallery").annotate(n=Count("id"), size=Sum("bytes")).order_by("gallery")
        )
        leaving = list(counted)
        hit = matching.update(**changes, **bump(now))
        for row in leaving:
            Gallery.objects.filter(id=row["gallery"]).update(
                image_count=F("image_count") - row["n"], bytes=F("bytes") - row["size"]
            )
        records().enqueue(touched, now)
        if hit and at_edge:
            forget(places, now)
    return hit


def _among(galleries: Collection[UUID], ids: Collection[UUID] | None) -> Q:
    """All images of ``galleries``, or those of ``ids`` that are in them.

    An image never changes its gallery, so where ids are given the galleries are looked at beforehand: with both in one
    condition SQLite would read whole galleries to find a selection.
    """
    if ids is None:
        return Q(gallery__in=galleries)
    found = Image.objects.filter(id__in=ids).values_list("id", "gallery_id")
    return Q(id__in=[image for image, gallery in found if gallery in galleries])
