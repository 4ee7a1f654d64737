"""The three facts that are read from EXIF: which way is up, when, and with what. Never fails an upload."""

from __future__ import annotations

import re
import struct
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from PIL import ExifTags, Image

from galleries.decoding.limits import CAMERA_MAX

# The oldest photograph there is; scans are dated by hand, so old dates are real.
EARLIEST = datetime(1826, 1, 1, tzinfo=UTC)

# Everything that Pillow raised over broken EXIF blocks, and their bases. MemoryError: a count of four
# thousand million in a directory entry says nothing about the pixels.
_EXIF_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    struct.error,
    SyntaxError,
    TypeError,
    ValueError,
)

# As EXIF has it, and as programs write it that mean ISO 8601: with a fraction, with the offset behind.
_TIME = re.compile(
    r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)[ T](\d\d?):(\d\d?)(?::(\d\d?)(?:[.,]\d+)?)? ?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)

# When it was taken, or, of what was scanned and of cameras that say nothing else, when it became numbers; each with the
# tag of its offset.
_TIMES = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
)

# Endings of company names that add nothing to "NIKON D90".
_COMPANY = re.compile(r"[\s,]+(?:corporation|corp\.?|company|co\.?,?\s*ltd\.?|ltd\.?|inc\.?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """orientation: 1 to 8 as in EXIF 2.32, 4.6.5; 1 when unknown. taken_at: aware, by the camera's own clock. camera:
    plain."""

    orientation: int = 1
    taken_at: datetime | None = None
    camera: str = ""


def read_facts(image: Image.Image, latest: datetime) -> Facts:
    """The facts of an image that is *loaded* (before, PNG may decode itself again and raise).

    `latest`: a capture time after it is nonsense. Whatever is broken is left out.
    """
    try:
        exif = image.getexif()
    except _EXIF_ERRORS:
        return Facts()
    return Facts(
        orientation=_read_orientation(exif),
        taken_at=_read_taken_at(exif, latest),
        camera=_read_camera(exif),
    )


def _read_orientation(exif: Image.Exif) -> int:
    value = _read_tag(exif, ExifTags.Base.Orientation)
    if isinstance(value, bytes) and value:  # written as BYTE, not as the SHORT that it should be
        value = value[0]
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _read_tag(exif: Image.Exif, tag: int, directory: int | None = None) -> object:
    try:
        return (exif if directory is None else exif.get_ifd(directory)).get(tag)
    except _EXIF_ERRORS:
        return None


def _read_text(exif: Image.Exif, tag: int, directory: int | None = None) -> str:
    """A text tag on one line: no control, format or unassigned characters, white space collapsed."""
    value = _read_tag(exif, tag, directory)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    value = value.partition("\0")[0][:1000]
    return " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in value).split())


def _read_taken_at(exif: Image.Exif, latest: datetime) -> datetime | None:
    """The first of _TIMES that is a time, with its offset; without one the clock of the camera is taken for UTC."""
    for time, its_offset in _TIMES:
        text, offset = (_read_text(exif, tag, ExifTags.IFD.Exif) for tag in (time, its_offset))
        if taken_at := parse_taken_at(text, offset, latest):
            return taken_at
    return None


def parse_taken_at(text: str, offset: str, latest: datetime) -> datetime | None:
    """An EXIF time and offset ("2024:05:31 23:59:59", "+02:00") as an aware time at that offset, or at the one that
    stands behind the time itself; None when it is no time, or none between EARLIEST and `latest`."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        taken_at = datetime(year, month, day, hour, minute, second, tzinfo=_parse_offset(match[7] or offset))
    except ValueError:
        return None
    return taken_at if EARLIEST <= taken_at <= latest else None


def _parse_offset(text: str) -> timezone:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return UTC
    delta = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if delta > timedelta(hours=14):  # the furthest zone there is (Line Islands)
        return UTC
    return timezone(-delta if match[1] == "-" else delta)


def minutes_east(time: datetime | None) -> int | None:
    """How far the clock that shows `time` is ahead of UTC; None for UTC itself, and where no zone was named."""
    offset = time.utcoffset() if time else None
    return int(offset.total_seconds()) // 60 if offset else None


def _read_camera(exif: Image.Exif) -> str:
    return name_camera(_read_text(exif, ExifTags.Base.Make), _read_text(exif, ExifTags.Base.Model))


def name_camera(make: str, model: str) -> str:
    """Make and model, without the make said twice: "Canon" and "Canon EOS 5D" are "Canon EOS 5D"."""
    while (shorter := _COMPANY.sub("", make)) != make:
        make = shorter
    says_make = model.partition(" ")[0].casefold() in make.casefold().split()
    return (model if says_make else f"{make} {model}").strip()[:CAMERA_MAX].strip()
