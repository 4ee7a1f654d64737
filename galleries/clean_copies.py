"""Originals as visitors get them: without metadata, also where their owner kept everything.

What was stored stripped (nearly everything) goes out as it lies. Of the rest the row knows how large the stripped copy
is and its CRC-32, measured in the decoder's limited process when it was uploaded; the copy itself is made when it is
asked for, one at a time in a process, into a file without a name: 130 MiB of memory for a moment, and never more.
"""

from __future__ import annotations

import tempfile
import threading
import zlib
from dataclasses import dataclass
from typing import IO, BinaryIO

from galleries.decoding.kinds import KINDS
from galleries.models import Image
from galleries.problems import Problem
from galleries.receiving import upload_folder
from galleries.storage import ObjectMissing, StorageError, media_storage, storage_error
from galleries.stripping import CorruptContainer, strip_metadata

KIND_OF = {kind.extension: kind.name for kind in KINDS.values()}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class CleanCopy:
    """Size in bytes and CRC-32 of an original without metadata; ``kind`` is "" when it is stored like that."""

    size: int
    crc32: int
    kind: str


def measure_clean(image: Image) -> CleanCopy | None:
    """What visitors get of ``image``; None when its metadata cannot be taken away: nobody but its owner gets that one.

    Raises:
        StorageError: the original had to be read, and could not be.
    """
    kind = KIND_OF[image.extension]
    if image.stored_sha256 != image.sha256:  # it was stripped when it was stored
        return CleanCopy(image.bytes, image.crc32, "")
    if image.clean_bytes is not None and image.clean_crc32 is not None:
        same = (image.clean_bytes, image.clean_crc32) == (image.bytes, image.crc32)
        return CleanCopy(image.clean_bytes, image.clean_crc32, "" if same else kind)
    try:
        with _strip(image.original_key, kind) as copy:
            crc32 = size = 0
            while chunk := copy.read(256 * 1024):
                crc32, size = zlib.crc32(chunk, crc32), size + len(chunk)
    except CorruptContainer:
        return None
    Image.objects.filter(id=image.id).update(clean_bytes=size, clean_crc32=crc32)
    return CleanCopy(size, crc32, kind)


def open_clean(key: str, kind: str) -> BinaryIO | IO[bytes]:
    """The bytes of the original under ``key`` as visitors get them, ``kind`` as in ``CleanCopy``.

    Raises:
        StorageError; CorruptContainer, for what was never measured.
    """
    return _strip(key, kind) if kind else media_storage().open_object(key)


def open_clean_original(image: Image, *, head: bool = False) -> tuple[BinaryIO | IO[bytes], int]:
    """The same for one picture, with its size in bytes. ``head``: nobody reads it, so no copy is made.

    Raises:
        Problem: not_found, unavailable.
    """
    try:
        clean = measure_clean(image)
        if clean is None:
            raise Problem("not_found", detail="This photo cannot be downloaded.")
        return open_clean(image.original_key, "" if head else clean.kind), clean.size
    except ObjectMissing:
        raise Problem("not_found") from None
    except StorageError:
        raise Problem("unavailable", retry_after=5) from None


def _strip(key: str, kind: str) -> IO[bytes]:
    try:
        target = tempfile.TemporaryFile(dir=upload_folder())  # noqa: SIM115 (its reader closes it)
        try:
            with _one_at_a_time, media_storage().open_object(key) as stored:
                strip_metadata(stored, target, kind)
            target.seek(0)
        except BaseException:
            target.close()
            raise
    except OSError as error:  # on a full disk also of closing, which writes what is buffered
        raise storage_error(error) from error
    return target
