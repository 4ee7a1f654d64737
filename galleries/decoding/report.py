"""What goes over the pipe between the child and the web process, and how it is read there.

The child has just run codecs over a stranger's file: what it says is checked like a form, and what stands in
this package's tables (content types, file names) is not asked.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from galleries.decoding.kinds import KINDS
from galleries.decoding.limits import CAMERA_MAX, Limits
from galleries.decoding.results import REJECTION_CODES, DecodedImage, ImageRejected, Rendition
from galleries.decoding.specs import SPECS, RenditionSpec
from galleries.decoding.wire import ORIGINAL_NAME, Job

# A report has about 600 bytes. A pipe holds 16 KiB or more, so that writing one never blocks.
REPORT_MAX = 8 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_PLACEHOLDER = re.compile(r"data:image/webp;base64,[A-Za-z0-9+/]{20,900}={0,2}")
_MESSAGE_MAX = 300
FURTHEST_ZONE = 14 * 60  # minutes: the Line Islands


class ReportInvalid(Exception):
    """The child said something that no child of ours says."""


def parse_line(line: bytes) -> Mapping[str, object]:
    """One line of the pipe as a JSON object. Raises ReportInvalid."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ReportInvalid("not JSON") from error
    if not isinstance(document, dict):
        raise ReportInvalid("not an object")
    return document


def is_silent(answer: bytes) -> bool:
    """True when a child ended without a report: all that came is its parent's line about its end."""
    return answer.startswith(b'{"exit"')


def write_end(exit_code: int, *, final: bool) -> bytes:
    """The parent's line about the end of a child, or of its work on a picture."""
    return json.dumps({"exit": exit_code, "final": final}).encode() + b"\n"


def is_final(answer: bytes) -> bool:
    """False when what is wrong may be what an earlier picture did to the child."""
    return answer.endswith(b'"final": true}\n')


def read_rejection(document: Mapping[str, object]) -> ImageRejected:
    code, message = _text(document, "code"), _text(document, "message")
    if code not in REJECTION_CODES or len(message) > _MESSAGE_MAX or not message.isprintable():
        raise ReportInvalid("rejection")
    return ImageRejected(code, message)


def read_result(document: Mapping[str, object], job: Job, limits: Limits) -> DecodedImage:
    """The report of a finished job, with the files it names looked at. Raises ReportInvalid."""
    kind = KINDS.get(_text(document, "kind"))
    if kind is None:
        raise ReportInvalid("kind")
    size, crc32 = _integer(document, "bytes", 1, 1 << 40), _integer(document, "crc32", 0, 0xFFFFFFFF)
    original = job.source if job.keep_metadata else job.workdir / ORIGINAL_NAME
    _check_file(original, size)
    camera = _text(document, "camera")
    if len(camera) > CAMERA_MAX or not camera.isprintable():
        raise ReportInvalid("camera")
    return DecodedImage(
        kind=kind.name,
        content_type=kind.content_type,
        extension=kind.extension,
        width=_integer(document, "width", 1, limits.max_side),
        height=_integer(document, "height", 1, limits.max_side),
        animated=document.get("animated") is True,
        original_path=original,
        bytes=size,
        sha256=_text(document, "sha256", _SHA256),
        crc32=crc32,
        taken_at=_read_time(document),
        camera=camera,
        placeholder=_text(document, "placeholder", _PLACEHOLDER),
        colour=_text(document, "colour", _COLOUR),
        renditions=_read_renditions(document.get("renditions"), job.workdir),
        clean_bytes=_clean(document, "clean_bytes", 1 << 40) if job.keep_metadata else size,
        clean_crc32=_clean(document, "clean_crc32", 0xFFFFFFFF) if job.keep_metadata else crc32,
    )


def _clean(document: Mapping[str, object], key: str, highest: int) -> int | None:
    return _integer(document, key, 0, highest) if key in document else None


def _read_renditions(items: object, workdir: Path) -> tuple[Rendition, ...]:
    if not isinstance(items, list) or len(items) != len(SPECS):
        raise ReportInvalid("renditions")
    return tuple(_read_rendition(item, spec, workdir) for item, spec in zip(items, SPECS, strict=True))


def _read_rendition(item: object, spec: RenditionSpec, workdir: Path) -> Rendition:
    if not isinstance(item, dict) or item.get("spec") != spec.name:
        raise ReportInvalid("rendition")
    size = _integer(item, "bytes", 1, 1 << 32)
    path = workdir / spec.filename
    _check_file(path, size)
    return Rendition(
        spec=spec.name,
        path=path,
        content_type=spec.content_type,
        extension=spec.extension,
        width=_integer(item, "width", 1, spec.long_edge),
        height=_integer(item, "height", 1, spec.long_edge),
        bytes=size,
        offered=item.get("offered") is True,
    )


def _read_time(document: Mapping[str, object]) -> datetime | None:
    if document.get("taken_at") is None:
        return None
    # 1826 to 2100, in seconds since 1970; the exact end is checked where the time is read.
    taken_at = datetime.fromtimestamp(_integer(document, "taken_at", -4_544_208_000, 4_102_444_800), UTC)
    if document.get("taken_offset") is None:
        return taken_at
    east = _integer(document, "taken_offset", -FURTHEST_ZONE, FURTHEST_ZONE)
    return taken_at.astimezone(timezone(timedelta(minutes=east)))


def _check_file(path: Path, size: int) -> None:
    """A regular file (no link to elsewhere) of the size that was said."""
    try:
        status = path.lstat()
    except OSError as error:
        raise ReportInvalid(f"no {path.name}") from error
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        raise ReportInvalid(path.name)


def _text(document: Mapping[str, object], key: str, pattern: re.Pattern[str] | None = None) -> str:
    value = document.get(key)
    if not isinstance(value, str) or (pattern is not None and pattern.fullmatch(value) is None):
        raise ReportInvalid(key)
    return value


def _integer(document: Mapping[str, object], key: str, lowest: int, highest: int) -> int:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ReportInvalid(key)
    return value
