"""PNG and APNG: which chunks stay, and in what shape."""

import zlib

import pytest

from galleries.stripping import CorruptContainer
from tests.stripping.containers import (
    ORIENTATION,
    decode,
    open_picture,
    png_chunk,
    png_chunks,
    profile,
    saved,
    strip,
    tiff,
)

PNG = saved("PNG")
HEADER_END = 33
IEND = PNG[-12:]


def with_chunks(*chunks: bytes, late: bytes = b"") -> bytes:
    """Chunks after the header, `late` ones between the pixels and the end."""
    return PNG[:HEADER_END] + b"".join(chunks) + PNG[HEADER_END:-12] + late + IEND


def test_png_without_metadata_stays_as_it_is() -> None:
    assert strip(PNG, "png") == PNG


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"tEXt", b"Comment\0private"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"private")),
        (b"iTXt", b"Comment\0\0\0\0\0private"),
        (b"tIME", b"\x07\xe8\x01\x01\0\0\0"),
        (b"sPLT", b"private\0\x08"),
        (b"hIST", b"\0\1"),
        (b"caBX", b"private"),
        (b"prVt", b"private"),
        (b"eXIf", tiff(1)),
        (b"gAMA", b"\0\0\xb1\x8fprivate"),  # longer than it may be
        (b"iCCP", b"broken\0\0not deflate"),
    ],
)
def test_png_chunk_that_tells_something_is_dropped_before_and_after_the_pixels(kind: bytes, data: bytes) -> None:
    chunk = png_chunk(kind, data)
    assert strip(with_chunks(chunk), "png") == PNG
    assert strip(with_chunks(late=chunk), "png") == PNG


def test_png_chunk_with_a_wrong_check_sum_is_dropped() -> None:
    assert strip(with_chunks(png_chunk(b"sRGB", b"\0")[:-1] + b"!"), "png") == PNG


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"gAMA", b"\0\0\xb1\x8f"),
        (b"sRGB", b"\0"),
        (b"cICP", b"\x0c\x0d\0\1"),
        (b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\1"),
        (b"bKGD", b"\0\1\0\2\0\3"),
        (b"sBIT", b"\5\6\5"),
        (b"tRNS", b"\0\0\0\0\0\x80"),
    ],
)
def test_png_chunk_that_decides_how_it_looks_is_kept(kind: bytes, data: bytes) -> None:
    source = with_chunks(png_chunk(kind, data))
    assert strip(source, "png") == source


def test_png_profile_keeps_its_bytes_under_a_neutral_name() -> None:
    packed = zlib.compress(profile(b"the profile" * 20))
    source = with_chunks(png_chunk(b"iCCP", b"Screen of Alice\0\0" + packed + b"private"))
    stripped = strip(source, "png")
    assert dict(png_chunks(stripped))[b"iCCP"] == b"icc\0\0" + packed
    assert decode(stripped) == decode(source)


def test_png_profile_has_nothing_behind_its_end() -> None:
    packed = [zlib.compress(profile(b"the profile") + more) for more in (b"", b"private")]
    kept = [
        dict(png_chunks(strip(with_chunks(png_chunk(b"iCCP", b"x\0\0" + each)), "png")))[b"iCCP"] for each in packed
    ]
    assert [zlib.decompress(each[5:]) for each in kept] == [profile(b"the profile")] * 2


def test_png_profile_that_is_none_is_dropped() -> None:
    assert strip(with_chunks(png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"private" * 40))), "png") == PNG


def test_png_profile_that_unpacks_without_end_is_dropped() -> None:
    bomb = zlib.compress(bytes(17 * 1024 * 1024), 9)
    assert strip(with_chunks(png_chunk(b"iCCP", b"x\0\0" + bomb)), "png") == PNG


@pytest.mark.parametrize("late", [False, True])
def test_png_orientation_is_kept_as_a_minimal_exif_before_the_pixels(late: bool) -> None:
    chunk = png_chunk(b"eXIf", tiff(6))
    stripped = strip(with_chunks(late=chunk) if late else with_chunks(chunk), "png")
    assert [kind for kind, _ in png_chunks(stripped)] == [b"IHDR", b"eXIf", b"IDAT", b"IEND"]
    with open_picture(stripped) as image:
        assert dict(image.getexif()) == {ORIENTATION: 6}
    assert strip(stripped, "png") == stripped


@pytest.mark.parametrize("packed", [False, True])
def test_png_orientation_is_found_in_the_old_text_form(packed: bool) -> None:
    exif = b"Exif\0\0" + tiff(8)
    text = b"\nexif\n%8d\n" % len(exif) + exif.hex().encode() + b"\n"
    keyword = b"Raw profile type exif\0"
    chunk = png_chunk(b"zTXt", keyword + b"\0" + zlib.compress(text)) if packed else png_chunk(b"tEXt", keyword + text)
    source = with_chunks(chunk)
    assert decode(strip(source, "png")) == decode(source)
    assert dict(png_chunks(strip(source, "png"))).keys() == {b"IHDR", b"eXIf", b"IDAT", b"IEND"}


@pytest.mark.parametrize("flag", [0, 1])
def test_png_orientation_is_found_in_xmp(flag: int) -> None:
    xmp = b"<tiff:Orientation>3</tiff:Orientation>"
    text = b"XML:com.adobe.xmp\0" + bytes((flag, 0)) + b"\0\0" + (zlib.compress(xmp) if flag else xmp)
    source = with_chunks(png_chunk(b"iTXt", text))
    assert decode(strip(source, "png")) == decode(source)
    assert b"eXIf" in dict(png_chunks(strip(source, "png")))


def test_png_ends_with_its_end_chunk() -> None:
    assert strip(PNG + b"PK\x03\x04evil", "png") == PNG
    assert strip(PNG[:-12] + png_chunk(b"IEND", b"private"), "png") == PNG


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PNG[:8],
        PNG[:-12],
        PNG[:60],
        PNG[:8] + IEND,
        PNG[:HEADER_END] + IEND,
        with_chunks(png_chunk(b"PRIV", b"critical and unknown")),
        with_chunks(PNG[8:HEADER_END]),
        with_chunks(png_chunk(b"\0\0\0\0")),
        PNG[:HEADER_END] + png_chunk(b"tIME") * 250_001 + PNG[HEADER_END:],
    ],
    ids=lambda data: f"{len(data)}-bytes",
)
def test_png_that_does_not_hold_together_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptContainer, match=r"^png: "):
        strip(data, "png")
