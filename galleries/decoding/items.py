"""How the first picture of an AVIF or HEIC says in numbers what its colours are (ISO/IEC 23008-12, 6.5.5)."""

from __future__ import annotations

from typing import BinaryIO

from galleries.stripping import CorruptContainer
from galleries.stripping.boxes import Box, BoxFile

# A photograph in tiles describes its items in some 30 KiB, before the first picture.
_HEAD_BYTES = 1024 * 1024


def read_colour_codes(source: BinaryIO) -> tuple[int, int] | None:
    """Colour primaries and transfer characteristics of ITU-T H.273; None where the file names none, or a profile.
    ``source`` stands again where it stood."""
    position = source.tell()
    source.seek(0)
    head = bytearray(source.read(_HEAD_BYTES))
    source.seek(position)
    try:
        return _find_codes(BoxFile(head))
    except (CorruptContainer, IndexError):  # the stripper says so, or the decoder; colours are no reason
        return None


def _find_codes(file: BoxFile) -> tuple[int, int] | None:
    meta, start = None, 0
    while meta is None and (box := file.box_at(start, len(file.buffer))):
        meta, start = (box if box.kind == b"meta" else None), box.end
    if meta is None or meta.end > len(file.buffer):
        return None
    boxes = {box.kind: box for box in file.children(meta.payload + 4, meta.end)}
    if b"pitm" not in boxes or b"iprp" not in boxes:
        return None
    inner = {box.kind: box for box in file.children(boxes[b"iprp"].payload, boxes[b"iprp"].end)}
    if b"ipco" not in inner or b"ipma" not in inner:
        return None
    properties = list(file.children(inner[b"ipco"].payload, inner[b"ipco"].end))
    colours = {}
    for index in _properties_of(file, inner[b"ipma"], _read_primary(file, boxes[b"pitm"])):
        if 0 < index <= len(properties) and properties[index - 1].kind == b"colr":
            cursor = file.cursor(properties[index - 1])
            colours[cursor.four()] = cursor
    if b"nclx" not in colours or len(colours) > 1:
        return None
    return colours[b"nclx"].number(2), colours[b"nclx"].number(2)


def _read_primary(file: BoxFile, pitm: Box) -> int:
    cursor = file.cursor(pitm)
    return cursor.number(4 if cursor.number(4) >> 24 else 2)


def _properties_of(file: BoxFile, ipma: Box, item: int) -> list[int]:
    """The numbers, from 1, of an item's properties (ISO/IEC 23008-12, 9.3.2)."""
    cursor = file.cursor(ipma)
    begins = cursor.number(4)
    item_bytes, index_bytes = (4 if begins >> 24 else 2), (2 if begins & 1 else 1)
    for _ in range(cursor.number(4)):
        found = cursor.number(item_bytes) == item
        indices = [cursor.number(index_bytes) for _ in range(cursor.number(1))]
        if found:
            return [index & (0x7FFF if index_bytes == 2 else 0x7F) for index in indices]
    return []
