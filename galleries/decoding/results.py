"""What decoding answers: a picture, a refusal that names its reason, or "the machinery is out of order"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

REJECTION_CODES = frozenset({"unsupported_format", "too_many_pixels", "corrupt_image", "empty_file"})


class ImageRejected(Exception):
    """The file itself is the reason. `code` is stable (REJECTION_CODES), `message` a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class DecoderUnavailable(Exception):
    """Nothing is known about the file: decoding did not work at all, and may be tried again.

    `errno` is that of the operating system when it gave one (ENOSPC: the work directory is full).
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


@dataclass(frozen=True)
class Rendition:
    """A rendition as it lies in the work directory. Sizes in pixels and bytes; `spec` is the spec's name.

    offered: its pixels are those of the rendition that came with the picture, found to show the same.
    """

    spec: str
    path: Path
    content_type: str
    extension: str
    width: int
    height: int
    bytes: int
    offered: bool = False


@dataclass(frozen=True)
class DecodedImage:
    """A picture that was decoded in full.

    width, height: upright, in pixels.
    animated: it moves, and a browser can be asked to play it (frames and pixels within the limits); a longer
        animation is kept as it is, and shown as its first frame.
    original_path, bytes, sha256, crc32: of what is to be stored, metadata removed unless it was to be kept.
    clean_bytes, clean_crc32: of the same without metadata, None when that could not be made.
    taken_at: aware, at the offset of the camera's clock (UTC when it names none); None when the file does not say.
    camera: "" when the file does not say; plain text, not escaped.
    placeholder: a data URI of 16 px. colour: "#rrggbb".
    """

    kind: str
    content_type: str
    extension: str
    width: int
    height: int
    animated: bool
    original_path: Path
    bytes: int
    sha256: str
    crc32: int
    taken_at: datetime | None
    camera: str
    placeholder: str
    colour: str
    renditions: tuple[Rendition, ...]
    clean_bytes: int | None = None
    clean_crc32: int | None = None
