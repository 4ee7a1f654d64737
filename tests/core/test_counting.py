"""A gallery's stored counts move by what a change has hit, whoever else writes to the same rows meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.db.models import F

from galleries.models import Gallery, Image
from galleries.removal import remove_images
from tests.core.world import START, add, clock, reload, together

SHORT = {"postgresql": "SET lock_timeout = 200", "sqlite": "PRAGMA busy_timeout = 200"}  # milliseconds


def _bump(image: UUID) -> int:
    """As the reservation of a lengthening, which locks no gallery; from a connection that waits for nobody."""
    with connection.cursor() as cursor:
        cursor.execute(SHORT[connection.vendor])
    return Image.objects.filter(id=image).update(version=F("version") + 1)


@pytest.mark.django_db(transaction=True)
def test_nobody_changes_an_image_between_its_counting_and_its_hiding(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
    meanwhile: list[object] = []

    def interfere(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not meanwhile and sql.startswith('UPDATE "galleries_image"'):
            meanwhile.extend(together(_bump, [image.id]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interfere):
        hit = remove_images(gallery, [image.id], START, seen=image)
    assert len(meanwhile) == 1
    assert isinstance(meanwhile[0], OperationalError), "it had to wait"
    gallery.refresh_from_db()
    assert (hit, gallery.image_count, gallery.bytes) == (1, 0, 0)
    assert reload(image).removed_at == START
