"""The uploader's pure functions, each called in Chromium with plain values."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
from collections.abc import Callable
from typing import Any

import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from playwright.sync_api import Page

from bench.ssim import similarity
from galleries.decoding.picture import fit
from tests import photos

pytestmark = pytest.mark.browser
Call = Callable[..., Any]

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


def test_fit_never_enlarges(call: Call) -> None:
    assert call("fit.js", "fit", 4000, 3000, 2048) == {"width": 2048, "height": 1536}
    assert call("fit.js", "fit", 3000, 4000, 2048) == {"width": 1536, "height": 2048}
    assert call("fit.js", "fit", 800, 600, 2048) == {"width": 800, "height": 600}
    assert call("fit.js", "fit", 20000, 3, 2048) == {"width": 2048, "height": 1}


def test_canvas_limit_of_ios(call: Call) -> None:
    assert call("fit.js", "fitsCanvas", {"width": 4096, "height": 4096}, 16_777_216) is True
    assert call("fit.js", "fitsCanvas", {"width": 4097, "height": 4096}, 16_777_216) is False
    assert call("fit.js", "fitsCanvas", {"width": 20_000, "height": 100}, 80_000_000) is False


def test_pixels_that_were_never_drawn_show(call: Call) -> None:
    assert call("probe.js", "judgePixels", [0, 0, 0, 0] * 4) == {"clear": True, "plain": True}
    assert call("probe.js", "judgePixels", [9, 9, 9, 255, 9, 9, 8, 255]) == {"clear": False, "plain": False}
    assert call("probe.js", "isSuspiciouslyPlain", True, 3_000_000, 12_000_000) is True
    assert call("probe.js", "isSuspiciouslyPlain", True, 60_000, 12_000_000) is False


def test_browser_that_turns_no_photo_is_known(blank_page: Page) -> None:
    found = blank_page.evaluate(
        """async () => {
          const decode = window.createImageBitmap;
          const found = [await (await import("/static/js/upload/probe.js?plain")).turnsUpright()];
          window.createImageBitmap = async () => ({ width: 2, height: 1, close() {} });
          found.push(await (await import("/static/js/upload/probe.js?none")).turnsUpright());
          window.createImageBitmap = decode;
          return found;
        }"""
    )
    assert found == [True, False]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 201, "body": '{"image": {"id": "ab"}}'}, {"kind": "stored", "duplicate": False}),
        ({"status": 200, "body": '{"duplicate": true, "image": {}}'}, {"kind": "stored", "duplicate": True}),
        (
            {"status": 200, "body": '{"duplicate": true, "repeated": true, "image": {"id": "ab"}}'},
            {"kind": "stored", "duplicate": False},
        ),
        ({"status": 200, "body": "<!doctype html>"}, {"kind": "signed-out"}),
        ({"status": 200, "body": "{}", "isRedirected": True}, {"kind": "signed-out"}),
        ({"status": 403, "body": "<h1>CSRF"}, {"kind": "signed-out"}),
        (
            {"status": 403, "body": '{"code": "quota_exceeded", "detail": "Full."}'},
            {"kind": "refused", "code": "quota_exceeded", "sentence": "Full.", "isFinal": False},
        ),
        (
            {"status": 415, "body": '{"code": "unsupported_format", "detail": "No."}'},
            {"kind": "refused", "sentence": "No.", "isFinal": True},
        ),
        ({"status": 413, "body": "nginx"}, {"kind": "refused", "sentence": "Too large for this site."}),
        ({"status": 0}, {"kind": "retry", "cause": "network", "wait": None}),
        ({"status": 500, "body": "oh"}, {"kind": "retry", "cause": "server", "wait": None}),
        ({"status": 507, "body": '{"detail": "Full."}'}, {"kind": "refused", "sentence": "Full."}),
        ({"status": 429, "retryAfter": "7", "body": "{}"}, {"kind": "retry", "cause": "busy", "wait": 7}),
        ({"status": 503, "retryAfter": "3", "body": "{}"}, {"kind": "retry", "cause": "busy", "wait": 3}),
        ({"status": 409, "body": "{}"}, {"kind": "retry", "cause": "busy"}),
    ],
)
def test_answers_are_judged(call: Call, answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected.items() <= call("answers.js", "judge", answer).items()


def test_retry_after_may_be_a_date(call: Call) -> None:
    assert call("answers.js", "parseRetryAfter", "Wed, 21 Oct 2026 07:28:10 GMT", 1_792_567_680_000) == 10
    assert call("answers.js", "parseRetryAfter", "soon", 0) is None


def test_backoff(call: Call) -> None:
    def delays(cause: str, count: int, **more: Any) -> list[float | None]:
        arguments = [{"cause": cause, "tries": tries, "random": 0.5, **more} for tries in range(1, count + 1)]
        return [call("backoff.js", "nextDelay", each) for each in arguments]

    assert delays("server", 4) == [2, 5, 10, None]
    assert delays("network", 5) == [2, 5, 10, 20, 20]
    assert delays("network", 16)[-1] is None
    assert call("backoff.js", "nextDelay", {"cause": "server", "tries": 1, "random": 0}) == 1.6
    assert call("backoff.js", "nextDelay", {"cause": "busy", "tries": 1, "random": 0, "wait": 30}) > 30
    assert call("backoff.js", "nextDelay", {"cause": "busy", "tries": 1, "random": 0, "wait": 3600}) > 3600
    assert call("backoff.js", "nextDelay", {"cause": "busy", "tries": 1, "random": 0, "wait": 1e9}) < 90_000  # a day


def test_width_gives_way_and_comes_back(call: Call) -> None:
    assert call("pace.js", "nextWidth", 3, False, 0, 3) == 2
    assert call("pace.js", "nextWidth", 1, False, 0, 3) == 1
    assert call("pace.js", "nextWidth", 2, True, 2, 3) == 2
    assert call("pace.js", "nextWidth", 2, True, 3, 3) == 3
    assert call("pace.js", "nextWidth", 3, True, 6, 3) == 3


SPEEDS = """async (scenes) => {
  const { Speedometer } = await import("/static/js/upload/speed.js");
  return scenes.map((uploads) => {
    const meter = new Speedometer(null);
    for (const [begun, ...pieces] of uploads) {
      const note = meter.follow(begun);
      for (const [at, left] of pieces) {
        note(left, at);
        meter.read(); // the panel asks all the time
      }
    }
    return meter.read();
  });
}"""


def upload(begun: int, size: int, speed: int, every: int = 100) -> list[Any]:
    """What the browser tells of an upload: when it begins (ms), then how many bytes have left by when."""
    times = range(every, size * 1000 // speed + 1, every)
    return [begun, *[[begun + passed, passed * speed // 1000] for passed in times]]


def test_speed_is_the_lines_and_not_that_of_device_or_site(blank_page: Page) -> None:
    """Photos that are long compressed, or long answered, make no line slow; small ones that fit into a buffer no line
    fast."""
    steady = [upload(each * 1_000, 2_000_000, 2_000_000) for each in range(8)]
    now_and_then = [upload(each * 10_000, 2_000_000, 5_000_000) for each in range(8)]
    at_once = [[each * 1_000, [each * 1_000 + 50, 1_500_000]] for each in range(4)]
    side_by_side = [upload(0, 1_000_000, 500_000), upload(0, 1_000_000, 500_000)]
    small = [[each * 1_000, [each * 1_000 + 5, 300_000]] for each in range(60)]
    slow = [upload(0, 480_000, 16_000, every=1_000)]
    speeds = blank_page.evaluate(SPEEDS, [steady, now_and_then, at_once, side_by_side, small, slow])
    known = [2e6, 5e6, 30e6, 1e6, None, 16_000]
    assert speeds == [each and pytest.approx(each) for each in known]


def test_sizes_and_times_in_words(call: Call) -> None:
    def say(function: str, *values: float | None) -> list[str]:
        return [str(call("words.js", function, each)).replace("\u00a0", " ") for each in values]

    sizes = ["0 B", "999 B", "2 kB", "212 MB", "3.2 MB", "1 MB"]
    assert say("formatBytes", 0, 999, 1500, 212_000_000, 3_240_000, 999_600) == sizes
    assert say("tooLarge", 64 * 1024 * 1024) == ["Too large: the limit is 64 MB."]
    times = ["a few seconds", "about 20 s", "about 1 min", "about 3 min", "about 3 h", ""]
    assert say("formatDuration", 3, 12, 45, 200, 9000, None) == times


def test_head_says_what_it_waits_for_and_no_time_then(call: Call) -> None:
    none = {"total": 3, "cancelled": 0, "left": 3, "isPaused": False, "isOffline": False}
    estimate = {"chosen": 5_000_000, "toSend": 5_000_000, "seconds": 10}
    heads = [
        str(call("words.js", "headline", none | now, estimate)).replace("\u00a0", " ")
        for now in ({}, {"isOffline": True}, {"isPaused": True, "isOffline": True})
    ]
    assert heads == [
        "3 photos, 5 MB, about 10 s on this connection",
        "3 photos, 5 MB, waiting for the connection",
        "3 photos, 5 MB, paused",
    ]


def test_original_file_is_read_and_not_made_lighter(call: Call) -> None:
    said = [call("words.js", "describe", {"state": "compressing", "quality": each}, 0) for each in ("full", "original")]
    assert said == ["Making it lighter", "Reading it"]


def test_estimate_corrects_itself(call: Call) -> None:
    waiting = {"size": 5_000_000, "state": "waiting", "sent": 0, "secondsToPrepare": 0}
    first = call("plan.js", "estimate", [waiting] * 4, {"quality": "full", "speed": 1_000_000, "workers": 2})
    assert first["toSend"] == pytest.approx(7_200_000)
    assert first["seconds"] == pytest.approx(7.2)
    done = {"size": 5_000_000, "blobSize": 1_000_000, "state": "done", "sent": 1_000_000, "secondsToPrepare": 1}
    later = call("plan.js", "estimate", [done, *[waiting] * 3], {"quality": "full", "speed": 1_000_000, "workers": 2})
    assert later["toSend"] == pytest.approx(4_000_000)
    assert later["fraction"] == pytest.approx(0.25)
    small = call("plan.js", "estimate", [waiting] * 2, {"quality": "small", "speed": 1_000_000, "workers": 2})
    assert small["toSend"] == 900_000


def test_rows_show_problems_first_and_few_that_wait(call: Call) -> None:
    def item(identifier: int, state: str) -> dict[str, Any]:
        return {"id": identifier, "state": state, "retryAt": 0, "doneAt": 0}

    items = [item(1, "done"), item(2, "sending"), item(3, "failed"), *[item(each, "waiting") for each in range(4, 104)]]
    chosen = call("rows.js", "choose", items, 60_000)
    assert [each["id"] for each in chosen["shown"]] == [3, 2, 4, 5, 6, 7, 8, 9]
    assert chosen["hidden"] == 94


def test_rows_show_all_that_stand_aside(call: Call) -> None:
    """Each is let go on by its own line; at its end it is shown like any other."""
    items = [{"id": each, "state": "waiting", "retryAt": 0, "doneAt": 0} for each in range(1, 21)]
    items[11]["isHeld"] = items[19]["isHeld"] = True
    items.append({"id": 21, "state": "cancelled", "retryAt": 0, "doneAt": 0, "isHeld": True})
    chosen = call("rows.js", "choose", items, 60_000)
    assert [each["id"] for each in chosen["shown"]] == [12, 20, 1, 2, 3, 4, 5, 6]
    assert chosen["hidden"] == 12


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


def test_a_slow_line_carries_fewer_at_once(call: Call) -> None:
    assert [call("pace.js", "mostAtOnce", speed, 3) for speed in (None, 1e6, 150_000, 50_000)] == [3, 3, 2, 1]


# --- quality and colour ---


FORETELL = """async ([packed, width, quality]) => {
  const { foretellLikeness, transformBlocks } = await import("/static/js/upload/likeness.js");
  const pixels = Uint8ClampedArray.from(atob(packed), (letter) => letter.charCodeAt(0));
  return foretellLikeness(transformBlocks(pixels, width, 1), quality);
}"""


@pytest.mark.parametrize("name", ["apple-iphone-5.jpg", "blackberry-z10.jpg", "casio-qv-3000ex.jpg"])
@pytest.mark.parametrize("quality", [60, 75, 90])
def test_likeness_is_foretold(blank_page: Page, name: str, quality: int) -> None:
    """As bench measures it: on the pixels of a real JPEG, windows that lie across blocks too."""
    with Pillow.open(photos.path(f"photo/{name}")) as photo:
        corner = photo.convert("RGB").crop((640, 480, 1024, 736))
    target = io.BytesIO()
    corner.save(target, "JPEG", quality=quality)
    packed = base64.b64encode(corner.convert("RGBA").tobytes()).decode()
    foretold = blank_page.evaluate(FORETELL, [packed, corner.width, quality])
    assert foretold == pytest.approx(similarity(corner, Pillow.open(target)), abs=0.006)


@pytest.mark.parametrize("quality", [10, 50, 75, 100])
def test_steps_are_those_of_all_encoders(call: Call, quality: int) -> None:
    target = io.BytesIO()
    Pillow.new("L", (8, 8)).save(target, "JPEG", quality=quality)
    assert call("likeness.js", "stepsAt", quality) == Pillow.open(target).quantization[0]  # type: ignore[attr-defined]


def test_quality_is_the_lowest_that_looks_alike(call: Call) -> None:
    """Two blocks with one frequency each: the fine one is lost until a step is small enough for it."""
    flat, fine = [0.0] * 64, [0.0] * 64
    flat[0], fine[0], fine[63] = 100, 100, 40
    bounds = {"least": 0.6, "most": 0.9, "alike": 0.99}
    assert call("likeness.js", "chooseQuality", [flat], bounds) == 0.6
    chosen = call("likeness.js", "chooseQuality", [flat, fine], bounds)
    assert 0.6 < chosen < 0.9
    alike = [call("likeness.js", "foretellLikeness", [flat, fine], round(chosen * 100) - less) for less in (1, 0)]
    assert alike[0] < 0.99 <= alike[1]
    assert call("likeness.js", "chooseQuality", [], bounds) == 0.9
    assert call("likeness.js", "chooseQuality", [flat, fine], bounds | {"alike": 1.1}) == 0.9


@pytest.mark.parametrize(
    ("name", "wide"),
    [
        ("photo/iphone-13-pro-8568.jpg", True),
        ("photo/pixel6pro-ultrahdr-01.jpg", True),
        ("photo/iphone-7-sea.heic", True),
        ("webp/photo-iccp-adobergb.webp", True),
        ("colour/icc-p3.jpg", True),
        ("photo/sunset-by-the-pier.jpg", False),  # sRGB
        ("photo/apple-iphone-5.jpg", False),  # none
        ("colour/icc-garbage.jpg", False),
        ("colour/icc-cmyk-profile-on-rgb.jpg", False),
    ],
)
def test_is_wide_gamut(call: Call, name: str, wide: bool) -> None:
    assert call("colour.js", "isWideGamut", photos.path(name).read_bytes()[: 256 * 1024]) is wide


def test_profile_that_ends_early_is_not_wide(call: Call) -> None:
    head = photos.path("photo/iphone-13-pro-8568.jpg").read_bytes()
    assert call("colour.js", "isWideGamut", head[: head.index(b"acsp") + 100]) is False


@pytest.mark.parametrize("size", [(4000, 3000), (3264, 2448), (4000, 2250), (2600, 1957), (1933, 4001), (3201, 2)])
def test_fit_rounds_as_the_server_does(call: Call, size: tuple[int, int]) -> None:
    for edge in (1600, 400):
        width, height = fit(size, edge)
        assert call("fit.js", "fit", *size, edge) == {"width": width, "height": height}


def test_fit_takes_the_even_one_of_two_halves(call: Call) -> None:
    assert fit((3200, 1601), 1600) == (1600, 800)
    assert call("fit.js", "fit", 3200, 1601, 1600) == {"width": 1600, "height": 800}


def test_time_is_told_before_anything_was_sent(call: Call) -> None:
    """Only where the browser has an opinion of the line; it is measured soon."""
    told = [{"downlink": 8}, {"downlink": 0}, {}, None]
    assert [call("plan.js", "guessSpeed", each) for each in told] == [500_000, None, None, None]


ANSWERED = """async () => {
  const { Speedometer } = await import("/static/js/upload/speed.js");
  const meter = new Speedometer(null);
  meter.answered(600_000, 300);
  meter.answered(300_000, 3_000);
  return [meter.read(), meter.least];
}"""


def test_what_the_line_has_carried_corrects_what_the_browser_believes(call: Call, blank_page: Page) -> None:
    """Small photos leave in one piece, of which only the buffers know the speed."""
    assert blank_page.evaluate(ANSWERED) == [None, 2_000_000]
    assert call("plan.js", "guessSpeed", {"downlink": 8}, 2_000_000) == 2_000_000
    assert call("plan.js", "guessSpeed", {"downlink": 8}, 100_000) == 500_000
    assert call("plan.js", "guessSpeed", None, 100_000) == 100_000


@pytest.mark.parametrize(
    ("speed", "connection", "carries"),
    [(None, None, True), (5e6, None, True), (1e6, None, False), (5e6, {"saveData": True}, False)],
)
def test_renditions_go_along_where_they_cost_no_time(
    call: Call, speed: float | None, connection: Any, carries: bool
) -> None:
    assert call("plan.js", "carriesRenditions", speed, connection) is carries
