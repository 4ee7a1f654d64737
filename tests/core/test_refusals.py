"""What limits, a full disk and a busy database look like from outside: an answer with a code, never our fault."""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from PIL import Image as Pillow
from pytest_django import Settings

from galleries import uploads
from galleries.models import Gallery, Image
from gallery_site.accounts.models import User
from tests.pictures import jpeg

PROBLEM_TYPE = "application/problem+json"

pytestmark = pytest.mark.django_db


def _upload(client: Client, gallery: Gallery, **fields: str) -> tuple[int, str]:
    client.raise_request_exception = False
    answer = client.post(
        f"{gallery.get_absolute_url()}upload/",
        {"file": SimpleUploadedFile("a.jpg", b"some picture"), **fields},
        headers={"Accept": "application/json"},
    )
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("camera", ["x" * 101, "\u0958" * 51])  # the latter is two characters in NFC
def test_a_camera_that_is_too_long_is_refused(gallery: Gallery, alice_client: Client, camera: str) -> None:
    assert _upload(alice_client, gallery, camera=camera) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("accept", "content_type"), [("text/html", "text/html; charset=utf-8"), ("application/json", PROBLEM_TYPE)]
)
def test_more_files_than_one_request_may_have_are_refused_together(
    gallery: Gallery, alice_client: Client, data_dir: Path, accept: str, content_type: str
) -> None:
    """The parser refuses them, long before the view: the answer says how many may come, and nothing remains of them."""
    files = [SimpleUploadedFile(f"{number}.jpg", bytes([number])) for number in range(51)]
    answer = alice_client.post(f"{gallery.get_absolute_url()}upload/", {"file": files}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, content_type)
    assert "At most 50 photos at a time. Nothing was stored" in answer.content.decode()
    assert not Image.objects.exists()
    assert not list(Path(site.UPLOAD_DIR).iterdir())


@pytest.fixture
def _little_decoder(real_decoder: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The decoder of a site where a photo may have 1.5 million pixels."""
    settings.GALLERY_MAX_PIXELS = 1_500_000
    decoder = uploads.decoder.__wrapped__()  # the one of this process has its limits already
    monkeypatch.setattr(uploads, "decoder", lambda: decoder)
    yield
    decoder.close()


@pytest.mark.usefixtures("_little_decoder")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_limit_of_pixels_holds_for_every_format(gallery: Gallery, alice_client: Client, format: str) -> None:
    address = f"{gallery.get_absolute_url()}upload/"

    def send(width: int) -> tuple[int, str]:
        photo = io.BytesIO()
        Pillow.new("RGB", (width, 1_000)).save(photo, format)
        files = {"file": SimpleUploadedFile("a.jpg", photo.getvalue())}
        answer = alice_client.post(address, files, headers={"Accept": "application/json"})
        return answer.status_code, answer.json().get("detail", "")

    assert send(1_500) == (201, "")
    status, sentence = send(1_501)
    assert status == 422
    assert "It may have 1.5 million pixels, and each side 30,000 pixels." in sentence


@pytest.mark.parametrize(
    ("number", "answer"), [(errno.ENOSPC, (507, "storage_full")), (errno.EACCES, (503, "unavailable"))]
)
def test_a_disk_that_takes_no_upload(
    gallery: Gallery, alice_client: Client, monkeypatch: pytest.MonkeyPatch, number: int, answer: tuple[int, str]
) -> None:
    """The body is read while the CSRF token is looked for, before any view: the refusal must reach the view."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    alice_client.handler.enforce_csrf_checks = True
    alice_client.get(gallery.get_absolute_url())
    token = alice_client.cookies["csrf"].value
    alice_client.defaults["HTTP_X_CSRFTOKEN"] = token
    assert _upload(alice_client, gallery) == answer
    assert not Image.objects.exists()


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_strangers_form_puts_no_file_on_the_disk(
    gallery: Gallery, alice: User, monkeypatch: pytest.MonkeyPatch, signed_in: bool
) -> None:
    """The body of any form is read for its CSRF token, and a stranger may make up cookie and token."""
    made: list[str] = []

    def watch(*arguments: Any, **options: Any) -> tuple[int, str]:
        made.append(options["prefix"])
        return mkstemp(*arguments, **options)

    mkstemp = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", watch)
    client = Client(enforce_csrf_checks=True)
    if signed_in:
        client.force_login(alice)
    client.cookies[site.CSRF_COOKIE_NAME] = token = "a" * 32
    form = {"csrfmiddlewaretoken": token, "file": SimpleUploadedFile("a.jpg", jpeg())}
    answer = client.post(f"{gallery.get_absolute_url()}upload/", form)
    assert answer.status_code == 302
    assert ("login" in answer["Location"]) is not signed_in
    assert ("body-" in made) is signed_in


def test_a_database_that_is_busy_for_too_long_is_503(
    gallery: Gallery, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*arguments: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("galleries.uploads._lock_present", locked)
    assert _upload(alice_client, gallery) == (503, "unavailable")


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        (
            {"action": "delete", "ids": [f"{n:032x}" for n in range(1_001)]},
            422,
            "Select at most 1,000 photos at a time.",
        ),
        ({"action": "purge", "ids": "1" * 32}, 409, "These photos are no longer here."),
    ],
)
def test_a_page_that_stays_open_is_told_in_a_toast(
    gallery: Gallery, alice_client: Client, form: dict[str, str | list[str]], status: int, sentence: str
) -> None:
    answer = alice_client.post(f"{gallery.get_absolute_url()}images/", form, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"], answer["HX-Reswap"]) == (status, "#toasts", "beforeend")
    assert sentence in answer.content.decode()
    assert b"<html" not in answer.content
