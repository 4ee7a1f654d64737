"""Is the process alive, and can it do its work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from galleries.metadata import RecordsUnavailable, records
from galleries.outbox import measure_backlog
from galleries.storage import StorageError, media_storage

log = logging.getLogger(__name__)

Answer = dict[str, Any]
KEPT = 0.25  # seconds: a moment for many who ask at once, none for who asks after changing something


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Database, storage and metadata answer; 503 with the names of those that do not, and why in the log."""
    answer = latest.get()
    return JsonResponse(answer, status=503 if answer["down"] else 200)


def describe() -> Answer:
    """What the page says, found out now."""
    reasons = look()
    answer: Answer = {"status": "unavailable" if reasons else "ok", "down": [*reasons], "reasons": reasons}
    if settings.GALLERY_TABLE and "database" not in reasons:
        backlog = measure_backlog(now := timezone.now())
        answer["outbox"] = {"depth": backlog.depth, "oldest_seconds": round(backlog.age(now).total_seconds())}
    return answer


class Latest:
    """An answer for everybody, kept for a moment: anybody may ask, and each look asks all that the site needs. While
    one thread looks, the others tell what was so before; they wait for the first one of a process."""

    def __init__(self, find: Callable[[], Answer], clock: Callable[[], float] = time.monotonic) -> None:
        self.find, self.clock = find, clock
        self.looking = threading.Lock()
        self.answer: Answer | None = None
        self.until = 0.0

    def get(self) -> Answer:
        answer = self.answer
        if answer is None:
            with self.looking:
                return self._look()
        if self.clock() >= self.until and self.looking.acquire(blocking=False):
            try:
                return self._look()
            finally:
                self.looking.release()
        return answer

    def _look(self) -> Answer:
        """By one thread at a time; another may have looked while this one waited."""
        if self.answer is None or self.clock() >= self.until:
            self.answer = self.find()
            self.until = self.clock() + KEPT
        return self.answer


latest = Latest(describe)


def look() -> dict[str, str]:
    """What does not work -> why, also for the log. The first look of a process builds its clients."""
    reasons = {name: reason for name, check in CHECKS.items() if (reason := check())}
    if reasons:
        log.warning("not ready", extra={"fields": reasons})
    return reasons


def look_first() -> None:
    """The first look of a process, in a thread that then ends: its connection goes back into the pool."""
    try:
        look()
    finally:
        connection.close()


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "No answer."
    return ""


def _storage() -> str:
    try:
        media_storage().check()
    except StorageError as error:
        return str(error)
    return ""


def _metadata() -> str:
    try:
        records().check()
    except RecordsUnavailable as error:
        return str(error)
    return ""


def _delivery() -> str:
    """Whether CloudFront would take our passes; asked until it was so once."""
    if not settings.CLOUDFRONT_DISTRIBUTION_ID:
        return ""
    from galleries.distribution import key_problem

    return key_problem()


# What has to work -> why it does not, in a sentence that names variables and never their values; "" when it does.
CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "storage": _storage,
    "metadata": _metadata,
    "delivery": _delivery,
}
