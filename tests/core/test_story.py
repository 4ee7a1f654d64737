"""One photo's whole life, with the real decoder."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from galleries.models import Gallery
from galleries.removal import remove_images, restore_image
from galleries.sweeping import make_plan, run_sweep
from tests.core.world import DAY, check_clean, check_world, fetch, files, receipts, reload
from tests.pictures import jpeg, store


@pytest.mark.django_db
@pytest.mark.usefixtures("real_decoder")
def test_a_photo_is_added_shown_removed_restored_and_swept(
    gallery: Gallery, data_dir: Path, alice_client: Client
) -> None:
    image = store(gallery, jpeg(1)).image
    assert store(gallery, jpeg(1)).duplicate
    original = alice_client.get(f"{image.get_absolute_url()}original/")
    answer = fetch(alice_client, original["Location"])
    assert (answer.status, len(answer.body)) == (200, image.bytes)
    now = timezone.now()
    remove_images(gallery, [image.id], now)
    assert fetch(alice_client, original["Location"]).status == 404
    restore_image(reload(image))
    assert fetch(alice_client, original["Location"]).body == answer.body
    check_world(timezone.now(), data_dir)
    assert files(data_dir) == set(image.keys)
    for later in (8, 9, 10):
        run_sweep(make_plan(now + later * DAY))
        check_world(now + later * DAY, data_dir)
    check_clean(data_dir)
    assert receipts() == [("photo.jpg", "expired")]
