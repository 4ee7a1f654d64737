"""WebP: chunks, and the flags that must match them."""

import struct

import pytest
from PIL import Image

from galleries.stripping import CorruptContainer
from tests import photos
from tests.stripping.containers import (
    ORIENTATION,
    decode,
    open_picture,
    profile,
    riff_chunk,
    riff_chunks,
    saved,
    strip,
    tiff,
    webp,
)

SIMPLE = saved("WEBP", quality=80)
PICTURE = SIMPLE[12:]
CANVAS = (23).to_bytes(3, "little") + (15).to_bytes(3, "little")
ICC, ALPHA, EXIF, XMP, ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02


def header(flags: int) -> bytes:
    return riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + CANVAS)


def test_webp_without_metadata_stays_as_it_is() -> None:
    assert strip(SIMPLE, "webp") == SIMPLE
    lossless = saved("WEBP", lossless=True)
    assert strip(lossless, "webp") == lossless


def test_webp_loses_exif_xmp_and_unknown_chunks_and_their_flags() -> None:
    chunks = [riff_chunk(b"EXIF", tiff(1)), riff_chunk(b"XMP ", b"private"), riff_chunk(b"PRIV", b"private")]
    assert strip(webp(header(EXIF | XMP), PICTURE, *chunks), "webp") == webp(header(0), PICTURE)


def test_webp_orientation_is_kept_as_a_minimal_exif_with_its_flag() -> None:
    source = webp(header(EXIF | XMP), PICTURE, riff_chunk(b"EXIF", b"Exif\0\0" + tiff(5)), riff_chunk(b"XMP ", b"x"))
    stripped = strip(source, "webp")
    found = riff_chunks(stripped)
    assert [kind for kind, _ in found] == [b"VP8X", b"VP8 ", b"EXIF"]
    assert found[0][1][0] == EXIF
    with open_picture(stripped) as image:
        assert dict(image.getexif()) == {ORIENTATION: 5}
    assert decode(stripped) == decode(source)
    assert strip(stripped, "webp") == stripped


def test_webp_exif_without_its_flag_turns_nothing() -> None:
    assert strip(webp(header(0), PICTURE, riff_chunk(b"EXIF", tiff(6))), "webp") == webp(header(0), PICTURE)


def test_webp_profile_is_kept_and_flagged_only_when_it_was_visible() -> None:
    kept = webp(header(ICC | ALPHA), riff_chunk(b"ICCP", profile(b"a profile")), PICTURE)
    assert strip(kept, "webp") == kept
    longer = riff_chunk(b"ICCP", profile(b"a profile") + b"private")
    assert strip(webp(header(ICC | ALPHA), longer, PICTURE), "webp") == kept
    private = riff_chunk(b"ICCP", b"private" * 40)
    assert strip(webp(header(ICC | ALPHA), private, PICTURE), "webp") == webp(header(ALPHA), PICTURE)
    assert strip(webp(header(0), riff_chunk(b"ICCP", profile()), PICTURE), "webp") == webp(header(0), PICTURE)
    assert strip(webp(header(ICC), PICTURE), "webp") == webp(header(0), PICTURE)


def test_webp_frames_keep_only_their_pictures() -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("navy", "orange", "teal")]
    animated = saved("WEBP", save_all=True, append_images=frames, duration=[10, 20, 30, 40])
    chunks = riff_chunks(animated)
    private = riff_chunk(b"PRIV", b"private")
    source = webp(*(riff_chunk(kind, data + private * (kind in {b"ANIM", b"ANMF"})) for kind, data in chunks), private)
    assert private in source
    assert strip(source, "webp") == animated
    assert decode(animated) == decode(source)


def test_webp_ends_where_its_header_says_and_after_one_picture() -> None:
    assert strip(SIMPLE + b"PK\x03\x04evil", "webp") == SIMPLE
    assert strip(webp(PICTURE, riff_chunk(b"EXIF", tiff(6))), "webp") == SIMPLE
    assert strip(webp(header(0), PICTURE, PICTURE), "webp") == webp(header(0), PICTURE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SIMPLE[:12],
        webp(),
        SIMPLE[:-10],
        webp(header(0)),
        webp(riff_chunk(b"EXIF", tiff(1)), PICTURE),
        webp(riff_chunk(b"VP8X", b"\0"), PICTURE),
        webp(header(0), b"VP8 " + struct.pack("<I", 0xFFFFFFFF) + b"ab"),
        webp(header(ANIMATION), PICTURE),
        webp(header(0), riff_chunk(b"PRIV", b"") * 250_001, PICTURE),
    ],
    ids=lambda data: f"{len(data)}-bytes",
)
def test_webp_that_does_not_hold_together_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptContainer, match=r"^webp: "):
        strip(data, "webp")


def test_webp_that_is_damaged_keeps_the_byte_that_its_decoder_reads_last() -> None:
    """One byte too many, and the picture goes on in what pads its chunk."""
    whole = photos.path("webp/lossless2.webp").read_bytes()
    data = whole[:11_420] + b"\x8f" + whole[11_420:]
    assert decode(data) is not None
    assert decode(strip(data, "webp")) == decode(data)
