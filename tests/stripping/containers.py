"""What the tests of stripping share: calling it, decoding with Pillow, and building small files by hand."""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from PIL import Image

from galleries.stripping import strip_metadata

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF"]  # MPO comes with JPEG; named itself it is a KeyError
MAX_FRAMES_COMPARED = 12
ORIENTATION = 0x0112
# What undoes each orientation (EXIF 2.32, 4.6.5).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises over broken pictures (STACK.md).
BROKEN = (
    *(OSError, ValueError, RuntimeError, SyntaxError, IndexError, EOFError, ArithmeticError),
    struct.error,
    Image.DecompressionBombError,
)

with suppress(ImportError):  # optional: without it HEIC files are stripped here but not decoded
    import pillow_heif

    pillow_heif.register_heif_opener()
    FORMATS.append("HEIF")


def strip(data: bytes, kind: str) -> bytes:
    target = io.BytesIO()
    strip_metadata(io.BytesIO(data), target, kind)
    return target.getvalue()


def kind_of(data: bytes) -> str | None:
    """The kind by its first bytes, None for what the gallery does not take."""
    if data.startswith(b"\xff\xd8"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[4:8] == b"ftyp":
        return "avif" if data[8:11] == b"avi" else "heic"
    return None


@dataclass(frozen=True)
class Decoded:
    """Everything that a person sees of a picture."""

    size: tuple[int, int]
    mode: str
    frames: tuple[str, ...]  # a digest of each
    upright_size: tuple[int, int]
    upright: str
    icc: bytes | None


def open_picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=FORMATS)


def decode(data: bytes) -> Decoded | None:
    """The picture as Pillow shows it, None when Pillow cannot load it."""
    try:
        with open_picture(data) as image:
            image.load()
            size, mode, icc = image.size, image.mode, read_profile(image.info.get("icc_profile"))
            first = _digest(image)
            upright = _upright(image)
            upright_digest = first if upright is image else _digest(upright)
            frames = [first, *_further_frames(image)]
    except BROKEN:
        return None
    return Decoded(size, mode, tuple(frames), upright.size, upright_digest, icc)


def read_profile(icc: bytes | None) -> bytes | None:
    """What a colour manager takes of a profile: nothing of what is none, and nothing behind its end."""
    return icc[: int.from_bytes(icc[:4], "big")] if icc and icc[36:40] == b"acsp" else None


def profile(text: bytes = b"") -> bytes:
    """What begins like a profile, and has no colours."""
    length = 132 + len(text)
    return struct.pack(">I32x4s", length, b"acsp").ljust(132, b"\0") + text


def _further_frames(image: Image.Image) -> Iterator[str]:
    if image.format == "MPO":  # its further pictures are dropped by design
        return
    try:
        for number in range(1, min(getattr(image, "n_frames", 1), MAX_FRAMES_COMPARED)):
            image.seek(number)
            yield f"{image.info.get('duration')} {_digest(image)}"
    except BROKEN:  # a good first picture, then damage: it must be found again
        yield "damaged"


def _upright(image: Image.Image) -> Image.Image:
    """Not `ImageOps.exif_transpose`: it writes the EXIF anew, and stumbles over tags that viewers ignore."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except (ValueError, SyntaxError):
        return image
    if isinstance(orientation, bytes):  # some write one byte instead of a short
        orientation = orientation[0] if len(orientation) == 1 else 1
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _digest(image: Image.Image) -> str:
    palette = image.getpalette() if image.mode == "P" else None
    return sha256(image.tobytes() + bytes(palette or [])).hexdigest()


def private_info(data: bytes) -> dict[str, Any]:
    """What Pillow still finds in a file besides the picture, its colours and its orientation."""
    with open_picture(data) as image:
        if image.format == "PNG":
            image.load()  # its texts may stand after the pixels
        tags: dict[Any, Any] = {tag: value for tag, value in _read_exif(image).items() if tag != ORIENTATION}
        texts = {"comment", "photoshop", "mp", "mpoffset", "XML:com.adobe.xmp", "Raw profile type exif"}
        found = {key: image.info[key] for key in texts & image.info.keys()}
        if image.info.get("xmp", b"").strip(b"\0"):
            found["xmp"] = image.info["xmp"]
        return tags | found | dict(getattr(image, "text", {}))


def _read_exif(image: Image.Image) -> Mapping[int, Any]:
    try:
        return image.getexif()
    except SyntaxError:  # no TIFF: of a broken HEIC the item may point at the file's own structure
        return {}


def tiff(orientation: int = 1, description: bytes = b"private") -> bytes:
    """An EXIF block with a description, the orientation, and a position."""
    entries = [
        struct.pack("<HHII", 0x010E, 2, len(description) + 1, 8 + 2 + 3 * 12 + 4),
        struct.pack("<HHIHH", ORIENTATION, 3, 1, orientation, 0),
        struct.pack("<HHII", 0x8825, 4, 1, 8 + 2 + 3 * 12),  # a GPS directory without entries
    ]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + b"".join(entries) + b"\0\0\0\0" + description + b"\0"


def saved(format_name: str, size: tuple[int, int] = (24, 16), **options: Any) -> bytes:
    """A small picture, different in each corner, as Pillow writes it."""
    image = Image.new("RGB", size, "navy")
    image.paste("orange", (0, 0, size[0] // 2, size[1] // 3))
    target = io.BytesIO()
    image.save(target, format_name, **options)
    return target.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def after_soi(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += length + 12
    return found


def riff_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks: bytes) -> bytes:
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def riff_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 12
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        found.append((data[position : position + 4], data[position + 8 : position + 8 + length]))
        position += 8 + length + length % 2
    return found


def box(kind: bytes, *content: bytes) -> bytes:
    payload = b"".join(content)
    return struct.pack(">I", len(payload) + 8) + kind + payload


def full_box(kind: bytes, version: int, *content: bytes) -> bytes:
    return box(kind, bytes((version, 0, 0, 0)), *content)
