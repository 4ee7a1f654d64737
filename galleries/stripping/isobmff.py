"""AVIF and HEIC: everything but pictures is zeroed in place, so no position in the file has to be rewritten.

Boxes that are not known to be needed become free space; names and times inside needed ones are zeroed. Of the
media data only the bytes that belong to a picture item or a sample of a picture track survive: Exif, XMP and
the rest of the items go because nothing keeps them. All pictures in the file stay, thumbnails, depth and gain
maps included (viewers use them); one that is a JPEG loses its own metadata. How the picture is turned lies in
properties (irot, imir), which stay; the orientation in Exif is for information only (ISO/IEC 23008-12, A.2)
and goes with it. The file ends with its last needed box, but not before the place of an item: readers refuse a file
that is shorter than it says.
"""

from galleries.stripping import jpeg
from galleries.stripping.boxes import FREE, Box, BoxFile
from galleries.stripping.errors import CorruptContainer
from galleries.stripping.isobmff_items import MediaSpans, read_meta
from galleries.stripping.isobmff_tracks import read_movie
from galleries.stripping.spans import Span, gaps, holds, merged, touches

_NEEDED = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})
_APPENDED = frozenset({b"ftyp", bytes(4)})  # another file: the video of a motion photo; zeros
_OPTIONAL = frozenset({b"mdat", FREE})
# Brands under which a moov box holds pictures; without one it belongs to an appended video.
_SEQUENCE_BRANDS = frozenset({b"avis", b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"})
# An Exif item of zeros makes readers stumble (Pillow refuses the whole AVIF): the offset of the TIFF header,
# then a header that points to a directory without entries.
_EMPTY_EXIF = b"\0\0\0\0" + b"MM\0*\0\0\0\x08" + b"\0\0" + b"\0\0\0\0"


def strip(data: bytes) -> list[bytes | bytearray | memoryview]:
    """An AVIF or HEIC without its metadata. Raises `CorruptContainer`."""
    file = BoxFile(bytearray(data))
    boxes = _top_level(file)
    spans = MediaSpans()
    for box in boxes:
        if box.kind == b"meta":
            read_meta(file, box, spans)
        elif box.kind == b"moov":
            spans.pictures += read_movie(file, box)
    media = [(box.payload, box.end) for box in boxes if box.kind == b"mdat"]
    pictures = _checked_pictures(spans, media)
    for start, end in [*media, *spans.idat]:
        for gap in list(gaps(pictures, start, end)):
            file.zero(*gap)
    for extents in spans.jpegs:
        _blank_jpeg(file, extents)
    _write_empty_exif(file, spans, merged([*media, *spans.idat]))
    return [memoryview(file.buffer)[: _end_of_needed(boxes, merged([*pictures, *spans.metadata]))]]


def _top_level(file: BoxFile) -> list[Box]:
    """The boxes of the file. Those that are not needed are free space now, and so is what has been appended."""
    boxes: list[Box] = []
    brands: frozenset[bytes] = frozenset()
    position, size = 0, len(file.buffer)
    while box := file.box_at(position, size):
        if not boxes:
            if box.kind != b"ftyp" or box.end > size:
                raise CorruptContainer("isobmff: does not begin with its type")
            brands = _brands(file, box)
        elif box.kind in _APPENDED:
            break
        if box.end > size:
            if box.kind in _NEEDED:
                raise CorruptContainer("isobmff: cut short")
            break
        if box.kind not in _NEEDED or (box.kind == b"moov" and not brands & _SEQUENCE_BRANDS):
            box = file.blank(box)
        boxes.append(box)
        position = box.end
    if position < size:
        boxes.append(file.blank_rest(position))
    return boxes


def _brands(file: BoxFile, ftyp: Box) -> frozenset[bytes]:
    payload = bytes(file.buffer[ftyp.payload : ftyp.end])
    return frozenset(payload[at : at + 4] for at in range(0, min(len(payload), 256), 4) if at != 4)


def _checked_pictures(spans: MediaSpans, media: list[Span]) -> list[Span]:
    """All bytes of pictures, merged: each within media data, none of them metadata or a JPEG's as well."""
    places = merged([*media, *spans.idat])
    others, jpegs = merged(spans.pictures), [span for extents in spans.jpegs for span in extents]
    pictures = merged([*others, *jpegs])
    if not pictures:
        raise CorruptContainer("isobmff: no picture")
    if _length(pictures) != _length(others) + _length(jpegs):
        raise CorruptContainer("isobmff: a JPEG shares bytes with another picture")
    if not all(holds(places, start, end) for start, end in pictures):
        raise CorruptContainer("isobmff: a picture lies outside of the media data")
    if any(touches(pictures, start, end) for start, end in spans.metadata):
        raise CorruptContainer("isobmff: a picture shares bytes with metadata")
    return pictures


def _length(spans: list[Span]) -> int:
    return sum(end - start for start, end in spans)


def _blank_jpeg(file: BoxFile, extents: list[Span]) -> None:
    """Zero the metadata of a picture that is a JPEG; all of it when nobody could read it as one."""
    data = b"".join(bytes(file.buffer[start:end]) for start, end in extents)
    try:
        data = jpeg.blank(data)
    except CorruptContainer:
        data = bytes(len(data))
    position = 0
    for start, end in extents:
        file.buffer[start:end] = data[position : position + end - start]
        position += end - start


def _write_empty_exif(file: BoxFile, spans: MediaSpans, places: list[Span]) -> None:
    for start, end in spans.exif:
        after = start + len(_EMPTY_EXIF)
        if after <= end and holds(places, start, after):
            file.buffer[start:after] = _EMPTY_EXIF


def _end_of_needed(boxes: list[Box], places: list[Span]) -> int:
    """Where the file may end: media data and free space without an item in it are not needed."""
    needed = [box for box in boxes if box.kind not in _OPTIONAL or touches(places, box.start, box.end)]
    return needed[-1].end
