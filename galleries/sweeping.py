"""The sweep over rows: what is due by SQL, what died while it was uploaded, and what a crash left half deleted.

One physical path for all of it: row -> deleting -> objects -> record -> emptied (quota back, receipt written) -> row
gone a little later, after deleting the objects once more (LIFECYCLE rules 7 and 8).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from cleanup_lambda.sweep import MASS_FLOOR, Due, Report, Step, Visit, is_mass, is_same_wait, may_proceed, sweep
from galleries import crash
from galleries.counting import change_images, lock_galleries
from galleries.invalidating import forget
from galleries.metadata import records
from galleries.models import Gallery, Image, ImageQuerySet, State, SweepHold, Usage
from galleries.receipts import RECEIPT_FIELDS, write_receipts
from galleries.storage import StorageError, media_storage
from galleries.uploads import retirement

log = logging.getLogger(__name__)

REAP_AFTER = timedelta(hours=1)  # an upload that has been pending for so long is dead: > 10 x the request limit
LINGER = timedelta(minutes=15)  # L of LIFECYCLE: longer than any request, worker step or retry
WAIT_COUNTS_FOR = timedelta(days=1)  # of somebody who sweeps by hand, until their second visit
PAGE = 500  # rows read, claimed and emptied at a time: two waits for the disk, and some 20 ms of the one writer's time
LISTED = ("gallery", "extension", "renditions", "bytes")  # what the deletion of an image needs to know of it
ALL_ROWS = "rows"  # as the place of a hold of the site's own sweep begins


@dataclass(frozen=True)
class SweepPlan:
    """What to sweep: everything due at ``cutoff`` (``now`` less the grace, the site's or, by hand, another one), of one
    gallery or of all."""

    now: datetime
    cutoff: datetime
    gallery: UUID | None = None
    limit: int | None = None
    allow_mass: bool = False
    own_grace: bool = False


def make_plan(
    now: datetime,
    *,
    older_than: timedelta | None = None,
    gallery: UUID | None = None,
    limit: int | None = None,
    allow_mass: bool = False,
) -> SweepPlan:
    """The usual plan: the grace of the settings unless ``older_than`` replaces it."""
    grace = settings.GRACE if older_than is None else older_than
    return SweepPlan(now, now - grace, gallery, limit, allow_mass, own_grace=older_than is not None)


def due_images(plan: SweepPlan) -> Q:
    """The condition that the purge repeats inside its UPDATE."""
    due = Q(state=State.READY, due_at__lte=plan.cutoff)
    return due & Q(gallery=plan.gallery) if plan.gallery else due


def preview_sweep(plan: SweepPlan) -> Report:
    """What ``run_sweep`` would do, without doing it."""
    due, begun = _measure(Image.objects.filter(due_images(plan))), _measure(begun_images(plan.now, plan.gallery))
    held = due.due if not plan.allow_mass and is_mass(due.due, _total(plan)) else 0
    return Report(due=due.due + begun.due, bytes=due.bytes + begun.bytes, held=held)


def run_sweep(
    plan: SweepPlan,
    *,
    time_left: Callable[[], bool] = lambda: True,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Finish what was begun and remove what is due. Safe to run at any time, any number at once, and to kill.

    What was begun goes first: an item that fails is then tried, and counted, once in a run.
    """
    reap_dead_uploads(plan.now, plan.gallery)
    report = _run(DeletingRows(plan), plan.limit, time_left, progress)
    held = 0 if plan.allow_mass else _held(plan)
    if held:
        _add(report, Report(due=held, held=held))
    else:
        room = None if plan.limit is None else max(plan.limit - report.deleted, 0)
        _add(report, _run(DueRows(plan), room, time_left, progress))
        _forget_hold(plan)
    if time_left():
        forget_emptied(plan.now, time_left)
        if not held:
            drop_empty_galleries(plan)
    return report


def _measure(images: ImageQuerySet) -> Report:
    totals = images.aggregate(n=Count("id"), size=Sum("bytes"))
    return Report(due=totals["n"], bytes=totals["size"] or 0)


def begun_images(now: datetime, gallery: UUID | None = None) -> ImageQuerySet:
    """What is on its way out whatever its time (of ``gallery``, None: of all): deletions that were begun, and dead
    uploads."""
    begun = Image.objects.unfinished().filter(Q(state=State.DELETING) | _dead_upload(now))
    return begun.filter(gallery=gallery) if gallery else begun


class DueRows:
    """Ready rows whose time is over, oldest first."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan

    def due(self) -> Iterator[Due]:
        after: tuple[datetime, UUID] | None = None
        while True:
            rows = Image.objects.filter(due_images(self.plan)).only(*LISTED, "due_at").order_by("due_at", "id")
            if after is not None:
                rows = rows.filter(Q(due_at__gt=after[0]) | Q(due_at=after[0], id__gt=after[1]))
            page = _with_galleries(rows[:PAGE])
            yield from map(_as_due, page)
            if len(page) < PAGE or page[-1].due_at is None:
                return
            after = (page[-1].due_at, page[-1].id)

    def claim(self, batch: Sequence[Due]) -> Step:
        ids = [UUID(item.id) for item in batch]
        galleries = Image.objects.filter(id__in=ids).values_list("gallery_id", flat=True).distinct()
        changes = {"state": State.DELETING, "dedup_key": None, "upload_key": None}
        change_images(galleries, due_images(self.plan), changes, self.plan.now, ids=ids)
        return Step(_still(batch, State.DELETING))

    def drop(self, batch: Sequence[Due]) -> Step:
        return _empty_rows(batch, self.plan.now)


class DeletingRows:
    """Rows that are on their way out already: "delete now", dead uploads, and what a crash left."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan

    def due(self) -> Iterator[Due]:
        last: UUID | None = None
        while True:
            rows = Image.objects.unfinished().filter(state=State.DELETING).only(*LISTED).order_by("id")
            rows = rows.filter(gallery=self.plan.gallery) if self.plan.gallery else rows
            page = _with_galleries((rows.filter(id__gt=last) if last else rows)[:PAGE])
            yield from map(_as_due, page)
            if len(page) < PAGE:
                return
            last = page[-1].id

    def claim(self, batch: Sequence[Due]) -> Step:
        return Step(_still(batch, State.DELETING))

    def drop(self, batch: Sequence[Due]) -> Step:
        return _empty_rows(batch, self.plan.now)


def finish_deleting(gallery: Gallery, now: datetime) -> Report:
    """Physically remove what "delete now" put on its way, before the page answers; what fails is left to the sweep."""
    plan = SweepPlan(now, now, gallery.id)
    try:
        report = _run(DeletingRows(plan), None, lambda: True, lambda report: None)
        forget([gallery.id], timezone.now())  # again, now that the objects are gone: a request of its own
        return report
    except StorageError:
        log.exception("objects could not be deleted; the sweep goes on with them")
        return Report(failed=begun_images(plan.now, plan.gallery).count())


def _dead_upload(now: datetime) -> Q:
    return Q(state=State.PENDING, touched_at__lte=now - REAP_AFTER)


def reap_dead_uploads(now: datetime, gallery: UUID | None = None) -> int:
    """Pending rows whose upload died enter deletion; their keys are in the row, so nothing is left behind."""
    dead = Image.objects.unfinished().filter(_dead_upload(now))
    return (dead.filter(gallery=gallery) if gallery else dead).update(**retirement(now))


def forget_emptied(now: datetime, time_left: Callable[[], bool] = lambda: True) -> int:
    """Drop rows that have been empty for a while, after deleting their objects and records a second time.

    This catches a put that was on its way while the row was emptied.
    """
    forgotten = 0
    lingered = Image.objects.unfinished().filter(state=State.EMPTIED, touched_at__lte=now - LINGER)
    rows = lingered.order_by("touched_at", "id")
    while time_left() and (page := _with_galleries(rows[:PAGE])):
        keys = [key for image in page for key in image.keys]
        errors = media_storage().delete_objects(keys)
        media_storage().tidy(keys)  # only here: removing a folder takes as long as deleting fifty files
        emptied = [image for image in page if not any(key in errors for key in image.keys)]
        left = records().drop(emptied)
        gone = [image.id for image in emptied if image.id not in left]
        Gallery.objects.filter(id__in={image.gallery_id for image in page}, cover__in=gone).update(cover=None)
        forgotten += lingered.filter(id__in=gone).delete()[1].get("galleries.Image", 0)
        crash.point("sweep.forgotten")
        last = page[-1]
        rows = rows.filter(Q(touched_at__gt=last.touched_at) | Q(touched_at=last.touched_at, id__gt=last.id))
    return forgotten


def drop_empty_galleries(plan: SweepPlan) -> int:
    """Rows of removed galleries of which nothing is left, and of whose records nothing is about to be written. Whatever
    the plan says, not while they may be restored."""
    lost = min(plan.cutoff, plan.now - settings.GRACE)
    empty = Gallery.objects.filter(
        ~Exists(Image.objects.filter(gallery=OuterRef("pk"))), removed_at__lte=lost, outbox_entry=None
    )
    empty = empty.filter(id=plan.gallery) if plan.gallery else empty
    ids = set(empty.values_list("id", flat=True)[:PAGE])
    ids -= records().drop_galleries(ids)
    with transaction.atomic():
        lock_galleries(ids)  # from here on they stay as the next line finds them
        dropped = empty.filter(id__in=ids).delete()
    return dropped[1].get("galleries.Gallery", 0)


def _run(
    source: DueRows | DeletingRows,
    limit: int | None,
    time_left: Callable[[], bool],
    progress: Callable[[Report], None],
) -> Report:
    return sweep(
        source,
        media_storage(),
        limit=limit,
        batch_size=PAGE,
        time_left=time_left,
        progress=progress,
        point=crash.point,
    )


def _add(report: Report, more: Report) -> None:
    report.due += more.due
    report.deleted += more.deleted
    report.failed += more.failed
    report.skipped += more.skipped
    report.bytes += more.bytes
    report.held += more.held
    report.remaining = report.remaining or more.remaining


def _with_galleries(rows: Iterable[Image]) -> list[Image]:
    """``rows`` with their galleries: many images lie in few of them, and a join would make each anew for each."""
    images = list(rows)
    galleries = Gallery.objects.only("owner", "title").in_bulk({image.gallery_id for image in images})
    for image in images:
        image.gallery = galleries[image.gallery_id]
    return images


def _as_due(image: Image) -> Due:
    return Due(image.hex, tuple(image.keys), image.bytes)


def _still(batch: Sequence[Due], state: State) -> list[Due]:
    ids = [UUID(item.id) for item in batch]
    there = {i.hex for i in Image.objects.filter(id__in=ids, state=state).values_list("id", flat=True)}
    return [item for item in batch if item.id in there]


def _empty_rows(batch: Sequence[Due], now: datetime) -> Step:
    """Finish 1 of LIFECYCLE: deleting -> emptied; quota and receipt exactly once, by the rows that this call
    changed. Where the record could not be deleted the row stays deleting, for the next run."""
    now = max(now, timezone.now())  # a run may last longer than LINGER, which begins with this moment
    ids = {UUID(item.id) for item in batch}
    left = records().drop(Image.objects.filter(id__in=ids).only("gallery_id"))
    ids -= left
    crash.point("sweep.recorded")
    with transaction.atomic():
        locked = Image.objects.select_for_update().filter(id__in=ids, state=State.DELETING).order_by("id")
        rows = _with_galleries(locked.only(*RECEIPT_FIELDS))
        hit = Image.objects.filter(id__in=[row.id for row in rows]).update(state=State.EMPTIED, touched_at=now)
        _release(rows)
        write_receipts(rows, now)
    assert hit == len(rows)  # noqa: S101 (the rows are locked)
    done = {row.hex for row in rows}
    return Step([item for item in batch if item.id in done], failed=len(left))


def _release(rows: Sequence[Image]) -> None:
    owners: dict[UUID, list[int]] = {}
    for row in rows:
        owners.setdefault(row.gallery.owner_id, []).append(row.bytes)
    for owner in sorted(owners):
        Usage.release(owner, sum(owners[owner]), len(owners[owner]))


def _total(plan: SweepPlan) -> int:
    galleries = Gallery.objects.filter(id=plan.gallery) if plan.gallery else Gallery.objects.all()
    return galleries.aggregate(n=Sum("image_count"))["n"] or 0


def _scope(plan: SweepPlan) -> str:
    """What is swept, as the places of its holds begin: the random end of a gallery's id, or all rows. What is due by
    another grace waits apart: by the site's, looked at each minute, there may be no mass."""
    if plan.gallery:
        return plan.gallery.hex[-12:]
    return "older" if plan.own_grace else ALL_ROWS


def _place(plan: SweepPlan, boot: str) -> str:
    """Each machine waits by its own clocks: with one hold for all, each would begin the hour of the other again."""
    return f"{_scope(plan)} {boot[:7]}"


def _holds(plan: SweepPlan) -> QuerySet[SweepHold]:
    """Those of all machines."""
    return SweepHold.objects.filter(place__startswith=_scope(plan))


def _mass(plan: SweepPlan) -> int:
    """How many images are due, when they are so many that the mass rule holds; otherwise 0."""
    due = Image.objects.filter(due_images(plan)).count()
    return due if due > MASS_FLOOR and is_mass(due, _total(plan)) else 0


def _forget_hold(plan: SweepPlan) -> None:
    """The next mass waits for its own second visit."""
    holds = _holds(plan)
    if holds.exists() and _mass(plan) == 0:
        holds.delete()


def forget_old_holds(now: datetime) -> None:
    """Those of sweeps by hand (of one gallery, or by another grace), which only a second one would forget: what they
    waited for has gone by the site's own sweep meanwhile, and the gallery perhaps with it."""
    SweepHold.objects.exclude(place__startswith=ALL_ROWS).filter(first_seen_at__lte=now - WAIT_COUNTS_FOR).delete()


def _held(plan: SweepPlan) -> int:
    """How many due images must wait for the second visit; 0 when the sweep may go on."""
    due = _mass(plan)
    if due == 0:
        _holds(plan).delete()
        return 0
    now = Visit(plan.now.timestamp(), _uptime(), _boot_id())
    place = _place(plan, now.boot)
    hold = SweepHold.objects.filter(place=place).first()
    first = None if hold is None else Visit(hold.first_seen_at.timestamp(), hold.uptime, hold.boot)
    if may_proceed(first, now):  # the hold stays until the mass is gone: a run that is cut short may go on
        return 0
    if first is None or not is_same_wait(first, now):
        SweepHold.objects.update_or_create(
            place=place,
            defaults={"first_seen_at": plan.now, "uptime": now.uptime, "boot": now.boot, "due": due},
        )
    return due


def _uptime() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "this machine"
