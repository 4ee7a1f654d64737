"""The body of an upload: read only after the caller and the gallery were checked, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from pydantic import ValidationError

from galleries.api.bodies import is_chunked
from galleries.api.errors import invalid, message_of
from galleries.api.schemas import UploadFields
from galleries.api.tokens import TokenRequest
from galleries.forms import upload_options
from galleries.problems import Problem
from galleries.receiving import RENDITIONS, HashedUpload, HashingUploadHandler, ReceivedFile, too_large
from galleries.uploads import UploadOptions

Files = MultiValueDict[str, Any]
# Beside a file of the largest size: two renditions that a client made (a preview of 1600 px is under 1 MB), and fields.
ROOM_BESIDE = 16 * 1024 * 1024


@contextmanager
def received_upload(request: TokenRequest) -> Iterator[tuple[ReceivedFile, UploadOptions]]:
    """The one file of this request and what is asked for it; the temporary files go when the block ends.

    Raises:
        Problem: file_too_large (before anything is read when the length says so), malformed, invalid_request.
    """
    most = settings.GALLERY_MAX_UPLOAD_BYTES + ROOM_BESIDE
    if _length(request) > most:
        raise too_large()
    fields, files = _parse(request, most)
    try:
        upload = _the_file(fields, files)
        options = _options(request, fields)
        yield upload.received(files), options
    finally:
        for _, uploads in files.lists():
            for each in uploads:
                each.close()


def _length(request: TokenRequest) -> int:
    """What the client says that the body has, in bytes."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise Problem("malformed") from None


class _Counted:
    """The body of a request, with how much of it came; ``most`` bytes at most, whatever was said about its length."""

    def __init__(self, request: TokenRequest, most: int) -> None:
        self.request = request
        self.most = most
        self.count = 0

    def read(self, size: int | None = None) -> bytes:
        data: bytes = self.request.read(size)
        self.count += len(data)
        if self.count > self.most:
            raise too_large()
        return data


def _parse(request: TokenRequest, most: int) -> tuple[QueryDict, Files]:
    if request.content_type != "multipart/form-data":
        raise Problem("invalid_request", detail="Send the photo as multipart/form-data.", fields=("file",))
    body = _Counted(request, most)
    try:
        fields, files = request.parse_file_upload(_as_django_reads(request, most), body)  # type: ignore[arg-type]
    except BaseException:
        for handler in request.upload_handlers:
            if isinstance(handler, HashingUploadHandler):
                handler.discard()
        raise
    if body.count < _length(request):
        # Cut between two parts: what came of it looks whole, but a field may be missing.
        for _, uploads in files.lists():
            for each in uploads:
                each.close()
        raise Problem("malformed", detail="The request ended before all of it had come.")
    return fields, files


def _as_django_reads(request: TokenRequest, most: int) -> dict[str, Any]:
    """The request's headers for Django's parser. It knows media types in lower case alone, where case means nothing
    (RFC 9110, section 8.3.1), and takes a body without a length for an empty one."""
    _, semicolon, parameters = request.META["CONTENT_TYPE"].partition(";")
    chunked = {"CONTENT_LENGTH": str(most)} if is_chunked(request) else {}
    return request.META | {"CONTENT_TYPE": f"multipart/form-data{semicolon}{parameters}"} | chunked


def _the_file(fields: QueryDict, files: Files) -> HashedUpload:
    """The file, when it is the only one beside renditions of it."""
    uploads = files.getlist("file")
    unknown = [name for name in files if name not in {"file", *RENDITIONS}]
    repeated = [name for name in RENDITIONS if len(files.getlist(name)) > 1]
    if unknown or repeated:
        raise invalid((name, "There is no place for this file.") for name in (*unknown, *repeated))
    if "file" in fields and not uploads:
        detail = 'The part called file has no file name: write filename="photo.jpg" in its Content-Disposition.'
        raise Problem("invalid_request", detail=detail, fields=("file",))
    if len(uploads) != 1 or not isinstance(uploads[0], HashedUpload):
        raise Problem("invalid_request", detail="Send exactly one file, in a part called file.", fields=("file",))
    return uploads[0]


def _options(request: TokenRequest, fields: QueryDict) -> UploadOptions:
    repeated = [name for name, values in fields.lists() if len(values) > 1]
    if repeated:
        raise invalid((name, "Given more than once.") for name in repeated)
    try:
        given = UploadFields.model_validate(fields.dict())
    except ValidationError as error:
        raise invalid((".".join(map(str, each["loc"])), message_of(each)) for each in error.errors()) from None
    data = given.model_dump(exclude={"expires_at"})
    options = upload_options(data, request.auth.owner, request.headers.get("Idempotency-Key", ""))
    if given.taken_at is not None and options.taken_at is None:
        raise invalid([("taken_at", "No camera was there then: it must be after 1825 and not in the future.")])
    return replace(options, expires_at=given.expires_at, has_expiry=given.expires_at is not None)
