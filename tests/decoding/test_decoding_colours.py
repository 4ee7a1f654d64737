"""Colours that are said in numbers, and chunks that a PNG can do without: previews are right in sRGB."""

import io
import struct
import zlib
from datetime import UTC, datetime

import pytest
from PIL import Image, ImageCms

from galleries.decoding import ImageRejected, Limits
from galleries.decoding.items import read_colour_codes
from galleries.decoding.picture import open_picture
from galleries.decoding.profiles import profile_of_codes, profile_of_gamma
from tests.stripping.containers import png_chunk, strip

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RED = (255, 0, 0)
HALF = (128, 128, 128)  # of the light, where numbers are light: 188 in sRGB
# What Display P3 and Rec. 2020 call the red of sRGB, with sRGB's curve.
P3_RED, REC2020_RED = (234, 51, 35), (207, 74, 34)
D65, P3 = (31_270, 32_900), (68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
SRGB = (64_000, 33_000, 30_000, 60_000, 15_000, 6_000)


def png(rgb: tuple[int, int, int], *chunks: bytes, late: bytes = b"") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (8, 8), rgb).save(target, "PNG")
    data = target.getvalue()
    return data[:33] + b"".join(chunks) + data[33:-12] + late + data[-12:]


def gamma(value: int) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", value))


def chromaticities(*values: int) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *values))


def codes(primaries: int, transfer: int) -> bytes:
    return png_chunk(b"cICP", bytes((primaries, transfer, 0, 1)))


def profile(data: bytes) -> bytes:
    return png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(data))


def shown(data: bytes, kind: str = "png") -> tuple[int, ...]:
    """The colour of a pixel, the same of the file and of what is stored of it."""
    pictures = [open_picture(io.BytesIO(each), Limits(), NOW).pixels for each in (data, strip(data, kind))]
    first, second = (picture.getpixel((4, 4)) for picture in pictures)
    assert first == second
    assert isinstance(first, tuple)
    return tuple(map(int, first))


def display_p3() -> bytes:
    made = profile_of_codes(12, 13)
    assert made is not None
    return made


SRGB_CHUNK = png_chunk(b"sRGB", b"\0")


@pytest.mark.parametrize(
    ("stored", "chunks", "expected"),
    [
        (HALF, [gamma(100_000)], (188, 188, 188)),
        ((136, 136, 136), [gamma(55_556)], (155, 155, 155)),  # an old Mac's 1.8
        (P3_RED, [codes(12, 13)], RED),
        (REC2020_RED, [codes(9, 13)], RED),
        (HALF, [codes(1, 8)], (188, 188, 188)),
        ((232, 54, 39), [gamma(45_455), chromaticities(*D65, *P3)], RED),
        (P3_RED, [profile(display_p3())], RED),
        # Nothing to be done.
        (P3_RED, [gamma(45_455)], P3_RED),
        (P3_RED, [gamma(45_455), chromaticities(*D65, *SRGB)], P3_RED),
        (P3_RED, [codes(1, 13)], P3_RED),
        (P3_RED, [codes(2, 2)], P3_RED),
        # What comes first counts alone: cICP, iCCP, sRGB, gAMA.
        (P3_RED, [codes(12, 13), gamma(100_000), SRGB_CHUNK], RED),
        (P3_RED, [codes(1, 13), profile(display_p3())], P3_RED),
        (P3_RED, [profile(display_p3()), gamma(100_000)], RED),
        (P3_RED, [SRGB_CHUNK, gamma(100_000)], P3_RED),
        # Nonsense.
        (P3_RED, [gamma(0)], P3_RED),
        (P3_RED, [gamma(1)], P3_RED),
        (P3_RED, [gamma(45_455), chromaticities(*[0] * 8)], P3_RED),
        (P3_RED, [gamma(45_455), chromaticities(*[33_333] * 8)], P3_RED),
        (P3_RED, [gamma(45_455), chromaticities(*[4_000_000_000] * 8)], P3_RED),
        (P3_RED, [chromaticities(*D65, *P3)], P3_RED),
    ],
)
def test_colours_said_in_numbers_are_shown(
    stored: tuple[int, int, int], chunks: list[bytes], expected: tuple[int, int, int]
) -> None:
    seen = shown(png(stored, *chunks))
    assert all(abs(a - b) <= 4 for a, b in zip(seen, expected, strict=True)), seen


def avif(rgb: tuple[int, int, int], primaries: int, transfer: int, **options: object) -> bytes:
    """Pillow says sRGB in its colr box, whatever the colours are; what it says is changed in its place."""
    target = io.BytesIO()
    Image.new("RGB", (64, 64), rgb).save(target, "AVIF", quality=100, subsampling="4:4:4", **options)
    data, said = target.getvalue(), b"colrnclx" + struct.pack(">HH", 1, 13)
    assert said in data
    return data.replace(said, said[:8] + struct.pack(">HH", primaries, transfer))


@pytest.mark.parametrize(
    ("stored", "said", "expected"),
    [(P3_RED, (12, 13), RED), (REC2020_RED, (9, 1), RED), (P3_RED, (1, 13), P3_RED), (P3_RED, (12, 16), P3_RED)],
)
def test_colours_of_an_avif_said_in_numbers_are_shown(
    stored: tuple[int, int, int], said: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    data = avif(stored, *said)
    assert read_colour_codes(io.BytesIO(data)) == said
    seen = shown(data, "avif")
    assert all(abs(a - b) <= 5 for a, b in zip(seen, expected, strict=True)), seen


def test_colours_of_a_broken_avif_are_nobodys_concern() -> None:
    data = avif(P3_RED, 12, 13)
    end = data.index(b"mdat")
    assert {read_colour_codes(io.BytesIO(data[:length])) for length in range(end - 4)} == {None}
    for at in range(end):
        read_colour_codes(io.BytesIO(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]))


def test_profile_behind_the_pixels_counts_for_nobody() -> None:
    assert shown(png(P3_RED, late=profile(display_p3()))) == P3_RED


@pytest.mark.parametrize("made", [display_p3(), profile_of_gamma(1.0, None)])
def test_made_profile_is_one_for_others_too(made: bytes | None) -> None:
    assert made is not None
    assert len(made) == struct.unpack(">I", made[:4])[0]
    opened = ImageCms.ImageCmsProfile(io.BytesIO(made)).profile
    colorants = [opened.red_colorant, opened.green_colorant, opened.blue_colorant]
    white = [sum(parts) for parts in zip(*(each[0] for each in colorants if each), strict=True)]
    assert white == pytest.approx([0.9642, 1.0, 0.8249], abs=0.001)


@pytest.mark.parametrize(("bits", "pair"), [(1, 0b01010101), (2, 0b00010001), (4, 0b00000001)])
def test_transparent_grey_of_few_bits_is_shown_on_white(bits: int, pair: int) -> None:
    """The darkest grey and the next one by turns; the next one is the transparent one."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 8, bits, 0, 0, 0, 0))
    rows = zlib.compress((b"\0" + bytes([pair]) * (2 * bits)) * 8)
    data = b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"tRNS", b"\0\1") + png_chunk(b"IDAT", rows) + png_chunk(b"IEND")
    picture = open_picture(io.BytesIO(data), Limits(), NOW).pixels.convert("L")
    assert [picture.getpixel((x, 4)) for x in range(4)] == [0, 255, 0, 255]


@pytest.mark.parametrize("transparent", [None, 2])
def test_gif_is_white_where_its_first_frame_is_not(transparent: int | None) -> None:
    """Red is what the file calls its background, which no browser shows."""
    image, target = Image.new("P", (40, 30), 1), io.BytesIO()
    image.putpalette([*RED, 0, 0, 255, 0, 255, 0])
    options = {} if transparent is None else {"transparency": transparent}
    image.save(target, "GIF", optimize=False, background=0, **options)
    data = bytearray(target.getvalue())
    frame = data.index(struct.pack("<cHHHH", b",", 0, 0, 40, 30)) + 1
    data[6:10], data[frame : frame + 4] = struct.pack("<HH", 100, 80), struct.pack("<HH", 30, 20)
    picture = open_picture(io.BytesIO(data), Limits(), NOW)
    assert (picture.width, picture.height) == (100, 80)
    seen = [picture.pixels.getpixel(place) for place in ((29, 25), (70, 35), (50, 50), (30, 20), (69, 49))]
    assert seen == [(255, 255, 255)] * 3 + [(0, 0, 255)] * 2


BROKEN = {
    "wrong check sum": png_chunk(b"tEXt", b"Comment\0private")[:-1] + b"!",
    "wrong check sum of gAMA": gamma(100_000)[:-1] + b"!",
    "empty": b"".join(png_chunk(kind) for kind in (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"pHYs", b"tEXt", b"eXIf")),
    "short": png_chunk(b"gAMA", b"\0\0") + png_chunk(b"cHRM", bytes(8)) + png_chunk(b"pHYs", bytes(3)),
    "text that unpacks without end": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9)),
}


@pytest.mark.parametrize("chunk", BROKEN.values(), ids=BROKEN.keys())
def test_broken_chunk_that_a_picture_can_do_without_is_left_out(chunk: bytes) -> None:
    assert shown(png((9, 90, 200), chunk)) == (9, 90, 200)


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_broken_chunk_that_a_picture_needs_is_refused(kind: bytes) -> None:
    data = png((9, 90, 200))
    at = data.index(kind) + 4
    with pytest.raises(ImageRejected) as refused:
        open_picture(io.BytesIO(data[:at] + bytes([data[at] ^ 64]) + data[at + 1 :]), Limits(), NOW)
    assert refused.value.code == "corrupt_image"
