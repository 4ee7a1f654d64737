"""Every shared picture through the real decoding process, the dangerous ones too: that is what its limits are for."""

import hashlib
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from galleries.decoding import DecodedImage, Decoder, ImageRejected
from galleries.decoding.kinds import HEAD_BYTES, sniff_kind
from galleries.decoding.picture import fit
from galleries.decoding.specs import SPECS
from tests import photos

OUTCOMES = {
    "accept": {"decoded"},
    "accept-first-frame/animated": {"decoded"},
    "reject: corrupt": {"corrupt_image", "empty_file"},
    "reject: unsupported": {"unsupported_format"},
    "reject: too large": {"too_many_pixels"},
}

# What Pillow finds in a JPEG or WebP that has nothing but pixels.
HARMLESS_INFO = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}  # JPEG
HARMLESS_INFO |= {"loop", "background", "timestamp", "duration"}  # WebP


def by_name(record: dict[str, Any]) -> str:
    return str(record["name"])


def with_probe(probe: str) -> list[dict[str, Any]]:
    return [record for record in photos.records() if record.get(probe)]


def decode_or_refuse(decoder: Decoder, source: Path, workdir: Path) -> DecodedImage | ImageRejected:
    try:
        return decoder.decode(source, workdir, keep_metadata=False)
    except ImageRejected as rejected:
        return rejected


def assert_close(pixel: object, expected: list[int], tolerance: int) -> None:
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True)), (pixel, expected)


def assert_stored_right(decoded: DecodedImage, record: dict[str, Any]) -> None:
    stored = decoded.original_path.read_bytes()
    assert decoded.bytes == len(stored)
    assert decoded.sha256 == hashlib.sha256(stored).hexdigest()
    assert decoded.crc32 == zlib.crc32(stored)
    kind = sniff_kind(stored[:HEAD_BYTES])
    assert kind is not None
    assert (kind.name, kind.content_type) == (decoded.kind, decoded.content_type)
    written = [stored, *(rendition.path.read_bytes() for rendition in decoded.renditions)]
    secrets = [marker.encode() for marker in (*record.get("leak_markers", ()), *record.get("canaries", ()))]
    secrets += [canary.encode("utf-16-le") for canary in record.get("canaries", ())]
    for secret in secrets:
        assert not any(secret in data for data in written), f"{secret!r} is still in an output"


def assert_renditions_right(decoded: DecodedImage) -> None:
    size = (decoded.width, decoded.height)
    for rendition, spec in zip(decoded.renditions, SPECS, strict=True):
        assert rendition.spec == spec.name
        assert rendition.bytes == rendition.path.stat().st_size
        with Image.open(rendition.path) as image:
            image.load()
            assert (image.format, image.mode) == (spec.format, "RGB")
            assert image.size == (rendition.width, rendition.height)
            assert image.info.keys() <= HARMLESS_INFO
        wanted = fit(size, spec.long_edge)
        assert all(abs(a - b) <= 1 for a, b in zip(image.size, wanted, strict=True)), (image.size, wanted)
        assert max(image.size) <= min(spec.long_edge, max(size))


@pytest.mark.parametrize("record", photos.records(), ids=by_name)
def test_outcome_is_acceptable(record: dict[str, Any], decoder: Decoder, workdir: Path) -> None:
    acceptable = set().union(*(OUTCOMES[outcome] for outcome in record["acceptable"]))
    decoded = decode_or_refuse(decoder, photos.path(record["name"]), workdir)
    if isinstance(decoded, ImageRejected):
        assert decoded.code in acceptable, decoded.message
        assert decoded.message.endswith(".")
        assert not list(workdir.iterdir())
        return
    assert "decoded" in acceptable
    if record["display_width"] is not None:
        assert (decoded.width, decoded.height) == (record["display_width"], record["display_height"])
    assert len(decoded.placeholder) <= 300
    assert_stored_right(decoded, record)
    assert_renditions_right(decoded)


@pytest.mark.parametrize("record", with_probe("orientation_probe"), ids=by_name)
def test_preview_is_upright_and_so_is_the_stored_original(
    record: dict[str, Any], decoder: Decoder, workdir: Path, tmp_path: Path
) -> None:
    probe = record["orientation_probe"]
    decoded = decoder.decode(photos.path(record["name"]), workdir, keep_metadata=False)
    again = tmp_path / "again"
    again.mkdir()
    for result in (decoded, decoder.decode(decoded.original_path, again, keep_metadata=True)):
        assert [result.width, result.height] == probe["upright_size"]
        with Image.open(result.renditions[0].path) as preview:
            width, height = preview.size
            for corner, colour in probe["upright_corners"].items():
                x = width // 4 if corner.endswith("l") else width * 3 // 4
                y = height // 4 if corner.startswith("t") else height * 3 // 4
                assert_close(preview.getpixel((x, y)), colour, probe["tolerance"])


@pytest.mark.parametrize("record", with_probe("colour_probe"), ids=by_name)
def test_preview_is_srgb(record: dict[str, Any], decoder: Decoder, workdir: Path) -> None:
    probe = record["colour_probe"]
    decoded = decoder.decode(photos.path(record["name"]), workdir, keep_metadata=False)
    with Image.open(decoded.renditions[0].path) as preview:
        width, height = preview.size
        corners = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
        for corner, colour in zip(corners, probe["srgb"], strict=True):
            assert_close(preview.getpixel(corner), colour, probe["tolerance"])


@pytest.mark.parametrize("record", with_probe("gray16_probe"), ids=by_name)
def test_sixteen_bit_grey_is_scaled(record: dict[str, Any], decoder: Decoder, workdir: Path) -> None:
    probe = record["gray16_probe"]
    decoded = decoder.decode(photos.path(record["name"]), workdir, keep_metadata=False)
    with Image.open(decoded.renditions[0].path) as preview:
        pixel = preview.getpixel((probe["x"], probe["y"]))
    assert_close(pixel, [probe["expected_mid_gray"]] * 3, probe["tolerance"])


@pytest.mark.parametrize("name", ["photo/iphone-7-sea.heic", "photo/oppo-r7-plus.jpg", "animation/anim.gif"])
def test_keep_metadata_stores_the_bytes_as_they_came(name: str, decoder: Decoder, workdir: Path) -> None:
    source = photos.path(name)
    decoded = decoder.decode(source, workdir, keep_metadata=True)
    assert decoded.original_path == source
    assert decoded.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert {path.name for path in workdir.iterdir()} == {spec.filename for spec in SPECS}


@pytest.mark.parametrize("record", [r for r in with_probe("camera") if r["expected"] == "accept"], ids=by_name)
def test_camera_says_what_the_file_says(record: dict[str, Any], decoder: Decoder, workdir: Path) -> None:
    camera = decoder.decode(photos.path(record["name"]), workdir, keep_metadata=False).camera
    assert camera.isprintable()
    assert len(camera) <= 100
    assert str(record["camera"]).split()[-1] in camera or "LEAK" in camera


@pytest.mark.parametrize(
    ("name", "animated"),
    [
        ("animation/anim.gif", True),
        ("animation/anim.png", True),
        ("animation/anim.webp", True),
        ("animation/anim.avif", True),
        ("animation/multi.heic", False),
        ("jpeg/frozenpond.mpo", False),
        ("bomb/gif-many-frames.gif", False),
        ("bomb/webp-many-frames.webp", False),
        ("bomb/apng-many-frames.png", False),
        ("bomb/apng-frame-count-lie.png", False),
    ],
)
def test_animated_means_that_it_may_be_played(name: str, animated: bool, decoder: Decoder, workdir: Path) -> None:
    assert decoder.decode(photos.path(name), workdir, keep_metadata=False).animated is animated
