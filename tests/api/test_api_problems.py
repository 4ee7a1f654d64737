from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from galleries.models import Gallery, Image
from tests.api.program import ROOT, Endless, Program, Unreadable, chunked, is_problem
from tests.pictures import jpeg

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
ALLOWED = {
    "/galleries": {"GET", "HEAD", "POST"},
    "/galleries/{gallery}": {"GET", "HEAD", "PATCH", "DELETE"},
    "/galleries/{gallery}/images": {"GET", "HEAD", "POST"},
    "/galleries/{gallery}/images/check": {"POST"},
    "/galleries/{gallery}/links": {"GET", "HEAD", "POST"},
    "/galleries/{gallery}/zip": {"GET", "HEAD"},
    "/links/{link}": {"GET", "HEAD", "PATCH", "DELETE"},
    "/images/bulk": {"POST"},
    "/images/{image}": {"GET", "HEAD", "PATCH", "DELETE"},
    "/images/{image}/restore": {"POST"},
    "/images/{image}/original": {"GET", "HEAD"},
    "/me": {"GET", "HEAD"},
    "/receipts": {"GET", "HEAD"},
    "/openapi.json": {"GET", "HEAD"},
    "/docs": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_wrong_method_says_which_are_right(path: str, program: Program, image: Image) -> None:
    address = path.format(gallery=image.gallery_id.hex, image=image.hex, link="0" * 32)
    for method in METHODS - ALLOWED[path]:
        response = program.send(method, address)
        assert response.status_code == 405, (method, path)
        assert set(response["Allow"].split(", ")) == ALLOWED[path]
        if method != "HEAD":
            assert is_problem(response, "method_not_allowed")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/nothing", "/v1/galleries/", "/v2/galleries", "/%00"])
def test_any_other_address_is_a_problem_too(method: str, path: str, program: Program) -> None:
    response = program.client.generic(method, f"/api{path}")
    assert is_problem(response, "not_found")


def test_a_hundred_megabytes_of_json_are_refused_unread(program: Program, gallery: Gallery) -> None:
    extra: dict[str, Any] = {"CONTENT_LENGTH": str(100 << 20), "wsgi.input": Unreadable()}
    assert is_problem(program.post("/galleries", b"{}", **extra), "file_too_large")
    assert is_problem(program.patch(f"/galleries/{gallery.hex}", b"{}", **extra), "file_too_large")


def test_a_body_of_unknown_length_is_refused_where_the_server_cannot_tell_its_end(
    program: Program, gallery: Gallery
) -> None:
    """Not taken for an empty one."""
    extra: dict[str, Any] = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": Unreadable()}
    for path in ("/galleries", "/images/bulk", f"/galleries/{gallery.hex}/images/check"):
        response = program.post(path, b"{}", **extra)
        assert is_problem(response, "malformed")
        assert "Content-Length" in response.json()["detail"]


def test_a_body_in_chunks_is_a_body(program: Program, gallery: Gallery) -> None:
    made = program.post("/galleries", **chunked(io.BytesIO(b'{"title": "In pieces"}')))
    assert (made.status_code, made.json()["title"]) == (201, "In pieces")
    changed = program.patch(f"/galleries/{gallery.hex}", **chunked(io.BytesIO(b'{"title": "Anew"}')))
    assert (changed.status_code, changed.json()["title"]) == (200, "Anew")
    assert is_problem(program.post("/galleries", **chunked(io.BytesIO(b""))), "invalid_request", "body")


def test_chunks_without_end_are_read_to_the_limit_alone(program: Program) -> None:
    assert is_problem(program.post("/galleries", **chunked(Endless())), "file_too_large")


@pytest.mark.parametrize("error", [NoMoreData(), InvalidChunkSize(b"x"), ConnectionResetError()])
def test_chunks_that_break_off_are_malformed(error: Exception, program: Program) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise error

    assert is_problem(program.post("/galleries", **chunked(Broken())), "malformed")
    assert not Gallery.objects.filter(title="x").exists()


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"1", b"{}", b'{"title": "x", "x": 1}'])
def test_a_refusal_speaks_of_the_request_and_not_of_our_code(body: bytes, program: Program) -> None:
    response = program.post("/galleries", body)
    assert response.json()["code"] == "invalid_request"
    assert not re.search("(?i)instance|dictionary|GalleryCreate|extra inputs|payload", response.json()["detail"])


def test_thousands_of_unknown_fields_are_not_all_repeated(program: Program) -> None:
    response = program.post("/galleries", {f"field{n:05}" + "x" * 200: n for n in range(3_000)})
    body = response.json()
    assert (response.status_code, body["code"], len(body["fields"])) == (422, "invalid_request", 20)
    assert len(response.content) < 10_000


def test_what_was_sent_is_not_echoed(program: Program) -> None:
    assert b"s3cret" not in program.post("/galleries", {"title": ["s3cret"], "retention": "s3cret"}).content


def test_a_mistake_of_ours_is_a_problem_without_details(
    program: Program, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("s3cret")

    monkeypatch.setattr("galleries.api.galleries.find_covers", fail)
    program.client.raise_request_exception = False
    response = program.get(f"/galleries/{gallery.hex}")
    assert is_problem(response, "server_error")
    assert b"s3cret" not in response.content


def test_a_busy_database_is_unavailable(program: Program, gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("galleries.api.galleries.find_covers", fail)
    response = program.get(f"/galleries/{gallery.hex}")
    assert is_problem(response, "unavailable")
    assert int(response["Retry-After"]) > 0


def test_too_many_zips_say_when_to_come_back(program: Program, gallery: Gallery, image: Image) -> None:
    path = f"/galleries/{gallery.hex}/zip"
    running = [program.get(path) for _ in range(2)]
    refused = program.get(path)
    assert is_problem(refused, "rate_limited")
    assert int(refused["Retry-After"]) > 0
    for response in running:
        assert response.getvalue()
    assert program.get(path).getvalue()


def test_answers_are_private(program: Program, gallery: Gallery) -> None:
    program.upload(gallery, jpeg(1))
    for path in ("/galleries", f"/galleries/{gallery.hex}/images", "/nothing"):
        assert program.get(path)["Cache-Control"] == "private, no-store"


def test_docs_load_nothing_from_elsewhere(client: Client) -> None:
    page = client.get(f"{ROOT}/docs").content.decode()
    assert "http://" not in page
    assert "https://" not in page
    assert "/static/ninja/swagger-ui-bundle.js" in page
    assert "<style" not in page
    assert " style=" not in page


def test_the_description_names_every_code_where_it_can_happen(client: Client) -> None:
    from galleries.problems import PROBLEMS

    schema = json.loads(client.get(f"{ROOT}/openapi.json").content)
    assert schema["openapi"].startswith("3.1")
    assert set(schema["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == set(PROBLEMS)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert {"401", "403", "429", "500", "503"} <= set(responses), (method, path)
            assert ("404" in responses) == ("{" in path), (method, path)
            assert ("400" in responses) == ("requestBody" in operation), (method, path)
            for status, response in responses.items():
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}
            assert operation["security"] == [{"Bearer": []}]
    upload = schema["paths"]["/api/v1/galleries/{gallery_id}/images"]["post"]
    assert {"400", "403", "413", "415", "422", "507"} <= set(upload["responses"])
    fields = upload["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(fields) == {
        "file", "filename", "expires_at", "taken_at", "source_sha256", "metadata", "preview", "thumbnail"
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_does_not_say_json_is_refused(kind: str, program: Program) -> None:
    response = program.post("/galleries", b'{"title": "x"}', content_type=kind)
    assert is_problem(response, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["", "application/json; charset=utf-8", "application/merge-patch+json"])
def test_a_body_that_says_json_is_taken(kind: str, program: Program) -> None:
    assert program.post("/galleries", b'{"title": "x"}', content_type=kind).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": NaN}',
        b"[" * 5_000,
        b'\xff\xfe{"title"',
        b"\x00",
        b'{"title": "x"} {}',
        b'{"title": "x", "title": "y"}',
    ],
)
def test_what_is_no_json_is_malformed(body: bytes, program: Program) -> None:
    assert is_problem(program.post("/galleries", body), "malformed")


def test_what_is_away_for_a_while_says_when_to_come_back() -> None:
    from galleries.problems import PROBLEMS, Problem

    for code, (status, *_) in PROBLEMS.items():
        assert ("Retry-After" in Problem(code).headers) == (status in {429, 503}), code
