"""Which kind of picture a file is, by its content alone; how a JPEG is coded, and how often a GIF moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

HEAD_BYTES = 512  # an ftyp box has 16 bytes and 4 for each brand; real ones are shorter than 64


@dataclass(frozen=True)
class Kind:
    """A kind of picture that is taken: what it is called outside, and which Pillow plugins may open it."""

    name: str
    content_type: str
    extension: str
    formats: tuple[str, ...]


_KINDS = (
    # Good camera files carry a second picture (MPF) and open as MPO.
    Kind("jpeg", "image/jpeg", "jpg", ("JPEG", "MPO")),
    Kind("png", "image/png", "png", ("PNG",)),
    Kind("webp", "image/webp", "webp", ("WEBP",)),
    Kind("gif", "image/gif", "gif", ("GIF",)),
    Kind("avif", "image/avif", "avif", ("AVIF",)),
    Kind("heic", "image/heic", "heic", ("HEIF",)),
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1"})


def sniff_kind(head: bytes) -> Kind | None:
    """The kind that the first HEAD_BYTES of a file say it is, or None for anything that is not taken."""
    if head.startswith(b"\xff\xd8\xff"):
        return KINDS["jpeg"]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return KINDS["png"]
    if head.startswith((b"GIF87a", b"GIF89a")):
        return KINDS["gif"]
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return KINDS["webp"]
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return None


def _sniff_brands(head: bytes) -> Kind | None:
    """AVIF or HEIC by the brands of the ftyp box (ISO/IEC 14496-12, 4.3; 23008-12, annex B)."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))}
    if head[8:12] in _HEIC_BRANDS:
        return KINDS["heic"]
    if brands & _AVIF_BRANDS:
        return KINDS["avif"]
    # A film may name an image brand among its compatible ones: the first brand must be an image's.
    if head[8:12] in _HEIF_BRANDS:
        return KINDS["heic"]
    return None


_MAX_SEGMENTS = 1_000  # before the frame header; the most that was seen are a few dozen
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
_USUAL_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_ARITHMETIC_FRAMES = frozenset({0xC9, 0xCA})


@dataclass(frozen=True)
class JpegFrame:
    """How a JPEG is coded: the marker of its frame header, and the bits of a sample (ITU-T T.81, B.2.2)."""

    marker: int
    bits: int

    @property
    def is_arithmetic(self) -> bool:
        return self.marker in _ARITHMETIC_FRAMES

    @property
    def is_usual(self) -> bool:
        """What all programs read: 8 bits, Huffman codes, neither lossless nor hierarchical nor JPEG-LS (F7)."""
        return self.marker in _USUAL_FRAMES and self.bits == 8


def read_jpeg_frame(stream: BinaryIO) -> JpegFrame | None:
    """The frame header of a JPEG; None when there is none to be found. ``stream`` stands again where it stood."""
    position = stream.tell()
    try:
        stream.seek(2)
        for _ in range(_MAX_SEGMENTS):
            head = stream.read(5)
            if len(head) < 5 or head[0] != 0xFF:
                return None
            if head[1] in _FRAMES:
                return JpegFrame(head[1], head[4])
            # Fill bytes are stepped over one by one; all else says how long it is.
            stream.seek(-4 if head[1] == 0xFF else int.from_bytes(head[2:4], "big") - 3, 1)
        return None
    except (OSError, ValueError):  # a length that leads to before the beginning
        return None
    finally:
        stream.seek(position)


def count_gif_frames(stream: BinaryIO, limit: int) -> int:
    """The number of frames in a GIF, counted in its blocks; never more than `limit` + 1.

    Pillow composes every frame to count them: 27 s for 40,000 frames. A file that ends early or goes astray
    counts as far as it can be read (GIF89a, sections 15 to 27).
    """
    stream.seek(0)
    header = stream.read(13)
    if len(header) < 13:
        return 0
    _skip_colour_table(stream, header[10])
    frames = 0
    while frames <= limit:
        introducer = stream.read(1)
        if introducer == b"\x2c":
            descriptor = stream.read(9)
            if len(descriptor) < 9:
                break
            frames += 1
            _skip_colour_table(stream, descriptor[8])
            stream.seek(1, 1)  # minimum code size of the LZW data
        elif introducer == b"\x21":
            stream.seek(1, 1)  # label of the extension
        else:
            break
        if not _skip_sub_blocks(stream):
            break
    return frames


def _skip_colour_table(stream: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        stream.seek(3 << ((flags & 7) + 1), 1)


def _skip_sub_blocks(stream: BinaryIO) -> bool:
    """To the end of a chain of sub-blocks; False when the file ends first."""
    while size := stream.read(1):
        if size == b"\0":
            return True
        stream.seek(size[0], 1)
    return False
