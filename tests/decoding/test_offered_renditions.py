"""Renditions that came with a picture: used when they show it, and nothing but their pixels; else our own are made."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageDraw, ImageOps, ImageStat

from galleries.decoding import DecodedImage, Decoder
from galleries.decoding.picture import fit
from galleries.decoding.specs import PREVIEW, THUMBNAIL
from tests import photos

TURNED = photos.path("photo/samsung-sm-j327t1.jpg")  # 2576 x 1932, EXIF orientation 6
SIZES = {"preview": (1200, 1600), "thumbnail": (300, 400)}
CANARY = b"<script>alert('canary')</script>"


@dataclass(frozen=True)
class Decoding:
    """A shared decoder and the photo of this module, with what is made of it when nothing is offered."""

    decoder: Decoder
    folder: Path

    def run(self, source: Path = TURNED, **offered: bytes) -> DecodedImage:
        workdir = self.folder / str(len(list(self.folder.iterdir())))
        workdir.mkdir()
        for name, body in offered.items():
            (workdir / f"sent-{name}").write_bytes(body)
        sent = {name: workdir / f"sent-{name}" for name in offered}
        return self.decoder.decode(source, workdir, keep_metadata=False, offered=sent)


@pytest.fixture
def decoding(decoder: Decoder, tmp_path: Path) -> Decoding:
    return Decoding(decoder, tmp_path)


@pytest.fixture(scope="module")
def upright() -> Image.Image:
    with Image.open(TURNED) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


@pytest.fixture(scope="module")
def honest(upright: Image.Image) -> Image.Image:
    """The preview as a canvas makes it."""
    return upright.resize(fit(upright.size, PREVIEW.long_edge), Image.Resampling.BILINEAR, reducing_gap=2.0)


@pytest.fixture(scope="module")
def own(decoder: Decoder, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    return served(Decoding(decoder, tmp_path_factory.mktemp("own")).run())


def served(decoded: DecodedImage) -> dict[str, bytes]:
    return {each.spec: each.path.read_bytes() for each in decoded.renditions}


def used(decoded: DecodedImage) -> dict[str, bool]:
    return {each.spec: each.offered for each in decoded.renditions}


def encode(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, format, **({"quality": 82} | options))
    return encoded.getvalue()


def distance(one: bytes, other: bytes) -> float:
    """Root mean square difference of two pictures of one size, of 255."""
    first, second = (Image.open(io.BytesIO(body)).convert("RGB") for body in (one, other))
    return float(max(ImageStat.Stat(ImageChops.difference(first, second)).rms))


# --- used ---


def test_honest_renditions_are_used_and_encoded_again(decoding: Decoding, honest: Image.Image) -> None:
    small = honest.resize(fit(honest.size, THUMBNAIL.long_edge), Image.Resampling.LANCZOS)
    sent = {"preview": encode(honest), "thumbnail": encode(small, quality=90)}
    decoded = decoding.run(preview=sent["preview"], thumbnail=sent["thumbnail"])
    made = served(decoded)
    assert used(decoded) == {"preview": True, "thumbnail": True}
    for name, body in sent.items():
        assert made[name] != body
        assert distance(made[name], body) < 6
    assert Image.open(io.BytesIO(made["thumbnail"])).format == "WEBP"
    assert {each.spec: (each.width, each.height) for each in decoded.renditions} == SIZES
    assert (decoded.width, decoded.height) == (1932, 2576)


def test_the_rest_of_the_answer_is_the_same(decoding: Decoding, honest: Image.Image) -> None:
    plain, with_offer = decoding.run(), decoding.run(preview=encode(honest))
    for name in ("kind", "width", "height", "bytes", "sha256", "crc32", "taken_at", "camera"):
        assert getattr(plain, name) == getattr(with_offer, name)


def test_thumbnail_is_made_from_a_used_preview(
    decoding: Decoding, honest: Image.Image, own: Mapping[str, bytes]
) -> None:
    decoded = decoding.run(preview=encode(honest))
    assert used(decoded) == {"preview": True, "thumbnail": False}
    assert distance(served(decoded)["thumbnail"], own["thumbnail"]) < 6


def test_thumbnail_alone_saves_nothing_and_is_left(
    decoding: Decoding, honest: Image.Image, own: Mapping[str, bytes]
) -> None:
    small = encode(honest.resize(SIZES["thumbnail"]))
    assert served(decoding.run(thumbnail=small)) == own


def test_webp_is_taken_too(decoding: Decoding, honest: Image.Image) -> None:
    assert used(decoding.run(preview=encode(honest, "WEBP")))["preview"]


@pytest.mark.parametrize(
    "name", ["photo/pixel6pro-ultrahdr-01.jpg", "photo/apple-iphone-5.jpg", "photo/dji-fc300s-0025.jpg"]
)
def test_other_cameras_are_recognised(decoding: Decoding, name: str) -> None:
    with Image.open(photos.path(name)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    if profile := image.info.get("icc_profile"):
        upright = to_srgb(upright, profile)
    preview = upright.resize(fit(upright.size, PREVIEW.long_edge), Image.Resampling.BILINEAR, reducing_gap=2.0)
    assert used(decoding.run(photos.path(name), preview=encode(preview)))["preview"]


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    assert converted is not None
    return converted


def test_preview_in_wide_gamut_is_converted(decoding: Decoding, honest: Image.Image) -> None:
    with Image.open(photos.path("colour/icc-p3.jpg")) as image:
        profile = image.info["icc_profile"]
    wide = ImageCms.profileToProfile(
        honest, ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile))
    )
    assert wide is not None
    decoded = decoding.run(preview=encode(wide, icc_profile=profile))
    assert used(decoded)["preview"]
    assert distance(served(decoded)["preview"], encode(honest)) < 4
    assert not used(decoding.run(preview=encode(wide)))["preview"]  # the same numbers called sRGB are other colours


# --- used, but only the pixels ---


def with_exif(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = CANARY.decode()
    return encode(image, exif=exif.tobytes())


STOWAWAYS: dict[str, Callable[[Image.Image], bytes]] = {
    "EXIF with another orientation": with_exif,
    "comment": lambda image: encode(image, comment=CANARY),
    "profile that is none": lambda image: encode(image, icc_profile=CANARY * 40),
    "bytes after the end": lambda image: encode(image) + CANARY,
    "archive after the end": lambda image: encode(image) + b"PK\x03\x04" + CANARY,
    "page before the picture": lambda image: b"\xff\xd8\xff\xfe\x00\x24" + CANARY + encode(image)[2:],
    "XMP in a WebP": lambda image: encode(image, "WEBP", xmp=CANARY),
}


@pytest.mark.parametrize("name", STOWAWAYS)
def test_stowaways_stay_behind(decoding: Decoding, honest: Image.Image, name: str) -> None:
    body = STOWAWAYS[name](honest)
    assert CANARY in body
    decoded = decoding.run(preview=body)
    assert used(decoded)["preview"]
    for made in served(decoded).values():
        assert b"canary" not in made
        image = Image.open(io.BytesIO(made))
        assert not {"exif", "comment", "icc_profile", "xmp"} & image.info.keys()
        assert image.size in SIZES.values()


# --- not used ---


def repaint(image: Image.Image, paint: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    copy = image.copy()
    paint(ImageDraw.Draw(copy))
    return copy


def crop(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    box = (width * share, height * share, width * (1 - share), height * (1 - share))
    return image.resize(image.size, Image.Resampling.BICUBIC, box)


def tint(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    return Image.merge("RGB", (red.point(lambda value: value + 12), green, blue))


def weave(image: Image.Image) -> Image.Image:
    """Stripes that leave every larger area's mean as it is."""
    stripes = Image.new("L", (8, 8), 60)
    stripes.paste(196, (0, 0, 4, 8))
    pattern = Image.new("L", image.size)
    for x in range(0, image.width, 8):
        for y in range(0, image.height, 8):
            pattern.paste(stripes, (x, y))
    return Image.merge("RGB", [ImageChops.overlay(band, pattern) for band in image.split()])


def another(image: Image.Image) -> Image.Image:
    with Image.open(photos.path("photo/motorola-xt1068-moto-g.jpg")) as other:
        return other.convert("RGB").resize(image.size)


def sideways(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.ROTATE_90)


FORGERIES: dict[str, Callable[[Image.Image], bytes]] = {
    "another picture": lambda image: encode(another(image)),
    "one colour": lambda image: encode(Image.new("RGB", image.size, (90, 110, 130))),
    "shifted by 3 pixels": lambda image: encode(ImageChops.offset(image, 3, 0)),
    "shifted down by 6": lambda image: encode(ImageChops.offset(image, 0, 6)),
    "one per cent cut off": lambda image: encode(crop(image, 0.01)),
    "mirrored": lambda image: encode(ImageOps.mirror(image)),
    "on its head": lambda image: encode(image.transpose(Image.Transpose.ROTATE_180)),
    "tinted": lambda image: encode(tint(image)),
    "negative": lambda image: encode(ImageChops.invert(image)),
    "grey": lambda image: encode(image.convert("L")),
    "a word added": lambda image: encode(repaint(image, lambda draw: draw.text((900, 700), "FORGED", "red", None))),
    "a small patch": lambda image: encode(repaint(image, lambda draw: draw.rectangle((30, 30, 60, 60), "white"))),
    "a weave on top": lambda image: encode(weave(image)),
    "too large": lambda image: encode(image.resize((1800, 2400))),
    "one pixel narrower": lambda image: encode(image.resize((1199, 1600))),
    "on its side": lambda image: encode(sideways(image)),
    "on its side, EXIF turns it": lambda image: encode(sideways(image), exif=turned(6)),
    "cut off": lambda image: encode(image)[:-2000],
    "progressive": lambda image: encode(image, progressive=True),
    "CMYK": lambda image: encode(image.convert("CMYK")),
    "a PNG": lambda image: encode(image, "PNG", compress_level=1),
    "a GIF": lambda image: encode(image, "GIF"),
    "animated": lambda image: encode(image, "WEBP", save_all=True, append_images=[ImageOps.invert(image)], duration=9),
    "more bytes than any": lambda image: encode(image) + bytes(4 * 1024 * 1024),
    "empty": lambda image: b"",
    "text": lambda image: CANARY,
    "header alone": lambda image: encode(image)[:700],
}


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_change_nothing(decoding: Decoding, honest: Image.Image, own: Mapping[str, bytes], name: str) -> None:
    assert served(decoding.run(preview=FORGERIES[name](honest))) == own


@pytest.mark.parametrize("name", ["another picture", "one colour", "mirrored", "tinted", "a small patch", "text"])
def test_forged_thumbnails_are_not_used(decoding: Decoding, honest: Image.Image, name: str) -> None:
    forged = FORGERIES[name](honest.resize(SIZES["thumbnail"], Image.Resampling.LANCZOS))
    alone = decoding.run(preview=encode(honest))
    assert served(decoding.run(preview=encode(honest), thumbnail=forged)) == served(alone)


@pytest.mark.parametrize(
    "name", ["bomb/jpeg-lottapixel.jpg", "bomb/webp-anim-16383x16383.webp", "bomb/jpeg-progressive-many-scans.jpg"]
)
def test_bombs_do_not_go_off(decoding: Decoding, own: Mapping[str, bytes], name: str) -> None:
    assert served(decoding.run(preview=photos.path(name).read_bytes())) == own


def test_a_missing_file_is_no_reason_to_refuse(decoding: Decoding, tmp_path: Path, own: Mapping[str, bytes]) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    offered = {"preview": tmp_path / "gone"}
    assert served(decoding.decoder.decode(TURNED, workdir, keep_metadata=False, offered=offered)) == own


@pytest.fixture(scope="module")
def faulty_decoder() -> Iterator[Decoder]:
    decoder = Decoder(server_module="tests.decoding.faulty_server")
    yield decoder
    decoder.close()


def test_what_ends_the_child_is_not_the_pictures_end(
    faulty_decoder: Decoder, tmp_path: Path, own: Mapping[str, bytes]
) -> None:
    assert served(Decoding(faulty_decoder, tmp_path).run(preview=b"segfault:")) == own
