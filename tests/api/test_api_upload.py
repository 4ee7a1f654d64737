"""Uploads through the API: what is answered and kept, what is refused, and twice."""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import zlib
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL.Image import Exif
from pytest_django import Settings

from galleries.models import Gallery, Image, Usage
from gallery_site.accounts.models import User
from tests.api.program import ROOT, Program, is_problem, moment, program_of
from tests.pictures import jpeg, store_image

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_upload_costs_fourteen_statements(program: Program, gallery: Gallery) -> None:
    """Two for who asks for what, one when the body is there, two for twins, then the two transactions, each of which
    locks the gallery where a database has more than one writer."""
    program.upload(gallery, jpeg(1))
    with CaptureQueriesContext(connection) as asked:
        assert program.upload(gallery, jpeg(2)).status_code == 201
    statements = [each["sql"].split()[0] for each in asked.captured_queries]
    counted = Counter(each for each in statements if each not in {"SAVEPOINT", "RELEASE"})
    locks = 2 if connection.features.has_select_for_update else 0
    assert counted == {"SELECT": 9 + locks, "INSERT": 1, "UPDATE": 4}


def test_two_first_uploads_of_a_person_are_both_within_the_quota(
    alice: User, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one makes the row of usage between this one's two looks."""
    make = Usage.objects.get_or_create

    def late(**owner: Any) -> tuple[Usage, bool]:
        make(**owner)
        return make(**owner)

    monkeypatch.setattr(Usage.objects, "get_or_create", late)
    assert Usage.charge(alice.id, 1000)
    usage = Usage.objects.get(owner=alice)
    assert (usage.bytes, usage.images) == (1000, 1)


def test_upload_answers_the_image(program: Program, gallery: Gallery) -> None:
    body = jpeg(1)
    response = program.upload(gallery, body, name="IMG 1.jpeg")
    assert response.status_code == 201
    answer = response.json()
    image = Image.objects.get()
    assert answer == program.get(f"/images/{image.hex}").json() | {
        "duplicate": False,
        "original_url": answer["original_url"],
        "renditions": answer["renditions"],
    }
    assert answer["sha256"] == hashlib.sha256(body).hexdigest()
    assert (answer["filename"], answer["bytes"]) == ("IMG 1.jpeg", image.bytes)
    assert image.expires_at == image.created_at + timedelta(days=7)


def test_the_same_bytes_again_answer_the_image_that_is_there(program: Program, gallery: Gallery) -> None:
    first = program.upload(gallery, jpeg(1))
    second = program.upload(gallery, jpeg(1), name="other.jpg")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["duplicate"] is True
    assert first.json().keys() == second.json().keys()
    assert first.json()["id"] == second.json()["id"]
    assert Image.objects.count() == 1


def test_a_hidden_image_is_no_answer(program: Program, gallery: Gallery, image: Image) -> None:
    program.delete(f"/images/{image.hex}")
    again = program.upload(gallery, jpeg(1))
    assert again.status_code == 201
    assert again.json()["id"] != image.hex
    ends = Image.objects.get(id=again.json()["id"]).expires_at
    assert ends is not None
    with time_machine.travel(ends, tick=False):
        assert program.upload(gallery, jpeg(1)).status_code == 201


def test_the_same_key_twice_is_one_image(program: Program, gallery: Gallery) -> None:
    first, second = (program.upload(gallery, jpeg(1), key="k-1") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    other = program.upload(gallery, jpeg(2), key="k-1")
    assert is_problem(other, "invalid_request", "Idempotency-Key")
    assert is_problem(program.upload(gallery, jpeg(3), key="k" * 201), "invalid_request", "Idempotency-Key")
    assert Image.objects.count() == 1


def test_fields_are_kept(program: Program, gallery: Gallery) -> None:
    expires_at = timezone.now() + timedelta(days=3)
    source = "ab" * 32
    answer = program.upload(
        gallery,
        jpeg(1),
        filename="../IMG_1.jpg",
        expires_at=expires_at.isoformat(),
        taken_at="2020-07-01T12:00:00+02:00",
        source_sha256=source,
        metadata="strip",
        preview=jpeg(8),
        thumbnail=jpeg(9),
    ).json()
    assert answer["filename"] == "IMG_1.jpg"
    assert moment(answer["expires_at"]) == expires_at
    assert answer["taken_at"] == "2020-07-01T10:00:00Z"
    image = Image.objects.get()
    assert (image.source_sha256, image.taken_offset) == (source, 120)


def test_a_file_that_says_when_it_was_taken_is_believed(program: Program, gallery: Gallery) -> None:
    exif = Exif()
    exif.get_ifd(0x8769).update({0x9003: "2021:09:27 07:13:47", 0x9011: "-06:00"})
    answer = program.upload(gallery, jpeg(1, exif=exif), taken_at="2020-07-01T12:00:00+02:00").json()
    assert answer["taken_at"] == "2021-09-27T13:13:47Z"
    assert Image.objects.get().taken_offset == -360


def test_metadata_keep_stores_the_bytes_as_they_came(program: Program, gallery: Gallery) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
    body = jpeg(1, exif=exif)
    kept = program.upload(gallery, body, metadata="keep").json()
    assert kept["stored_sha256"] == kept["sha256"] == hashlib.sha256(body).hexdigest()
    program.delete(f"/images/{kept['id']}")
    stripped = program.upload(gallery, body, metadata="strip").json()
    assert stripped["stored_sha256"] != stripped["sha256"] == kept["sha256"]


def test_empty_fields_are_as_if_not_sent(program: Program, gallery: Gallery) -> None:
    empty = dict.fromkeys(("filename", "expires_at", "taken_at", "source_sha256", "metadata"), "")
    answer = program.upload(gallery, jpeg(1), **empty).json()
    image = Image.objects.get()
    assert image.expires_at == image.created_at + timedelta(days=7)
    assert answer["filename"] == "photo.jpg"


@pytest.mark.parametrize(
    ("fields", "code", "names"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expiry_in_past", ["expires_at"]),
        ({"expires_at": "2036-01-01T00:00:00"}, "invalid_request", ["expires_at"]),
        ({"expires_at": "never"}, "invalid_request", ["expires_at"]),
        ({"taken_at": "2020-01-01 00:00"}, "invalid_request", ["taken_at"]),
        ({"taken_at": "1825-12-31T23:59:59Z"}, "invalid_request", ["taken_at"]),
        ({"taken_at": "9000-01-01T00:00:00Z"}, "invalid_request", ["taken_at"]),
        ({"source_sha256": "x"}, "invalid_request", ["source_sha256"]),
        ({"source_sha256": "0" * 64 + "\n"}, "invalid_request", ["source_sha256"]),
        ({"metadata": "all"}, "invalid_request", ["metadata"]),
        ({"filename": "x" * 1_001}, "invalid_request", ["filename"]),
        ({"owner": "bob"}, "invalid_request", ["owner"]),
        ({"camera": "x", "state": "ready"}, "invalid_request", ["camera", "state"]),
        ({"sha256": "0" * 64, "keys": "media/x"}, "invalid_request", ["sha256", "keys"]),
        ({"filename": ["a.jpg", "b.jpg"]}, "invalid_request", ["filename"]),
        ({"other": b"a file"}, "invalid_request", ["other"]),
        ({"preview": "not a file"}, "invalid_request", ["preview"]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(
    program: Program, gallery: Gallery, fields: dict[str, Any], code: str, names: list[str]
) -> None:
    assert is_problem(program.upload(gallery, jpeg(1), **fields), code, *names)
    assert not Image.objects.exists()


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"metadata": "all"}, "metadata: Either strip or keep."),
        ({"source_sha256": "x"}, "source_sha256: 64 hexadecimal digits in lower case."),
        ({"key": "k" * 201}, "Idempotency-Key: At most 200 characters."),
    ],
)
def test_a_refusal_says_what_would_be_right(
    program: Program, gallery: Gallery, fields: dict[str, str], detail: str
) -> None:
    assert program.upload(gallery, jpeg(1), **fields).json()["detail"] == detail


def test_expiry_beyond_the_maximum_is_refused(program: Program, gallery: Gallery, settings: Settings) -> None:
    settings.GALLERY_MAX_RETENTION = "30d"
    late = (timezone.now() + timedelta(days=31)).isoformat()
    assert is_problem(program.upload(gallery, jpeg(1), expires_at=late), "expiry_too_late", "expires_at")


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_file"),
        (b"just text", "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "unsupported_format"),
        (b"%!PS-Adobe-3.0\n", "unsupported_format"),
        (jpeg(1)[:400], "corrupt_image"),
        (png_of(30_000, 30_000), "too_many_pixels"),
    ],
)
def test_what_is_no_photo_of_ours_has_a_code(program: Program, gallery: Gallery, body: bytes, code: str) -> None:
    assert is_problem(program.upload(gallery, body), code)
    assert Usage.objects.filter(images__gt=0).count() == 0
    assert program.get(f"/galleries/{gallery.hex}/images").json()["items"] == []


def test_a_file_over_the_limit_is_too_large(program: Program, gallery: Gallery, settings: Settings) -> None:
    settings.GALLERY_MAX_UPLOAD_BYTES = len(jpeg(1))
    assert is_problem(program.upload(gallery, jpeg(1) + b"x"), "file_too_large")
    assert program.upload(gallery, jpeg(1)).status_code == 201


def test_over_quota_is_refused(program: Program, gallery: Gallery, alice: User) -> None:
    Usage.objects.create(owner=alice, max_bytes=10)
    assert is_problem(program.upload(gallery, jpeg(1)), "quota_exceeded")
    assert Usage.objects.get().bytes == 0


def test_a_full_disk_is_507(program: Program, gallery: Gallery, settings: Settings) -> None:
    settings.GALLERY_MIN_FREE_BYTES = 1 << 60
    assert is_problem(program.upload(gallery, jpeg(1)), "storage_full")


def test_an_address_ends_with_the_first_image_of_the_gallery(program: Program, gallery: Gallery) -> None:
    soon = timezone.now() + timedelta(minutes=20)
    program.upload(gallery, jpeg(1), expires_at=soon.isoformat())
    address = program.upload(gallery, jpeg(2)).json()["renditions"]["preview"]["url"]
    assert int(address.split("u=")[1].split("&")[0]) <= soon.timestamp()


@pytest.mark.django_db(transaction=True)
def test_the_same_upload_twenty_times_at_once_is_one_image(alice: User, gallery: Gallery) -> None:
    programs = [program_of(alice) for _ in range(20)]
    store_image(gallery, 9)  # the decoder is warm
    answers: list[tuple[int, str]] = []
    barrier = threading.Barrier(len(programs))

    def run(program: Program) -> None:
        try:
            barrier.wait(10)
            response = program.upload(gallery, jpeg(1), key="same")
            answers.append((response.status_code, response.json().get("id")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Counter(status for status, _ in answers) == {201: 1, 200: 19}
    assert len({identifier for _, identifier in answers}) == 1
    assert Image.objects.count() == 2
    usage = Usage.objects.get()
    assert (usage.images, usage.bytes) == (2, sum(image.bytes for image in Image.objects.all()))
    gallery.refresh_from_db()
    assert gallery.image_count == 2


def test_the_page_and_the_api_share_an_upload(program: Program, gallery: Gallery, alice: User) -> None:
    program.client.force_login(alice)
    page = program.client.__class__()
    page.force_login(alice)
    file = io.BytesIO(jpeg(1))
    file.name = "a.jpg"
    headers = {"Accept": "application/json", "Idempotency-Key": "k"}
    first = page.post(f"/g/{gallery.hex}/upload/", {"file": file}, headers=headers)
    assert first.status_code == 201
    second = program.upload(gallery, jpeg(1), key="k")
    assert second.status_code == 200
    assert second.json()["id"] == first.json()["image"]["id"]
    assert ROOT not in first.json()["image"]["original_url"]
