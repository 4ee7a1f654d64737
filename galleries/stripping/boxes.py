"""The box structure under AVIF and HEIC (ISO/IEC 14496-12), read and blanked in place."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from galleries.stripping.errors import CorruptContainer

# A photograph in tiles has some hundred boxes; 64 MiB of empty boxes would be eight million.
MAX_BOXES = 200_000
FREE = b"free"


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    start: int
    payload: int  # after size and kind
    end: int


@dataclass(slots=True)
class Cursor:
    """Big-endian numbers of a span, never read beyond it."""

    buffer: bytearray
    position: int
    end: int

    def number(self, size: int) -> int:
        """The next `size` bytes as a number; 0 for a field of no bytes."""
        after = self.position + size
        if after > self.end:
            raise CorruptContainer("isobmff: a box is shorter than its fields")
        value = int.from_bytes(self.buffer[self.position : after], "big")
        self.position = after
        return value

    def four(self) -> bytes:
        return self.number(4).to_bytes(4, "big")


@dataclass(slots=True)
class BoxFile:
    """The whole file in a buffer whose length never changes while boxes are looked at."""

    buffer: bytearray
    boxes_left: int = MAX_BOXES

    def cursor(self, box: Box, skip: int = 0) -> Cursor:
        return Cursor(self.buffer, box.payload + skip, box.end)

    def box_at(self, start: int, end: int) -> Box | None:
        """The box that begins here, its bounds not yet checked; None where no header fits."""
        self.boxes_left -= 1
        if self.boxes_left < 0:
            raise CorruptContainer("isobmff: too many boxes")
        if start + 8 > end:
            return None
        size = int.from_bytes(self.buffer[start : start + 4], "big")
        kind, payload = bytes(self.buffer[start + 4 : start + 8]), start + 8
        if size == 1:
            payload = start + 16
            size = int.from_bytes(self.buffer[start + 8 : payload], "big")
        elif size == 0:
            size = end - start
        return Box(kind, start, payload, start + size) if payload <= start + size else None

    def children(self, start: int, end: int) -> Iterator[Box]:
        """The boxes of a container. Bytes after the last one that can be no box are zeroed."""
        while start + 8 <= end:
            box = self.box_at(start, end)
            if box is None or box.end > end:
                raise CorruptContainer("isobmff: a box is longer than what holds it")
            yield box
            start = box.end
        self.zero(start, end)

    def only(self, allowed: Container[bytes], start: int, end: int) -> list[Box]:
        """The allowed boxes of a container; the others are blanked."""
        kept = []
        for box in self.children(start, end):
            if box.kind in allowed:
                kept.append(box)
            else:
                self.blank(box)
        return kept

    def zero(self, start: int, end: int) -> None:
        if start < end:
            self.buffer[start:end] = bytes(end - start)

    def blank(self, box: Box) -> Box:
        """Turn a box into free space of the same length."""
        self.buffer[box.start + 4 : box.start + 8] = FREE
        self.zero(box.payload, box.end)
        return replace(box, kind=FREE)

    def blank_rest(self, start: int) -> Box:
        """Zero all that follows: to readers a box without a name that goes on to the end."""
        self.zero(start, len(self.buffer))
        return Box(FREE, start, start, len(self.buffer))
