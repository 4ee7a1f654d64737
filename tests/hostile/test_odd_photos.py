"""Good photos of odd make through the API: taken, upright, of the right size and time, and no position is served."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image as Picture
from PIL import ImageOps, PngImagePlugin

from galleries.decoding.limits import Limits
from galleries.links import create_link
from galleries.models import Gallery, Image, Link
from gallery_site.accounts.models import User
from tests.api.program import program_of
from tests.hostile.odd_photos import MAKERS, MARK, NUMBERS, Odd
from tests.stripping.containers import FORMATS

PRIVATE = (MARK, MARK.decode().encode("utf-16-le"), b"GPSLatitude", *NUMBERS)
QUARTERS = {(1, 1): (255, 0, 0), (3, 1): (0, 255, 0), (1, 3): (0, 0, 255), (3, 3): (255, 255, 255)}
TIMES = {None, datetime(2024, 5, 31, 23, 30, tzinfo=UTC)}


def body_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def wrong_quarters(data: bytes, odd: Odd) -> list[str]:
    """Quarters of the picture, upright, that have not the colour that belongs there."""
    with Picture.open(io.BytesIO(data), formats=FORMATS) as image:
        shown = ImageOps.exif_transpose(image).convert("RGB")
    if not odd.shown:
        return []
    if shown.width < shown.height:
        return [f"it lies: {shown.size}"]
    found = []
    for (across, down), wanted in QUARTERS.items():
        pixel = shown.getpixel((shown.width * across // 4, shown.height * down // 4))
        assert isinstance(pixel, tuple)
        if any(abs(a - b) > 70 for a, b in zip(pixel, wanted, strict=True)):
            found.append(f"quarter {across} {down} is {pixel}")
    return found


def private_in(served: dict[str, bytes]) -> dict[str, list[bytes]]:
    found = {name: [private for private in PRIVATE if private in data] for name, data in served.items()}
    return {name: told for name, told in found.items() if told}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.django_db
@pytest.mark.parametrize("metadata", ["strip", "keep"])
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_odd_photos_are_shown_right_and_tell_no_position(
    make: Callable[[], list[Odd]],
    metadata: str,
    alice: User,
    gallery: Gallery,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where their owner keeps everything, the owner's own original is as it came and nothing else tells anything."""
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", Limits().max_packed_text)  # this process looks at them too
    program, now = program_of(alice), timezone.now()
    link = create_link(gallery, kind="download", ends_at=now + timedelta(days=1), now=now)
    photos = [odd for odd in make() if metadata == "strip" or not odd.name.startswith("turned")]
    wrong: dict[str, object] = {}
    for odd in photos:
        answer = program.upload(gallery, odd.data, name=odd.name, metadata=metadata)
        assert answer.status_code == 201, f"{odd.name}: {answer.content}"
        problems = problems_of(odd, answer.json(), link, client, keeps=metadata == "keep")
        wrong |= {odd.name: problems} if problems else {}
    assert wrong == {}
    served = {"page": body_of(client.get(link.path)), "list": program.get(f"/galleries/{gallery.hex}/images").content}
    with zipfile.ZipFile(io.BytesIO(body_of(client.get(f"{link.path}zip/")))) as archive:
        served |= {name: archive.read(name) for name in archive.namelist()}
    assert len(served) == 2 + len(photos)
    assert private_in(served) == {}


def problems_of(odd: Odd, said: dict[str, Any], link: Link, client: Client, *, keeps: bool) -> list[object]:
    """What is wrong with what is served of one photo."""
    image = Image.objects.get(id=said["id"])
    served = {spec: body_of(client.get(each["url"])) for spec, each in said["renditions"].items()}
    served["visitor's original"] = body_of(client.get(f"{link.path}i/{image.hex}/original/"))
    found: list[object] = [(name, quarters) for name in served if (quarters := wrong_quarters(served[name], odd))]
    if (said["width"], said["height"]) != odd.size:
        found.append((said["width"], said["height"]))
    if image.taken_at not in TIMES:
        found.append(image.taken_at)
    original = body_of(client.get(said["original_url"]))
    if keeps:
        found += [] if original == odd.data else ["the original is not as it came"]
    else:
        served["original"] = original
    return [*found, *private_in(served).items()]
