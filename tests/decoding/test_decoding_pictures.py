"""Pictures made in memory: limits, truncation, modes, orientation, and the facts that are read from EXIF."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageDraw, PngImagePlugin

from galleries.decoding import DecodedImage, Decoder, ImageRejected, Limits
from galleries.decoding.exif import name_camera, parse_taken_at
from galleries.decoding.kinds import count_gif_frames, sniff_kind
from tests import photos
from tests.pictures import TURNS

NOW = datetime(2026, 6, 1, tzinfo=UTC)

# Small enough to be met by small pictures.
SMALL = replace(
    Limits(),
    max_pixels_jpeg=20_000,
    max_pixels=10_000,
    max_side=400,
    max_frames=3,
    max_animation_pixels=30_000,
    max_scan_pixels=50_000,
)

Decode = Callable[[bytes], DecodedImage]


def encode(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, format, **options)
    return encoded.getvalue()


def draw_noise(size: tuple[int, int]) -> Image.Image:
    return Image.effect_noise(size, 90).convert("RGB")


def make_heic(image: Image.Image) -> bytes:
    encoded = io.BytesIO()
    pillow_heif.from_pillow(image).save(encoded)
    return encoded.getvalue()


@pytest.fixture
def decode(decoder: Decoder, tmp_path: Path) -> Decode:
    return decode_with(decoder, tmp_path)


def decode_with(decoder: Decoder, tmp_path: Path) -> Decode:
    def decode(data: bytes) -> DecodedImage:
        number = len(list(tmp_path.iterdir()))
        workdir = tmp_path / str(number)
        workdir.mkdir()
        source = workdir / "source"
        source.write_bytes(data)
        return decoder.decode(source, workdir, keep_metadata=False)

    return decode


@pytest.fixture(scope="module")
def small_decoder() -> Iterator[Decoder]:
    decoder = Decoder(SMALL)
    yield decoder
    decoder.close()


@pytest.fixture
def decode_small(small_decoder: Decoder, tmp_path: Path) -> Decode:
    return decode_with(small_decoder, tmp_path)


def preview_of(decoded: DecodedImage) -> Image.Image:
    with Image.open(decoded.renditions[0].path) as image:
        return image.convert("RGB")


def refusal(decode: Decode, data: bytes) -> str:
    with pytest.raises(ImageRejected) as rejected:
        decode(data)
    return rejected.value.code


# --- the three steps ---


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xff", "unsupported_format"),
        (b"GIF8", "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavif", "corrupt_image"),
        (b"\0\0\0\x14ftypmp42\0\0\0\0mp42", "unsupported_format"),
        (b"\xff\xd8\xff", "corrupt_image"),
        (b"\x89PNG\r\n\x1a\n", "corrupt_image"),
        (b"GIF89a", "corrupt_image"),
        (b"RIFF\0\0\0\0WEBP", "corrupt_image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "corrupt_image"),
    ],
)
def test_fragment_is_refused_with_a_code(data: bytes, code: str, decode: Decode) -> None:
    assert refusal(decode, data) == code


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "heic"),
        (b"\0\0\0\x14ftypmsf1\0\0\0\0msf1", "heic"),
        (b"\0\0\0\x18ftypavis\0\0\0\0avisavif", "avif"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", None),
        (b"\0\0\0\x14ftypcrx \0\0\0\0crx ", None),
        (b"\xff\xff\xff\xffftypqt  ", None),
    ],
)
def test_brands_decide(head: bytes, name: str | None) -> None:
    kind = sniff_kind(head)
    assert (kind and kind.name) == name


def test_pixels_are_limited_per_kind(decode_small: Decode) -> None:
    assert decode_small(encode(Image.new("RGB", (200, 100)), "JPEG")).width == 200
    assert refusal(decode_small, encode(Image.new("RGB", (201, 100)), "JPEG")) == "too_many_pixels"
    assert decode_small(encode(Image.new("RGB", (100, 100)))).width == 100
    for format in ("PNG", "WEBP", "GIF", "AVIF"):
        assert refusal(decode_small, encode(Image.new("RGB", (101, 100)), format)) == "too_many_pixels"
    assert refusal(decode_small, make_heic(Image.new("RGB", (102, 100)))) == "too_many_pixels"
    assert refusal(decode_small, encode(Image.new("RGB", (401, 2)))) == "too_many_pixels"


def test_refusal_names_the_limit_of_each_kind(decode_small: Decode) -> None:
    with pytest.raises(ImageRejected) as rejected:
        decode_small(encode(Image.new("RGB", (101, 100))))
    assert "A JPEG may have 0.02 million pixels, any other 0.01 million pixels, and" in rejected.value.message


def test_scans_of_a_progressive_jpeg_are_limited(decode_small: Decode) -> None:
    baseline = encode(draw_noise((150, 100)), "JPEG")
    progressive = encode(draw_noise((150, 100)), "JPEG", progressive=True)
    assert progressive.count(b"\xff\xda") > 3
    assert decode_small(baseline).width == 150
    assert refusal(decode_small, progressive) == "too_many_pixels"


def make_gif(frames: int, size: int = 20) -> bytes:
    images = [Image.new("P", (size, size), number) for number in range(frames)]
    for number, image in enumerate(images):
        image.putpalette([number * 9 % 256, 100, 50] * 256)
        ImageDraw.Draw(image).point((number % size, 0), 255 - number)
    return encode(images[0], "GIF", save_all=True, append_images=images[1:], duration=100)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 9])
def test_gif_frames_are_counted_in_the_blocks(frames: int, decode_small: Decode) -> None:
    data = make_gif(frames)
    assert count_gif_frames(io.BytesIO(data), 100) == frames
    assert count_gif_frames(io.BytesIO(data), 3) == min(frames, 4)
    assert decode_small(data).animated is (1 < frames <= SMALL.max_frames)


def test_gif_frames_of_a_broken_file_are_counted_as_far_as_it_goes() -> None:
    data = make_gif(5)
    for length in range(len(data)):
        assert 0 <= count_gif_frames(io.BytesIO(data[:length]), 100) <= 5


def test_animation_of_too_many_pixels_is_shown_as_its_first_frame(decode_small: Decode) -> None:
    assert decode_small(make_gif(3, size=90)).animated is True
    assert decode_small(make_gif(4, size=90)).animated is False
    assert decode_small(make_gif(3, size=100)).animated is True


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("format", ["JPEG", "PROGRESSIVE", "PNG", "WEBP", "AVIF", "HEIC"])
def test_truncated_picture_is_refused(format: str, share: float, decode: Decode) -> None:
    image = draw_noise((300, 200))
    if format == "HEIC":
        data = make_heic(image)
    elif format == "PROGRESSIVE":
        data = encode(image, "JPEG", progressive=True)
    else:
        data = encode(image, format)
    assert refusal(decode, data[: int(len(data) * share)]) == "corrupt_image"


def test_heic_without_its_decoder_is_refused_with_its_own_sentence(tmp_path: Path) -> None:
    decoder = Decoder(server_module="tests.decoding.heifless_server")
    try:
        with pytest.raises(ImageRejected, match="HEIC") as rejected:
            decode_with(decoder, tmp_path)(make_heic(Image.new("RGB", (64, 64))))
        assert rejected.value.code == "unsupported_format"
        assert decode_with(decoder, tmp_path)(encode(Image.new("RGB", (64, 64)))).width == 64
    finally:
        decoder.close()


@pytest.mark.slow
def test_phone_jpeg_of_200_megapixels_is_taken(decode: Decode) -> None:
    decoded = decode(encode(Image.new("L", (16320, 12240), 77), "JPEG"))
    assert (decoded.width, decoded.height) == (16320, 12240)
    assert [(r.width, r.height) for r in decoded.renditions] == [(1600, 1200), (400, 300)]


# --- the renditions ---


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize(
    ("size", "preview", "thumbnail"),
    [
        ((3000, 2000), (1600, 1067), (400, 267)),
        ((900, 1700), (847, 1600), (212, 400)),
        ((1000, 10), (1000, 10), (400, 4)),
        ((50, 40), (50, 40), (50, 40)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
def test_renditions_fit_and_never_grow(
    size: tuple[int, int], preview: tuple[int, int], thumbnail: tuple[int, int], format: str, decode: Decode
) -> None:
    decoded = decode(encode(Image.new("RGB", size, "teal"), format))
    assert (decoded.width, decoded.height) == size
    assert [(r.spec, r.width, r.height) for r in decoded.renditions] == [
        ("preview", *preview),
        ("thumbnail", *thumbnail),
    ]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (40, 30), 1), (255, 255, 255)),
        (Image.new("L", (40, 30), 90), (90, 90, 90)),
        (Image.new("LA", (40, 30), (90, 255)), (90, 90, 90)),
        (Image.new("LA", (40, 30), (0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (40, 30), (200, 30, 30, 0)), (255, 255, 255)),
        (Image.new("RGBA", (40, 30), (200, 0, 0, 128)), (227, 127, 127)),
        (Image.new("RGBA", (4000, 3000), (200, 0, 0, 128)), (227, 127, 127)),
        (Image.new("I;16", (40, 30), 0x8080), (128, 128, 128)),
        (Image.new("I;16", (40, 30), 0xFFFF), (255, 255, 255)),
        (Image.new("I;16", (40, 30), 0x00FF), (1, 1, 1)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_modes_of_png_look_right(image: Image.Image, expected: tuple[int, int, int], decode: Decode) -> None:
    pixel = preview_of(decode(encode(image))).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) <= 3 for a, b in zip(pixel, expected, strict=True)), pixel


def test_transparent_palette_is_shown_on_white(decode: Decode) -> None:
    image = Image.new("P", (40, 30), 1)
    image.putpalette([10, 20, 200, 200, 20, 10] + [0] * 762)
    ImageDraw.Draw(image).rectangle((0, 0, 19, 29), fill=0)
    for format in ("PNG", "GIF"):
        preview = preview_of(decode(encode(image, format, transparency=1)))
        assert all(value > 245 for value in preview.getpixel((34, 15)))  # type: ignore[union-attr]
        assert preview.getpixel((4, 15))[2] > 180  # type: ignore[index]


def test_transparent_colour_of_png_is_shown_on_white(decode: Decode) -> None:
    preview = preview_of(decode(encode(Image.new("RGB", (40, 30), (9, 8, 7)), transparency=(9, 8, 7))))
    assert preview.getpixel((5, 5)) == (255, 255, 255)


def test_transparent_colour_of_sixteen_bits_is_shown_on_white(decode: Decode) -> None:
    grey = Image.new("I;16", (40, 30), 0x8080)
    grey.putpixel((20, 15), 0x2000)
    preview = preview_of(decode(encode(grey, transparency=0x8080)))
    assert preview.getpixel((5, 5)) == (255, 255, 255)
    for name in ("tbbn2c16.png", "tbgn2c16.png"):
        data = photos.path(f"pngsuite/{name}").read_bytes()
        assert preview_of(decode(data)).convert("L").getpixel((0, 0)) > 245, name  # type: ignore[operator]


@pytest.mark.parametrize("profile", [b"", b"garbage", b"\0" * 128, bytes(range(256)) * 40])
def test_broken_profile_is_ignored(profile: bytes, decode: Decode) -> None:
    image = Image.new("RGB", (40, 30), (10, 150, 40))
    pixel = preview_of(decode(encode(image, "JPEG", icc_profile=profile, quality=95))).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) <= 4 for a, b in zip(pixel, (10, 150, 40), strict=True)), pixel


def test_placeholder_and_colour(decode: Decode) -> None:
    decoded = decode(encode(Image.new("RGB", (900, 600), (200, 40, 40)), "PNG"))
    assert re.fullmatch(r"data:image/webp;base64,[A-Za-z0-9+/]+=*", decoded.placeholder)
    assert len(decoded.placeholder) < 150
    channels = bytes.fromhex(decoded.colour.removeprefix("#"))
    assert all(abs(a - b) <= 6 for a, b in zip(channels, (200, 40, 40), strict=True)), decoded.colour


def test_colour_is_the_commonest_not_the_mean(decode: Decode) -> None:
    image = Image.new("RGB", (600, 600), (20, 60, 200))
    ImageDraw.Draw(image).rectangle((0, 0, 599, 199), fill=(250, 240, 10))
    red, green, blue = bytes.fromhex(decode(encode(image)).colour.removeprefix("#"))
    assert blue > 150
    assert red < 80
    assert green < 110


# --- EXIF ---


def make_exif(orientation: object = None, **tags: object) -> Image.Exif:
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    for name, value in tags.items():
        tag = ExifTags.Base[name]
        if name in ("Make", "Model"):
            exif[tag] = value
        else:
            exif.get_ifd(ExifTags.IFD.Exif)[tag] = value
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_orientation_is_upright(format: str, orientation: int, decode: Decode) -> None:
    upright = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(upright).rectangle((0, 0, 29, 19), fill="red")
    stored = upright.transpose(TURNS[orientation]) if orientation in TURNS else upright
    decoded = decode(encode(stored, format, exif=make_exif(orientation), quality=90))
    assert (decoded.width, decoded.height) == (60, 40)
    red, green, _ = preview_of(decoded).getpixel((10, 8))  # type: ignore[misc]
    assert red > 200
    assert green < 90
    assert preview_of(decoded).convert("L").getpixel((50, 32)) > 200  # type: ignore[operator]


def test_time_and_camera_are_read(decode: Decode) -> None:
    exif = make_exif(
        6,
        Make="Canon\0 ",
        Model="Canon\x1b EOS\u202e 5D",
        DateTimeOriginal="2024:05:31 23:30:00",
        OffsetTimeOriginal="-02:00",
    )
    for format in ("JPEG", "PNG", "WEBP", "AVIF"):
        decoded = decode(encode(Image.new("RGB", (60, 40)), format, exif=exif))
        assert decoded.taken_at == datetime(2024, 6, 1, 1, 30, tzinfo=UTC)
        assert decoded.taken_at.utcoffset() == timedelta(hours=-2)
        # Pillow writes non-ASCII as question marks.
        assert decoded.camera == "Canon EOS? 5D"


@pytest.mark.parametrize("original", [None, "0000:00:00 00:00:00", "    :  :     :  :  ", "2024:02:30 12:00:00"])
def test_time_of_digitizing_counts_where_no_other_is_told(original: str | None, decode: Decode) -> None:
    tags = {"DateTimeDigitized": "2018:01:02 03:04:05", "OffsetTimeDigitized": "+02:00"}
    tags |= {"DateTimeOriginal": original} if original else {}
    decoded = decode(encode(Image.new("RGB", (60, 40)), "JPEG", exif=make_exif(1, **tags)))
    assert decoded.taken_at == datetime(2018, 1, 2, 1, 4, 5, tzinfo=UTC)


def test_good_png_with_a_broken_exif_text_is_taken(decode: Decode) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", "\nexif\n  20\nnot hex at all\n")
    decoded = decode(encode(Image.new("RGB", (60, 40)), pnginfo=info))
    assert (decoded.taken_at, decoded.camera) == (None, "")


@pytest.mark.parametrize("length", [0, 1, 6, 8, 14, 20, 40, 60])
def test_cut_off_exif_never_fails_the_upload(length: int, decode: Decode) -> None:
    block = make_exif(1, Make="A", Model="B", DateTimeOriginal="2024:05:31 23:30:00").tobytes()[:length]
    assert decode(encode(Image.new("RGB", (60, 40)), "JPEG", exif=block)).width == 60


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("2024:05:31 23:59:59", "", datetime(2024, 5, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024:05:31 23:59:59", "+02:00", datetime(2024, 5, 31, 21, 59, 59, tzinfo=UTC)),
        ("2024:05:31 23:59:59", "-09:30", datetime(2024, 6, 1, 9, 29, 59, tzinfo=UTC)),
        ("2024:05:31 23:59:59", "+99:99", datetime(2024, 5, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024:05:31 23:59:59", "Z", datetime(2024, 5, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024-05-31 23:59", "", datetime(2024, 5, 31, 23, 59, tzinfo=UTC)),
        ("2024:05:31 23:59:59.25", "", datetime(2024, 5, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024-05-31T23:59:59Z", "+02:00", datetime(2024, 5, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024:05:31 23:59:59+02:00", "", datetime(2024, 5, 31, 21, 59, 59, tzinfo=UTC)),
        ("2024-05-31T23:59:59.250 -0930", "+02:00", datetime(2024, 6, 1, 9, 29, 59, tzinfo=UTC)),
        ("1904:01:01 00:00:00", "", datetime(1904, 1, 1, tzinfo=UTC)),
        ("0000:00:00 00:00:00", "", None),
        ("0001:01:01 00:00:00", "+14:00", None),
        ("1700:01:01 00:00:00", "", None),
        ("2026:06:01 00:00:01", "", None),
        ("9999:12:31 23:59:59", "-14:00", None),
        ("2024:02:30 12:00:00", "", None),
        ("2024:05:31 24:00:00", "", None),
        ("    :  :     :  :  ", "", None),
        ("yesterday", "", None),
        ("", "", None),
    ],
)
def test_taken_at_is_a_sane_time_or_none(text: str, offset: str, expected: datetime | None) -> None:
    assert parse_taken_at(text, offset, NOW) == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("EASTMAN KODAK COMPANY", "KODAK Z740", "KODAK Z740"),
        ("Apple", "iPhone 13", "Apple iPhone 13"),
        ("CASIO COMPUTER CO.,LTD", "EX-Z3", "CASIO COMPUTER EX-Z3"),
        ("SONY", "", "SONY"),
        ("", "X100", "X100"),
        ("", "", ""),
        ("x" * 80, "y" * 80, "x" * 80 + " " + "y" * 19),
    ],
)
def test_camera_is_named_once(make: str, model: str, expected: str) -> None:
    assert name_camera(make, model) == expected
