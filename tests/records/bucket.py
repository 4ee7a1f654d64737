"""A bucket in a folder: the operations of S3 that the project uses, over HTTP, with its conditional PUT."""

from __future__ import annotations

import hashlib
import os
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

XML = "application/xml"
SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True)
class Response:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str) -> Response:
    return Response(status, f"<Error><Code>{code}</Code></Error>".encode(), {"Content-Type": XML})


@dataclass
class Bucket:
    """``deletions`` keeps the keys of each DeleteObjects; ``undeletable`` the code that its Errors name for a key."""

    name: str
    folder: Path | None = None
    deletions: list[list[str]] = field(default_factory=list)
    undeletable: dict[str, str] = field(default_factory=dict)

    def operation(self, method: str, target: str) -> str:
        """The name of what is asked."""
        parts = urlsplit(target)
        if parts.path.strip("/") == self.name:
            return {"POST": "DeleteObjects", "GET": "ListObjectsV2"}.get(method, method)
        return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}.get(method, method)

    def ask(self, operation: str, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Do one request."""
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != self.name:
            return error(404, "NoSuchBucket")
        if operation == "DeleteObjects":
            return self._delete(body)
        if operation == "ListObjectsV2":
            return self._list(parse_qs(parts.query)["prefix"][0])
        if self.folder is None or ".." in key:
            return error(404, "NoSuchKey")
        path = self.folder / key
        if operation == "PutObject":
            return self._put(path, headers, body)
        return self._get(path, headers, whole=operation == "GetObject")

    def _put(self, path: Path, headers: Mapping[str, str], body: bytes) -> Response:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{uuid.uuid4().hex}")
        partial.write_bytes(body)
        try:
            if headers.get("If-None-Match") == "*":
                os.link(partial, path)
            else:
                partial.replace(path)
        except FileExistsError:
            return error(412, "PreconditionFailed")
        finally:
            partial.unlink(missing_ok=True)
        return Response(200, b"", {"ETag": _etag(body)})

    def _get(self, path: Path, headers: Mapping[str, str], *, whole: bool) -> Response:
        if not path.is_file():
            return error(404, "NoSuchKey")
        body = path.read_bytes()
        said = {"ETag": _etag(body), "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True)}
        if not whole:
            return Response(200, b"", said | {"Content-Length": str(len(body))})
        start = int(headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        return Response(206 if start else 200, body[start:], said)

    def _list(self, prefix: str) -> Response:
        root = ET.Element("ListBucketResult", xmlns=SPACE)
        paths = [] if self.folder is None else sorted(path for path in self.folder.rglob("*") if path.is_file())
        for path in paths:
            key = path.relative_to(self.folder or path).as_posix()
            if key.startswith(prefix):
                entry = ET.SubElement(root, "Contents")
                ET.SubElement(entry, "Key").text = key
                ET.SubElement(entry, "Size").text = str(path.stat().st_size)
                ET.SubElement(entry, "LastModified").text = "2026-01-01T00:00:00.000Z"
        ET.SubElement(root, "IsTruncated").text = "false"
        return Response(200, ET.tostring(root), {"Content-Type": XML})

    def _delete(self, body: bytes) -> Response:
        keys = [str(each.text) for each in ET.fromstring(body).iter(f"{{{SPACE}}}Key")]
        if not 0 < len(keys) <= 1_000:
            return error(400, "MalformedXML")
        self.deletions.append(keys)
        root = ET.Element("DeleteResult", xmlns=SPACE)
        for key in keys:
            if key in self.undeletable:
                entry = ET.SubElement(root, "Error")
                ET.SubElement(entry, "Key").text = key
                ET.SubElement(entry, "Code").text = self.undeletable[key]
            elif self.folder is not None:
                (self.folder / key).unlink(missing_ok=True)
        return Response(200, ET.tostring(root), {"Content-Type": XML})


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
