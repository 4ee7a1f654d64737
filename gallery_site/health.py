"""Is the process alive, and can it do its work."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from galleries.storage import StorageError, media_storage


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Database, storage and metadata answer; 503 with the names of those that do not."""
    down = [name for name, check in CHECKS.items() if not check()]
    return JsonResponse({"status": "unavailable" if down else "ok", "down": down}, status=503 if down else 200)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _storage() -> bool:
    try:
        media_storage().check()
    except StorageError:
        return False
    return True


CHECKS: dict[str, Callable[[], bool]] = {"database": _database, "storage": _storage}
