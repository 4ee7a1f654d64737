"""Remove metadata from a picture without touching its pixels.

The *stored original* (DESIGN section 5) keeps what decides how the picture looks: coded pixels byte for byte,
colour profile, orientation, animation timing. All else goes: EXIF, XMP, IPTC, comments, maker notes, C2PA,
previews and second pictures of a JPEG, private chunks, creation times, and every byte after the end.

Each container has a module with `strip(data) -> parts`, which works by allow-list: what it does not know, it
does not copy. They read hostile bytes, so each has its own cap on the number of pieces, walks the bytes once,
and never recurses deeper than the format itself. A colour profile is kept as it is, texts inside included, but
nothing behind its end, and nothing that is none; bytes hidden inside the coded pixel data themselves are out of
reach without re-encoding.
"""

import struct
from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol

from galleries.stripping import gif, isobmff, jpeg, png, webp
from galleries.stripping.errors import CorruptContainer

__all__ = ["KINDS", "CorruptContainer", "Part", "strip_metadata"]

Part = bytes | bytearray | memoryview
Parts = Sequence[Part]


class Target(Protocol):
    """What a stripped picture is written to."""

    def write(self, part: Part, /) -> object: ...


_STRIPPERS: dict[str, Callable[[bytes], Parts]] = {
    "jpeg": jpeg.strip,
    "png": png.strip,
    "webp": webp.strip,
    "gif": gif.strip,
    "avif": isobmff.strip,
    "heic": isobmff.strip,
}
KINDS = frozenset(_STRIPPERS)


def strip_metadata(source: BinaryIO, target: Target, kind: str) -> None:
    """Write `source` without its metadata to `target`.

    Reads all of `source` into memory (the caller has bounded it: 64 MiB by default) and needs at most about
    twice its size. Raises `CorruptContainer`, before the first byte is written, when the container's structure
    does not hold together; `KeyError` for a kind that is not in `KINDS`. It does not decode: broken pixels
    inside a sound container are the decoder's to find.
    """
    strip = _STRIPPERS[kind]
    try:
        parts = strip(source.read())
    except (struct.error, IndexError) as error:  # a length that was not checked: still only a corrupt file
        raise CorruptContainer(f"{kind}: {error}") from error
    for part in parts:
        target.write(part)
