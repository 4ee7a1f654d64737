"""A program with a token, and what it can check about an answer."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client
from django.utils import timezone

from galleries.models import ApiToken, Gallery, Image
from galleries.models.tokens import SCOPES
from galleries.problems import PROBLEMS
from gallery_site.accounts.models import User

ROOT = "/api/v1"
NOBODY = "0" * 32


class Program:
    """Speaks to the API with one token ("" sends none); follows nothing, keeps no cookies of its own."""

    def __init__(self, token: str, client: Client | None = None) -> None:
        self.client = client or Client(enforce_csrf_checks=True)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        """A request with a JSON body; bytes are sent as they are."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = self.headers | extra.pop("headers", {})
        content_type = extra.pop("content_type", "application/json")
        return self.client.generic(method, ROOT + path, data, content_type=content_type, headers=headers, **extra)

    def get(self, path: str, **extra: Any) -> Any:
        return self.send("GET", path, **extra)

    def post(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("POST", path, body, **extra)

    def patch(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("PATCH", path, body, **extra)

    def delete(self, path: str, **extra: Any) -> Any:
        return self.send("DELETE", path, **extra)

    def upload(self, gallery: Gallery, *files: bytes, key: str = "", name: str = "photo.jpg", **fields: Any) -> Any:
        """A multipart upload of ``files`` (all in the field "file"); bytes among ``fields`` are files, too."""
        parts = {field: named(value, f"{field}.jpg") for field, value in fields.items()}
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        path = f"{ROOT}/galleries/{gallery.hex}/images"
        return self.client.post(path, {"file": [named(file, name) for file in files], **parts}, headers=headers)


class Unreadable:
    """A body that nobody may touch."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")

    readline = read


class Endless(io.RawIOBase):
    """A body that goes on as long as it is read, and is read no longer than what any request may have."""

    def __init__(self) -> None:
        self.left = 256 << 20

    def read(self, size: int | None = -1) -> bytes:
        assert size, "asked for everything at once"
        assert size > 0, "asked for everything at once"
        self.left -= size
        assert self.left > 0, "nobody stopped reading"
        return b"x" * size


def chunked(body: io.IOBase) -> dict[str, Any]:
    """A request whose ``body`` came in chunks, as gunicorn hands it on: with its end, without its length."""
    server = {"wsgi.input": body, "wsgi.input_terminated": True}
    return {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", **server}


def named(value: Any, name: str) -> Any:
    """Bytes as a file called ``name``; anything else as it is."""
    if not isinstance(value, bytes):
        return value
    file = io.BytesIO(value)
    file.name = name
    return file


def program_of(
    user: User, *, scopes: tuple[str, ...] = SCOPES, gallery: Gallery | None = None, client: Client | None = None
) -> Program:
    """A program with a fresh token of ``user``."""
    _, token = ApiToken.issue(user, "test", now=timezone.now(), scopes=scopes, gallery=gallery)
    return Program(token, client)


def is_problem(response: HttpResponseBase, code: str, *fields: str) -> bool:
    """Whether this is the refusal ``code``, complete, naming exactly ``fields``."""
    body = json.loads(getattr(response, "content", b"null"))
    status = PROBLEMS[code][0]
    assert response.status_code == status, (response.status_code, body)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (body["code"], body["status"]) == (code, status), body
    assert body["title"]
    assert body["detail"]
    assert tuple(body.get("fields", ())) == fields, body
    return True


def copies(image: Image, count: int) -> list[Image]:
    """Rows like ``image``, without files: for lists and counts."""
    from django.db.models import F

    from gallery_site.ids import uuid7

    made = []
    for _ in range(count):
        fields = {field.attname: getattr(image, field.attname) for field in Image._meta.concrete_fields}
        made.append(Image(**fields | {"id": uuid7(), "dedup_key": None, "upload_key": None}))
    Image.objects.bulk_create(made)
    Gallery.objects.filter(id=image.gallery_id).update(
        image_count=F("image_count") + count, bytes=F("bytes") + count * image.bytes
    )
    return sorted(made, key=lambda each: each.id)


def moment(text: str) -> datetime:
    """An RFC 3339 time of an answer; it must be in UTC."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text)
