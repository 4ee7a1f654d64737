"""JPEGs of rare makes: those that the codec can read are read, the others are refused as what they are."""

import base64
import io
from datetime import UTC, datetime

import pytest

from galleries.decoding import ImageRejected, Limits
from galleries.decoding.kinds import JpegFrame, read_jpeg_frame
from galleries.decoding.picture import open_picture
from tests.stripping.containers import after_soi, saved, segment, strip

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLAIN = saved("JPEG")
FRAME = PLAIN.index(b"\xff\xc0")
# Dark on the left, light on the right, 32 x 16, with arithmetic codes, which Pillow cannot write.
ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
    "Z2hnPk1xeXBkeFxlZ2P/yQALCAAQACABAREA/8wABgAQEAX/2gAIAQEAAD8A/wB4kKX4Wrz/2Q=="
)
BLOCK = 65_536  # what Pillow gives to the codec at once


def test_arithmetic_jpeg_is_read_whatever_its_length() -> None:
    """The codec cannot stop in the middle of a scan, and here one block ends there."""
    scan = ARITHMETIC.index(b"\xff\xda") + 16
    rest = BLOCK - scan - 2 * 4 - 30_000
    source = after_soi(ARITHMETIC, segment(0xFE, bytes(30_000)), segment(0xFE, bytes(rest)))
    for data in (ARITHMETIC, source, strip(source, "jpeg")):
        grey = open_picture(io.BytesIO(data), Limits(), NOW).pixels.convert("L")
        assert [round(grey.getpixel((x, 8)), -1) for x in (4, 28)] == [40, 220]  # type: ignore[arg-type]


def made(marker: int, bits: int = 8) -> bytes:
    """A JPEG that says so of itself, as far as its header."""
    return PLAIN[: FRAME + 1] + bytes((marker,)) + PLAIN[FRAME + 2 : FRAME + 4] + bytes((bits,)) + PLAIN[FRAME + 5 :]


@pytest.mark.parametrize(("marker", "bits"), [(0xC1, 12), (0xC2, 12), (0xC3, 16), (0xC5, 8), (0xF7, 8)])
def test_jpeg_that_nobody_here_can_read_is_no_damaged_one(marker: int, bits: int) -> None:
    data = made(marker, bits)
    assert read_jpeg_frame(io.BytesIO(data)) == JpegFrame(marker, bits)
    with pytest.raises(ImageRejected, match="rare make") as refused:
        open_picture(io.BytesIO(data), Limits(), NOW)
    assert refused.value.code == "unsupported_format"


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        (PLAIN, JpegFrame(0xC0, 8)),
        (PLAIN[:2] + b"\xff" * 300 + PLAIN[2:], JpegFrame(0xC0, 8)),
        (b"\xff\xd8" + segment(0xFE, b"") * 999 + PLAIN[FRAME:], JpegFrame(0xC0, 8)),
        (b"\xff\xd8" + segment(0xFE, b"") * 1000 + PLAIN[FRAME:], None),
        (PLAIN[: FRAME + 3], None),
        (b"\xff\xd8\xff\xe0\0\0" * 9, None),
        (b"\xff\xd8\xff", None),
        (b"", None),
    ],
)
def test_frame_of_a_jpeg_is_found(data: bytes, frame: JpegFrame | None) -> None:
    assert read_jpeg_frame(io.BytesIO(data)) == frame
