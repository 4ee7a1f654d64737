"""AVIF and HEIC: what is zeroed in place, what is not, and where the file ends."""

import io
import struct
from dataclasses import dataclass

import pytest
from PIL import Image

from galleries.stripping import CorruptContainer
from tests import photos
from tests.stripping.containers import (
    after_soi,
    box,
    decode,
    full_box,
    open_picture,
    private_info,
    profile,
    saved,
    segment,
    strip,
    tiff,
)

AVIF = saved("AVIF", exif=b"Exif\0\0" + tiff(6), xmp=b"<x:xmpmeta>private</x:xmpmeta>", icc_profile=None)
PLAIN = saved("AVIF")
PIXELS, SECRET = b"pixels of the picture", b"private words of a person"


@dataclass(frozen=True)
class Item:
    number: int
    kind: bytes
    start: int
    length: int
    method: int = 0
    name: bytes = b"private name\0"


def infe(item: Item) -> bytes:
    return full_box(b"infe", 2, struct.pack(">HH", item.number, 0), item.kind, item.name)


def meta(*items: Item, extra: bytes = b"", properties: bytes = b"", idat: bytes = b"") -> bytes:
    """A meta box with item 1 as the primary one."""
    places = b"".join(struct.pack(">HHHHII", item.number, item.method, 0, 1, item.start, item.length) for item in items)
    return full_box(
        b"meta",
        0,
        full_box(b"hdlr", 0, bytes(4), b"pict", bytes(12), b"private handler\0"),
        full_box(b"pitm", 0, struct.pack(">H", 1)),
        full_box(b"iloc", 1, b"\x44\x00", struct.pack(">H", len(items)), places),
        full_box(b"iinf", 0, struct.pack(">H", len(items)), *(infe(item) for item in items)),
        box(b"iprp", box(b"ipco", full_box(b"ispe", 0, bytes(8)), properties)),
        box(b"idat", idat),
        extra,
    )


FTYP = box(b"ftyp", b"avif", bytes(4), b"avifmif1")


def build(items: list[tuple[bytes, int, int]], media: bytes, **more: bytes) -> bytes:
    """ftyp, meta and mdat; items are (kind, start, length) within `media`."""
    numbered = list(enumerate(items, 1))
    empty = meta(*(Item(number, kind, 0, length) for number, (kind, _, length) in numbered), **more)
    base = len(FTYP) + len(empty) + 8
    filled = meta(*(Item(number, kind, base + start, length) for number, (kind, start, length) in numbered), **more)
    return FTYP + filled + box(b"mdat", media)


def test_avif_loses_exif_and_xmp_and_stays_as_it_looks() -> None:
    stripped = strip(AVIF, "avif")
    assert b"private" in AVIF
    assert b"private" not in stripped
    assert len(stripped) == len(AVIF)
    before, after = decode(AVIF), decode(stripped)
    assert before
    assert after == before
    assert private_info(stripped) == {}
    assert strip(stripped, "avif") == stripped


def test_avif_without_metadata_keeps_its_media_bytes() -> None:
    assert strip(PLAIN, "avif")[-60:] == PLAIN[-60:]
    assert decode(strip(PLAIN, "avif")) == decode(PLAIN)


def test_avif_animation_keeps_its_frames_and_loses_its_times() -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("navy", "orange", "teal")]
    data = saved("AVIF", save_all=True, append_images=frames, duration=100)
    stripped = strip(data, "avif")
    assert decode(stripped) == decode(data)
    header = stripped.index(b"mvhd") + 4
    assert stripped[header + 4 : header + 20] == bytes(16)
    assert data[header + 4 : header + 20] != bytes(16)


ANIMATED = photos.path("avif/colors-animated-8bpc.avif").read_bytes()
TRACK_HANDLER = ANIMATED.index(b"hdlr", ANIMATED.index(b"moov"))


@pytest.mark.parametrize("changed", [(0, b"hflr"), (12, b"soun"), (12, b"meta"), (12, bytes(4))], ids=repr)
def test_track_of_pictures_that_does_not_say_so_is_corrupt(changed: tuple[int, bytes]) -> None:
    """Its decoder shows it all the same, and would open nothing once the track is gone."""
    start, content = TRACK_HANDLER + changed[0], changed[1]
    data = ANIMATED[:start] + content + ANIMATED[start + len(content) :]
    assert decode(data) == decode(ANIMATED)
    with pytest.raises(CorruptContainer, match="does not say so"):
        strip(data, "avif")


# What a track may tell: box, where in its content, how many bytes.
TOLD_BY_TRACKS = [
    (b"mvhd", 4, 16),
    (b"tkhd", 4, 16),
    (b"mdhd", 4, 16),
    (b"hdlr", 24, 8),
    (b"av01", 42, 32),
    (b"priv", 0, 8),
]


@pytest.mark.parametrize("told", TOLD_BY_TRACKS, ids=lambda told: told[0].decode())
def test_track_of_pictures_loses_times_names_and_unknown_boxes(told: tuple[bytes, int, int]) -> None:
    kind, skip, length = told
    tracks = ANIMATED.index(b"moov")
    data = ANIMATED[:tracks] + ANIMATED[tracks:].replace(b"ccst", b"priv")
    start = data.index(kind, tracks) + 4 + skip
    data = data[:start] + b"private".ljust(length, b"!") + data[start + length :]
    stripped = strip(data, "avif")
    assert stripped[start : start + length] == bytes(length)
    assert len(stripped) == len(data)
    assert decode(stripped) == decode(ANIMATED)


def test_track_of_anything_but_pictures_is_blanked_whole() -> None:
    tables = box(b"stbl", full_box(b"stsd", 0, struct.pack(">I", 1), box(b"mp4a", SECRET)))
    handler = full_box(b"hdlr", 0, bytes(4), b"soun", SECRET)
    sound = box(b"trak", box(b"mdia", handler, box(b"minf", tables)))
    data = build([(b"av01", 0, len(PIXELS))], PIXELS).replace(b"avifmif1", b"avismif1")
    stripped = strip(data + box(b"moov", sound), "avif")
    assert stripped.endswith(box(b"moov", box(b"free", bytes(len(sound) - 8))))


@pytest.mark.parametrize("kind", [b"Exif", b"mime", b"uri ", b"rgan", b"priv"])
def test_isobmff_item_that_is_no_picture_is_zeroed(kind: bytes) -> None:
    data = build([(b"av01", 0, len(PIXELS)), (kind, len(PIXELS), len(SECRET))], PIXELS + SECRET)
    stripped = strip(data, "avif")
    assert len(stripped) == len(data)
    assert PIXELS in stripped
    assert b"private" not in stripped
    assert strip(stripped, "avif") == stripped


def test_isobmff_media_bytes_that_no_item_owns_are_zeroed() -> None:
    stripped = strip(build([(b"av01", 3, len(PIXELS))], b"abc" + PIXELS + SECRET), "avif")
    assert stripped.endswith(b"mdat" + bytes(3) + PIXELS + bytes(len(SECRET)))


def test_isobmff_items_inside_meta_are_kept_or_zeroed_alike() -> None:
    items = [Item(1, b"grid", 0, 4, method=1), Item(2, b"Exif", 4, len(SECRET), method=1)]
    stripped = strip(FTYP + meta(*items, idat=b"grid" + SECRET), "heic")
    assert b"idatgrid" in stripped
    assert b"private" not in stripped


@pytest.mark.parametrize("kind", [b"prof", b"rICC"])
def test_isobmff_profile_has_nothing_behind_its_end(kind: bytes) -> None:
    colours = box(b"colr", kind, profile(b"of a screen"), SECRET)
    none = box(b"colr", kind, SECRET * 9)
    stripped = strip(FTYP + meta(Item(1, b"grid", 0, 4, method=1), properties=colours + none, idat=b"grid"), "heic")
    assert kind + profile(b"of a screen") + bytes(len(SECRET)) + struct.pack(">I", len(none)) + b"free" in stripped
    assert b"private" not in stripped


JPEG = saved("JPEG", quality=80, icc_profile=profile(b"of a screen"))
TOLD = after_soi(
    JPEG,
    segment(0xE1, b"Exif\0\0" + tiff(6)),
    segment(0xE0, b"JFIF\0\1\2\0" + struct.pack(">HHBB", 1, 1, 2, 1) + SECRET),
    segment(0xED, b"Photoshop 3.0\0" + SECRET),
    segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET),
    b"private words between\xff\xff",
    segment(0xFE, SECRET),
)


def test_isobmff_picture_that_is_a_jpeg_loses_its_own_metadata() -> None:
    """A preview in a HEIC: it stays where it is, shows what it showed, and tells nothing."""
    data = build([(b"av01", 0, len(PIXELS)), (b"jpeg", len(PIXELS), len(TOLD) + 20)], PIXELS + TOLD + SECRET[:20])
    stripped = strip(data, "heic")
    assert len(stripped) == len(data)
    assert PIXELS in stripped
    assert b"private" not in stripped
    preview = stripped[stripped.index(b"\xff\xd8") :]
    assert preview.endswith(b"\xff\xd9" + bytes(20))
    shown, before = decode(preview), decode(JPEG)
    assert before
    assert shown == before
    assert private_info(preview) == {}
    assert strip(stripped, "heic") == stripped


def test_isobmff_jpeg_in_pieces_loses_its_metadata_too() -> None:
    one = Item(1, b"av01", 0, 4, method=1)
    half = len(TOLD) // 2
    places = struct.pack(">HHHHII", 1, 1, 0, 1, 0, 4)
    places += struct.pack(">HHHHIIII", 2, 1, 0, 2, 4 + len(TOLD) - half, half, 4, len(TOLD) - half)
    iloc = full_box(b"iloc", 1, b"\x44\x00", struct.pack(">H", 2), places)
    whole = meta(one, Item(2, b"jpeg", 4, len(TOLD), method=1), idat=b"av01" + TOLD[half:] + TOLD[:half])
    pieces = whole.replace(whole[whole.index(b"iloc") - 4 :][: len(iloc) - 8], iloc, 1)
    size = struct.unpack(">I", pieces[:4])[0] + len(pieces) - len(whole)
    stripped = strip(FTYP + struct.pack(">I", size) + pieces[4:], "heic")
    assert b"idat" + b"av01" in stripped
    assert b"private" not in stripped


@pytest.mark.parametrize("bad", [SECRET, TOLD[:60] + SECRET, b"\xff\xd8\xff\xe1\xff\xff" + SECRET], ids=len)
def test_isobmff_jpeg_that_nobody_could_read_is_zeroed(bad: bytes) -> None:
    stripped = strip(build([(b"av01", 0, len(PIXELS)), (b"jpeg", len(PIXELS), len(bad))], PIXELS + bad), "heic")
    assert stripped.endswith(PIXELS + bytes(len(bad)))


@pytest.mark.parametrize("other", [b"av01", b"jpeg"])
def test_isobmff_jpeg_that_shares_bytes_with_another_picture_is_corrupt(other: bytes) -> None:
    data = build([(b"av01", 0, 4), (b"jpeg", 4, len(JPEG)), (other, len(JPEG), 8)], b"av01" + JPEG + bytes(4))
    with pytest.raises(CorruptContainer, match="shares bytes with another"):
        strip(data, "heic")


@pytest.mark.parametrize("kind", [b"uuid", b"udta", b"free", b"skip", b"mpvd", b"XMP_"])
def test_isobmff_box_that_is_not_needed_becomes_free_space(kind: bytes) -> None:
    extra = box(kind, SECRET)
    data = build([(b"av01", 0, len(PIXELS))], PIXELS, extra=extra, properties=extra)
    stripped = strip(data, "avif")
    assert len(stripped) == len(data)
    assert stripped.count(struct.pack(">I", len(extra)) + b"free" + bytes(len(SECRET))) == 2
    assert b"private" not in stripped


def test_isobmff_list_of_items_holds_nothing_else() -> None:
    data = build([(b"av01", 0, len(PIXELS)), (b"mime", len(PIXELS), len(SECRET))], PIXELS + SECRET)
    second = data.rindex(b"infe")
    stripped = strip(data[:second] + b"priv" + data[second + 4 :], "heic")
    assert stripped[second : second + 4] == b"free"
    assert b"private" not in stripped


def test_isobmff_address_of_another_file_is_zeroed() -> None:
    references = box(b"dinf", full_box(b"dref", 0, struct.pack(">I", 1), full_box(b"url ", 0, SECRET)))
    data = build([(b"av01", 0, len(PIXELS))], PIXELS, extra=references)
    stripped = strip(data, "heic")
    assert len(stripped) == len(data)
    assert b"private" not in stripped
    assert full_box(b"url ", 0, bytes(len(SECRET))) in stripped


def test_isobmff_file_ends_with_its_last_needed_box() -> None:
    data = build([(b"av01", 0, len(PIXELS))], PIXELS)
    clean = strip(data, "avif")
    video = box(b"ftyp", b"mp42") + box(b"moov", SECRET) + box(b"mdat", SECRET)
    for trailer in (
        box(b"uuid", SECRET),
        box(b"mdat", SECRET),
        video,
        box(b"moov", SECRET),
        b"PK\x03\x04" + SECRET,
        b"x",
    ):
        assert strip(data + trailer, "avif") == clean


TRAILERS = [
    *(box(b"mdat", SECRET), box(b"uuid", SECRET), b"PK\x03\x04" + SECRET, b"x"),
    box(b"ftyp", b"mp42") + box(b"mdat", SECRET),
]


@pytest.mark.parametrize("trailer", TRAILERS, ids=len)
def test_isobmff_file_does_not_end_before_its_items(trailer: bytes) -> None:
    """Who opens it would not find them, and refuse all of it."""
    exif = (b"Exif", len(PIXELS), len(trailer))
    data = build([(b"av01", 0, len(PIXELS)), exif], PIXELS) + trailer
    stripped = strip(data, "avif")
    assert len(stripped) == len(data)
    assert SECRET not in stripped
    assert strip(stripped, "avif") == stripped


def test_heic_whose_exif_ends_behind_its_boxes_still_opens() -> None:
    pytest.importorskip("pillow_heif")
    whole = photos.path("orientation/orient-6.heic").read_bytes()
    at = whole.index(b"mdat") - 4
    (length,) = struct.unpack_from(">I", whole, at)
    data = whole[:at] + struct.pack(">I", length - 2) + whole[at + 4 :]
    assert decode(data) is not None
    assert decode(strip(data, "heic")) == decode(data)


def test_isobmff_box_between_needed_ones_keeps_its_place() -> None:
    data = build([(b"av01", 0, len(PIXELS))], PIXELS)
    base = strip(data, "avif")
    before_media = len(base) - len(PIXELS) - 8
    moved = data[:before_media] + box(b"free", SECRET) + data[before_media:]
    with pytest.raises(CorruptContainer, match="outside"):  # now the item points into the free box
        strip(moved, "avif")


HALF_SHARED = build([(b"av01", 0, 20), (b"Exif", 10, 20)], bytes(40))
SOUND = build([(b"av01", 0, 20)], bytes(20))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FTYP,
        SOUND[8:],
        SOUND[:-1],
        SOUND[: len(FTYP) + 40],
        HALF_SHARED,
        build([(b"av01", 0, 21)], bytes(20)),
        build([(b"Exif", 0, 20)], bytes(20)),
        build([(b"av01", 0, 20)], bytes(20), extra=struct.pack(">I", 4000) + b"iref"),
        FTYP + box(b"uuid") * 200_001,
        FTYP + meta(Item(1, b"av01", 0, 4, method=2), idat=b"abcd"),
    ],
    ids=lambda data: f"{len(data)}-bytes",
)
def test_isobmff_that_does_not_hold_together_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptContainer, match=r"^isobmff: "):
        strip(data, "heic")


def test_heic_with_everything_still_opens() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    picture = pillow_heif.from_pillow(Image.new("RGB", (64, 48), "teal"))
    target = io.BytesIO()
    picture.save(target, exif=b"Exif\0\0" + tiff(6), xmp=b"<x:xmpmeta>private</x:xmpmeta>")
    data = target.getvalue()
    stripped = strip(data, "heic")
    assert decode(stripped) == decode(data)
    assert b"private" in data
    assert b"private" not in stripped
    with open_picture(stripped) as image:
        assert image.size == (48, 64)
