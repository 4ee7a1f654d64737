"""Tracks of picture sequences, animated AVIF above all (ISO/IEC 14496-12, 23008-12): samples, no metadata."""

import struct
from dataclasses import dataclass
from itertools import accumulate

from galleries.stripping.boxes import Box, BoxFile
from galleries.stripping.errors import CorruptContainer
from galleries.stripping.isobmff_items import blank_data_references, blank_handler_name, scrub_profile
from galleries.stripping.spans import Span

# Samples of all tracks; 300 frames are what the gallery shows, a minute of video at 60 frames has 3,600.
MAX_SAMPLES = 250_000

_PICTURE_HANDLERS = frozenset({b"pict", b"vide", b"auxv"})
# Sample entries of coded pictures. libavif shows a track that has one, whatever its handler says.
_CODED_PICTURES = frozenset(
    {b"av01", b"hvc1", b"hev1", b"lhv1", b"avc1", b"avc3", b"vvc1", b"vvi1", b"evc1", b"uncv", b"j2ki", b"mjpg"}
)
_SAMPLE_TABLES = frozenset(
    {
        b"stsd",
        b"stts",
        b"ctts",
        b"cslg",
        b"stss",
        b"stsc",
        b"stsz",
        b"stco",
        b"co64",
        b"sgpd",
        b"sbgp",
        b"sdtp",
    }
)
_SAMPLE_ENTRY_BOXES = frozenset(
    {
        b"av1C",
        b"hvcC",
        b"avcC",
        b"vvcC",
        b"colr",
        b"pasp",
        b"clap",
        b"irot",
        b"imir",
        b"pixi",
        b"ccst",
        b"auxi",
        b"mdcv",
        b"clli",
    }
)
# Of a visual sample entry, after size and kind: where the compressor's name stands and where boxes begin.
_COMPRESSOR_NAME = (42, 74)
_SAMPLE_ENTRY_BYTES = 78


@dataclass(slots=True)
class _Budget:
    samples: int = MAX_SAMPLES

    def spend(self, samples: int) -> None:
        self.samples -= samples
        if self.samples < 0:
            raise CorruptContainer("isobmff: too many samples")


def read_movie(file: BoxFile, moov: Box) -> list[Span]:
    """Scrub a moov box; answers where the samples of its picture tracks lie. Raises `CorruptContainer`."""
    samples: list[Span] = []
    budget = _Budget()
    for box in file.only({b"mvhd", b"trak"}, moov.payload, moov.end):
        if box.kind == b"mvhd":
            _zero_times(file, box)
        else:
            samples += _read_track(file, box, budget)
    return samples


def _read_track(file: BoxFile, trak: Box, budget: _Budget) -> list[Span]:
    """A track of anything but pictures (sound, timed metadata) is blanked whole and has no samples.

    One that holds coded pictures under another name, or under none, is corrupt: a decoder may show it, or need
    it for a file that it opens, and whether its samples are a picture or something private nobody can tell.
    """
    boxes = file.only({b"tkhd", b"edts", b"tref", b"mdia"}, trak.payload, trak.end)
    media = [box for box in boxes if box.kind == b"mdia"]
    if not any(_is_pictures(file, mdia) for mdia in media):
        if any(_holds_coded_pictures(file, mdia) for mdia in media):
            raise CorruptContainer("isobmff: a track of pictures that does not say so")
        file.blank(trak)
        return []
    for box in boxes:
        if box.kind == b"tkhd":
            _zero_times(file, box)
    return [span for mdia in media for span in _read_media(file, mdia, budget)]


def _is_pictures(file: BoxFile, mdia: Box) -> bool:
    return any(file.cursor(box, 8).four() in _PICTURE_HANDLERS for box in _inside(file, [mdia], b"hdlr"))


def _holds_coded_pictures(file: BoxFile, mdia: Box) -> bool:
    tables = _inside(file, _inside(file, [mdia], b"minf"), b"stbl")
    entries = [entry for stsd in _inside(file, tables, b"stsd") for entry in file.children(stsd.payload + 8, stsd.end)]
    return any(entry.kind in _CODED_PICTURES for entry in entries)


def _inside(file: BoxFile, boxes: list[Box], kind: bytes) -> list[Box]:
    return [inner for box in boxes for inner in file.children(box.payload, box.end) if inner.kind == kind]


def _read_media(file: BoxFile, mdia: Box, budget: _Budget) -> list[Span]:
    samples: list[Span] = []
    for box in file.only({b"mdhd", b"hdlr", b"minf"}, mdia.payload, mdia.end):
        if box.kind == b"mdhd":
            _zero_times(file, box)
        elif box.kind == b"hdlr":
            blank_handler_name(file, box)
        else:
            for inner in file.only({b"vmhd", b"nmhd", b"hdlr", b"dinf", b"stbl"}, box.payload, box.end):
                if inner.kind == b"hdlr":
                    blank_handler_name(file, inner)
                elif inner.kind == b"dinf":
                    blank_data_references(file, inner)
                elif inner.kind == b"stbl":
                    samples += _read_samples(file, inner, budget)
    return samples


def _zero_times(file: BoxFile, box: Box) -> None:
    """Creation and modification time, which mvhd, tkhd and mdhd all begin with."""
    size = 16 if file.cursor(box).number(1) else 8
    file.zero(box.payload + 4, min(box.payload + 4 + size, box.end))


def _read_samples(file: BoxFile, stbl: Box, budget: _Budget) -> list[Span]:
    tables: dict[bytes, Box] = {}
    for box in file.only(_SAMPLE_TABLES, stbl.payload, stbl.end):
        if box.kind == b"stsd":
            _scrub_sample_entries(file, box)
        tables[box.kind] = box
    offsets = _chunk_offsets(file, tables, budget)
    per_chunk = _samples_per_chunk(file, tables, len(offsets), budget)
    size, ends = _sample_sizes(file, tables, budget)
    spans, first = [], 0
    for offset, count in zip(offsets, per_chunk, strict=True):
        if size:
            length = size * count
        else:
            last = min(first + count, len(ends) - 1)
            length = ends[last] - ends[first]
            first = last
        spans.append((offset, offset + length))
    return spans


def _scrub_sample_entries(file: BoxFile, stsd: Box) -> None:
    for entry in file.children(stsd.payload + 8, stsd.end):
        if entry.payload + _SAMPLE_ENTRY_BYTES > entry.end:
            raise CorruptContainer("isobmff: a sample entry is too short")
        name_start, name_end = _COMPRESSOR_NAME
        file.zero(entry.payload + name_start, entry.payload + name_end)
        for box in file.only(_SAMPLE_ENTRY_BOXES, entry.payload + _SAMPLE_ENTRY_BYTES, entry.end):
            if box.kind == b"colr":
                scrub_profile(file, box)


def _table(file: BoxFile, box: Box | None, skip: int, number: str, budget: _Budget) -> tuple[int, ...]:
    """The numbers of a table whose count stands after `skip` bytes."""
    if box is None:
        raise CorruptContainer("isobmff: a track without its tables")
    cursor = file.cursor(box, skip)
    count = cursor.number(4)
    budget.spend(count)
    layout = struct.Struct(f">{count * len(number)}{number[0]}")
    if cursor.position + layout.size > box.end:
        raise CorruptContainer("isobmff: a table is longer than its box")
    return layout.unpack_from(file.buffer, cursor.position)


def _chunk_offsets(file: BoxFile, tables: dict[bytes, Box], budget: _Budget) -> tuple[int, ...]:
    if b"co64" in tables:
        return _table(file, tables[b"co64"], 4, "Q", budget)
    return _table(file, tables.get(b"stco"), 4, "I", budget)


def _samples_per_chunk(file: BoxFile, tables: dict[bytes, Box], chunks: int, budget: _Budget) -> list[int]:
    """stsc holds runs of (first chunk, samples per chunk, description); a run lasts until the next one's first."""
    runs = _table(file, tables.get(b"stsc"), 4, "III", budget)
    starts = [*runs[0::3], chunks + 1]
    counts: list[int] = []
    for number, samples in enumerate(runs[1::3]):
        length = starts[number + 1] - starts[number]
        if starts[number] != len(counts) + 1 or length < 0 or len(counts) + length > chunks:
            raise CorruptContainer("isobmff: chunks of a track do not add up")
        counts += [samples] * length
    if len(counts) != chunks:
        raise CorruptContainer("isobmff: chunks of a track do not add up")
    return counts


def _sample_sizes(file: BoxFile, tables: dict[bytes, Box], budget: _Budget) -> tuple[int, list[int]]:
    """The one size of all samples, or 0 and the running total of their sizes, beginning with 0."""
    box = tables.get(b"stsz")
    size = file.cursor(box, 4).number(4) if box else 0
    if size:
        return size, [0]
    return 0, list(accumulate(_table(file, box, 8, "I", budget), initial=0))
