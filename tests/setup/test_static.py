"""Static files as they are published: ``collectstatic`` with the storage of the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

from gallery_site.serve import NOT_COLLECTED
from gallery_site.static import HashedStaticStorage

HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")
IMPORT = re.compile(r"""(?:from|import) ?\(?["'](\.[^"']+)""")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> HashedStaticStorage:
    """What ``collectstatic`` makes of the site's files."""
    root = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=root):
        for _ in range(2):  # the second finds the files of the first
            call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_COLLECTED)
        return HashedStaticStorage(location=root)


def read(storage: HashedStaticStorage, name: str) -> str:
    return Path(storage.path(storage.stored_name(name))).read_text()


def test_imported_stylesheets_are_one_file_in_their_order(published: HashedStaticStorage) -> None:
    sources = [read(published, f"css/{name}.css") for name in ("tokens", "base", "components")]
    joined = read(published, "css/site.css")
    places = [joined.index(source) for source in sources]
    assert places == sorted(places)
    for name in ("site", "gallery_page", "visit_page"):
        assert "@import" not in read(published, f"css/{name}.css")


def test_modules_import_each_other_by_hashed_names(published: HashedStaticStorage) -> None:
    scripts = [path for path in Path(published.location).rglob("js/**/*.js") if HASHED.search(path.name)]
    imported = [name for path in scripts for name in IMPORT.findall(path.read_text())]
    assert len(imported) > 100
    assert [name for name in imported if not HASHED.search(name)] == []
