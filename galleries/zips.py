"""Zips: the originals of a gallery or of a selection, stored (not deflated), streamed with a known length.

What goes in is frozen when the zip begins. An object that vanishes meanwhile cuts the connection: the file is never
padded and never silently short. Our own writer because the rows hold size and CRC-32 already: each entry is written
whole, with the time at which the picture was taken (the library at hand can give a stream neither;
docs/decisions.md).
"""

from __future__ import annotations

import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from galleries.clean_copies import open_clean
from galleries.filenames import archive_names, clean_filename
from galleries.models import Gallery, ImageQuerySet
from galleries.problems import Problem
from galleries.storage import media_storage
from galleries.throttling import Limit, Spread, per_hour
from gallery_site.gunicorn import threads

CHUNK = 256 * 1024  # bytes read at a time
# Each zip holds a thread for as long as its reader takes: half of them stay for everybody else.
PER_PROCESS = max(threads // 2, 1)
PER_PERSON = 2
BEGUN = Spread(Limit("zip", (per_hour(60),)), step=5)  # by one reader; reading goes on when the disk is full
FIRST_YEAR = datetime(1980, 1, 1, tzinfo=UTC)  # MS-DOS times know nothing earlier
LAST_YEAR = datetime(2107, 12, 31, tzinfo=UTC)  # ... nor later

# APPNOTE.TXT 6.3.10: sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16, 4.5.3
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_TIMES = struct.Struct("<2HBi")
_UTF8 = 0x0800
_VERSION, _VERSION64 = 20, 45
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a zip: its object, its name inside, its size in bytes (less than 4 GiB: an upload is limited to far
    less), its CRC-32, the time that it is given, and the kind of picture if its metadata is removed on the way out
    (size and CRC-32 are then of what remains)."""

    key: str
    name: bytes
    size: int
    crc32: int
    time: datetime
    strip: str = ""


def zip_response(gallery: Gallery, images: ImageQuerySet, reader: str, *, head: bool = False) -> StreamingHttpResponse:
    """Stream ``images`` as one zip; ``reader`` names the person for the limit of zips at once. ``head``: the headers
    alone (a server may read a whole body only to throw it away).

    Raises:
        Problem: not_found when there is nothing to pack, rate_limited when too many zips are being read, or were begun
            within an hour.
    """
    name = f"{clean_filename(gallery.title)}.zip"
    return stream_zip(lambda: freeze_entries(images), name, Places(reader, PER_PERSON), head=head)


def stream_zip(
    freeze: Callable[[], Sequence[Entry]],
    name: str,
    places: Places,
    *,
    head: bool = False,
    begin: Callable[[], None] | None = None,
) -> StreamingHttpResponse:
    """Stream what ``freeze`` finds as one zip called ``name`` to a reader who needs these ``places``: they are taken
    first, since finding many is work. ``begin`` is called last before the first byte, and may refuse. ``head`` and
    errors: as ``zip_response``."""
    entries, body = (_freeze(freeze), ()) if head else _begin(freeze, places, begin)
    response = StreamingHttpResponse(body, content_type="application/zip")
    response["Content-Length"] = str(zip_length(entries))
    # nginx sends it on at the reader's pace; a file of its size on that disk would help nobody.
    response["X-Accel-Buffering"] = "no"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def _freeze(freeze: Callable[[], Sequence[Entry]]) -> Sequence[Entry]:
    entries = freeze()
    if not entries:
        raise Problem("not_found", detail="There is nothing to download.")
    return entries


def _begin(
    freeze: Callable[[], Sequence[Entry]], places: Places, begin: Callable[[], None] | None
) -> tuple[Sequence[Entry], _Body]:
    places.take()
    try:
        entries = _freeze(freeze)
        BEGUN.count(places.reader, now=timezone.now())
        if begin is not None:
            begin()
    except BaseException:
        places.give_back()
        raise
    return entries, _Body(write_zip(entries), places)


def freeze_entries(images: ImageQuerySet) -> list[Entry]:
    """What goes into the zip, in the order in which the pictures were taken."""
    images = images.select_related("gallery").only(
        "filename", "extension", "bytes", "crc32", "sort_at", "taken_offset", "gallery__owner_id"
    )
    named = archive_names(images.order_by("sort_at", "id").iterator(chunk_size=1_000))
    return [Entry(i.original_key, name.encode(), i.bytes, i.crc32, clamp_time(i.own_time)) for i, name in named]


def clamp_time(time: datetime) -> datetime:
    """The nearest time that a zip can hold: what its clock shows is written, beside the instant."""
    shown = time.replace(tzinfo=UTC)
    return time if FIRST_YEAR <= shown <= LAST_YEAR else min(max(shown, FIRST_YEAR), LAST_YEAR)


def zip_length(entries: Sequence[Entry]) -> int:
    """The exact size of the zip in bytes."""
    offset = directory = 0
    for entry in entries:
        directory += len(_central_header(entry, offset))
        offset += len(_local_header(entry)) + entry.size
    return offset + directory + len(_end(len(entries), directory, offset))


def write_zip(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The zip's bytes. Raises StorageError or OSError when an object is not what the row says; nothing is padded."""
    offset, offsets = 0, []
    for entry in entries:
        offsets.append(offset)
        header = _local_header(entry)
        yield header
        yield from _read(entry)
        offset += len(header) + entry.size
    size = 0
    for entry, start in zip(entries, offsets, strict=True):
        header = _central_header(entry, start)
        size += len(header)
        yield header
    yield _end(len(entries), size, offset)


def _read(entry: Entry) -> Iterator[bytes]:
    left = entry.size
    whole = media_storage().open_object
    with open_clean(entry.key, entry.strip) if entry.strip else whole(entry.key) as stored:
        while chunk := stored.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
    if left:
        raise OSError("an object has another size than its row says")


def _local_header(entry: Entry) -> bytes:
    extra = _times(entry)
    fixed = (b"PK\x03\x04", _VERSION, _UTF8, 0, *_dos_time(entry.time), entry.crc32, entry.size, entry.size)
    return _LOCAL.pack(*fixed, len(entry.name), len(extra)) + entry.name + extra


def _central_header(entry: Entry, offset: int) -> bytes:
    extra, version = _times(entry), _VERSION
    if offset >= _MAX32:
        extra, version = struct.pack("<2HQ", 1, 8, offset) + extra, _VERSION64
    made_by = 3 << 8 | version  # Unix, so that the mode below counts
    fixed = (b"PK\x01\x02", made_by, version, _UTF8, 0, *_dos_time(entry.time), entry.crc32, entry.size, entry.size)
    tail = (len(entry.name), len(extra), 0, 0, 0, 0o100644 << 16, min(offset, _MAX32))
    return _CENTRAL.pack(*fixed, *tail) + entry.name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    """The end of the central directory, with its zip64 form before it where a number does not fit."""
    long = b""
    if count >= _MAX16 or size >= _MAX32 or offset >= _MAX32:
        long = _END64.pack(b"PK\x06\x06", 44, _VERSION64, _VERSION64, 0, 0, count, count, size, offset)
        long += _LOCATOR64.pack(b"PK\x06\x07", 0, offset + size, 1)
    count, size, offset = min(count, _MAX16), min(size, _MAX32), min(offset, _MAX32)
    return long + _END.pack(b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _times(entry: Entry) -> bytes:
    """The extended timestamp (Info-ZIP's "UT"): the time in UTC, to the second, where it fits in 31 bits."""
    seconds = int(entry.time.timestamp())
    return _TIMES.pack(0x5455, 5, 1, seconds) if seconds < 1 << 31 else b""


def _dos_time(time: datetime) -> tuple[int, int]:
    clock = time.hour << 11 | time.minute << 5 | time.second // 2
    return clock, (time.year - 1980) << 9 | time.month << 5 | time.day


class Places:
    """Places among the zips being read: one of the ``at_once`` of its reader, one of the process, and one of each of
    ``also`` (names, which may have so many at once); given back exactly once."""

    lock = threading.Lock()
    taken: Counter[str] = Counter()  # by name

    def __init__(self, reader: str, at_once: int, also: Mapping[str, int] | None = None) -> None:
        self.reader = reader
        self.most = {"everybody": PER_PROCESS, reader: at_once, **(also or {})}
        self.held = False

    def take(self) -> None:
        """
        Raises:
            Problem: rate_limited.
        """
        with self.lock:
            if any(self.taken[name] >= most for name, most in self.most.items()):
                detail = "Other downloads are still running. Try again when one has finished."
                raise Problem("rate_limited", detail=detail, retry_after=10)
            self.taken.update(self.most.keys())
            self.held = True

    def give_back(self) -> None:
        with self.lock:
            if self.held:
                self.held = False
                self.taken.subtract(self.most.keys())
                for name in self.most:
                    if not self.taken[name]:
                        del self.taken[name]


class _Body:
    """The zip's bytes; gives the places back when the reader has all of it or goes away."""

    def __init__(self, chunks: Iterator[bytes], places: Places) -> None:
        self.chunks = chunks
        self.places = places

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self.chunks)
        except BaseException:
            self.places.give_back()
            raise

    def close(self) -> None:
        self.places.give_back()
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()
