"""Names that people (and attackers) send: shown, downloaded, and inside a zip."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galleries.filenames import EXTENSIONS, archive_names, clean_filename, download_name
from galleries.models import Image
from galleries.models.image import FILENAME_LENGTH
from tests.photos import folder

NAMES: list[str] = [each["name"] for each in json.loads((folder() / "filenames.json").read_text())["names"]]
FORBIDDEN = set('<>:"/\\|?*') | {chr(n) for n in range(32)} | {"\x7f"}
DEVICES = re.compile(
    r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])[ ]*(\.|$)", re.IGNORECASE
)
MARKS = re.compile("[\u200b-\u200c\u200e-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u2028\u2029]")


def _image(name: str, extension: str = "jpg") -> Image:
    return Image(filename=clean_filename(name), extension=extension)


def _check_kept(name: str) -> None:
    assert 0 < len(name) <= FILENAME_LENGTH
    assert not re.search(r"[\x00-\x1f\x7f/\\]", name)
    assert not MARKS.search(name)
    assert name == unicodedata.normalize("NFC", name).strip()
    assert name not in {".", ".."}
    name.encode()


def _check_archived(name: str) -> None:
    assert name
    assert not FORBIDDEN & set(name)
    assert not DEVICES.match(name)
    assert not name.endswith((" ", "."))
    assert not name.startswith((" ", "."))
    assert len(name.encode()) <= 255
    assert name.rpartition(".")[2].lower() in EXTENSIONS["jpg"]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_kept_harmless(name: str) -> None:
    _check_kept(clean_filename(name))
    assert clean_filename(clean_filename(name)) == clean_filename(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_safe_inside_a_zip(name: str) -> None:
    [(_, archived)] = archive_names([_image(name)])
    _check_archived(archived)


def test_all_hostile_names_together_are_different_names() -> None:
    names = [name for _, name in archive_names([_image(name) for name in NAMES * 3])]
    folded = [unicodedata.normalize("NFKC", name).casefold() for name in names]
    assert len(set(folded)) == len(names)
    for name in names:
        _check_archived(name)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_any_names_are_kept_harmless_and_archived_apart(names: list[str]) -> None:
    images = [_image(name) for name in names]
    for image in images:
        _check_kept(image.filename)
    archived = [name for _, name in archive_names([*images, *images])]
    for name in archived:
        _check_archived(name)
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in archived}) == len(archived)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Mu\u0308ller.jpg", "M\u00fcller.jpg"),
        ("C:\\Users\\me\\x.jpg", "x.jpg"),
        ("../../../etc/passwd.jpg", "passwd.jpg"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467.jpg", "\U0001f468\u200d\U0001f469\u200d\U0001f467.jpg"),
        ("photo\u202egnp.jpg", "photognp.jpg"),
        ("x\r\nSet-Cookie: a=b.jpg", "xSet-Cookie: a=b.jpg"),
        ("a  \t b.jpg", "a b.jpg"),
        ("", "photo"),
        (" . ", "photo"),
        ("\ud800.jpg", "?.jpg"),
        ("a" * 300 + ".jpeg", "a" * 145 + ".jpeg"),
        ("a" * 300, "a" * 150),
    ],
)
def test_names_are_kept_as_people_know_them(name: str, kept: str) -> None:
    assert clean_filename(name) == kept


@pytest.mark.parametrize(
    ("name", "extension", "downloaded"),
    [
        ("a.jpg", "jpg", "a.jpg"),
        ("a.JPEG", "jpg", "a.JPEG"),
        ("a.png", "jpg", "a.jpg"),
        ("a.heic", "jpg", "a.jpg"),
        ("a.php", "jpg", "a.php.jpg"),
        ("a.jpg.php", "jpg", "a.jpg.php.jpg"),
        ("a", "webp", "a.webp"),
        ("jpg", "jpg", "jpg.jpg"),
        ("archive.tar.gz", "png", "archive.tar.gz.png"),
    ],
)
def test_a_download_has_the_extension_of_its_content(name: str, extension: str, downloaded: str) -> None:
    assert download_name(Image(filename=name, extension=extension)) == downloaded


def test_the_same_name_twice_gets_a_number_whatever_its_case() -> None:
    names = ["same.jpg", "SAME.JPG", "same.jpg", "same (2).jpg", "stra\u00dfe.jpg", "STRASSE.jpg"]
    archived = [name for _, name in archive_names([_image(name) for name in names])]
    assert archived[0] == "same.jpg"
    assert archived[2] != archived[0]
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in archived}) == 6


def test_names_that_differ_in_case_alone_are_told_apart_in_few_tries() -> None:
    """Each goes on where the one before it ended, and does not begin to count anew."""
    images = [_image("".join(letters) + ".jpg") for letters in product("aA", "bB", "cC", "dD", "eE", "fF", "gG", "hH")]
    with patch("galleries.filenames.unicodedata.normalize", wraps=unicodedata.normalize) as tries:
        names = {name.casefold() for _, name in archive_names(images)}
    assert len(names) == len(images)
    assert tries.call_count <= 4 * len(images)


def test_many_equal_names_are_told_apart_quickly() -> None:
    images = [_image("photo.jpg")] * 20_000
    names: list[Any] = [name for _, name in archive_names(images)]
    assert names[-1] == "photo (20000).jpg"
    assert len(set(names)) == 20_000
