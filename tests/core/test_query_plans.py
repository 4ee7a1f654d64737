"""What SQLite reads to answer: never a whole table, and never a whole gallery to find some images of it.

The number of queries says nothing about that: a sweep of a thousand images is as many statements among ten thousand
rows as among a million, and was four times slower there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from galleries.admission import admit
from galleries.expiry import shorten_uploads
from galleries.models import Gallery, Image
from galleries.moderation import take_down
from galleries.passes import Addresses
from galleries.removal import delete_for_good, remove_images, restore_images
from galleries.sweeping import make_plan, preview_sweep, run_sweep
from tests.pictures import jpeg, store, store_image

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="the plans of SQLite, which trusts no statistics here"),
]
READS_ALL = re.compile(
    r"SCAN galleries_image(?! USING INDEX image_unfinished)|"
    r"SEARCH galleries_image USING (COVERING )?INDEX sqlite_autoindex_\w+ \(gallery_id=\?\)"
)


@contextmanager
def plans() -> Iterator[list[str]]:
    """The steps of the plans of everything that is asked meanwhile, each with its statement."""
    steps: list[str] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and not many:
            plan = connection.connection.execute("EXPLAIN QUERY PLAN " + sql.replace("%s", "?"), params or ())
            steps.extend(f"{step[3]}: {sql}" for step in plan)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield steps


def check(steps: list[str]) -> None:
    assert any("galleries_image" in step for step in steps)
    assert [step for step in steps if READS_ALL.match(step)] == []


def test_upload_reads_no_gallery(gallery: Gallery) -> None:
    store_image(gallery, 1)
    with plans() as steps:
        store_image(gallery, 2)
        store(gallery, jpeg(2))
    check(steps)


def test_changes_of_a_selection_read_the_selection(gallery: Gallery) -> None:
    ids = [store_image(gallery, seed).id for seed in range(30)]
    with plans() as steps:
        assert remove_images(gallery, ids, timezone.now()) == 30
        restore_images(Image.objects.filter(id__in=ids))
        assert remove_images(gallery, ids[:20], timezone.now()) == 20
        assert delete_for_good(gallery, ids[:20], timezone.now()) == 20
        assert take_down(Image.objects.filter(id__in=ids[20:]), timezone.now()) == 10
        shorten_uploads(gallery, timezone.now())
    check(steps)


def test_what_was_deleted_is_found_without_what_was_not(gallery: Gallery, alice_client: Client) -> None:
    ids = [store_image(gallery, seed).id for seed in range(30)]
    remove_images(gallery, ids[:2], timezone.now())
    with plans() as steps:
        assert "2 deleted photos" in alice_client.get("/deleted/").content.decode()
    check(steps)


def test_sweep_reads_what_is_due(gallery: Gallery) -> None:
    for seed in range(30):
        store_image(gallery, seed)
    later = timezone.now() + timedelta(days=9)
    with plans() as steps:
        assert preview_sweep(make_plan(later)).due == 30
        assert run_sweep(make_plan(later)).deleted == 30
        run_sweep(make_plan(later + timedelta(hours=1)))
    assert not gallery.images.exists()
    check(steps)


def test_no_gallery_is_read_to_drop_an_image_that_is_no_cover(gallery: Gallery) -> None:
    image = store_image(gallery, 1)
    with plans() as steps:
        Image.objects.filter(id=image.id).delete()
    looks = [step for step in steps if "galleries_gallery" in step]
    assert looks
    assert [step for step in looks if step.startswith("SCAN")] == []
    [key] = connection.connection.execute(
        "EXPLAIN QUERY PLAN SELECT 1 FROM galleries_gallery WHERE cover_id = ?", [image.id.hex]
    )
    assert key[3].startswith("SEARCH galleries_gallery USING")


def test_a_page_and_a_question_about_its_pass_find_what_is_hidden_by_indexes(gallery: Gallery) -> None:
    images = [store_image(gallery, number) for number in range(3)]
    remove_images(gallery, [images[0].id], timezone.now())
    now = timezone.now()
    with plans() as steps:
        measured = Gallery.objects.measured(now).get(id=gallery.id)
        path, _, query = Addresses(measured, now, measured.first_gone).rendition(images[1], "preview").partition("?")
        assert admit(path.removeprefix("/"), dict(parse_qsl(query)), now).hidden == (images[0].hex,)
    check(steps)
