"""One picture, in three named steps (bytes, sniffed format, pixels x frames), then decoded in full.

Runs in the limited child; everything here may be killed at any instruction.
"""

from __future__ import annotations

import errno
import io
import mmap
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from PIL import Image, JpegImagePlugin, PngImagePlugin, features

from galleries.decoding import colour, exif
from galleries.decoding.kinds import HEAD_BYTES, Kind, count_gif_frames, read_jpeg_frame, sniff_kind
from galleries.decoding.limits import Limits
from galleries.decoding.results import ImageRejected
from galleries.decoding.specs import SPECS
from galleries.decoding.tags import find_first_frame, find_profile, spread_transparent_grey
from galleries.stripping import CorruptContainer, strip_metadata

# What Pillow and its codecs raise over damaged pictures: all that was seen over 9,500 files, and their bases.
DECODE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    struct.error,
    SyntaxError,
    TypeError,
    ValueError,
    zlib.error,
)

_READ_ERRNOS = frozenset({errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE})

# EXIF orientation to the turn that undoes it (EXIF 2.32, 4.6.5).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The resize is done from at most this many times the wanted size; a box filter does the rest, much faster.
# Made that way, the 400 px thumbnail is 47 to 53 dB from the slow way.
_REDUCING_GAP = 2.0

# For the preview: half as wide as bicubic, so twice as fast, and to the eye as sharp (docs/decisions.md).
_PREVIEW_FILTER = Image.Resampling.HAMMING


@dataclass(frozen=True)
class Picture:
    """A decoded picture: its upright size; `pixels` scaled down as was asked for, upright, in sRGB."""

    kind: Kind
    width: int
    height: int
    animated: bool
    facts: exif.Facts
    pixels: Image.Image


def open_picture(
    source: BinaryIO,
    limits: Limits,
    latest: datetime,
    long_edge: int = SPECS[0].long_edge,
    resample: Image.Resampling = _PREVIEW_FILTER,
) -> Picture:
    """Check and decode a file, to pixels of at most `long_edge`, scaled by `resample`. Raises ImageRejected;
    MemoryError is left to the caller."""
    source.seek(0)
    kind = _check_format(_check_bytes(source))
    # Pillow raises above twice this, for WebP before it allocates the canvas. Warnings are off there.
    Image.MAX_IMAGE_PIXELS = (_pixel_limit(kind, limits) + 1) // 2
    PngImagePlugin.MAX_TEXT_CHUNK = limits.max_packed_text
    try:
        with _open_image(kind, source) as image:
            _check_pixels(kind, image, source, limits)
            animated = _is_animated(kind, image, source, limits)
            profile = find_profile(kind, image, source)
            return _decode(kind, image, profile, animated, latest, long_edge, resample)
    except Image.DecompressionBombError as error:
        raise too_many_pixels(limits) from error
    except DECODE_ERRORS as error:
        if _is_read_error(error):
            raise
        if "memory" in str(error).lower():  # how the codecs behind Pillow say MemoryError
            raise too_much_memory() from error
        frame = read_jpeg_frame(source) if kind.name == "jpeg" else None
        if frame is not None and not (frame.is_usual or frame.is_arithmetic):
            message = "This is a JPEG of a rare make (of 12 bits, or lossless) that cannot be opened here."
            raise ImageRejected("unsupported_format", message) from error
        raise ImageRejected("corrupt_image", "This file is damaged or not complete.") from error


def _open_image(kind: Kind, source: BinaryIO) -> Image.Image:
    source.seek(0)
    if kind.name == "png":
        return _open_png(kind, source)
    image = Image.open(source, formats=kind.formats)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        frame = read_jpeg_frame(source)
        if frame is not None and frame.is_arithmetic:  # libjpeg cannot stop in the middle of it to ask for more
            image.decodermaxblock = max(image.decodermaxblock, _length(source))
    return image


def _open_png(kind: Kind, source: BinaryIO) -> Image.Image:
    """Pillow refuses a PNG over any broken chunk; over those that a picture can do without, no browser does (PNG 3,
    13.1). What is broken is left out then, and all texts and times with it."""
    try:
        return Image.open(source, formats=kind.formats)
    except DECODE_ERRORS as error:
        if _is_read_error(error):
            raise
        sound = io.BytesIO()
        source.seek(0)
        try:
            strip_metadata(source, sound, kind.name)
        except CorruptContainer:
            raise error from None
        return Image.open(sound, formats=kind.formats)


def _length(source: BinaryIO) -> int:
    position = source.tell()
    length = source.seek(0, io.SEEK_END)
    source.seek(position)
    return length


def _is_read_error(error: BaseException) -> bool:
    """True when the disk is out of order, not the picture: Pillow's own OSErrors have no errno, or EINVAL
    after a seek to a place before the file's start."""
    return isinstance(error, OSError) and error.errno in _READ_ERRNOS


def too_many_pixels(limits: Limits) -> ImageRejected:
    jpeg, other = _millions(limits.max_pixels_jpeg), _millions(limits.max_pixels)
    most = f"It may have {jpeg}" if jpeg == other else f"A JPEG may have {jpeg}, any other {other}"
    return ImageRejected(
        "too_many_pixels",
        f"This picture has too many pixels to be opened here. {most}, and each side {limits.max_side:,} pixels.",
    )


def _millions(pixels: int) -> str:
    return f"{pixels / 1_000_000:g} million pixels"


def too_much_memory() -> ImageRejected:
    return ImageRejected("too_many_pixels", "This picture needs more memory than one picture may take here.")


def _check_bytes(source: BinaryIO) -> bytes:
    head = source.read(HEAD_BYTES)
    if not head:
        raise ImageRejected("empty_file", "This file is empty.")
    return head


def _check_format(head: bytes) -> Kind:
    kind = sniff_kind(head)
    if kind is None:
        raise ImageRejected(
            "unsupported_format",
            "Only JPEG, PNG, WebP, GIF, AVIF and HEIC pictures can be taken, and this file is none of them.",
        )
    if kind.name == "heic" and "HEIF" not in Image.OPEN:
        raise ImageRejected(
            "unsupported_format",
            "This site cannot open HEIC photos. Please send a JPEG "
            "(on an iPhone: Settings, Camera, Formats, Most Compatible).",
        )
    if kind.name == "avif" and not features.check("avif"):
        raise ImageRejected("unsupported_format", "This site cannot open AVIF pictures. Please send a JPEG.")
    return kind


def _pixel_limit(kind: Kind, limits: Limits) -> int:
    return limits.max_pixels_jpeg if kind.name == "jpeg" else limits.max_pixels


def _check_pixels(kind: Kind, image: Image.Image, source: BinaryIO, limits: Limits) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ValueError("no pixels")
    if max(width, height) > limits.max_side or width * height > _pixel_limit(kind, limits):
        raise too_many_pixels(limits)
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.info.get("progressive"):
        _check_progressive(image, source, limits)


def _check_progressive(image: JpegImagePlugin.JpegImageFile, source: BinaryIO, limits: Limits) -> None:
    """A progressive JPEG costs memory for all its coefficients, and time for each of its scans."""
    width, height = image.size
    sampling = [(across, down) for _, across, down, _ in image.layer]
    widest = max(across for across, _ in sampling) * max(down for _, down in sampling)
    samples = width * height * sum(across * down for across, down in sampling) // widest
    if 2 * samples > limits.max_coefficient_bytes:
        raise too_many_pixels(limits)
    scans = _count_scans(source, limits.max_scan_pixels // (width * height))
    if scans * width * height > limits.max_scan_pixels:
        raise ImageRejected("too_many_pixels", "This JPEG has too many scans to be opened here.")


def _count_scans(source: BinaryIO, limit: int) -> int:
    """Start-of-scan markers in a JPEG, up to `limit` + 1. Inside a scan FF is stuffed, so FF DA is a marker;
    a few more may stand in embedded previews, which does not matter here."""
    scans = 0
    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"\xff\xda")
        while at >= 0 and scans <= limit:
            scans += 1
            at = data.find(b"\xff\xda", at + 2)
    return scans


def _is_animated(kind: Kind, image: Image.Image, source: BinaryIO, limits: Limits) -> bool:
    if kind.name in ("jpeg", "heic"):  # several pictures in a file (MPF, HEIF) are not frames
        return False
    if kind.name == "gif":
        position = source.tell()
        frames = count_gif_frames(source, limits.max_frames)
        source.seek(position)
    else:
        frames = getattr(image, "n_frames", 1)  # from the header, may be a lie: never loop over it
    width, height = image.size
    return 1 < frames <= limits.max_frames and width * height * frames <= limits.max_animation_pixels


def _decode(
    kind: Kind,
    image: Image.Image,
    profile: bytes | None,
    animated: bool,
    latest: datetime,
    long_edge: int,
    resample: Image.Resampling,
) -> Picture:
    """The whole file is read here, at scale where the codec can; so a file that is cut off fails here."""
    width, height = image.size
    draft = None
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        draft = image.draft(None, fit((width, height), long_edge))
    spread_transparent_grey(image)
    covered = find_first_frame(kind, image)
    image.load()
    facts = exif.read_facts(image, latest)
    # The draft's size is rounded up: what lies beyond the picture's own edge is left out.
    scalable = colour.make_scalable(image)
    if covered:
        scalable = colour.clear_outside(scalable, covered)
    pixels = shrink(scalable, fit((width, height), long_edge), resample, draft and draft[1])
    pixels = colour.flatten_to_srgb(pixels, profile)
    if facts.orientation in _TURNS:
        pixels = pixels.transpose(_TURNS[facts.orientation])
    if facts.orientation >= 5:
        width, height = height, width
    return Picture(kind, width, height, animated, facts, pixels)


def fit(size: tuple[int, int], long_edge: int) -> tuple[int, int]:
    """`size` scaled down to a longest edge, each side at least 1 pixel; a smaller size as it is."""
    width, height = size
    longest = max(width, height)
    if longest <= long_edge:
        return size
    return max(1, round(width * long_edge / longest)), max(1, round(height * long_edge / longest))


def shrink(
    image: Image.Image,
    size: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.BICUBIC,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """The image, or what of it lies in `box`, at `size`; a copy without surroundings even when it has that size
    already."""
    if box is not None and box != (0, 0, *image.size):
        return image.resize(size, resample, box, reducing_gap=_REDUCING_GAP)
    if image.size == size:
        return image.copy()
    # Large ones are reduced by hand first: resize() drops the gap for pictures with alpha.
    factor = int(min(image.width / size[0], image.height / size[1]) / _REDUCING_GAP)
    if factor > 1:
        image = image.reduce(factor)
    return image.resize(size, resample)
