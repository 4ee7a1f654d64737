"""Renditions that come with an upload, through the page and through the API: what is served in the end."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image as Pillow
from PIL import ImageOps

from galleries.models import Gallery, Image
from galleries.storage import media_storage
from tests.api.program import program_of

if TYPE_CHECKING:
    from pytest_django import Settings as SettingsWrapper

    from gallery_site.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("real_decoder")]

Send = Callable[..., Any]


@pytest.fixture(params=["page", "API"])
def send(request: pytest.FixtureRequest, alice: User, gallery: Gallery) -> Send:
    """Upload these parts to Alice's gallery."""
    if request.param == "API":
        client, address = Client(), f"/api/v1/galleries/{gallery.hex}/images"
        headers = program_of(alice).headers
    else:
        client, address, headers = Client(), f"{gallery.get_absolute_url()}upload/", {"Accept": "application/json"}
        client.force_login(alice)

    def send(**parts: bytes) -> Any:
        files = {name: SimpleUploadedFile(f"{name}.jpg", body) for name, body in parts.items()}
        return client.post(address, files, headers=headers)

    return send


@pytest.fixture(scope="module")
def photo() -> Pillow.Image:
    across = Pillow.linear_gradient("L").resize((1800, 1200))
    return Pillow.merge("RGB", (across, ImageOps.mirror(across), Pillow.radial_gradient("L").resize((1800, 1200))))


def encode(picture: Pillow.Image, quality: int = 82) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def preview_of(answer: Any) -> bytes:
    assert answer.status_code == 201, answer.content
    image = Image.objects.get()
    assert image.rendition_sizes["preview"].width == 1600
    with media_storage().open_object(image.rendition_key("preview")) as stored:
        return bytes(stored.read())


def decode(body: bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(body)).convert("RGB")


def test_preview_of_the_photo_is_used(send: Send, photo: Pillow.Image) -> None:
    # One dot that is too small to matter, and tells whose pixels these are.
    sent = photo.resize((1600, 1067))
    sent.paste((128, 128, 128), (800, 500, 803, 503))
    made = decode(preview_of(send(file=encode(photo), preview=encode(sent, 95))))
    dot, beside = made.getpixel((801, 501)), made.getpixel((815, 501))
    assert isinstance(dot, tuple)
    assert isinstance(beside, tuple)
    assert max(abs(one - other) for one, other in zip(dot, beside, strict=True)) > 30


def test_preview_of_another_photo_is_not(send: Send, photo: Pillow.Image) -> None:
    forged = ImageOps.flip(photo).resize((1600, 1067))
    made = decode(preview_of(send(file=encode(photo), preview=encode(forged), thumbnail=encode(forged))))
    assert made.getpixel((10, 10)) != pytest.approx(forged.getpixel((10, 10)), abs=20)
    assert made.getpixel((10, 10)) == pytest.approx(photo.getpixel((11, 11)), abs=8)


def test_preview_over_the_limit_is_no_reason_to_refuse(
    send: Send, photo: Pillow.Image, settings: SettingsWrapper
) -> None:
    settings.GALLERY_MAX_UPLOAD_BYTES = 200_000
    preview_of(send(file=encode(photo), preview=bytes(300_000)))
