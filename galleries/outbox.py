"""The outbox: which records are behind their rows, and the drain that brings them in line.

An entry is written in the transaction that changes the row, so no crash can lose it. It carries no content: that is
read from the row when it is published. Most are published when their transaction has just committed; the drain of the
timer does the others, and what failed, ever more patiently. An entry goes only when a record of at least its version
is known to be there.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q
from django.utils import timezone

from galleries import crash
from galleries.metadata import Record, RecordsUnavailable, gallery_record, image_record, records
from galleries.models import Gallery, GalleryOutboxEntry, Image, ImageQuerySet, OutboxEntry, State

log = logging.getLogger(__name__)

AT_ONCE = 10  # records that one request writes before it answers; the timer does the rest
PAGE = 100  # entries that a drain takes at a time
TAKEN = timedelta(seconds=60)  # how long other drains leave a page to the one that took it
BACKOFF, LONGEST = 5.0, 600.0  # seconds: 5 s * 2^n, at most 10 min, full jitter (SAFETY 5.6)


class Images:
    """The outbox of images."""

    field = "image_id"
    entries = OutboxEntry
    rows = Image

    @staticmethod
    def versions(ids: Iterable[UUID]) -> list[tuple[UUID, int]]:
        """The versions that are to be published. Pending rows have no record yet, deleting ones lose theirs."""
        rows = Image.objects.filter(id__in=ids, state=State.READY).order_by("id")
        return list(rows.select_for_update().values_list("id", "version"))

    @staticmethod
    def prepare(ids: Sequence[UUID], now: datetime) -> None:
        """Before publishing: abandoned reservations are retired, and rows that are on their way out need no record.

        A reserved version is its request's alone (LIFECYCLE rule 3). One row in each transaction, which asks again
        whether the entry is due: a reservation that has just begun has a lease of its own.
        """
        reserved = Image.objects.filter(state=State.READY, reserved=True)
        for identifier in reserved.filter(id__in=ids).values_list("id", flat=True):
            retire(reserved.filter(_abandoned(now), id=identifier), now)
        OutboxEntry.objects.filter(image__in=ids, image__state__in=[State.DELETING, State.EMPTIED]).delete()

    @staticmethod
    def records(ids: Sequence[UUID]) -> dict[UUID, Record]:
        """What may be published now, from one look at each row."""
        rows = Image.objects.filter(id__in=ids, state=State.READY, reserved=False).select_related("gallery")
        return {image.id: image_record(image) for image in rows}


class Galleries:
    """The outbox of galleries."""

    field = "gallery_id"
    entries = GalleryOutboxEntry
    rows = Gallery

    @staticmethod
    def versions(ids: Iterable[UUID]) -> list[tuple[UUID, int]]:
        return list(Gallery.objects.filter(id__in=ids).order_by("id").values_list("id", "version"))

    @staticmethod
    def prepare(ids: Sequence[UUID], now: datetime) -> None:
        return None

    @staticmethod
    def records(ids: Sequence[UUID]) -> dict[UUID, Record]:
        return {gallery.id: gallery_record(gallery) for gallery in Gallery.objects.filter(id__in=ids)}


Kind = type[Images] | type[Galleries]
KINDS: tuple[Kind, ...] = (Galleries, Images)


@dataclass(frozen=True)
class Backlog:
    """How far records are behind: entries that wait (a lengthening under way is none), since when, and the most often
    tried of them."""

    depth: int
    since: datetime | None
    attempts: int

    def age(self, now: datetime) -> timedelta:
        """How long the oldest has waited."""
        return timedelta(0) if self.since is None else max(now - self.since, timedelta(0))


def enqueue_images(ids: Iterable[UUID], next_try: datetime) -> None:
    """Note that the records of these images are behind. Call in the transaction that changes the rows; they are
    published as soon as it commits, unless ``next_try`` is later."""
    _enqueue(Images, ids, next_try)


def enqueue_galleries(ids: Iterable[UUID], next_try: datetime) -> None:
    """The same for galleries."""
    _enqueue(Galleries, ids, next_try)


def is_behind(image: UUID, now: datetime) -> bool:
    """Whether the record of ``image`` waits to be published, apart from a lengthening that is under way."""
    return OutboxEntry.objects.filter(_waiting(now), image=image).exists()


def publish_image(image: UUID, now: datetime) -> None:
    """Bring one record in line now, for somebody who waits for it.

    Raises:
        RecordsUnavailable
    """
    retire(Image.objects.filter(id=image, state=State.READY, reserved=True), now)
    _publish(Images, [image], patient=False)


def measure_backlog(now: datetime) -> Backlog:
    """Depth and age of both outboxes; three numbers from an index-sized table."""
    total = Backlog(0, None, 0)
    for kind in KINDS:
        found = kind.entries.objects.filter(_waiting(now)).aggregate(
            depth=Count("*"), since=Min("since"), attempts=Max("attempts")
        )
        ends = [moment for moment in (total.since, found["since"]) if moment is not None]
        total = Backlog(
            total.depth + found["depth"], min(ends, default=None), max(total.attempts, found["attempts"] or 0)
        )
    return total


# --- the drain --------------------------------------------------------------------------------------------------------


class Drain:
    """Publishes what waits, round after round. ``failing``: the store gave no answer the last time, so a round tries
    one entry before its time; when that works nobody else has to wait for theirs."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self.failing = True  # who has just started does not know
        self.chance = chance or random.Random()  # noqa: S311 (spreads retries)

    def round(self, now: datetime, limit: int) -> int:
        """Publish at most ``limit`` records; returns how many entries are done with. Ends early when the store gives
        no answer."""
        done = 0
        if self.failing:
            done += self._probe(now)
        for kind in KINDS:
            while done < limit and not self.failing:
                ids = _take(kind, Q(next_try__lte=now), now, min(PAGE, limit - done))
                if not ids:
                    break
                crash.point("drain.taken")
                done += self._publish(kind, ids, now)
        return done

    def _probe(self, now: datetime) -> int:
        """One entry that failed before, whatever its time: the first sign that the store is back."""
        done = 0
        self.failing = False
        for kind in KINDS:
            ids = _take(kind, Q(attempts__gt=0), now, 1)
            done += self._publish(kind, ids, now)
        if not self.failing:
            for kind in KINDS:
                kind.entries.objects.filter(attempts__gt=0).update(next_try=now)
        return done

    def _publish(self, kind: Kind, ids: Sequence[UUID], now: datetime) -> int:
        kind.prepare(ids, now)
        crash.point("drain.retired")
        try:
            _publish(kind, ids, patient=True)
        except RecordsUnavailable as error:
            self.failing = True
            log.warning(
                "records cannot be written; the next round tries again", extra={"fields": {"error": str(error)}}
            )
        left = kind.entries.objects.filter(**{f"{kind.field}__in": ids}, attempts__gt=0)
        failed = list(left.values_list(kind.field, "attempts"))
        with transaction.atomic():
            for identifier, attempts in sorted(failed):  # a newer change has set attempts to 0, and is not put off
                entry = kind.entries.objects.filter(**{kind.field: identifier}, attempts=attempts)
                entry.update(next_try=now + self.backoff(attempts))
        return len(ids) - len(failed)

    def backoff(self, attempts: int) -> timedelta:
        """How long to wait after so many failures."""
        return timedelta(seconds=self.chance.uniform(0, min(LONGEST, BACKOFF * 2 ** min(attempts, 20))))


_drain = Drain()


def drain_outbox(now: datetime, limit: int = 1_000) -> tuple[int, int]:
    """Publish what the outbox asks for; returns (published, left). Without a record store there is nothing to do."""
    if not records().enabled:
        return (0, 0)
    done = _drain.round(now, limit)
    return done, measure_backlog(now).depth


def retire(reserved: ImageQuerySet, now: datetime) -> None:
    """Take a reserved version from its request, whose last step fails then; the row's life is unchanged."""
    reserved.update(version=F("version") + 1, reserved=False, touched_at=now)


# --- steps ------------------------------------------------------------------------------------------------------------


def _waiting(now: datetime) -> Q:
    """Entries that are behind: due, or tried before. The others are leases of lengthenings under way."""
    return Q(next_try__lte=now) | Q(attempts__gt=0)


def _abandoned(now: datetime) -> Q:
    """``_waiting``, asked of the image."""
    return Q(outbox_entry__next_try__lte=now) | Q(outbox_entry__attempts__gt=0)


def _enqueue(kind: Kind, ids: Iterable[UUID], next_try: datetime) -> None:
    now = timezone.now()
    versions = kind.versions(ids)
    entries = [
        kind.entries(**{kind.field: identifier}, version=version, next_try=next_try, attempts=0, since=now)
        for identifier, version in versions
    ]
    manager: Any = kind.entries.objects
    manager.bulk_create(
        entries,
        update_conflicts=True,
        unique_fields=[kind.field],
        update_fields=["version", "next_try", "attempts"],
        batch_size=500,
    )
    if next_try <= now and entries:
        at_once = [identifier for identifier, _ in versions[:AT_ONCE]]
        transaction.on_commit(partial(_write_through, kind, at_once), robust=True)


def _write_through(kind: Kind, ids: Sequence[UUID]) -> None:
    """The commit has just been made; what fails here the drain does."""
    try:
        _publish(kind, ids, patient=False)
    except RecordsUnavailable as error:
        log.info("records are left to the drain", extra={"fields": {"count": len(ids), "error": str(error)}})


def _publish(kind: Kind, ids: Sequence[UUID], *, patient: bool) -> None:
    """Write the records of ``ids`` and forget their entries; what is not in line afterwards keeps its entry."""
    wanted = kind.records(ids)
    if not wanted:
        return
    written = records().publish(wanted, patient=patient)
    crash.point("drain.published")
    with transaction.atomic():
        for identifier in sorted(written):  # as changes of many write them: no two can wait for each other
            version = wanted[identifier].version
            kind.entries.objects.filter(**{kind.field: identifier}, version__lte=version).delete()


def _take(kind: Kind, which: Q, now: datetime, count: int) -> list[UUID]:
    """Entries to try now, kept from other drains for a while; the try is counted before it is made."""
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        entries = kind.entries.objects.select_for_update(skip_locked=skip).filter(which).order_by("next_try")
        ids = list(entries.values_list(kind.field, flat=True)[:count])
        taken = kind.entries.objects.filter(**{f"{kind.field}__in": ids})
        taken.update(next_try=now + TAKEN, attempts=F("attempts") + 1)
    return ids
