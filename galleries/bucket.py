"""The store in S3, or in anything that speaks S3's protocol: what ``galleries.storage`` asks for, through
django-storages.

An object is written by one conditional PUT, streamed from its file, with the SHA-256 that the store has to verify and
keep. Nothing here asks whether a key exists: on AWS the answer to that depends on permissions, and it is old when it
comes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from cleanup_lambda.keys import parse_key
from cleanup_lambda.objects import BUSY, GONE, delete_once
from galleries import crash
from galleries.amazon import explain
from galleries.storage import ObjectExists, ObjectMissing, Put, StorageError, StoredObject, cache_control
from gallery_site.gunicorn import threads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 256 * 1024  # bytes read at a time
DELETE_AT_ONCE = 1_000  # DeleteObjects takes no more
# Three attempts of a silent store end within 20 s, the budget of a request (docs/decisions.md).
CONNECT_TIMEOUT, READ_TIMEOUT, ATTEMPTS = 1, 5, 3


def client_config(*, path_style: bool) -> Config:
    """How this site talks to S3: bounded in time, one pool for all threads.

    Checksums only where they are required: stores other than AWS's often refuse what boto3 adds by itself since 1.36;
    every object carries the one that we computed anyway.
    """
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=threads,
        tcp_keepalive=True,
        signature_version="s3v4",
        s3={"addressing_style": "path" if path_style else "virtual"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


class BucketMediaStorage(S3Storage):
    """Objects in one private bucket; the key is the object's key."""

    def __init__(self, **options: Any) -> None:
        config = client_config(path_style=bool(options.get("endpoint_url")))
        super().__init__(client_config=config, querystring_auth=False, **options)
        self._lock = threading.Lock()
        self._resource: Any = None
        self._elsewhere = False  # the bucket answered that it is in another region, and the SDK went there

    @property
    def connection(self) -> Any:
        """One for the process: building it takes up to 2 s, and its client is safe to share between threads."""
        with self._lock:
            if self._resource is None:
                self._resource = super().connection
                events = self._resource.meta.client.meta.events
                events.register("before-sign.s3.DeleteObjects", _add_md5)
                events.register("after-call.s3", self._note_region)
        return self._resource

    @property
    def client(self) -> S3Client:
        """The client behind ``connection``."""
        return cast("S3Client", self.connection.meta.client)

    def put(self, key: str, source: Path, content_type: str) -> None:
        if parse_key(key) is None:
            raise ObjectMissing(key)
        try:
            content = _Content.of(source)
            with source.open("rb") as body:
                self._put(key, body, content, content_type)
        except OSError as error:
            raise StorageError(error.strerror or "the file could not be read") from error

    @contextmanager
    def putting(self) -> Iterator[Put]:
        yield self.put

    def _put(self, key: str, body: BinaryIO, content: _Content, content_type: str) -> None:
        try:
            answer = self.client.put_object(
                Bucket=self.bucket_name,
                Key=key,
                Body=body,
                ContentLength=content.size,
                ContentType=content_type,
                # An edge that kept it beyond the grace would have it when the store has it no more.
                CacheControl=cache_control(round(settings.GRACE.total_seconds())),
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=content.checksum,
                Metadata={"sha256": content.sha256},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if _code(error) not in {"PreconditionFailed", "412"}:
                raise _translated(error) from error
            # Our own first attempt may have arrived while its answer got lost.
            if error.response["ResponseMetadata"].get("RetryAttempts", 0) and self._holds(key, content):
                return
            raise ObjectExists(key) from None
        except BotoCoreError as error:
            raise _translated(error) from error
        if not content.is_confirmed_by(answer) and not self._holds(key, content):
            raise StorageError("the store holds other bytes than it was sent")

    def _holds(self, key: str, content: _Content) -> bool:
        """Whether the object under ``key`` has this content, as far as the store can tell."""
        with _translating():
            head = self.client.head_object(Bucket=self.bucket_name, Key=key, ChecksumMode="ENABLED")
        return head["ContentLength"] == content.size and content.agrees_with(head)

    def open_object(self, key: str) -> BinaryIO:
        if parse_key(key) is None:
            raise ObjectMissing(key)

        def fetch(start: int, etag: str) -> Any:
            condition: Any = {"Range": f"bytes={start}-", "IfMatch": etag} if start else {}
            with _translating(key):
                return self.client.get_object(Bucket=self.bucket_name, Key=key, **condition)

        return cast(BinaryIO, ObjectReader(fetch))

    def delete_objects(self, keys: Sequence[str]) -> dict[str, str]:
        failed = {key: "not one of our keys" for key in keys if parse_key(key) is None}
        ours = [key for key in dict.fromkeys(keys) if key not in failed]
        for start in range(0, len(ours), DELETE_AT_ONCE):
            errors = self._delete(ours[start : start + DELETE_AT_ONCE])
            again = [key for key, code in errors.items() if code in BUSY]
            if again:  # once more before they are left to the next sweep
                errors = {key: code for key, code in errors.items() if key not in again} | self._delete(again)
            failed |= errors
            crash.point("sweep.object")
        return failed

    def tidy(self, keys: Sequence[str]) -> None:
        """A bucket has no folders."""

    def _delete(self, keys: Sequence[str]) -> dict[str, str]:
        with _translating():
            return delete_once(self.client, self.bucket_name, keys)

    def walk(self) -> Iterator[StoredObject]:
        with _translating():
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix="media/")
            for page in pages:
                for each in page.get("Contents", []):
                    yield StoredObject(each["Key"], each["Size"], each["LastModified"])

    def free_bytes(self) -> tuple[int, int] | None:
        return None

    def check(self) -> None:
        """Raise StorageError, with a sentence for the operator, when the bucket cannot be reached as configured.

        A listing of one key and no HEAD: only an answer with a body says why it refuses.
        """
        with _translating():
            self.client.list_objects_v2(Bucket=self.bucket_name, Prefix="media/", MaxKeys=1)
        if self._elsewhere:
            raise StorageError("AWS_REGION is not the region of GALLERY_BUCKET.")

    def _note_region(self, context: Any, **_: Any) -> None:
        if context.get("s3_redirect", {}).get("redirected"):
            self._elsewhere = True


@dataclass(frozen=True)
class _Content:
    """What a file holds: its size in bytes and its digests, as hex."""

    size: int
    sha256: str
    md5: str

    @classmethod
    def of(cls, path: Path) -> _Content:
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                md5.update(chunk)
                size += len(chunk)
        return cls(size, sha256.hexdigest(), md5.hexdigest())

    @property
    def checksum(self) -> str:
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()

    def is_confirmed_by(self, answer: Any) -> bool:
        """Whether the answer to a PUT proves that these bytes are what the store computed its ETag over.

        Without KMS the ETag of a single PUT is the MD5 of what arrived, on AWS and wherever we tried; a checksum that
        is only echoed proves nothing.
        """
        return bool(answer.get("ETag", "").strip('"') == self.md5)

    def agrees_with(self, head: Any) -> bool:
        """Whether nothing that the store says about an object contradicts these bytes."""
        etag = head.get("ETag", "").strip('"')
        digest_is_md5 = len(etag) == 32 and not head.get("ServerSideEncryption", "").startswith("aws:")
        said = head.get("ChecksumSHA256", self.checksum), head.get("Metadata", {}).get("sha256", self.sha256)
        return said == (self.checksum, self.sha256) and (not digest_is_md5 or etag == self.md5)


class ObjectReader(io.RawIOBase):
    """An object as a file. One request when it is read from its start; one more after a seek elsewhere.

    ``fetch(start, etag)`` asks for the object from byte ``start`` to its end; ``etag`` is the one of the first answer.
    """

    def __init__(self, fetch: Callable[[int, str], Any]) -> None:
        super().__init__()
        self._fetch = fetch
        answer = fetch(0, "")
        self._body, self._etag, self.size = answer["Body"], answer["ETag"], answer["ContentLength"]
        self._position = self._arrived = 0  # where the reader is, and where the answer at hand is

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        if self._position >= self.size or size == 0:
            return b""
        if self._position != self._arrived:
            self._body.close()
            self._body = self._fetch(self._position, self._etag)["Body"]
            self._arrived = self._position
        with _translating():
            data: bytes = self._body.read(None if size is None or size < 0 else size)
        self._position += len(data)
        self._arrived = self._position
        return data

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


def _add_md5(request: Any, **_: Any) -> None:
    """Stores older than S3's newer checksums want Content-MD5 on DeleteObjects; AWS takes both."""
    if request.data and "Content-MD5" not in request.headers:
        digest = hashlib.md5(request.data, usedforsecurity=False).digest()
        request.headers["Content-MD5"] = base64.b64encode(digest).decode()


@contextmanager
def _translating(key: str = "") -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _translated(error, key) from error


def _translated(error: ClientError | BotoCoreError, key: str = "") -> StorageError:
    if key and isinstance(error, ClientError) and _code(error) in GONE:
        return ObjectMissing(key)
    return StorageError(explain(error, "GALLERY_BUCKET"))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
