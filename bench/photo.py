"""Photos to measure with: made here, so that every machine measures the same."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from functools import cache

from PIL import Image as Pillow
from PIL import ImageFilter

SIZE = (4000, 3000)
QUALITY = 92
START = b"\xff\xd8"
BOUNDARY = "bench-boundary"
_END = f"\r\n--{BOUNDARY}--\r\n".encode()


@cache
def photo() -> bytes:
    """A JPEG of 12 megapixels and about 3 MB: soft shapes and grain, always the same bytes from the same Pillow."""
    chance = random.Random(12)

    def noise(width: int, height: int) -> Pillow.Image:
        return Pillow.frombytes("RGB", (width, height), chance.randbytes(width * height * 3))

    shapes = noise(16, 12).resize(SIZE, Pillow.Resampling.BICUBIC)
    detail = noise(SIZE[0] // 4, SIZE[1] // 4).filter(ImageFilter.GaussianBlur(0.7)).resize(SIZE)
    picture = Pillow.blend(shapes, detail, 0.6)
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def numbered(number: int) -> bytes:
    """The same photo with other bytes: a comment (JPEG's COM segment) that holds ``number``."""
    return _start(number) + photo()[len(START) :]


def _start(number: int) -> bytes:
    text = b"%012d" % number
    return START + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text


def upload_of(number: int) -> tuple[list[bytes | memoryview], dict[str, str]]:
    """The body of an upload of ``numbered(number)``, in pieces of which the photo is no copy, and its headers: where
    clients share the server's cores, what they copy is missing to it."""
    empty, headers = multipart("photo.jpg", b"")
    head, end = empty[: -len(_END)], _END
    pieces: list[bytes | memoryview] = [head + _start(number), memoryview(photo())[len(START) :], end]
    return pieces, headers | {"Content-Length": str(sum(map(len, pieces)))}


def multipart(name: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    """The body of an upload of one file, and its headers."""
    return multipart_of({"file": content}, name)


def multipart_of(files: Mapping[str, bytes], name: str = "photo.jpg") -> tuple[bytes, dict[str, str]]:
    """The body of an upload of files, by the names of their fields, and its headers."""
    body = b""
    for field, content in files.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        body += head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
