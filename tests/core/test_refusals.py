"""What a full disk and a busy database look like from outside: an answer with a code, never our fault."""

from __future__ import annotations

import errno
import tempfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from galleries.models import Gallery, Image

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


def test_a_database_that_is_busy_for_too_long_is_503(
    gallery: Gallery, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*arguments: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("galleries.uploads._lock_present", locked)
    assert _upload(alice_client, gallery) == (503, "unavailable")
