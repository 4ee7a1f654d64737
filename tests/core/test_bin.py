"""The bin: what its owner sees of deleted photos, and nobody else."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from galleries import removal
from galleries.models import Gallery, Image
from galleries.moderation import take_down
from galleries.removal import remove_gallery, remove_images, restore_galleries, restore_images
from galleries.storage import LocalMediaStorage, StorageError, media_storage
from gallery_site.accounts.models import User
from tests.core.world import DAY, HOUR, SECOND, START, add, clock, fetch


def picture_url(image: Image) -> str:
    return f"{image.gallery.get_absolute_url()}bin/{image.hex}/"


@pytest.fixture
def removed(gallery: Gallery) -> Image:
    """Deleted at START; it would have lived for two days."""
    with clock(START):
        image = add(gallery, 1, has_expiry=True, expires_at=START + 2 * DAY)
        remove_images(gallery, [image.id], START)
    return image


def test_owner_sees_what_may_be_brought_back(removed: Image, gallery: Gallery, alice_client: Client) -> None:
    with clock(START + HOUR):
        page = fetch(alice_client, f"{gallery.get_absolute_url()}bin/").body.decode()
        assert f'src="{picture_url(removed)}"' in page
        answer = fetch(alice_client, picture_url(removed))
    assert (answer.status, answer.body[:12]) == (200, b"thumbnail of")
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_nobody_else_sees_it(removed: Image, bob: User, alice_client: Client) -> None:
    other = Client()
    other.force_login(bob)
    with clock(START + HOUR):
        assert fetch(Client(), picture_url(removed)).status == 302
        assert fetch(other, picture_url(removed)).status == 404
        elsewhere = picture_url(removed).replace(removed.gallery.hex, "0" * 32)
        assert fetch(alice_client, elsewhere).status == 404


@pytest.mark.parametrize("moment", [START + settings.RESTORE_WINDOW + SECOND, START + 2 * DAY + SECOND])
def test_what_cannot_be_brought_back_is_not_shown(removed: Image, alice_client: Client, moment: object) -> None:
    with clock(moment):  # type: ignore[arg-type]
        assert fetch(alice_client, picture_url(removed)).status == 404


def test_what_was_taken_down_or_is_back_is_not_in_the_bin(removed: Image, alice_client: Client) -> None:
    with clock(START + HOUR) as time:
        restore_images([removed])
        assert fetch(alice_client, picture_url(removed)).status == 404
        remove_images(removed.gallery, [removed.id], START + HOUR)
        assert fetch(alice_client, picture_url(removed)).status == 200
        take_down([Image.objects.select_related("gallery").get()], START + HOUR)
        time.shift(timedelta(seconds=1))
        assert fetch(alice_client, picture_url(removed)).status == 404


def test_a_lost_thumbnail_is_not_an_error(removed: Image, alice_client: Client) -> None:
    media_storage().delete_objects([removed.rendition_key("thumbnail")])
    with clock(START + HOUR):
        assert fetch(alice_client, picture_url(removed)).status == 404


def test_a_thumbnail_that_breaks_off_is_unavailable(
    removed: Image, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise StorageError("read timed out")

    monkeypatch.setattr(LocalMediaStorage, "open_object", lambda self, key: Slow())
    with clock(START + HOUR):
        assert fetch(alice_client, picture_url(removed)).status == 503


@pytest.fixture
def removed_gallery(gallery: Gallery) -> Gallery:
    """Deleted at START + 2 hours with two photos; a third had expired by then and is not swept."""
    with clock(START):
        for number in range(2):
            add(gallery, number)
        add(gallery, 2, has_expiry=True, expires_at=START + HOUR)
        remove_gallery(gallery, START + 2 * HOUR)
    return gallery


def bring_back(client: Client, gallery: Gallery) -> str:
    """The page after the gallery was restored."""
    return client.post(f"{gallery.get_absolute_url()}restore/", follow=True).content.decode()


def test_a_gallery_comes_back_with_what_its_owner_saw(removed_gallery: Gallery, alice_client: Client) -> None:
    with clock(START + 3 * HOUR):
        assert "Summer is back, with 2 of 2 photos." in bring_back(alice_client, removed_gallery)


def test_photos_that_there_was_no_time_for_wait_in_the_bin(
    removed_gallery: Gallery, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_url = f"{removed_gallery.get_absolute_url()}bin/"
    with clock(START + 3 * HOUR):
        with monkeypatch.context() as no_time:
            no_time.setattr(removal, "PATIENCE", -1.0)
            page = bring_back(alice_client, removed_gallery)
            assert "Summer is back, with 0 of 2 photos." in page
            assert "2 of them wait among its deleted photos" in page
            assert f'<a class="toast-action" href="{bin_url}"' in page
            assert len(restore_images(Image.objects.restorable(timezone.now()).select_related("gallery")).problems) == 2
            assert restore_galleries([removed_gallery], timezone.now()).left == 1
        form = {"action": "restore", "ids": [image.hex for image in Image.objects.restorable(timezone.now())]}
        answer = alice_client.post(f"{removed_gallery.get_absolute_url()}images/", form, follow=True)
        assert "2 photos restored." in answer.content.decode()


def test_deleted_gallery_says_how_many_photos_come_back_with_it_and_until_when(
    alice_client: Client, gallery: Gallery
) -> None:
    with clock(START):
        images = [add(gallery, number) for number in range(4)]
        remove_images(gallery, [images[0].id], START)
        remove_gallery(gallery, START)
        page = alice_client.get("/deleted/").content.decode()
    assert "3 photos, deleted" in page
    assert "until 4 May, 11:45 UTC" in page
