"""WebP (RFC 9649): keep the picture or its frames, the colour profile, and the orientation.

The flags of VP8X say what follows, and decoders believe them rather than the chunks: a profile or EXIF block
without its flag is invisible and is dropped, and the flags are written to match what is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from galleries.stripping.errors import CorruptContainer
from galleries.stripping.exif import chosen_orientation, orientation_only
from galleries.stripping.icc import profile_length

# A frame is two to four chunks; the longest real animations have a few thousand frames.
MAX_CHUNKS = 250_000

_ICC_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG, _ANIMATION_FLAG = 0x20, 0x10, 0x08, 0x04, 0x02
_VP8X_BYTES, _ANIM_BYTES, _FRAME_HEADER_BYTES = 10, 6, 16
_STILL = frozenset({b"VP8 ", b"VP8L"})

Part = bytes | memoryview


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    data: memoryview
    padding: bytes = b"\0"  # what makes its size even: decoders read a damaged picture on into it


@dataclass(slots=True)
class _Budget:
    chunks: int = MAX_CHUNKS


@dataclass(slots=True)
class _Picture:
    """What an extended file (VP8X) holds that is worth keeping."""

    flags: int
    canvas: bytes
    icc: list[Part] = field(default_factory=list)
    body: list[Part] = field(default_factory=list)
    exif: bytes | None = None
    xmp: bytes | None = None
    has_picture: bool = False


def strip(data: bytes) -> list[Part]:
    """A WebP without its metadata. Raises `CorruptContainer`."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise CorruptContainer("webp: no header")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:  # one missing padding byte at the end is common and harmless
        raise CorruptContainer("webp: cut short")
    budget = _Budget()
    chunks = _chunks(memoryview(data)[12:end], budget)
    first = next(chunks, None)
    if first is None:
        raise CorruptContainer("webp: empty")
    if first.kind in _STILL:  # the simple format: one picture, nothing else is looked at
        return _riff(_chunk_parts(first.kind, [first.data], first.padding))
    if first.kind != b"VP8X" or len(first.data) < _VP8X_BYTES:
        raise CorruptContainer("webp: does not begin with a picture or its extended header")
    picture = _Picture(first.data[0], bytes(first.data[4:_VP8X_BYTES]))
    for chunk in chunks:
        _keep(picture, chunk, budget)
    if not picture.has_picture:
        raise CorruptContainer("webp: no picture")
    return _extended(picture)


def _extended(picture: _Picture) -> list[Part]:
    exif = orientation_only(chosen_orientation(picture.exif, picture.xmp))
    flags = picture.flags & (_ALPHA_FLAG | _ANIMATION_FLAG)
    flags |= (_ICC_FLAG if picture.icc else 0) | (_EXIF_FLAG if exif else 0)
    parts = _chunk_parts(b"VP8X", [bytes((flags, 0, 0, 0)), picture.canvas])
    parts += picture.icc + picture.body
    if exif:
        parts += _chunk_parts(b"EXIF", [exif])
    return _riff(parts)


def _chunks(view: memoryview, budget: _Budget) -> Iterator[_Chunk]:
    """Each chunk of a RIFF list; fewer than eight bytes at its end are no chunk and are dropped."""
    position = 0
    while position + 8 <= len(view):
        budget.chunks -= 1
        if budget.chunks < 0:
            raise CorruptContainer("webp: too many chunks")
        size = int.from_bytes(view[position + 4 : position + 8], "little")
        end = position + 8 + size
        if end > len(view):
            raise CorruptContainer("webp: a chunk is longer than the file")
        yield _Chunk(
            bytes(view[position : position + 4]), view[position + 8 : end], bytes(view[end : end + 1]) or b"\0"
        )
        position = end + size % 2


def _keep(picture: _Picture, chunk: _Chunk, budget: _Budget) -> None:
    animated = bool(picture.flags & _ANIMATION_FLAG)
    if chunk.kind == b"ICCP" and picture.flags & _ICC_FLAG and not picture.icc:
        length = profile_length(bytes(chunk.data))
        picture.icc = _chunk_parts(b"ICCP", [chunk.data[:length]]) if length else []
    elif chunk.kind == b"EXIF" and picture.flags & _EXIF_FLAG and picture.exif is None:
        picture.exif = bytes(chunk.data)
    elif chunk.kind == b"XMP " and picture.flags & _XMP_FLAG and picture.xmp is None:
        picture.xmp = bytes(chunk.data)
    elif chunk.kind == b"ANIM" and animated:
        picture.body += _chunk_parts(b"ANIM", [chunk.data[:_ANIM_BYTES]])
    elif chunk.kind == b"ANMF" and animated:
        picture.body += _frame(chunk.data, budget)
        picture.has_picture = True
    elif not animated and not picture.has_picture and (chunk.kind == b"ALPH" or chunk.kind in _STILL):
        picture.body += _chunk_parts(chunk.kind, [chunk.data], chunk.padding)
        picture.has_picture = chunk.kind in _STILL


def _frame(data: memoryview, budget: _Budget) -> list[Part]:
    """An animation frame with only its picture and alpha."""
    content: list[Part] = [data[:_FRAME_HEADER_BYTES]]
    for chunk in _chunks(data[_FRAME_HEADER_BYTES:], budget):
        if chunk.kind == b"ALPH" or chunk.kind in _STILL:
            content += _chunk_parts(chunk.kind, [chunk.data], chunk.padding)
    return _chunk_parts(b"ANMF", content)


def _chunk_parts(kind: bytes, content: list[Part], padding: bytes = b"\0") -> list[Part]:
    size = sum(map(len, content))
    return [kind + size.to_bytes(4, "little"), *content, padding[: size % 2]]


def _riff(parts: list[Part]) -> list[Part]:
    return [b"RIFF" + (4 + sum(map(len, parts))).to_bytes(4, "little") + b"WEBP", *parts]
