"""Stripping the shared pictures: what they show stays, what they tell goes."""

import warnings
from typing import Any

import pytest

from galleries.stripping import CorruptContainer
from tests import photos
from tests.stripping.containers import ORIENTATION, decode, kind_of, open_picture, private_info, strip


def _picture_records() -> list[Any]:
    """Records that begin like a picture we take, without those that need limits to be decoded."""
    found = []
    for record in photos.records():
        with photos.path(record["name"]).open("rb") as file:
            kind = kind_of(file.read(16))
        if kind and not record["dangerous"]:
            found.append(pytest.param(record, kind, id=record["name"]))
    return found


MAX_MEGAPIXELS = 25  # of what is decoded here: twice 75 MB at a time
RECORDS = _picture_records()
PHOTO_METADATA = {"photo/iphone-7-sea.heic", "photo/iphone-13-pro-8568.jpg", "misc-real/denali.webp"}


def _must_be_accepted(record: dict[str, Any]) -> bool:
    return all(outcome.startswith("accept") for outcome in record["acceptable"])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("record", "kind"), RECORDS)
def test_photo_keeps_its_pixels_and_nothing_else(record: dict[str, Any], kind: str) -> None:
    data = photos.path(record["name"]).read_bytes()
    try:
        stripped = strip(data, kind)
    except CorruptContainer:
        assert not _must_be_accepted(record)
        return
    assert strip(stripped, kind) == stripped
    assert len(stripped) <= len(data) + 64  # at most an orientation block and an end marker are new
    before = after = None
    if (record["megapixels"] or 0) <= MAX_MEGAPIXELS:
        before, after = decode(data), decode(stripped)
        if before or record["category"] != "bomb":  # a bomb in a text chunk is a good picture without it
            assert after == before
    if after:
        assert private_info(stripped) == {}
    searched = stripped.replace(after.icc, b"") if after and after.icc else stripped  # a profile has its own texts
    for marker in [*(record.get("leak_markers") or []), *(record.get("canaries") or [])]:
        assert marker.encode() not in searched
        assert marker.encode("utf-16-le") not in searched


def test_photos_with_metadata_are_what_the_test_above_is_about() -> None:
    for name in PHOTO_METADATA:
        assert private_info(photos.path(name).read_bytes()), name
    canaries = [record for record in photos.records() if record.get("canaries")]
    assert {kind_of(photos.path(record["name"]).read_bytes()) for record in canaries} == {
        "jpeg", "png", "webp", "gif", "avif", "heic",
    }  # fmt: skip


@pytest.mark.parametrize("record", [r for r in photos.records() if r.get("orientation_probe")], ids=lambda r: r["name"])
def test_photo_with_an_orientation_still_has_it(record: dict[str, Any]) -> None:
    data = photos.path(record["name"]).read_bytes()
    kind = kind_of(data)
    assert kind
    with warnings.catch_warnings(), open_picture(strip(data, kind)) as image:
        warnings.simplefilter("ignore")
        found = image.getexif().get(ORIENTATION, 1)
        if kind in {"jpeg", "png", "webp"}:  # the others are turned by their container
            declared = record["orientation"]
            assert found == (declared if declared in range(2, 9) else 1)
