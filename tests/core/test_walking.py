"""Acts on more rows than a page, while others write."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from galleries.endings import extend_gallery, find_ending
from galleries.galleries import change_gallery
from galleries.models import Gallery, Image
from tests.core.world import HOUR, add

MORE_THAN_A_PAGE = 501


def fill(gallery: Gallery, count: int) -> None:
    """So many live images: the first was uploaded, the others are rows alone."""
    image = add(gallery, 1)
    values = {field.attname: getattr(image, field.attname) for field in Image._meta.concrete_fields}
    ids = (uuid.UUID(int=image.id.int + number) for number in range(1, count))
    Image.objects.bulk_create([Image(**values | {"id": identifier, "dedup_key": None}) for identifier in ids])
    Gallery.objects.filter(id=gallery.id).update(image_count=count, bytes=count * image.bytes)


@contextmanager
def others_writing() -> Iterator[None]:
    """Somebody else commits before each transaction that begins with a statement, as SQLite's do."""
    others = connection.copy()

    def commit(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith("BEGIN"):
            with others.cursor() as cursor:
                cursor.execute("UPDATE galleries_gallery SET version = version + 1")
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(commit):
            yield
    finally:
        others.close()


@pytest.mark.django_db(transaction=True)
def test_policy_reaches_a_large_gallery_while_others_write(gallery: Gallery) -> None:
    fill(gallery, MORE_THAN_A_PAGE)
    with others_writing():
        outcome = change_gallery(
            gallery, title="S", description="", retention="1h", apply_to_existing=True, now=timezone.now()
        )
    assert (len(outcome.done), outcome.problems) == (MORE_THAN_A_PAGE, {})
    assert not gallery.images.filter(expires_at__gt=timezone.now() + HOUR).exists()


@pytest.mark.django_db(transaction=True)
def test_extending_a_large_gallery_while_others_write(gallery: Gallery) -> None:
    fill(gallery, MORE_THAN_A_PAGE)
    now = timezone.now()
    Image.objects.update(expires_at=now + 10 * HOUR, due_at=now + 10 * HOUR)
    Gallery.objects.update(created_at=now - timedelta(days=6))
    ending = find_ending(Gallery.objects.measured(now).get(), now)
    assert ending is not None
    with others_writing():
        outcome = extend_gallery(ending, now)
    assert (len(outcome.done), outcome.problems) == (MORE_THAN_A_PAGE, {})
    assert set(gallery.images.values_list("expires_at", flat=True)) == {ending.longer_until}


@pytest.mark.django_db(transaction=True)
def test_rebuilding_many_renditions_while_others_write(gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    fill(gallery, MORE_THAN_A_PAGE)
    Image.objects.update(renditions="preview.jpg 40x30")
    with others_writing():
        call_command("rebuild_renditions", limit=1)
    assert capsys.readouterr().out == "1 images have new renditions.\n"
