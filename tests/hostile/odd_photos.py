"""Good photos of odd make: every place where a photo can tell a position, every way to say how it is turned, and forms
that the shared ones do not have. Made here, so that what is private in them and how they must look is known.

The picture is a red quarter at the top left, green beside it, blue below it and white in the last corner, 60 x 40 when
it is upright. ``MARK`` stands wherever a writer could put a place in words, ``NUMBERS`` wherever it is put in degrees.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pillow_heif
from PIL import ExifTags, Image, ImageDraw, PngImagePlugin

from tests.pictures import TURNS
from tests.stripping.containers import after_soi, box, full_box, png_chunk, riff_chunk, segment

MARK = b"GPSMARK-51N-0W"
DEGREES = 51_507_351
NUMBERS = (struct.pack(">II", DEGREES, 1_000_000), struct.pack("<II", DEGREES, 1_000_000))
SIZE = (60, 40)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description exif:GPSLatitude="51,30.44N" photoshop:City="'
    + MARK
    + b'"/></rdf:RDF></x:xmpmeta>'
)


@dataclass(frozen=True)
class Odd:
    """A file, and what must come of it: its size, and, if ``shown``, the four quarters where they belong."""

    name: str
    data: bytes
    size: tuple[int, int] = SIZE
    shown: bool = True


def upright(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 29, 19), fill="red")
    draw.rectangle((30, 0, 59, 19), fill="lime")
    draw.rectangle((0, 20, 29, 39), fill="blue")
    return image.convert(mode)


def turned(orientation: int, mode: str = "RGB") -> Image.Image:
    """As a camera stores it that says ``orientation``."""
    image = upright(mode)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """A block with a place in its GPS directory, its maker note, its description and its user comment."""
    block = Image.Exif()
    block[ExifTags.Base.ImageDescription] = MARK.decode()
    block[ExifTags.Base.Orientation] = orientation
    block[ExifTags.Base.Make] = "Odd"
    inner = block.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2024:05:31 23:30:00"
    inner[ExifTags.Base.MakerNote] = b"ODD\0\1" + MARK + NUMBERS[0]
    inner[ExifTags.Base.UserComment] = b"ASCII\0\0\0" + MARK
    place = block.get_ifd(ExifTags.IFD.GPSInfo)
    place[1], place[2] = "N", (51.507351, 30.0, 0.0)
    place[27] = b"ASCII\0\0\0" + MARK
    return block


def tiff(orientation: int = 1, *, order: str = ">", wide: bool = False, second: bytes = b"") -> bytes:
    """By hand, in the order of bytes and the type of number that is wanted; a place in rationals, and a thumbnail that
    is a photo of its own."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    number = (4, 1, orientation) if wide else (3, 1, orientation, 0)
    turn = struct.pack(order + ("HHII" if wide else "HHIHH"), 0x0112, *number)
    entries = 2
    gps = 8 + 2 + entries * 12 + 4
    place = gps + 2 + 12 + 4
    thumbnail = place + 24
    directory = struct.pack(order + "H", entries) + turn + struct.pack(order + "HHII", 0x8825, 4, 1, gps)
    directory += struct.pack(order + "I", thumbnail if second else 0)
    directory += struct.pack(order + "HHHII", 1, 2, 5, 3, place) + bytes(4)
    directory += struct.pack(order + "II", DEGREES, 1_000_000) * 3
    if second:
        start = thumbnail + 2 + 24 + 4
        directory += struct.pack(order + "HHHII", 2, 0x0201, 4, 1, start)
        directory += struct.pack(order + "HHIII", 0x0202, 4, 1, len(second), 0) + second
    return head + directory


def told() -> bytes:
    """A small JPEG that tells the place itself: as a thumbnail, a second picture, a trailer."""
    return after_soi(
        saved(upright(), "JPEG"), segment(0xE1, b"Exif\0\0" + tiff()), segment(0xFE, MARK), segment(0xE1, XMP)
    )


def iptc() -> bytes:
    city = b"\x1c\x02\x5a" + struct.pack(">H", len(MARK)) + MARK
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(city)) + city + b"\0" * (len(city) % 2)


# --- JPEG -------------------------------------------------------------------------------------------------------------


def jpegs() -> list[Odd]:
    plain = saved(upright(), "JPEG", quality=95, subsampling=0)
    progressive = saved(turned(6), "JPEG", quality=95, subsampling=0, progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    packet = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", len(XMP), 0) + XMP
    everything = [
        segment(0xE0, b"JFXX\0\x10" + told()),
        segment(0xE1, b"Exif\0\0" + tiff(6, second=told())),
        segment(0xE1, packet),
        segment(0xE1, extended),
        segment(0xE2, b"MPF\0" + tiff()),
        segment(0xE2, b"FPXR\0" + MARK),
        segment(0xE3, b"Meta\0\0" + tiff()),
        segment(0xE4, MARK),
        segment(0xE6, b"GoPro\0" + MARK),
        segment(0xE8, b"SPIFF\0" + MARK),
        segment(0xEB, b"JP\0\1" + box(b"jumb", MARK)),
        segment(0xEC, b"Ducky\0\1" + MARK),
        segment(0xED, iptc()),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01" + MARK),
        segment(0xEF, MARK),
        segment(0xFE, MARK),
    ]
    found = [
        Odd("every-segment.jpg", after_soi(progressive, *everything)),
        Odd("between-scans.jpg", after_soi(progressive[:scan], segment(0xE1, b"Exif\0\0" + tiff(6)))
            + segment(0xFE, MARK) + segment(0xE1, b"Exif\0\0" + tiff(3)) + progressive[scan:]),
        Odd("trailing-photo.jpg", plain + told() + MARK),
        Odd("trailing-film.jpg", plain + box(b"ftyp", b"mp42") + box(b"moov", MARK) + b"\0" * 40 + MARK),
        Odd("mpo.jpg", saved(upright(), "MPO", save_all=True, append_images=[upright()], exif=exif().tobytes(),
                             quality=95, subsampling=0)),
        Odd("cmyk.jpg", saved(upright("CMYK"), "JPEG", quality=95, exif=exif())),
        Odd("grey.jpg", saved(upright("L"), "JPEG", exif=exif()), shown=False),
        Odd("exif-behind-tables.jpg", behind_tables(saved(turned(8), "JPEG", quality=95, subsampling=0), tiff(8))),
        Odd("two-exif.jpg", after_soi(saved(turned(3), "JPEG", quality=95, subsampling=0),
                                      segment(0xE1, b"Exif\0\0" + tiff(3)), segment(0xE1, b"Exif\0\0" + tiff(6)))),
        Odd("restarts.jpg", saved(upright(), "JPEG", quality=95, subsampling=0, restart_marker_blocks=1, exif=exif())),
        Odd("narrow.jpg", saved(Image.new("RGB", (1, 30_000), "red"), "JPEG", exif=exif()), (1, 30_000), shown=False),
        Odd("wide.jpg", saved(Image.new("RGB", (30_000, 1), "red"), "JPEG", exif=exif(6)), (1, 30_000), shown=False),
        Odd("one-pixel.jpg", saved(Image.new("RGB", (1, 1)), "JPEG", exif=exif(5)), (1, 1), shown=False),
        Odd("gain-map.jpg", after_soi(plain, segment(0xE1, packet), segment(0xE2, b"MPF\0" + tiff())) + told()),
    ]  # fmt: skip
    for orientation in range(1, 9):
        stored = saved(turned(orientation), "JPEG", quality=95, subsampling=0)
        for order in "<>":
            block = tiff(orientation, order=order, wide=order == "<" and orientation % 2 == 0)
            found.append(Odd(f"turned-{orientation}{order}.jpg", after_soi(stored, segment(0xE1, b"Exif\0\0" + block))))
    return found


def behind_tables(jpeg: bytes, block: bytes) -> bytes:
    start = jpeg.index(b"\xff\xc0")
    return jpeg[:start] + segment(0xE1, b"Exif\0\0" + block) + jpeg[start:]


# --- PNG --------------------------------------------------------------------------------------------------------------


def sixteen_bit(chunks: bytes = b"", after: bytes = b"", *, passes: bool = False) -> bytes:
    """RGB of 16 bits by hand; interlaced in the seven passes of Adam7."""
    image = upright()
    width, height = SIZE
    steps = [(0, 0, 1, 1)]
    if passes:
        steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = bytearray()
    for left, top, across, down in steps:
        for y in range(top, height, down):
            rows.append(0)
            for x in range(left, width, across):
                rows += bytes(part for value in image.getpixel((x, y)) for part in (value, value))  # type: ignore[union-attr]
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, int(passes)))
    data = png_chunk(b"IDAT", zlib.compress(bytes(rows)))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + data + after + png_chunk(b"IEND")


def raw_profile(block: bytes) -> bytes:
    """As ImageMagick writes an EXIF block into a text."""
    digits = block.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\nexif\n{len(block):8}\n{lines}\n".encode()


def pngs() -> list[Odd]:
    texts = [
        png_chunk(b"tEXt", b"Comment\0" + MARK),
        png_chunk(b"tEXt", b"GPSLatitude\0" + MARK),
        png_chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(iptc())),
        png_chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(raw_profile(b"Exif\0\0" + tiff()))),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        png_chunk(b"iTXt", b"Location\0\1\0en\0Ort\0" + zlib.compress(MARK)),
        png_chunk(b"tIME", struct.pack(">HBBBBB", 2024, 5, 31, 1, 2, 3)),
        png_chunk(b"sPLT", MARK + b"\0\x08" + bytes(6)),
        png_chunk(b"gpSx", MARK),
        png_chunk(b"caBX", box(b"jumb", MARK)),
        png_chunk(b"pHYs", bytes(9) + MARK),
    ]
    profile = png_chunk(b"iCCP", MARK + b"\0\0" + zlib.compress(bytes(3_000_000)))
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000)))
    plain = saved(turned(6), "PNG")
    ihdr = plain.index(b"IDAT") - 4
    end = plain.rindex(b"IEND") - 4
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", MARK.decode())
    return [
        Odd("every-chunk.png", sixteen_bit(b"".join(texts) + png_chunk(b"eXIf", tiff(1)))),
        Odd("every-chunk-behind.png", sixteen_bit(after=b"".join(texts) + png_chunk(b"eXIf", tiff(1)))),
        Odd("interlaced.png", sixteen_bit(png_chunk(b"eXIf", tiff(1)), passes=True)),
        Odd("transparent-colour.png", sixteen_bit(png_chunk(b"tRNS", b"\xff\xff" * 3) + png_chunk(b"eXIf", tiff(1)))),
        Odd("large-profile.png", sixteen_bit(profile)),
        Odd("large-text.png", sixteen_bit(text)),
        Odd("turned-before.png", plain[:ihdr] + png_chunk(b"eXIf", tiff(6)) + plain[ihdr:]),
        Odd("turned-behind.png", plain[:end] + png_chunk(b"eXIf", tiff(6)) + plain[end:]),
        Odd("turned-in-text.png", plain[:ihdr]
            + png_chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(b"Exif\0\0" + tiff(6))) + plain[ihdr:]),
        Odd("turned-in-packed-text.png", plain[:ihdr]
            + png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(tiff(6)))) + plain[ihdr:]),
        Odd("after-the-end.png", saved(upright(), "PNG", pnginfo=info) + plain + MARK + told()),
        Odd("animated.png", saved(upright(), "PNG", save_all=True, append_images=[turned(3)], exif=exif())),
        Odd("palette.png", saved(upright("P"), "PNG", exif=exif())),
        Odd("alpha.png", saved(upright("RGBA"), "PNG", exif=exif())),
    ]  # fmt: skip


# --- WebP, GIF --------------------------------------------------------------------------------------------------------


def riff(webp: bytes, *more: bytes) -> bytes:
    content = webp[8:] + b"".join(more)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def webps() -> list[Odd]:
    still = saved(turned(6), "WEBP", lossless=True, exif=exif(6), xmp=XMP)
    flagless = saved(upright("RGBA"), "WEBP", lossless=True)
    return [
        Odd("exif-and-xmp.webp", still),
        Odd("prefixed.webp", saved(turned(8), "WEBP", quality=95, exif=b"Exif\0\0" + tiff(8), xmp=XMP)),
        Odd("unknown-chunk.webp", riff(still, riff_chunk(b"GPSx", MARK), riff_chunk(b"EXIF", tiff(3)))),
        Odd("without-a-flag.webp", riff(flagless, riff_chunk(b"EXIF", tiff(1)), riff_chunk(b"XMP ", XMP))),
        Odd("simple-and-more.webp", riff(saved(upright(), "WEBP", lossless=True), riff_chunk(b"EXIF", tiff(6)))),
        Odd("trailing.webp", still + MARK + told()),
        Odd("animated.webp", saved(upright(), "WEBP", save_all=True, append_images=[turned(3)], lossless=True,
                                   exif=exif(), xmp=XMP)),
    ]  # fmt: skip


def gifs() -> list[Odd]:
    plain = saved(upright(), "GIF")
    animated = saved(upright(), "GIF", save_all=True, append_images=[turned(3)], duration=100, comment=MARK)
    magic = b"\x01" + bytes(range(255, -1, -1))  # Adobe's way to put XMP into sub-blocks
    comment = b"\x21\xfe" + bytes([len(MARK)]) + MARK + b"\0"
    packet = b"\x21\xff\x0bXMP DataXMP" + XMP + magic + b"\0"
    other = b"\x21\xff\x0bGPSDATA1.0 " + bytes([len(MARK)]) + MARK + b"\0"
    start = 13 + (3 << ((plain[10] & 7) + 1))
    return [
        Odd("comments.gif", plain[:start] + comment + packet + other + plain[start:]),
        Odd("comment-behind.gif", plain[:-1] + comment + packet + b";"),
        Odd("trailing.gif", plain + MARK + told()),
        Odd("animated.gif", animated[:-1] + comment + b";"),
    ]


# --- AVIF, HEIC -------------------------------------------------------------------------------------------------------


def heic(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    pillow_heif.from_pillow(image).save(target, quality=95, **options)
    return target.getvalue()


def several_pictures() -> bytes:
    file = pillow_heif.from_pillow(upright())
    file.info["thumbnails"] = [32]
    file.add_from_pillow(turned(3))
    target = io.BytesIO()
    file.save(target, quality=95, exif=exif().tobytes(), xmp=XMP)
    return target.getvalue()


def with_jpeg_item(data: bytes, preview: bytes) -> bytes:
    """``data`` with one more item, a whole JPEG, behind its media data; ``iloc`` and ``iinf`` name it."""
    meta = data.index(b"meta") - 4
    (meta_size,) = struct.unpack_from(">I", data, meta)
    body = bytearray(data[meta : meta + meta_size])
    infe = full_box(b"infe", 2, struct.pack(">HH", 99, 0), b"jpeg", b"\0")
    iinf = body.index(b"iinf") - 4
    (iinf_size,) = struct.unpack_from(">I", body, iinf)
    iloc = body.index(b"iloc") - 4
    (iloc_size,) = struct.unpack_from(">I", body, iloc)
    version, sizes, base = body[iloc + 8], body[iloc + 12], body[iloc + 13] >> 4
    assert sizes == 0x44
    place = struct.pack(">H", 99) + bytes((2 if version else 0) + 2 + base) + struct.pack(">HII", 1, 0, len(preview))
    grown = len(infe) + len(place)
    edits = sorted([(iinf + iinf_size, infe), (iloc + iloc_size, place)], reverse=True)
    for at, more in edits:
        body[at:at] = more
    for name, longer in ((b"iinf", len(infe)), (b"iloc", len(place))):
        at = body.index(name) - 4
        body[at : at + 4] = struct.pack(">I", struct.unpack_from(">I", body, at)[0] + longer)
    at = body.index(b"iinf") + 8
    body[at : at + 2] = struct.pack(">H", struct.unpack_from(">H", body, at)[0] + 1)
    at = body.index(b"iloc") + 10
    count = struct.unpack_from(">H", body, at)[0]
    body[at : at + 2] = struct.pack(">H", count + 1)
    at += 2
    whole = len(data) + grown + 8
    for _ in range(count + 1):
        item = struct.unpack_from(">H", body, at)[0]
        at += 4 + (2 if version else 0) + base
        extents = struct.unpack_from(">H", body, at)[0]
        at += 2
        for _ in range(extents):
            start = struct.unpack_from(">I", body, at)[0]
            body[at : at + 4] = struct.pack(">I", whole if item == 99 else start + grown)
            at += 8
    body[:4] = struct.pack(">I", len(body))
    return data[:meta] + bytes(body) + data[meta + meta_size :] + box(b"mdat", preview)


def isobmffs() -> list[Odd]:
    preview = told()
    return [
        Odd("exif-and-xmp.avif", saved(turned(6), "AVIF", quality=95, exif=exif(6), xmp=XMP)),
        Odd("boxes.avif", saved(upright(), "AVIF", quality=95) + box(b"uuid", MARK) + box(b"mdat", MARK) + told()),
        Odd(
            "animated.avif", saved(upright(), "AVIF", save_all=True, append_images=[turned(3)], quality=95, exif=exif())
        ),
        Odd("exif-and-xmp.heic", heic(upright(), exif=exif().tobytes(), xmp=XMP)),
        Odd("several.heic", several_pictures()),
        Odd("trailing-film.heic", heic(upright()) + box(b"mpvd", box(b"ftyp", b"mp42") + MARK) + told()),
        Odd("jpeg-inside.heic", with_jpeg_item(heic(upright()), preview)),
    ]


MAKERS: tuple[Callable[[], list[Odd]], ...] = (jpegs, pngs, webps, gifs, isobmffs)
