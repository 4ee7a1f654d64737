"""The bin: what its owner sees of deleted photos, and nobody else."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from galleries.models import Gallery, Image
from galleries.moderation import take_down
from galleries.removal import remove_images, restore_images
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
