"""Delivery of media by this process: the pass is checked, the row is checked, and the bytes leave by the kernel.

Answers GET and HEAD with a strong ETag, 304, and single byte ranges (RFC 9110, sections 13 and 14). The same function
serves Django's view and, in front of Django, ``MediaApplication``: a gallery is sixty of these requests, and the whole
stack of middleware would cost more than the answer (docs/decisions.md).
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import parse_qsl
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection

from cleanup_lambda.keys import Key, parse_key
from galleries.decoding.specs import SPECS
from galleries.filenames import download_header
from galleries.models import Image, ImageQuerySet
from galleries.passes import verify_pass
from galleries.prepared import A_TIME, AN_ID, Prepared
from galleries.problems import Problem
from galleries.storage import SHARED_MAX_AGE, ObjectMissing, StorageError, cache_control, media_storage

CONTENT_TYPES = {spec.name: spec.content_type for spec in SPECS}
_RANGE = re.compile(r"(?i:bytes)=(\d{0,18})-(\d{0,18})")  # RFC 9110, section 14.1: a unit's case means nothing

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "same-origin",
    "Accept-Ranges": "bytes",
}
SMALL = 64 * 1024  # bytes: what is not larger is read before it is answered and sent at once (sendfile costs more)
_OF_THE_OBJECT = {"Content-Type", "Content-Disposition", "ETag"}  # not of the refusal of a range
_KEPT_BY_304 = ("ETag", "Cache-Control", "Cross-Origin-Resource-Policy")

StartResponse = Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """What a request says about the object that it wants: the headers as they came, "" where there is none."""

    method: str
    if_none_match: str = ""
    range: str = ""
    if_range: str = ""


@dataclass(frozen=True)
class Delivery:
    """An answer; ``file`` is positioned and ends with the answer, None when there is no body."""

    status: int
    headers: dict[str, str]
    file: Slice | None = None


def deliver(path: str, query: Mapping[str, str], asked: Asked, now: datetime) -> Delivery:
    """The object under the key ``path``, if its pass and its row allow it at ``now``.

    Raises:
        Problem: not_found for anything that is not allowed, whatever the reason; unavailable when the store fails.
    """
    key = parse_key(path)
    if key is None or not verify_pass(key, path, query, int(now.timestamp())):
        raise Problem("not_found")
    image = _served_image(key, now)
    if image is None or not _has_object(image, key):
        raise Problem("not_found")
    headers = _headers(image, key, now)
    if _matches(asked.if_none_match, headers["ETag"]):
        return Delivery(304, {name: headers[name] for name in _KEPT_BY_304})
    try:
        return _answer(asked, media_storage().open_object(path), headers)
    except ObjectMissing:
        raise Problem("not_found") from None
    except (StorageError, OSError):
        raise Problem("unavailable", retry_after=5) from None


def _served_image(key: Key, now: datetime) -> Image | None:
    """The row behind ``key`` if it may be served."""
    image, gallery, owner = (UUID(hex=one) for one in (key.image, key.gallery, key.owner))
    found = _SERVED.fetch(image=image, gallery=gallery, owner=owner, now=now)
    return found[0] if found else None


def _served_images(image: UUID, gallery: UUID, owner: UUID, now: datetime) -> ImageQuerySet:
    return Image.objects.served(now).filter(id=image, gallery=gallery, gallery__owner=owner).only(*_COLUMNS)


_COLUMNS = ("stored_sha256", "content_type", "extension", "renditions", "filename", "expires_at")
_SERVED = Prepared(
    _served_images,
    image=AN_ID,
    gallery=UUID(int=2),
    owner=UUID(int=3),
    now=A_TIME,
)


def _has_object(image: Image, key: Key) -> bool:
    if not key.spec:
        return key.extension == image.extension
    size = image.rendition_sizes.get(key.spec)
    return size is not None and size.extension == key.extension


def _headers(image: Image, key: Key, now: datetime) -> dict[str, str]:
    left = SHARED_MAX_AGE if image.expires_at is None else max(int((image.expires_at - now).total_seconds()), 0)
    headers = HEADERS | {"Cache-Control": cache_control(left)}
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"
    if key.spec:
        headers["Content-Type"] = CONTENT_TYPES[key.spec]
        headers["ETag"] = f'"{key.spec}-{key.image}"'
    else:
        headers["Content-Type"] = image.content_type
        headers["ETag"] = f'"{image.stored_sha256}"'
        headers["Content-Disposition"] = download_header(image)
    return headers


def _matches(condition: str, etag: str) -> bool:
    """If-None-Match: a list of tags, weak or strong, or a star."""
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags


def _answer(asked: Asked, file: BinaryIO, headers: dict[str, str]) -> Delivery:
    size = file.seek(0, io.SEEK_END)
    wanted = _range(asked, headers["ETag"], size)
    start, end = wanted or (0, size)
    if wanted and start >= end:
        file.close()
        left = {name: value for name, value in headers.items() if name not in _OF_THE_OBJECT}
        refusal = {"Cache-Control": "no-store", "Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return Delivery(416, left | refusal)
    if wanted:
        headers = headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
    headers = headers | {"Content-Length": str(end - start)}
    status = 206 if wanted else 200
    if asked.method == "HEAD":
        file.close()
        return Delivery(status, headers)
    body = Slice(file, start, end)
    return Delivery(status, headers, body.read_ahead() if body.left <= SMALL else body)


def _range(asked: Asked, etag: str, size: int) -> tuple[int, int] | None:
    """The asked range as [start, end), empty when it cannot be satisfied, None when the whole is to be sent."""
    match = _RANGE.fullmatch(asked.range.strip())
    if match is None or asked.method != "GET" or (asked.if_range and asked.if_range != etag):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:  # the last so many bytes
        return (max(size - int(last), 0), size) if int(last) else (size, size)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return (start, end) if start < size else (size, size)


class Slice(io.RawIOBase):
    """The bytes [start, end) of a file; carries its descriptor, positioned at ``start``, for sendfile(2)."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        file.seek(start)
        self.file = file
        self.left = end - start

    def fileno(self) -> int:
        return self.file.fileno()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Of the whole file: ``socket.sendfile`` puts the position where it stopped."""
        return self.file.seek(offset, whence)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        wanted = self.left if size is None or size < 0 else min(size, self.left)
        data = self.file.read(wanted)
        self.left -= len(data)
        return data

    def read_ahead(self) -> Slice:
        """The same, from memory: a store that fails does so while another answer can be given."""
        with self:
            data = self.read()
        return Slice(io.BytesIO(data), 0, len(data))

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(64 * 1024):
            yield data

    def close(self) -> None:
        self.file.close()
        super().close()


class MediaApplication:
    """WSGI: answers what has a good pass itself and leaves everything else, refusals too, to the site behind it."""

    def __init__(self, site: Callable[[dict[str, Any], StartResponse], Iterable[bytes]]) -> None:
        self.site = site

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith("/media/") or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return self.site(environ, start_response)
        delivery = _delivery(path, environ)
        if delivery is None:
            return self.site(environ, start_response)
        start_response(f"{delivery.status} {HTTPStatus(delivery.status).phrase}", list(delivery.headers.items()))
        if delivery.file is None:
            return []
        if delivery.file.left <= SMALL:
            return [delivery.file.read()]
        wrapper = environ.get("wsgi.file_wrapper")
        return wrapper(delivery.file, 64 * 1024) if wrapper else delivery.file


def _delivery(path: str, environ: dict[str, Any]) -> Delivery | None:
    """The answer, or None for a refusal."""
    try:
        return deliver(path[1:], dict(parse_qsl(environ.get("QUERY_STRING", ""))), _asked(environ), _clock())
    except (Problem, DatabaseError):
        return None
    finally:
        connection.close_if_unusable_or_obsolete()  # a pool's goes back now, not when the reader has all of it


def _asked(environ: dict[str, Any]) -> Asked:
    return Asked(
        environ["REQUEST_METHOD"],
        environ.get("HTTP_IF_NONE_MATCH", ""),
        environ.get("HTTP_RANGE", ""),
        environ.get("HTTP_IF_RANGE", ""),
    )


def _clock() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
