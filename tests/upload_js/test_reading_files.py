"""Pure functions that know a file by its name and bytes: kind, size, EXIF, hash; called in Chromium."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import Any

import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from playwright.sync_api import Page

from tests import photos
from tests.upload_js.conftest import Call

pytestmark = pytest.mark.browser

KINDS = {
    "photo/apple-iphone-5.jpg": "jpeg",
    "photo/iphone-13-pro-8568.jpg": "jpeg",
    "photo/iphone-7-sea.heic": "heic",
    "photo/wp-botany-flowers.webp": "webp",
    "animation/anim.avif": "avif",
    "animation/anim.gif": "gif",
    "animation/anim.png": "png",
    "orientation/orient-6.avif": "avif",
    "corrupt/empty.jpg": "",
    "corrupt/one-byte.jpg": "",
    "corrupt/random.png": "",
}


def test_sniff_goes_by_bytes(call: Call) -> None:
    assert {name: call("formats.js", "sniff", photos.path(name).read_bytes()[:4096]) for name in KINDS} == KINDS


@pytest.mark.parametrize(
    ("name", "kind", "animated"),
    [
        ("animation/anim.gif", "gif", True),
        ("animation/anim.png", "png", True),
        ("animation/anim.webp", "webp", True),
        ("animation/anim.avif", "avif", True),
        ("orientation/orient-1.png", "png", False),
        ("orientation/orient-1.webp", "webp", False),
        ("orientation/orient-1.avif", "avif", False),
    ],
)
def test_is_animated(call: Call, name: str, kind: str, animated: bool) -> None:
    assert call("formats.js", "isAnimated", kind, photos.path(name).read_bytes()) is animated


@pytest.mark.parametrize(
    ("name", "kind", "complete"),
    [
        ("photo/nikon-d3100-o8.jpg", "jpeg", True),
        ("photo/dji-fc300s-0025.jpg", "jpeg", True),
        ("truncated/no-eoi.jpg", "jpeg", False),
        ("truncated/trunc-jpg-95pc.jpg", "jpeg", False),
        ("truncated/trunc-progressive-50pc.jpg", "jpeg", False),
        ("truncated/trunc-png-95pc.png", "png", False),
        ("orientation/orient-1.png", "png", True),
        ("photo/wp-botany-flowers.webp", "webp", True),
    ],
)
def test_is_complete(call: Call, name: str, kind: str, complete: bool) -> None:
    assert call("formats.js", "isComplete", kind, photos.path(name).read_bytes()) is complete


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("photo/apple-iphone-5.jpg", "jpeg"),
        ("photo/sunset-by-the-pier.jpg", "jpeg"),
        ("photo/wp-botany-flowers.webp", "webp"),
        ("orientation/orient-1.webp", "webp"),
        ("orientation/orient-1.png", "png"),
    ],
)
def test_measure_reads_the_header(call: Call, name: str, kind: str) -> None:
    record = next(each for each in photos.records() if each["name"] == name)
    found = call("formats.js", "measure", kind, photos.path(name).read_bytes()[: 256 * 1024])
    assert found == {"width": record["width"], "height": record["height"]}


def test_measure_of_a_cut_header_is_unknown(call: Call) -> None:
    assert call("formats.js", "measure", "png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0") == {"width": 0, "height": 0}


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("photo/apple-iphone-5.jpg", {"takenAt": "2012-09-29T16:11:25Z", "camera": "Apple iPhone 5", "orientation": 3}),
        (
            "photo/iphone-13-pro-8568.jpg",
            {"takenAt": "2021-09-27T07:13:47-06:00", "camera": "Apple iPhone 13 Pro", "orientation": 6},
        ),
        (
            "photo/nikon-d3100-o8.jpg",
            {"takenAt": "2020-07-15T08:36:27Z", "camera": "NIKON D3100", "orientation": 8},
        ),
        (
            "photo/casio-ex-z3.jpg",
            {"takenAt": "2003-10-25T15:29:18Z", "camera": "CASIO COMPUTER EX-Z3", "orientation": 1},
        ),
        ("photo/ashim-dsilva.jpg", {"takenAt": "", "camera": "", "orientation": 1}),
    ],
)
def test_exif_of_real_photos(call: Call, name: str, facts: dict[str, Any]) -> None:
    assert call("exif.js", "readExif", "jpeg", photos.path(name).read_bytes()[: 256 * 1024]) == facts


def test_exif_of_a_heic_is_found(call: Call) -> None:
    facts = call("exif.js", "readExif", "heic", photos.path("photo/iphone-xr-3578.heic").read_bytes()[: 256 * 1024])
    assert facts["camera"] == "Apple iPhone XR"


def made_exif(is_prefixed: bool) -> bytes:
    exif = Pillow.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Acme", "One"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:31 23:59:59"
    body = exif.tobytes()
    return body if is_prefixed else body.removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("kind", ["png", "webp"])
@pytest.mark.parametrize("is_prefixed", [False, True])
def test_exif_chunk_of_a_png_or_webp_is_found(call: Call, kind: str, is_prefixed: bool) -> None:
    """It begins with the block itself (PNG 3, 11.3.4.5; so says the WebP container), or with what a JPEG has before."""
    target = io.BytesIO()
    Pillow.new("RGB", (9, 8), "teal").save(target, kind, exif=made_exif(is_prefixed=True))
    body = target.getvalue()
    at = body.index(b"eXIf" if kind == "png" else b"EXIF")
    assert body.count(made_exif(is_prefixed=False)) == 1
    if is_prefixed and kind == "png":
        body = png_chunk_again(body, at - 4, made_exif(is_prefixed=True))
    if kind == "webp":
        body = body[:at] + b"EXIF" + sized(made_exif(is_prefixed))
    facts = {"takenAt": "2024-05-31T23:59:59Z", "camera": "Acme One", "orientation": 1}
    assert call("exif.js", "readExif", kind, body) == facts


@pytest.mark.parametrize("original", ["", "0000:00:00 00:00:00", "    :  :     :  :  "])
def test_time_of_digitizing_counts_where_no_other_is_told(call: Call, original: str) -> None:
    exif = Pillow.Exif()
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = original
    inner[ExifTags.Base.DateTimeDigitized], inner[ExifTags.Base.OffsetTimeDigitized] = "2018:01:02 03:04:05", "+02:00"
    target = io.BytesIO()
    Pillow.new("RGB", (9, 8), "teal").save(target, "JPEG", exif=exif)
    assert call("exif.js", "readExif", "jpeg", target.getvalue())["takenAt"] == "2018-01-02T03:04:05+02:00"


def sized(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def png_chunk_again(body: bytes, at: int, content: bytes) -> bytes:
    """With another content of the chunk that begins ``at``; nobody here looks at its check sum."""
    (length,) = struct.unpack_from(">I", body, at)
    return body[:at] + struct.pack(">I", len(content)) + b"eXIf" + content + b"\0\0\0\0" + body[at + 12 + length :]


@pytest.mark.parametrize("name", [record["name"] for record in photos.records() if "exif" in record["category"]])
def test_exif_never_throws(call: Call, name: str) -> None:
    facts = call("exif.js", "readExif", "jpeg", photos.path(name).read_bytes()[: 256 * 1024])
    assert 1 <= facts["orientation"] <= 8


def test_exif_with_lying_offsets_is_left_out(call: Call) -> None:
    entry = struct.pack(">HHII", 0x0110, 2, 4_000_000_000, 4_000_000_000)
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + entry
    app1 = b"Exif\0\0" + tiff
    body = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + b"\xff\xda\0\2"
    assert call("exif.js", "readExif", "jpeg", body) == {"takenAt": "", "camera": "", "orientation": 1}


@pytest.mark.parametrize(
    ("time", "offset", "expected"),
    [
        ("2024:05:31 23:59:59.25", "", "2024-05-31T23:59:59Z"),
        ("2024-05-31T23:59:59Z", "+02:00", "2024-05-31T23:59:59Z"),
        ("2024-05-31T23:59:59.250 -0930", "+02:00", "2024-05-31T23:59:59-09:30"),
        ("2024:05:31 23:59:59", "+02:00", "2024-05-31T23:59:59+02:00"),
        ("2024:05:31 23:59:59", "", "2024-05-31T23:59:59Z"),
        ("2024:05:31 23:59:59", "+99:00", "2024-05-31T23:59:59Z"),
        ("2024:05:31 23:59", "-0330", "2024-05-31T23:59:00-03:30"),
        ("2024:02:30 10:00:00", "", ""),
        ("0000:00:00 00:00:00", "", ""),
        ("    :  :     :  :  ", "", ""),
        ("1700:01:01 00:00:00", "", ""),
    ],
)
def test_exif_time_becomes_rfc_3339(call: Call, time: str, offset: str, expected: str) -> None:
    assert call("exif.js", "toRfc3339", time, offset) == expected


def test_cameras_are_named_as_the_server_does(call: Call) -> None:
    from galleries.decoding.exif import name_camera

    pairs = [
        ("Canon", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90"),
        ("SONY", "ILCE-7M3"),
        ("", "X"),
        ("Acme Co., Ltd.", ""),
        ("EASTMAN KODAK COMPANY", "KODAK DX7590 ZOOM"),
        ("", ""),
    ]
    assert [call("exif.js", "nameCamera", *pair) for pair in pairs] == [name_camera(*pair) for pair in pairs]


def test_clutter_of_folders(call: Call) -> None:
    names = [".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "__MACOSX", "a.jpg"]
    assert [call("walk.js", "isClutter", name) for name in names] == [True] * 5 + [False]


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 4096, 10_001])
def test_sha256_in_pieces_is_sha256(blank_page: Page, size: int) -> None:
    body = bytes(index * 31 % 256 for index in range(size))
    found = blank_page.evaluate(
        """async (bytes) => {
          const { Sha256 } = await import("/static/js/upload/sha256.js");
          const { hashFile } = await import("/static/js/upload/hash.js");
          const body = Uint8Array.from(bytes);
          const pieces = new Sha256();
          for (let at = 0; at < body.length; at += 37) pieces.update(body.subarray(at, at + 37));
          const file = new Blob([body]);
          return [pieces.hex(), await hashFile(file), await hashFile(file, null)];
        }""",
        list(body),
    )
    assert found == [hashlib.sha256(body).hexdigest()] * 3
