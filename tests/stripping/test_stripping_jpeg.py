"""JPEG: which segments stay, where the picture ends, what is refused."""

import struct

import pytest

from galleries.stripping import CorruptContainer
from tests.stripping.containers import (
    ORIENTATION,
    after_soi,
    decode,
    open_picture,
    profile,
    saved,
    segment,
    strip,
    tiff,
)

JPEG = saved("JPEG", quality=80)
PROGRESSIVE = saved("JPEG", progressive=True)
ICC = profile(b"profile of a screen" * 3)


def test_jpeg_without_metadata_stays_as_it_is() -> None:
    assert strip(JPEG, "jpeg") == JPEG
    assert strip(PROGRESSIVE, "jpeg") == PROGRESSIVE


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
def test_jpeg_comment_and_unknown_application_segments_are_dropped(marker: int) -> None:
    assert strip(after_soi(JPEG, segment(marker, b"private words of some length")), "jpeg") == JPEG


@pytest.mark.parametrize(
    "payload",
    [b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>", b"MPF\0II*\0", b"ICC_PROFILE\0", b"Exif\0\0junk", b"JFXX\0\x10"],
)
def test_jpeg_segments_that_only_begin_like_a_needed_one_are_dropped(payload: bytes) -> None:
    for marker in (0xE0, 0xE1, 0xE2):
        assert strip(after_soi(JPEG, segment(marker, payload)), "jpeg") == JPEG


@pytest.mark.parametrize("orientation", range(2, 9))
def test_jpeg_orientation_is_kept_as_the_only_exif_tag(orientation: int) -> None:
    data = after_soi(JPEG, segment(0xE1, b"Exif\0\0" + tiff(orientation)))
    stripped = strip(data, "jpeg")
    assert b"private" not in stripped
    assert decode(stripped) == decode(data)
    with open_picture(stripped) as image:
        assert dict(image.getexif()) == {ORIENTATION: orientation}
    assert strip(stripped, "jpeg") == stripped


@pytest.mark.parametrize("orientation", [0, 1, 9, 65535])
def test_jpeg_orientation_that_means_upright_leaves_no_exif(orientation: int) -> None:
    assert strip(after_soi(JPEG, segment(0xE1, b"Exif\0\0" + tiff(orientation))), "jpeg") == JPEG


def test_jpeg_orientation_is_taken_from_xmp_only_when_exif_has_none() -> None:
    xmp = segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<rdf tiff:Orientation="6"/>')
    with open_picture(strip(after_soi(JPEG, xmp), "jpeg")) as image:
        assert dict(image.getexif()) == {ORIENTATION: 6}
    exif = segment(0xE1, b"Exif\0\0" + tiff(1))
    assert strip(after_soi(JPEG, exif, xmp), "jpeg") == JPEG


def test_jpeg_profile_is_kept_in_all_its_chunks() -> None:
    halves = (ICC[:90], ICC[90:])
    first, second = (segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 2)) + half) for n, half in enumerate(halves, 1))
    stripped = strip(after_soi(JPEG, second, segment(0xFE, b"private"), first), "jpeg")
    with open_picture(stripped) as image:
        assert image.info["icc_profile"] == ICC
    assert len(stripped) == len(JPEG) + len(first) + len(second)


def test_jpeg_profile_with_a_missing_chunk_is_dropped() -> None:
    assert strip(after_soi(JPEG, segment(0xE2, b"ICC_PROFILE\0\x01\x02" + ICC)), "jpeg") == JPEG


def test_jpeg_profile_has_nothing_behind_its_end() -> None:
    long = profile(b"long" * 20_000)
    for icc in (ICC, long):
        data = icc + b"private" * 9
        parts = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
        names = [b"ICC_PROFILE\0" + bytes((number, len(parts))) for number in range(1, len(parts) + 1)]
        stripped = strip(after_soi(JPEG, *map(segment, [0xE2] * len(parts), map(bytes.__add__, names, parts))), "jpeg")
        with open_picture(stripped) as image:
            assert image.info["icc_profile"] == icc
        assert b"private" not in stripped
        assert strip(stripped, "jpeg") == stripped


def test_jpeg_profile_that_is_none_is_dropped() -> None:
    for icc in (b"", b"private" * 40, profile()[:131], b"\0" * 4 + profile()[4:]):
        assert strip(after_soi(JPEG, segment(0xE2, b"ICC_PROFILE\0\1\1" + icc)), "jpeg") == JPEG


def test_jpeg_jfif_keeps_its_density_and_loses_its_thumbnail() -> None:
    body = JPEG[20:]
    jfif = b"JFIF\0\x01\x02\x01" + struct.pack(">HH", 300, 150)
    stripped = strip(b"\xff\xd8" + segment(0xE0, jfif + b"\x01\x01abc") + body, "jpeg")
    assert stripped == b"\xff\xd8" + segment(0xE0, jfif + b"\0\0") + body


def test_jpeg_adobe_segment_keeps_the_colour_transform_and_nothing_more() -> None:
    adobe = b"Adobe\0\x64\0\0\0\0\x01"
    stripped = strip(after_soi(JPEG, segment(0xEE, adobe + b"private")), "jpeg")
    assert segment(0xEE, adobe) in stripped
    assert b"private" not in stripped


@pytest.mark.parametrize("trailer", [b"PK\x03\x04evil", JPEG, b"\0\0\0\x18ftypmp42", b"\xff"])
def test_jpeg_ends_with_its_first_picture(trailer: bytes) -> None:
    assert strip(JPEG + trailer, "jpeg") == JPEG


def test_jpeg_metadata_between_scans_is_dropped() -> None:
    """And turns nothing: decoders do not read it there."""
    second_scan = PROGRESSIVE.index(b"\xff\xda", PROGRESSIVE.index(b"\xff\xda") + 2)
    between = PROGRESSIVE.rindex(b"\xff\xc4", 0, second_scan)  # the tables of the second scan
    late = segment(0xFE, b"private") + segment(0xE1, b"Exif\0\0" + tiff(6))
    data = PROGRESSIVE[:between] + late + PROGRESSIVE[between:]
    assert strip(data, "jpeg") == PROGRESSIVE


def test_jpeg_bytes_between_segments_and_fill_bytes_are_dropped() -> None:
    assert strip(after_soi(JPEG, b"private\xff\0private\xff\xff"), "jpeg") == JPEG


def test_jpeg_coded_data_is_not_touched_by_restarts_stuffing_or_damage() -> None:
    start = JPEG.rindex(b"\xff\xda") + 14
    odd = b"\xff\xd0\x12\xff\x00\xff\xd7\xff\x02\xff\xff\x00"
    data = JPEG[:start] + odd + JPEG[start:]
    assert strip(data, "jpeg") == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        JPEG[:-2],  # no end: what follows the scan cannot be told from it
        JPEG[:200],
        after_soi(JPEG, b"\xff\xe1\xff\xff"),
        after_soi(JPEG, segment(0xF7, b"JPEG-LS")),
        after_soi(JPEG, b"\xff\xd8"),
        b"\xff\xd8" + segment(0xFE, b"") * 100_001,
    ],
    ids=lambda data: f"{len(data)}-bytes",
)
def test_jpeg_that_does_not_hold_together_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptContainer, match=r"^jpeg: "):
        strip(data, "jpeg")
