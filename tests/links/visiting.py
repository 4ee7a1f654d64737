"""How a visitor asks for what a link gives, and photos that tell too much."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from PIL import Image as Pillow

from galleries.models import Gallery, Image, Link
from tests.pictures import jpeg

PASSCODE = "sea side 22"


def page(link: Link, rest: str = "") -> str:
    return f"{link.path}{rest}"


def every_address(link: Link, image: Image) -> list[str]:
    """Everything of a link that can be asked with GET."""
    rests = ["", "pass/", "left/", "zip/", "report/", f"i/{image.hex}/", f"i/{image.hex}/original/"]
    return [page(link, rest) for rest in rests]


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def unlock(client: Client, link: Link, passcode: str = PASSCODE, **extra: Any) -> int:
    return int(client.post(page(link, "unlock/"), {"passcode": passcode}, **extra).status_code)


def tagged_jpeg(seed: int = 1) -> bytes:
    """A photo with a place, a name and a comment in it."""
    exif = Pillow.Exif()
    exif[0x010F] = "SecretCam"
    exif.get_ifd(0x8825)[1] = "N"
    return jpeg(seed, exif=exif, comment=b"where we live")


def without_tokens(response: Any) -> bytes:
    """A page without what Django masks anew in each answer."""
    return re.sub(rb"[A-Za-z0-9]{64}", b"", body_of(response))


def client_of_owner(gallery: Gallery) -> Client:
    owner = Client()
    owner.force_login(gallery.owner)
    return owner
