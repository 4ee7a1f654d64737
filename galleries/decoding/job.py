"""What a child does with one picture: decode, write the renditions and the original, report."""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from galleries.decoding.colour import find_dominant_colour
from galleries.decoding.exif import minutes_east
from galleries.decoding.limits import Limits
from galleries.decoding.offered import LIKENESS_EDGE, LIKENESS_FILTER, Offered, take_offered
from galleries.decoding.picture import Picture, fit, open_picture, shrink
from galleries.decoding.results import ImageRejected
from galleries.decoding.specs import SPECS
from galleries.decoding.wire import ORIGINAL_NAME, Job
from galleries.stripping import CorruptContainer, Part, strip_metadata

PLACEHOLDER_EDGE = 16  # pixels; a data URI of about 112 characters

_CHUNK = 1024 * 1024


def run_job(job: Job, limits: Limits, latest: datetime) -> dict[str, object]:
    """Do the job and answer what `report.read_result` reads. Raises ImageRejected, MemoryError, OSError.

    `latest`: no photo was taken after it.
    """
    with job.source.open("rb") as source:
        picture, offered = _open(source, job, limits, latest)
        renditions, smallest = _write_renditions(picture.pixels, offered, job.workdir)
        stored = _store_original(source, picture.kind.name, job)
    tiny = shrink(smallest, fit(smallest.size, PLACEHOLDER_EDGE))
    taken_at = picture.facts.taken_at
    return {
        "kind": picture.kind.name,
        "width": picture.width,
        "height": picture.height,
        "animated": picture.animated,
        "taken_at": None if taken_at is None else int(taken_at.timestamp()),
        "taken_offset": minutes_east(taken_at),
        "camera": picture.facts.camera,
        "placeholder": _make_placeholder(tiny),
        "colour": find_dominant_colour(tiny),
        "renditions": renditions,
        **stored,
    }


def _open(source: BinaryIO, job: Job, limits: Limits, latest: datetime) -> tuple[Picture, Offered]:
    """The picture, and the offered renditions that show it. With a good one of the largest kind the picture itself
    is decoded at the small scale of the comparison alone: that is what saves the time."""
    if SPECS[0].name in job.offered:
        picture = open_picture(source, limits, latest, LIKENESS_EDGE, LIKENESS_FILTER)
        offered = take_offered(job.offered, picture)
        if SPECS[0].name in offered:
            return picture, offered
    return open_picture(source, limits, latest), {}


def _write_renditions(
    pixels: Image.Image, offered: Offered, workdir: Path
) -> tuple[list[dict[str, object]], Image.Image]:
    """Each from the one before it, or from the pixels that were offered; always encoded here, so that nothing of a
    stranger's file but its pixels can be served."""
    renditions: list[dict[str, object]] = []
    for spec in SPECS:
        if spec.name in offered:
            pixels = offered[spec.name]
        elif (size := fit(pixels.size, spec.long_edge)) != pixels.size:
            pixels = shrink(pixels, size, Image.Resampling.LANCZOS)
        encoded = io.BytesIO()  # not straight into the file: Pillow would lose the errno of a full disk
        pixels.save(encoded, spec.format, **spec.options)
        with (workdir / spec.filename).open("xb") as target:
            target.write(encoded.getbuffer())
        renditions.append(
            {
                "spec": spec.name,
                "width": pixels.width,
                "height": pixels.height,
                "bytes": encoded.tell(),
                "offered": spec.name in offered,
            }
        )
    return renditions, pixels


def _make_placeholder(tiny: Image.Image) -> str:
    encoded = io.BytesIO()
    tiny.save(encoded, "WEBP", quality=5, method=6)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _store_original(source: BinaryIO, kind: str, job: Job) -> dict[str, object]:
    """Write the original without its metadata (unless it is kept as it came), and measure what is stored."""
    source.seek(0)
    if job.keep_metadata:
        return _measure(source) | _measure_clean(source, kind)
    with (job.workdir / ORIGINAL_NAME).open("xb") as target:
        stored = _Measured(target)
        try:
            strip_metadata(source, stored, kind)
        except CorruptContainer as error:
            message = "This file is damaged: its parts do not fit together."
            raise ImageRejected("corrupt_image", message) from error
    return stored.report()


def _measure_clean(source: BinaryIO, kind: str) -> dict[str, object]:
    """What the file would be without its metadata: visitors never get the rest. Nothing when that cannot be made."""
    source.seek(0)
    clean = _Counted()
    try:
        strip_metadata(source, clean, kind)
    except CorruptContainer:
        return {}
    return {"clean_bytes": clean.size, "clean_crc32": clean.crc32}


def _measure(stored: BinaryIO) -> dict[str, object]:
    measured = _Measured()
    while chunk := stored.read(_CHUNK):
        measured.write(chunk)
    return measured.report()


class _Counted:
    """What is written here goes nowhere; what is known of it is what a zip has to say."""

    def __init__(self) -> None:
        self.crc32 = self.size = 0

    def write(self, part: Part) -> None:
        self.crc32 = zlib.crc32(part, self.crc32)
        self.size += len(part)


class _Measured(_Counted):
    """A file that is measured while it is written; without `target` it is measured alone."""

    def __init__(self, target: BinaryIO | None = None) -> None:
        super().__init__()
        self._target = target
        self._sha256 = hashlib.sha256()

    def write(self, part: Part) -> None:
        super().write(part)
        self._sha256.update(part)
        if self._target is not None:
            self._target.write(part)

    def report(self) -> dict[str, object]:
        return {"sha256": self._sha256.hexdigest(), "crc32": self.crc32, "bytes": self.size}
