"""The grammar of keys, and ids that sort by time."""

from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup_lambda.keys import Key, gallery_prefix, original_key, parse_key, rendition_key
from galleries.decoding.kinds import KINDS
from galleries.decoding.specs import SPECS
from gallery_site.ids import uuid7

OWNER, GALLERY, IMAGE = "a" * 32, "b" * 32, "0123456789abcdef" * 2
ORIGINAL = f"media/{OWNER}/{GALLERY}/o/{IMAGE}.jpg"
THUMBNAIL = f"media/{OWNER}/{GALLERY}/r/{IMAGE}/thumbnail.webp"


def test_keys_are_written_as_the_design_says() -> None:
    assert original_key(OWNER, GALLERY, IMAGE, "jpg") == ORIGINAL
    assert rendition_key(OWNER, GALLERY, IMAGE, "thumbnail", "webp") == THUMBNAIL
    assert gallery_prefix(OWNER, GALLERY) == f"media/{OWNER}/{GALLERY}/"


def test_keys_are_read_back() -> None:
    assert parse_key(ORIGINAL) == Key(OWNER, GALLERY, IMAGE, "", "jpg")
    assert parse_key(THUMBNAIL) == Key(OWNER, GALLERY, IMAGE, "thumbnail", "webp")


HOSTILE = [
    "", "/", "media", "media/", f"/{ORIGINAL}", f"{ORIGINAL}\n", f"{ORIGINAL}\x00", f"{ORIGINAL}/", f" {ORIGINAL}",
    ORIGINAL.upper(), ORIGINAL.replace("media", "Media"), ORIGINAL.replace("/o/", "/../"), f"../{ORIGINAL}",
    ORIGINAL.replace("/", "\\"), ORIGINAL.replace(OWNER, OWNER[:-1]), ORIGINAL.replace(OWNER, OWNER + "a"),
    ORIGINAL.replace(IMAGE, IMAGE.upper()), ORIGINAL.replace(".jpg", ""), ORIGINAL.replace(".jpg", ".tar.gz"),
    ORIGINAL.replace(".jpg", ".JPG"), ORIGINAL.replace("/o/", "/o//"), ORIGINAL.replace("/o/", "/x/"),
    THUMBNAIL.replace("thumbnail", "../thumbnail"), THUMBNAIL.replace("thumbnail", ""),
    THUMBNAIL.replace("thumbnail", "a" * 21), f"https://{ORIGINAL}", ORIGINAL.replace("a" * 32, "\uff41" * 32),
    ORIGINAL.replace("0", "\u0660"), f"static/{ORIGINAL}", "media/*", f"media/{OWNER}/{GALLERY}/r/*",
]  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_nothing_else_is_a_key(key: str) -> None:
    assert parse_key(key) is None


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(alphabet="/ao.0\\%\n", max_size=12), st.integers(0, len(ORIGINAL)), st.integers(0, 4))
def test_a_key_that_was_tampered_with_is_none_or_as_safe(text: str, place: int, drop: int) -> None:
    key = ORIGINAL[:place] + text + ORIGINAL[place + drop :]
    parsed = parse_key(key)
    if parsed is not None:
        assert key == original_key(parsed.owner, parsed.gallery, parsed.image, parsed.extension)


def test_every_kind_and_every_spec_makes_a_valid_key() -> None:
    for kind in KINDS.values():
        assert parse_key(original_key(OWNER, GALLERY, IMAGE, kind.extension)), kind
    for spec in SPECS:
        assert parse_key(rendition_key(OWNER, GALLERY, IMAGE, spec.name, spec.extension)), spec


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = []
    for _ in range(5):
        ids.append(uuid7())
        time.sleep(0.002)
    assert ids == sorted(ids)
    for identifier in ids:
        assert identifier.version == 7
        assert identifier.variant == uuid.RFC_4122
        assert abs((identifier.int >> 80) / 1000 - time.time()) < 10


def test_ids_do_not_repeat() -> None:
    assert len({uuid7() for _ in range(5_000)}) == 5_000
