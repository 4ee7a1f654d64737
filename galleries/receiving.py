"""How a file arrives: streamed to a temporary file beside the media, hashed on the way, cut off at the limit.

Beside the media, so that an original that needs no change is linked into place and never copied.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, multipartparser
from django.http.multipartparser import MultiPartParserError
from django.template.defaultfilters import filesizeformat
from django.utils.datastructures import MultiValueDict

from galleries.decoding.specs import SPECS
from galleries.problems import Problem
from galleries.storage import FULL

# Beside a file a request may carry renditions of it that the client made, in parts of these names.
RENDITIONS = tuple(spec.name for spec in SPECS)

# The headers of one part: file systems take names of 255 UTF-16 units, which are 3 bytes of UTF-8 each, and 3 times as
# many characters where ``filename*`` (RFC 8187) encodes them. 255 x 9 = 2,295, the plain name beside it 765, and 1 KiB
# for the rest. Django reads them in doubling steps, so only a power of two is worth something; its own is 1,024.
PART_HEADER_BYTES = 4 * 1024
multipartparser.MAX_TOTAL_HEADER_SIZE = PART_HEADER_BYTES  # type: ignore[attr-defined]  # a constant without a stub

# Bytes of a body that are received and handed on at once. With 1 MiB the memory for them was given back to the kernel
# and cleared anew each time, 1,324 page faults and 3 ms for a photo of 3 MB; with Django's 64 KiB it waits for the
# interpreter's lock 48 times.
PIECE = 256 * 1024


def upload_folder() -> Path:
    """Where files lie that are on their way, beside the media; made where nothing has come yet.

    Raises:
        OSError
    """
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class ReceivedFile:
    """One file as it came: where it lies, its size in bytes and its SHA-256.

    ``offered``: where the renditions lie that came with it, by the name of their spec; nothing is known about them.
    """

    path: Path
    name: str
    size: int
    sha256: str
    offered: Mapping[str, Path] = field(default_factory=dict)


class Workspace:
    """A folder of its own for one upload; everything in it goes when the upload ends, however it ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="upload-", dir=upload_folder()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class HashedUpload(UploadedFile):  # type: ignore[type-arg]
    """An uploaded file on disk with its hash. ``problem`` is set when it was refused while it came in."""

    def __init__(self, file: IO[bytes], path: Path, name: str, size: int, sha256: str, problem: Problem | None) -> None:
        super().__init__(file=file, name=name, size=size)
        self.stream = file
        self.path = path
        self.sha256 = sha256
        self.problem = problem
        self.given_name = name

    def received(self, files: MultiValueDict[str, Any] | None = None) -> ReceivedFile:
        """The file, complete, with those of the request's ``files`` that were sent as its renditions.

        Raises:
            Problem: it was refused while it came in.
        """
        if self.problem is not None:
            raise self.problem
        self.stream.flush()
        offered = {} if files is None else {name: files.get(name) for name in RENDITIONS}
        whole = {
            name: each.path for name, each in offered.items() if isinstance(each, HashedUpload) and not each.problem
        }
        return ReceivedFile(self.path, self.given_name, self.size or 0, self.sha256, whole)

    def close(self) -> None:
        _close(self.stream)
        self.path.unlink(missing_ok=True)


class HashingUploadHandler(FileUploadHandler):
    """Writes each file of a multipart body to disk in the chunks in which it comes, never more than the limit."""

    # As much as the server receives at once (gallery_site.worker), which copies what is left of it twice for each
    # smaller read.
    chunk_size = PIECE

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.problem: Problem | None = None
        self.digest = hashlib.sha256()
        self.written = 0
        # What is refused here is told when the file is asked for: this runs while the CSRF token is looked for, in any
        # form, whoever sends it and wherever to, and nobody would answer.
        if not _is_known(self.request):
            self._take_nothing(Problem("unauthorized"))
            return
        try:
            descriptor, name = tempfile.mkstemp(prefix="body-", dir=upload_folder())
        except OSError as error:
            self._take_nothing(_storage_problem(error))
            return
        self.path = Path(name)
        self.file = os.fdopen(descriptor, "wb")
        # Whatever goes wrong in the middle of a body: the file goes when nobody holds it any more.
        weakref.finalize(self.file, self.path.unlink, missing_ok=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if self.problem is not None:
            return None
        self.written += len(raw_data)
        if self.written > settings.GALLERY_MAX_UPLOAD_BYTES:
            self._refuse(too_large())
            return None
        self.digest.update(raw_data)
        try:
            self.file.write(raw_data)
        except OSError as error:
            self._refuse(_storage_problem(error))
        return None

    def file_complete(self, file_size: int) -> HashedUpload:
        try:
            self.file.flush()
        except OSError as error:
            self._refuse(_storage_problem(error))
        return HashedUpload(
            self.file, self.path, self.file_name or "", file_size, self.digest.hexdigest(), self.problem
        )

    def upload_interrupted(self) -> None:
        """The body ended in the middle of a file: Django would go on without it, as if it had not been sent."""
        self.discard()
        raise MultiPartParserError("The body ended in the middle of a file.")

    def discard(self) -> None:
        """Forget the file that was being written."""
        if hasattr(self, "file"):
            _close(self.file)
            self.path.unlink(missing_ok=True)

    def _take_nothing(self, problem: Problem) -> None:
        """Read this file into nothing from its first byte on."""
        self.problem = problem
        self.path = Path(settings.UPLOAD_DIR, "refused")  # nothing is ever there
        self.file = open(os.devnull, "wb")  # noqa: SIM115 (closed as a file that was taken)

    def _refuse(self, problem: Problem) -> None:
        """Remember why, give the disk its room back, and read the rest of this file into nothing."""
        self.problem = problem
        os.ftruncate(self.file.fileno(), 0)


def _is_known(request: HttpRequest | None) -> bool:
    """Whether the sender has shown who they are, with a token or a session: nobody else uploads photos here."""
    if getattr(request, "auth", None) is not None:
        return True
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated


def _close(file: IO[bytes]) -> None:
    """Close a file that is not wanted any more. On a full disk closing writes what is buffered, fails, and closes."""
    with suppress(OSError):
        file.close()


def too_large() -> Problem:
    """The refusal of a file over the limit, with the limit in it."""
    limit = filesizeformat(settings.GALLERY_MAX_UPLOAD_BYTES)
    return Problem("file_too_large", detail=f"Too large: the limit is {limit}.")


def _storage_problem(error: OSError) -> Problem:
    return Problem("storage_full" if error.errno in FULL else "unavailable")
