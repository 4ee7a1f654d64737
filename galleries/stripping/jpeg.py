"""JPEG (ITU-T T.81): keep tables, frames and scans of the first picture, drop the rest.

Ends at the first end-of-image marker that is really one, so the second pictures of MPO, Ultra HDR gain maps,
motion photos and appended archives go. Bytes between segments that belong to none are dropped, as libjpeg
skips them; bytes inside a scan are copied as they are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from galleries.stripping.errors import CorruptContainer
from galleries.stripping.exif import chosen_orientation, orientation_only
from galleries.stripping.icc import profile_length

# A progressive picture has about ten scans and a hundred segments; the worst test file has thousands of scans.
MAX_SEGMENTS = 100_000

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})  # DHT, DAC, DQT, DNL, DRI
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM, RST0 to RST7

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff]")
# Inside a scan FF 00 is a stuffed byte and FF D0..D7 a restart. FF 01..BF is damage that decoders either skip
# or stop at; it stays where it is, so that they do with the copy what they did with the source.
_END_OF_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")

_JFIF_BYTES = 14  # up to the thumbnail
_ADOBE_BYTES = 12  # libjpeg ignores a shorter block
_ICC_HEADER_BYTES = 14  # the name, then number and count of chunks
_ICC_CHUNK_BYTES = 65_533 - _ICC_HEADER_BYTES  # what a segment holds besides


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int  # of the marker
    payload: int  # after the length
    end: int  # of the segment, without the scan that follows an SOS


@dataclass(slots=True)
class _Kept:
    """What has been picked up so far; `exif` and `xmp` only to learn the orientation."""

    jfif: bytes = b""
    exif: list[bytes] = field(default_factory=list)
    xmp: bytes = b""
    icc: list[tuple[int, int, memoryview]] = field(default_factory=list)  # (number, count, whole segment)
    icc_is_closed: bool = False
    adobe: bytes = b""
    body: list[memoryview] = field(default_factory=list)
    has_frame: bool = False
    has_scan: bool = False


def strip(data: bytes) -> list[bytes | memoryview]:
    """The first picture of a JPEG without its metadata. Raises `CorruptContainer`."""
    if data[:2] != b"\xff\xd8":
        raise CorruptContainer("jpeg: no start of image")
    view = memoryview(data)
    kept = _Kept()
    for segment in _segments(data):
        if segment.marker == _SOS:
            kept.has_scan = True
        elif segment.marker in _FRAMES:
            kept.has_frame = True
            kept.icc_is_closed = bool(kept.icc)  # a second profile further on is not added to the first
        if segment.marker in _FRAMES or segment.marker in _TABLES or segment.marker == _SOS or segment.marker == 0:
            kept.body.append(view[segment.start : segment.end])
        elif not kept.has_scan:  # what stands after the first scan is never read as colour or orientation
            _keep_application_data(kept, segment, data)
    if not (kept.has_frame and kept.has_scan):
        raise CorruptContainer("jpeg: no picture")
    exif = orientation_only(chosen_orientation(b"".join(kept.exif), kept.xmp))
    app1 = _segment_bytes(_APP1, b"Exif\0\0" + exif) if exif else b""
    return [b"\xff\xd8", kept.jfif, app1, kept.adobe, *_coherent_icc(kept), *kept.body, b"\xff\xd9"]


def blank(data: bytes) -> bytes:
    """A JPEG inside another container, which knows its length: everything that is no picture and no colour is zeroed.
    Raises `CorruptContainer`."""
    if data[:2] != b"\xff\xd8":
        raise CorruptContainer("jpeg: no start of image")
    blanked, end = bytearray(len(data)), 2
    blanked[:2] = b"\xff\xd8"
    for segment in _segments(data):
        end = segment.end
        kept = _kept_in_place(segment, data)
        blanked[segment.start : kept] = data[segment.start : kept]
        if segment.marker == _COM:  # an empty one would still be shown as a comment
            blanked[segment.start + 1] = _APP15
    end = data.index(b"\xff\xd9", end)
    blanked[end : end + 2] = b"\xff\xd9"
    return bytes(blanked)


def _kept_in_place(segment: _Segment, data: bytes) -> int:
    """The end of what stays of a segment; of application data at least marker and length."""
    if segment.marker in _FRAMES or segment.marker in _TABLES or segment.marker in (_SOS, 0):
        return segment.end
    begins = data[segment.payload : min(segment.end, segment.payload + _ICC_HEADER_BYTES)]
    if segment.marker == _APP2 and begins.startswith(b"ICC_PROFILE\0"):
        return segment.end
    if segment.marker == _APP0 and begins.startswith(b"JFIF\0"):
        return min(segment.payload + _JFIF_BYTES - 2, segment.end)  # without its thumbnail
    if segment.marker == _APP14 and begins.startswith(b"Adobe"):
        return min(segment.payload + _ADOBE_BYTES, segment.end)
    return segment.payload


def _segments(data: bytes) -> Iterator[_Segment]:
    """Each segment up to the end of image; the coded data of a scan comes as a segment with marker 0."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        match = _NEXT_MARKER.search(data, position)
        if match is None:
            raise CorruptContainer("jpeg: no end of image")
        start, position = match.span()
        marker = data[position - 1]
        if marker == _EOI:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        segment = _segment_at(data, marker, start)
        yield segment
        position = segment.end
        if marker == _SOS:
            after = _END_OF_SCAN.search(data, position)
            if after is None:
                raise CorruptContainer("jpeg: no end of image")
            yield _Segment(0, position, position, after.start())
            position = after.start()
    raise CorruptContainer("jpeg: too many segments")


def _segment_at(data: bytes, marker: int, start: int) -> _Segment:
    known = marker in _FRAMES or marker in _TABLES or marker in (_SOS, _COM)
    if not known and not _APP0 <= marker <= _APP15:
        raise CorruptContainer(f"jpeg: unexpected marker {marker:#04x}")
    payload = start + 4
    length = int.from_bytes(data[start + 2 : payload], "big")
    if payload > len(data) or start + 2 + length > len(data):
        raise CorruptContainer("jpeg: a segment is longer than the file")
    return _Segment(marker, start, payload, max(start + 2 + length, payload))


def _keep_application_data(kept: _Kept, segment: _Segment, data: bytes) -> None:
    begins = data[segment.payload : min(segment.end, segment.payload + 32)]
    if segment.marker == _APP0 and begins.startswith(b"JFIF\0") and len(begins) >= _JFIF_BYTES:
        # Its presence tells decoders that the colours are YCbCr; version, units and density stay.
        kept.jfif = kept.jfif or _segment_bytes(_APP0, begins[: _JFIF_BYTES - 2] + b"\0\0")
    elif segment.marker == _APP1 and begins.startswith(b"Exif\0\0"):
        kept.exif.append(data[segment.payload + 6 : segment.end])
    elif segment.marker == _APP1 and begins.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        kept.xmp = data[segment.payload : segment.end]
    elif segment.marker == _APP2 and begins.startswith(b"ICC_PROFILE\0") and len(begins) >= _ICC_HEADER_BYTES:
        number, count = begins[12:14]
        if not kept.icc_is_closed:
            kept.icc.append((number, count, memoryview(data)[segment.start : segment.end]))
    elif segment.marker == _APP14 and begins.startswith(b"Adobe") and len(begins) >= _ADOBE_BYTES:
        kept.adobe = _segment_bytes(_APP14, begins[:_ADOBE_BYTES])  # the last one decides the colour transform


def _coherent_icc(kept: _Kept) -> Sequence[bytes | memoryview]:
    """The profile's chunks in their order, without what is behind its end; nothing when they are no whole profile
    (readers ignore those)."""
    chunks = sorted(kept.icc, key=lambda chunk: chunk[0])
    if not chunks or chunks[0][1] != len(chunks):
        return []
    head = 4 + _ICC_HEADER_BYTES  # marker and length before it
    whole = b"".join(segment[head:] for _, _, segment in chunks)
    profile = whole[: profile_length(whole)]
    if profile and len(profile) == len(whole):
        return [segment for _, _, segment in chunks]
    parts = [profile[at : at + _ICC_CHUNK_BYTES] for at in range(0, len(profile), _ICC_CHUNK_BYTES)]
    names = [b"ICC_PROFILE\0" + bytes((number, len(parts))) for number in range(1, len(parts) + 1)]
    return [_segment_bytes(_APP2, name + part) for name, part in zip(names, parts, strict=True)]


def _segment_bytes(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
