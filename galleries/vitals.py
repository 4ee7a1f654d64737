"""How the site is, in numbers that anybody can read again from its database and its store: what waits, and since when.

The admin's status page and the metrics for Prometheus show the same ones (docs/operations.md says what each means).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Min, Sum

from galleries.models import Gallery, Image, Invalidation, State, SweepHold, Usage
from galleries.outbox import measure_backlog
from galleries.storage import StorageError, media_storage
from galleries.sweeping import begun_images


@dataclass(frozen=True)
class Vital:
    """One number. ``alarm``: above it somebody has to look; None where no number is wrong."""

    name: str
    meaning: str
    value: float
    alarm: float | None = None

    @property
    def alarming(self) -> bool:
        return self.alarm is not None and self.value > self.alarm


SWEEP_LATE = 2 * 3600  # seconds beyond the grace; the site sweeps each minute, the machine's timer each hour
RECORDS_LATE = 15 * 60  # SAFETY 5.6
FULL_ABOVE = 0.9  # of the disk


def read_vitals(now: datetime) -> list[Vital]:
    """All of them; a few reads of indexes.

    Raises:
        DatabaseError: nothing is known without the database.
    """
    return [*_stored(), *_due(now), *_waiting(now), *_room()]


def _stored() -> list[Vital]:
    used = Usage.objects.aggregate(images=Sum("images"), bytes=Sum("bytes"))
    galleries = Gallery.objects.filter(removed_at=None).count()
    return [
        Vital("galleries", "Galleries that are there", galleries),
        Vital("images", "Photos that count towards a quota", used["images"] or 0),
        Vital("stored_bytes", "Bytes that count towards a quota", used["bytes"] or 0),
    ]


def _due(now: datetime) -> list[Vital]:
    due = Image.objects.filter(state=State.READY, due_at__lte=now - settings.GRACE)
    found = due.aggregate(many=Count("id"), oldest=Min("due_at"))
    late = 0.0 if found["oldest"] is None else (now - settings.GRACE - found["oldest"]).total_seconds()
    held = SweepHold.objects.aggregate(many=Max("due"))["many"] or 0  # each machine saw the same ones
    return [
        Vital("due_images", "Photos past their grace that are still stored", found["many"]),
        Vital("oldest_due_seconds", "How long the oldest of them has been past its grace", late, SWEEP_LATE),
        Vital("unfinished_deletions", "Photos whose deletion was begun", begun_images(now).count()),
        Vital("held_images", "Photos that wait for a second visit, because they are so many", held, 0),
    ]


def _waiting(now: datetime) -> list[Vital]:
    backlog = measure_backlog(now)
    edge = Invalidation.objects.aggregate(many=Count("gallery"), oldest=Min("asked_at"))
    asked = 0.0 if edge["oldest"] is None else (now - edge["oldest"]).total_seconds()
    return [
        Vital("outbox_depth", "Records that are behind their rows", backlog.depth),
        Vital(
            "outbox_oldest_seconds",
            "How long the oldest of them has waited",
            backlog.age(now).total_seconds(),
            RECORDS_LATE,
        ),
        Vital("outbox_attempts", "How often the most often tried of them was tried", backlog.attempts, 20),
        Vital("invalidations", "Galleries that the edge has still to forget", edge["many"]),
        Vital("invalidation_oldest_seconds", "How long the oldest of them has waited", asked, RECORDS_LATE),
    ]


def _room() -> list[Vital]:
    try:
        media_storage().check()
        room = media_storage().free_bytes()
    except StorageError:
        return [Vital("storage_down", "1: the store cannot be written", 1, 0)]
    answers = Vital("storage_down", "1: the store cannot be written", 0, 0)
    if room is None:
        return [answers]
    free, total = room
    full = 1 - free / total
    return [
        answers,
        Vital("free_bytes", "Bytes that are free on the disk of photos", free),
        Vital("disk_full_ratio", "How full that disk is, of 1; above 0.95 uploads are refused", full, FULL_ABOVE),
    ]
