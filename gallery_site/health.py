"""Is the process alive, and can it do its work."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from galleries.metadata import RecordsUnavailable, records
from galleries.outbox import measure_backlog
from galleries.storage import StorageError, media_storage

log = logging.getLogger(__name__)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Database, storage and metadata answer; 503 with the names of those that do not, and why in the log."""
    reasons = look()
    answer: dict[str, object] = {"status": "unavailable" if reasons else "ok", "down": [*reasons], "reasons": reasons}
    if settings.GALLERY_TABLE and "database" not in reasons:
        backlog = measure_backlog(now := timezone.now())
        answer["outbox"] = {"depth": backlog.depth, "oldest_seconds": round(backlog.age(now).total_seconds())}
    return JsonResponse(answer, status=503 if reasons else 200)


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
