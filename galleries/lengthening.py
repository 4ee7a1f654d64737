"""Whatever lengthens life, in three steps (LIFECYCLE rule 2): reserve a version in the row, write the record, confirm
in the row. Only the last step acknowledges. Extend, restore and reinstate differ in what they ask of the row and what
they write; the order is here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from galleries import crash
from galleries.counting import bump, lock_galleries
from galleries.metadata import Promise, Published, RecordsUnavailable, records
from galleries.models import Gallery, Image, OutboxEntry
from galleries.models.image import UNHIDDEN, unchanged_since
from galleries.outbox import is_behind, publish_image
from galleries.problems import Problem

ATTEMPTS = 3  # one, and twice again when somebody else was faster
LEASE = timedelta(seconds=60)  # how long the drain leaves a reservation to its request


@dataclass(frozen=True)
class Lengthening:
    """One way to lengthen a life.

    ``condition(now)`` is what must hold of the row at each of the two transactions, by the clock of that moment
    (columns of the row alone: a join would become a subquery, which PostgreSQL does not check again after waiting for
    the row); ``changes(image)`` what is confirmed; ``too_late`` the refusal when it does not hold any more; ``seen``
    the row as it must still be when that was asked for; ``also``: columns that change with it, of which the record
    learns through the outbox.
    """

    condition: Callable[[datetime], Q]
    changes: Callable[[Image], dict[str, Any]]
    too_late: Problem
    gallery_present: bool = False
    seen: Image | None = None
    also: Mapping[str, Any] = field(default_factory=dict)


def lengthen(image: Image, how: Lengthening) -> Image:
    """Carry out ``how`` on ``image``; returns the row as confirmed.

    Raises:
        Problem: ``how.too_late``; "precondition_failed" when it is not as ``how.seen``; "duplicate" when a visible twin
            took its place; "unavailable" when the record could not be reached or others were faster each time. The
            row's life is unchanged then.
    """
    for _ in range(ATTEMPTS):
        reserved = _reserve(image, how)
        if reserved is None:
            _catch_up(image)
            continue
        how = _expecting(how, reserved)
        crash.point("lengthen.reserved")
        changes = how.changes(reserved)
        ends = (changes.get("expires_at", reserved.expires_at), changes["due_at"])
        answer = records().lengthen(Promise(reserved.gallery_id, reserved.id, reserved.version, *ends))
        crash.point("lengthen.recorded")
        if answer is Published.TOO_LATE:
            raise how.too_late
        if answer is Published.UNKNOWN:
            raise Problem("unavailable", retry_after=5)
        if answer is Published.ABSENT:
            _catch_up(image)
            reserved.version, reserved.reserved = reserved.version + 1, False  # given up for that; it may be how.seen
        if answer is Published.HELD and _confirm(reserved, how, changes):
            crash.point("lengthen.confirmed")
            return Image.objects.select_related("gallery").get(id=image.id)
    raise Problem("unavailable", retry_after=1)


def _expecting(how: Lengthening, reserved: Image) -> Lengthening:
    """The same, where the row is asked for as it was seen, after our own step has made it ``reserved``."""
    return how if how.seen is None else replace(how, seen=reserved)


def _catch_up(image: Image) -> None:
    """Publish what the record does not know yet, before it is lengthened."""
    try:
        publish_image(image.id, timezone.now())
    except RecordsUnavailable as error:
        raise Problem("unavailable", retry_after=5) from error


def _reserve(image: Image, how: Lengthening) -> Image | None:
    """Transaction 1: a version of its own, and an outbox entry that brings an abandoned attempt back in line.

    None when the record is still behind an earlier change: lengthening it would claim to know that change too.
    """
    now = timezone.now()
    with transaction.atomic():
        if how.gallery_present and not Gallery.objects.present().filter(id=image.gallery_id).exists():
            raise how.too_late
        rows = Image.objects.filter(how.condition(now), id=image.id)
        if rows.filter(unchanged_since(how.seen)).update(version=F("version") + 1, reserved=True) == 0:
            raise Problem("precondition_failed") if rows.exists() else how.too_late
        if records().enabled and is_behind(image.id, now):
            transaction.set_rollback(True)
            return None
        reserved = Image.objects.select_related("gallery").get(id=image.id)
        records().enqueue([image.id], now + LEASE)
    return reserved


def _confirm(reserved: Image, how: Lengthening, changes: dict[str, Any]) -> bool:
    """Transaction 2: still this version, and the window still open by the clock of now."""
    try:
        with transaction.atomic():
            lock_galleries([reserved.gallery_id])
            if how.gallery_present and not Gallery.objects.present().filter(id=reserved.gallery_id).exists():
                raise how.too_late
            now = timezone.now()
            if "dedup_key" in changes:
                reserved.free_keys(now)
            rows = Image.objects.filter(how.condition(now), id=reserved.id, version=reserved.version)
            shown_before = Image.objects.filter(UNHIDDEN, id=reserved.id).exists()
            hit = rows.update(reserved=False, touched_at=now, **changes)
            if hit and not shown_before and Image.objects.filter(UNHIDDEN, id=reserved.id).exists():
                Gallery.objects.filter(id=reserved.gallery_id).update(
                    image_count=F("image_count") + 1, bytes=F("bytes") + reserved.bytes
                )
            if hit:
                OutboxEntry.objects.filter(image=reserved.id, version=reserved.version).delete()
            if hit and how.also:
                Image.objects.filter(id=reserved.id).update(**how.also, **bump(now))
                records().enqueue([reserved.id], now)
    except IntegrityError:
        twin = Image.objects.filter(gallery=reserved.gallery_id, dedup_key=reserved.sha256).first()
        raise Problem("duplicate", image_id=twin.hex if twin else "") from None
    return hit == 1
