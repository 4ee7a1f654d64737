"""GIF (87a and 89a): keep screen, palettes, timing and images; drop what only tells something.

Dropped: comments, plain text (no viewer draws it), application blocks (XMP among them) other than the loop count
and a colour profile, unknown extensions, and every byte after the trailer.
"""

import re
from dataclasses import dataclass, field

from galleries.stripping.errors import CorruptContainer

# 64 MiB in blocks of 255 bytes are 263,000; full blocks are skipped in one step and not counted.
MAX_SUB_BLOCKS = 2_000_000
MAX_BLOCKS = 250_000

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_SCREEN_BYTES, _IMAGE_BYTES, _CONTROL_BYTES, _APPLICATION_NAME_BYTES = 13, 10, 4, 11
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_PROFILE = b"ICCRGBG1012"
_FULL_BLOCKS = re.compile(rb"(?:\xff.{255})*+", re.DOTALL)  # possessive: no memory a block


@dataclass(slots=True)
class _Reader:
    data: bytes
    sub_blocks: int = MAX_SUB_BLOCKS
    kept: list[memoryview] = field(default_factory=list)

    def end_of_sub_blocks(self, position: int) -> int:
        """The position after the terminator of the chain of sub-blocks that begins here."""
        data, budget = self.data, self.sub_blocks
        try:
            while length := data[position]:
                if length == 255 and (full := _FULL_BLOCKS.match(data, position)) and full.end() > position:
                    position = full.end()
                else:
                    position += length + 1
                budget -= 1
                if budget < 0:
                    raise CorruptContainer("gif: too many blocks")
        except IndexError:
            raise CorruptContainer("gif: cut short") from None
        self.sub_blocks = budget
        return position + 1

    def keep(self, start: int, end: int) -> None:
        if end > len(self.data):
            raise CorruptContainer("gif: cut short")
        self.kept.append(memoryview(self.data)[start:end])


def strip(data: bytes) -> list[bytes | memoryview]:
    """A GIF without its metadata. Raises `CorruptContainer`."""
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < _SCREEN_BYTES:
        raise CorruptContainer("gif: no header")
    reader = _Reader(data)
    position = _SCREEN_BYTES + _palette_bytes(data[10])
    reader.keep(0, position)
    has_image = False
    for _ in range(MAX_BLOCKS):
        introducer = data[position] if position < len(data) else _TRAILER
        if introducer == _EXTENSION:
            position = _extension(reader, position)
        elif introducer == _IMAGE:
            position = _image(reader, position)
            has_image = True
        elif introducer == 0:  # some encoders pad between blocks
            position += 1
        else:  # the trailer, or what a viewer takes for the end
            break
    else:
        raise CorruptContainer("gif: too many blocks")
    if not has_image:
        raise CorruptContainer("gif: no picture")
    return [*reader.kept, bytes((_TRAILER,))]


def _palette_bytes(flags: int) -> int:
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _image(reader: _Reader, start: int) -> int:
    if start + _IMAGE_BYTES > len(reader.data):
        raise CorruptContainer("gif: cut short")
    palette = _palette_bytes(reader.data[start + _IMAGE_BYTES - 1])
    code_size = start + _IMAGE_BYTES + palette
    end = reader.end_of_sub_blocks(code_size + 1)
    reader.keep(start, end)
    return end


def _extension(reader: _Reader, start: int) -> int:
    data = reader.data
    if start + 3 > len(data):
        raise CorruptContainer("gif: cut short")
    label, size = data[start + 1], data[start + 2]
    end = reader.end_of_sub_blocks(start + 2)
    if label == _GRAPHIC_CONTROL and size >= _CONTROL_BYTES:  # of a longer one viewers read the beginning
        control = data[start + 3 : start + 3 + _CONTROL_BYTES]
        reader.kept.append(memoryview(bytes((_EXTENSION, _GRAPHIC_CONTROL, _CONTROL_BYTES, *control, 0))))
    elif label == _APPLICATION and size == _APPLICATION_NAME_BYTES:
        _application(reader, start, end)
    return end


def _application(reader: _Reader, start: int, end: int) -> None:
    content = start + 3 + _APPLICATION_NAME_BYTES
    name = reader.data[start + 3 : content]
    if name in _LOOPS and reader.data[content : content + 2] == b"\x03\x01":
        reader.keep(start, content + 4)  # the loop count; further sub-blocks (buffering hints) go
        reader.kept.append(memoryview(b"\0"))
    elif name == _PROFILE:
        reader.keep(start, end)
