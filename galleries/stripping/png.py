"""PNG and APNG (PNG Third Edition, W3C 2025): keep the chunks that decide the pixels.

Kept as they are: the picture (IHDR PLTE tRNS IDAT IEND), the animation (acTL fcTL fdAT) and what says how its
numbers are colours (gAMA cHRM sRGB cICP mDCV cLLI sBIT), what shows behind it (bKGD) and how wide a pixel is
(pHYs). iCCP keeps its profile under a neutral name. Dropped: texts, time, EXIF (an orientation comes back as a
minimal eXIf), C2PA, suggested palettes (their names are free text), histograms (nobody reads them), private
chunks, all after IEND. So a screenshot that was cropped by overwriting the file (CVE-2023-21036) is cut there.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from galleries.stripping.errors import CorruptContainer
from galleries.stripping.exif import chosen_orientation, orientation_only
from galleries.stripping.icc import profile_length

# 64 MiB in data chunks of 8 KiB, as most encoders write them, are 8,192 chunks; some files have one a row.
MAX_CHUNKS = 250_000

# What is unpacked is either thrown away (profiles) or searched for one digit (texts): bounded against bombs.
MAX_PROFILE_BYTES = 16 * 1024 * 1024
MAX_TEXT_BYTES = 1024 * 1024

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"})
# How many bytes each may hold: more would be a hiding place, and over fewer strict readers stumble.
_ANCILLARY = {
    b"gAMA": (4,),
    b"cHRM": (32,),
    b"sRGB": (1,),
    b"cICP": (4,),
    b"mDCV": (24,),
    b"mDCv": (24,),  # the spelling of the draft, still written by encoders
    b"cLLI": (8,),
    b"cLLi": (8,),
    b"sBIT": (1, 2, 3, 4),
    b"bKGD": (1, 2, 6),
    b"pHYs": (9,),
}
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_IEND = b"\0\0\0\0IEND\xaeB`\x82"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_EXIF_KEYWORD = b"Raw profile type exif"  # ImageMagick's way, from before there was an eXIf chunk


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int  # of the length
    data: int
    end_of_data: int

    @property
    def end(self) -> int:
        return self.end_of_data + 4


@dataclass(slots=True)
class _Turned:
    """Where a PNG may say how it is turned."""

    exif: bytes | None = None
    raw_profile: bytes | None = None
    xmp: bytes | None = None

    def orientation(self) -> int:
        return chosen_orientation(self.raw_profile if self.exif is None else self.exif, self.xmp)


@dataclass(slots=True)
class _Parts:
    head: list[bytes | memoryview] = field(default_factory=list)  # before the first IDAT
    body: list[memoryview] = field(default_factory=list)


def strip(data: bytes) -> list[bytes | memoryview]:
    """A PNG without its metadata. Raises `CorruptContainer`."""
    if data[:8] != _SIGNATURE:
        raise CorruptContainer("png: no signature")
    view = memoryview(data)
    turned, parts = _Turned(), _Parts()
    has_data = has_profile = False
    for chunk in _chunks(data):
        has_data = has_data or chunk.kind == b"IDAT"
        if chunk.kind in _PICTURE:
            (parts.body if has_data else parts.head).append(view[chunk.start : chunk.end])
        elif chunk.kind == b"iCCP":
            if not has_data and not has_profile:  # one only: each costs up to MAX_PROFILE_BYTES of unpacking
                parts.head.append(_renamed_profile(data, chunk))
            has_profile = True
        elif chunk.kind in _ANCILLARY:
            if _is_sound(view, chunk) and not has_data:  # all of these must stand before the data
                parts.head.append(view[chunk.start : chunk.end])
        elif chunk.kind == b"eXIf":
            turned.exif = data[chunk.data : chunk.end_of_data] if turned.exif is None else turned.exif
        elif chunk.kind in _TEXTS:
            _read_text(turned, chunk.kind, view[chunk.data : chunk.end_of_data])
        elif not chunk.kind[0] & 0x20:  # an upper-case first letter: nobody may show the picture without it
            raise CorruptContainer(f"png: unknown critical chunk {chunk.kind!r}")
    if not has_data:
        raise CorruptContainer("png: no picture")
    exif = orientation_only(turned.orientation())
    if exif:
        parts.head.append(_chunk_bytes(b"eXIf", exif))
    return [_SIGNATURE, *parts.head, *parts.body, _IEND]


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Each chunk before IEND, its bounds checked; the first is IHDR."""
    position = len(_SIGNATURE)
    for number in range(MAX_CHUNKS):
        header = data[position : position + 8]
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        chunk = _Chunk(kind, position, position + 8, position + 8 + length)
        if kind == b"IEND" and number:
            return
        if len(header) < 8 or chunk.end > len(data):
            raise CorruptContainer("png: cut short")
        if (kind == b"IHDR") != (number == 0) or (number == 0 and length != 13):
            raise CorruptContainer("png: does not begin with one header")
        if not kind.isalpha():
            raise CorruptContainer("png: a chunk without a name")
        yield chunk
        position = chunk.end
    raise CorruptContainer("png: too many chunks")


def _is_sound(view: memoryview, chunk: _Chunk) -> bool:
    """Whether an ancillary chunk is worth keeping: of its length, and its check sum right."""
    if chunk.end_of_data - chunk.data not in _ANCILLARY[chunk.kind]:
        return False
    stored = int.from_bytes(view[chunk.end_of_data : chunk.end], "big")
    return zlib.crc32(view[chunk.start + 4 : chunk.end_of_data]) == stored


def _renamed_profile(data: bytes, chunk: _Chunk) -> bytes:
    """The iCCP chunk under the name "icc", without bytes after the compressed profile; empty if it is broken."""
    start = data.find(b"\0", chunk.data, min(chunk.data + 80, chunk.end_of_data)) + 2
    if start < 2 or start >= chunk.end_of_data or data[start - 1] != 0:
        return b""
    compressed = data[start : chunk.end_of_data]
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(compressed, MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
    length = profile_length(profile)
    if not unpacker.eof or not length:
        return b""
    if length < len(profile):
        return _chunk_bytes(b"iCCP", b"icc\0\0" + zlib.compress(profile[:length]))
    return _chunk_bytes(b"iCCP", b"icc\0\0" + compressed[: len(compressed) - len(unpacker.unused_data)])


def _read_text(turned: _Turned, kind: bytes, text: memoryview) -> None:
    begins = bytes(text[:80])
    if kind == b"iTXt":
        if begins.startswith(_XMP_KEYWORD + b"\0") and turned.xmp is None:
            turned.xmp = _international_text(bytes(text[len(_XMP_KEYWORD) + 1 :]))
    elif begins.startswith(_EXIF_KEYWORD + b"\0") and turned.raw_profile is None:
        value = bytes(text[len(_EXIF_KEYWORD) + 1 :])
        turned.raw_profile = _unhex(_unpacked(value[1:]) if kind == b"zTXt" else value)


def _international_text(value: bytes) -> bytes:
    """What follows the keyword of an iTXt: flag, method, language, translated keyword, text."""
    fields = value[2:].split(b"\0", 2)
    if len(fields) < 3:
        return b""
    return _unpacked(fields[2]) if value[0] else fields[2]


def _unpacked(compressed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(compressed, MAX_TEXT_BYTES)
    except zlib.error:
        return b""


def _unhex(profile: bytes) -> bytes:
    """The bytes of ImageMagick's profile text: an empty line, name, length, then lines of hexadecimal digits."""
    try:
        return bytes.fromhex(profile[: 2 * MAX_TEXT_BYTES].split(b"\n", 3)[3].decode("ascii"))
    except (ValueError, IndexError):
        return b""


def _chunk_bytes(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
