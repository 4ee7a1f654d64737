"""Bodies of uploads: how they are read, in which forms they may come, and that nothing is left of those cut off."""

from __future__ import annotations

import hashlib
import io
from urllib.parse import quote

import pytest
from django.utils import timezone
from gunicorn.http.errors import InvalidChunkSize
from pytest_django import Settings

from galleries.models import ApiToken, Gallery, Image
from galleries.receiving import PIECE
from gallery_site.accounts.models import User
from tests.api.bodies import BOUNDARY, leftovers, multipart, send_raw
from tests.api.program import Endless, Program, Unreadable, chunked, is_problem, program_of
from tests.pictures import jpeg

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_body_is_read_in_large_steps(program: Program, gallery: Gallery) -> None:
    """The server copies what it holds of a body for each small step (galleries/receiving.py)."""

    class Body(io.BytesIO):
        steps = 0

        def read(self, size: int | None = -1) -> bytes:
            self.steps += 1
            return super().read(size)

    photo = jpeg(1) + bytes(3_000_000)
    body = multipart(("file", "photo.jpg", photo))
    source = Body(body)
    response = send_raw(program, gallery, **{"wsgi.input": source, "CONTENT_LENGTH": len(body)})
    assert response.status_code == 201
    assert source.steps <= len(body) / PIECE + 4


def test_exactly_one_file(program: Program, gallery: Gallery) -> None:
    path = f"/galleries/{gallery.hex}/images"
    assert is_problem(program.upload(gallery), "invalid_request", "file")
    assert is_problem(program.upload(gallery, jpeg(1), jpeg(2)), "invalid_request", "file")
    assert is_problem(program.upload(gallery, *map(jpeg, range(51))), "invalid_request", "file")  # Django's limit
    nameless = send_raw(program, gallery, multipart(("file", "", jpeg(1))))
    assert is_problem(nameless, "invalid_request", "file")
    assert "filename=" in nameless.json()["detail"]
    for content_type in ("image/jpeg", "application/json", "application/x-www-form-urlencoded", ""):
        refused = program.post(path, b"file=x", content_type=content_type)
        assert is_problem(refused, "invalid_request", "file")
    assert is_problem(program.post(path, b"x", content_type="multipart/form-data"), "malformed")
    assert not Image.objects.exists()


@pytest.mark.parametrize(
    "kind", [f"Multipart/Form-Data; Boundary={BOUNDARY}", f'MULTIPART/FORM-DATA ;charset=utf-8; boundary="{BOUNDARY}"']
)
def test_case_means_nothing_in_a_media_type(kind: str, program: Program, gallery: Gallery) -> None:
    body = multipart(("file", "photo.jpg", jpeg(1)))
    assert program.post(f"/galleries/{gallery.hex}/images", body, content_type=kind).status_code == 201


@pytest.mark.parametrize(
    "name",
    [
        "\u5199" * 120 + ".jpg",
        "\U0001f4f7" * 146 + ".jpg",  # as many letters as are kept, of four bytes each
        "\u5199" * 251 + ".jpg",  # as many as any file system takes
    ],
)
def test_a_long_name_may_come_percent_encoded(program: Program, gallery: Gallery, name: str) -> None:
    """``filename*`` (RFC 8187) takes three characters for each byte; some clients send the plain name beside it."""
    encoded = f"photo.jpg\"; filename*=UTF-8''{quote(name)}; plain=\"{name}"
    response = send_raw(program, gallery, multipart(("file", encoded, jpeg(1))))
    assert response.status_code == 201
    assert response.json()["filename"] == name.removesuffix(".jpg")[:146] + ".jpg"


def test_headers_of_a_part_have_an_end(program: Program, gallery: Gallery) -> None:
    endless = send_raw(program, gallery, multipart(("file", "x" * 5_000, jpeg(1))))
    assert is_problem(endless, "malformed")


def test_a_body_far_over_the_limit_is_refused_unread(program: Program, gallery: Gallery, settings: Settings) -> None:
    length = str(settings.GALLERY_MAX_UPLOAD_BYTES + 32 * 1024 * 1024)
    response = send_raw(program, gallery, CONTENT_LENGTH=length, **{"wsgi.input": Unreadable()})
    assert is_problem(response, "file_too_large")


def test_a_body_of_unknown_length_is_refused_with_a_reason(program: Program, gallery: Gallery) -> None:
    unread = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    response = send_raw(program, gallery, **unread)
    assert is_problem(response, "malformed")
    assert "Content-Length" in response.json()["detail"]


def test_a_photo_in_chunks_is_taken(program: Program, gallery: Gallery) -> None:
    body = multipart(("filename", "", b"In pieces.jpg"), ("file", "photo.jpg", jpeg(1)), ("metadata", "", b"keep"))
    response = send_raw(program, gallery, **chunked(io.BytesIO(body)))
    assert response.status_code == 201
    answer = response.json()
    whole = hashlib.sha256(jpeg(1)).hexdigest()
    assert (answer["filename"], answer["sha256"], answer["stored_sha256"]) == ("In pieces.jpg", whole, whole)


def test_chunks_over_the_limit_are_read_no_further(program: Program, gallery: Gallery, settings: Settings) -> None:
    settings.GALLERY_MAX_UPLOAD_BYTES = 1_000_000

    class File(Endless):
        head = multipart(("file", "photo.jpg", b""))[: -len(f"\r\n--{BOUNDARY}--\r\n")]

        def read(self, size: int | None = -1) -> bytes:
            head, self.head = self.head, b""
            return head or super().read(size)

    assert is_problem(send_raw(program, gallery, **chunked(File())), "file_too_large")


def test_chunks_that_break_off_keep_nothing(program: Program, gallery: Gallery) -> None:
    body = multipart(("file", "photo.jpg", jpeg(1)))

    class Cut(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(min(size or 0, 300))
            if not data:
                raise InvalidChunkSize(b"x")
            return data

    assert is_problem(send_raw(program, gallery, **chunked(Cut(body))), "malformed")
    assert is_problem(send_raw(program, gallery, **chunked(io.BytesIO(body[:-200]))), "malformed")
    assert not Image.objects.exists()


def test_a_long_text_field_is_too_large(program: Program, gallery: Gallery) -> None:
    assert is_problem(program.upload(gallery, jpeg(1), filename="x" * (2 << 20)), "file_too_large")


def test_a_body_cut_anywhere_keeps_nothing(program: Program, gallery: Gallery) -> None:
    body = multipart(("file", "photo.jpg", jpeg(1)), ("expires_at", "", b"2030-01-01T00:00:00Z"))
    field = body.index(b"2030-")
    for end in (0, 10, 200, body.index(b'name="expires_at'), field + 4, len(body) - 10):
        cut = {"wsgi.input": io.BytesIO(body[:end]), "CONTENT_LENGTH": str(len(body))}
        assert is_problem(send_raw(program, gallery, **cut), "malformed"), end
        assert leftovers() == []
    assert not Image.objects.exists()
    assert send_raw(program, gallery, body).status_code == 201


def test_a_client_that_goes_away_leaves_nothing(program: Program, gallery: Gallery) -> None:
    body = multipart(("file", "photo.jpg", jpeg(1)))

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(min(size or 0, 300))
            if not data:
                raise ConnectionResetError
            return data

    cut = {"wsgi.input": Broken(body[:-20]), "CONTENT_LENGTH": str(len(body))}
    assert is_problem(send_raw(program, gallery, **cut), "malformed")
    assert not Image.objects.exists()


@pytest.mark.parametrize("token", ["", "igal_wrong"])
def test_nothing_is_read_before_the_token_is_checked(gallery: Gallery, token: str) -> None:
    unread = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(60 << 20)}
    assert is_problem(send_raw(Program(token), gallery, **unread), "unauthorized")


def test_nothing_is_read_before_scope_and_gallery_are_checked(alice: User, stranger: Program, gallery: Gallery) -> None:
    unread = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(60 << 20)}
    reader = program_of(alice, scopes=("read",))
    assert is_problem(send_raw(reader, gallery, **unread), "forbidden")
    assert is_problem(send_raw(stranger, gallery, **unread), "not_found")


def test_a_token_revoked_while_the_body_comes_stores_nothing(program: Program, gallery: Gallery) -> None:
    body = multipart(("file", "photo.jpg", jpeg(1)))

    class Revoking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            ApiToken.objects.update(revoked_at=timezone.now())
            return super().read(size)

    slow = {"wsgi.input": Revoking(body), "CONTENT_LENGTH": str(len(body))}
    assert is_problem(send_raw(program, gallery, **slow), "unauthorized")
    assert not Image.objects.exists()
