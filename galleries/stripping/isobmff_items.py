"""Items of AVIF and HEIC (ISO/IEC 23008-12): which bytes are pictures, which are metadata."""

from dataclasses import dataclass, field

from galleries.stripping.boxes import Box, BoxFile, Cursor
from galleries.stripping.errors import CorruptContainer
from galleries.stripping.icc import profile_length
from galleries.stripping.spans import Span

# Of the whole file. A 200-megapixel HEIC in tiles of 512 pixels has 800 items of one extent each; an extent
# may be declared in no bytes at all, so their number is not bounded by the size of the box.
MAX_EXTENTS = 100_000

_META_BOXES = frozenset({b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat", b"grpl", b"dinf"})
# Coded pictures, and items that say how a picture is put together from others (tmap: from an HDR gain map).
_PICTURES = frozenset(
    {b"av01", b"hvc1", b"hev1", b"lhv1", b"avc1", b"vvc1", b"evc1", b"jpeg", b"j2k1", b"unci"}
    | {b"grid", b"iovl", b"iden", b"tmap"}
)
# Properties that decoders need or that change how the picture looks. Not here, hence blanked: descriptions and
# accessibility texts (udes, altt), times (crtt, mdft), where the camera stood (cmin, cmex), the head that JPEG items
# may share (jpgC, which has places for comments), uuid.
_PROPERTIES = frozenset(
    {
        b"ispe",
        b"pixi",
        b"colr",
        b"pasp",
        b"irot",
        b"imir",
        b"clap",
        b"rloc",
        b"auxC",
        b"lsel",
        b"a1op",
        b"a1lx",
    }
    | {b"av1C", b"hvcC", b"lhvC", b"avcC", b"vvcC", b"evcC", b"j2kH", b"uncC", b"cmpd", b"icef"}
    | {b"clli", b"mdcv", b"cclv", b"amve", b"reve", b"ndwt", b"tols", b"oinf", b"subs", b"iscl"}
)
_PROFILES = (b"prof", b"rICC")
_IN_FILE, _IN_IDAT = 0, 1


@dataclass(slots=True)
class MediaSpans:
    """What the metadata boxes say of the bytes in media boxes, as positions in the file."""

    pictures: list[Span] = field(default_factory=list)
    metadata: list[Span] = field(default_factory=list)
    exif: list[Span] = field(default_factory=list)  # the first extent of each Exif item
    jpegs: list[list[Span]] = field(default_factory=list)  # pictures that are whole files, with places for metadata
    idat: list[Span] = field(default_factory=list)  # the small media boxes inside meta boxes
    extents_left: int = MAX_EXTENTS


@dataclass(frozen=True, slots=True)
class _Location:
    item: int
    method: int
    extents: list[Span]  # relative to the file or the idat; an end of -1 is "to the end"


def read_meta(file: BoxFile, meta: Box, spans: MediaSpans) -> None:
    """Scrub a meta box and add to `spans` where its items lie. Raises `CorruptContainer`."""
    kinds: dict[int, bytes] = {}
    primary: int | None = None
    locations: list[_Location] = []
    idat: Box | None = None
    for box in file.only(_META_BOXES, meta.payload + 4, meta.end):
        if box.kind == b"hdlr":
            blank_handler_name(file, box)
        elif box.kind == b"pitm":
            cursor = file.cursor(box)
            primary = cursor.number(4 if cursor.number(4) >> 24 else 2)
        elif box.kind == b"iinf":
            kinds |= _read_item_kinds(file, box)
        elif box.kind == b"iprp":
            _scrub_properties(file, box)
        elif box.kind == b"dinf":
            blank_data_references(file, box)
        elif box.kind == b"iloc":
            locations += _read_locations(file, box, spans)
        elif box.kind == b"idat":
            idat = box
            spans.idat.append((box.payload, box.end))
    if primary is not None and kinds.get(primary) not in _PICTURES:
        raise CorruptContainer("isobmff: the primary item is no picture")
    _place(locations, kinds, idat, len(file.buffer), spans)


def blank_handler_name(file: BoxFile, handler: Box) -> None:
    """Zero the free text of a hdlr box: after version, four reserved, type and twelve reserved bytes."""
    file.zero(handler.payload + 24, handler.end)


def blank_data_references(file: BoxFile, dinf: Box) -> None:
    """Zero the addresses in a dinf box: everything lies in this file."""
    for dref in file.only({b"dref"}, dinf.payload, dinf.end):
        for reference in file.children(dref.payload + 8, dref.end):
            file.zero(reference.payload + 4, reference.end)


def _read_item_kinds(file: BoxFile, iinf: Box) -> dict[int, bytes]:
    """The type of each item; names, content types and encodings are zeroed."""
    kinds = {}
    version = file.cursor(iinf).number(1)
    for infe in file.children(iinf.payload + (6 if version == 0 else 8), iinf.end):
        if infe.kind != b"infe":
            file.blank(infe)
            continue
        cursor = file.cursor(infe)
        infe_version = cursor.number(4) >> 24
        item = cursor.number(4 if infe_version > 2 else 2)
        cursor.number(2)  # protection
        kinds[item] = cursor.four() if infe_version > 1 else b"mime"
        file.zero(cursor.position, infe.end)
    return kinds


def _scrub_properties(file: BoxFile, iprp: Box) -> None:
    for box in file.only({b"ipco", b"ipma"}, iprp.payload, iprp.end):
        if box.kind == b"ipco":
            for kept in file.only(_PROPERTIES, box.payload, box.end):  # blanked ones keep their place in the count
                if kept.kind == b"colr":
                    scrub_profile(file, kept)


def scrub_profile(file: BoxFile, colr: Box) -> None:
    """Zero what stands behind a colour profile, and blank a box whose profile is none."""
    if file.buffer[colr.payload : colr.payload + 4] not in _PROFILES:
        return
    start = colr.payload + 4
    length = profile_length(bytes(file.buffer[start : colr.end]))
    if length:
        file.zero(start + length, colr.end)
    else:
        file.blank(colr)


def _read_locations(file: BoxFile, iloc: Box, spans: MediaSpans) -> list[_Location]:
    cursor = file.cursor(iloc)
    version = cursor.number(4) >> 24
    sizes = cursor.number(2)
    if version > 2:
        raise CorruptContainer("isobmff: unknown version of iloc")
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    locations = []
    for _ in range(cursor.number(4 if version == 2 else 2)):
        item = cursor.number(4 if version == 2 else 2)
        method = cursor.number(2) & 15 if version else _IN_FILE
        cursor.number(2)  # data reference: this file
        base = cursor.number(base_size)
        count = cursor.number(2)
        spans.extents_left -= count + 1
        if spans.extents_left < 0:
            raise CorruptContainer("isobmff: too many extents")
        extents = [_extent(cursor, base, index_size, offset_size, length_size) for _ in range(count)]
        locations.append(_Location(item, method, extents))
    return locations


def _extent(cursor: Cursor, base: int, index_size: int, offset_size: int, length_size: int) -> Span:
    cursor.number(index_size)
    start = base + cursor.number(offset_size)
    length = cursor.number(length_size)
    return start, start + length if length else -1


def _place(
    locations: list[_Location], kinds: dict[int, bytes], idat: Box | None, file_bytes: int, spans: MediaSpans
) -> None:
    """Turn the locations of all items into positions in the file."""
    for location in locations:
        kind = kinds.get(location.item)
        is_picture = kind in _PICTURES
        if location.method == _IN_FILE:
            base, end = 0, file_bytes
        elif location.method == _IN_IDAT and idat:
            base, end = idat.payload, idat.end
        elif is_picture:
            raise CorruptContainer("isobmff: a picture lies nowhere")
        else:
            continue
        placed = [(base + start, end if stop < 0 else base + stop) for start, stop in location.extents]
        if is_picture and any(stop > end or start > stop for start, stop in placed):
            raise CorruptContainer("isobmff: a picture lies outside of the file")
        if kind == b"jpeg":
            spans.jpegs.append(placed)
        else:
            (spans.pictures if is_picture else spans.metadata).extend(placed)
        if kind == b"Exif" and placed:
            spans.exif.append(placed[0])
