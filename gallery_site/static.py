"""Static files under hashed names, so that they can be cached for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

Sources = dict[str, tuple[Storage, str]]  # name -> where its source lies
IMPORT = re.compile(r'^@import "([\w.]+)";\n', re.MULTILINE)  # of a neighbour; other forms stay as they are


class HashedStaticStorage(CompressedManifestStaticFilesStorage):
    """Also rewrites the ``import`` statements of our own ES modules, so that no unhashed module is ever fetched, and
    publishes a stylesheet that imports others as one file: a page waits for each, one round trip after the other.

    Only of our own (``js/``): packages ship modules for bundlers, whose imports name no file.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", HashedFilesMixin._js_module_import_aggregation_patterns[1])  # type: ignore[attr-defined]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._addresses: dict[str, str] = {}

    def url(self, name: str, force: bool = False) -> str:
        """The address under which ``name`` is served; worked out once, because a page asks for a hundred of them."""
        if force or settings.DEBUG:
            return str(super().url(name, force))
        if name not in self._addresses:
            self._addresses[name] = str(super().url(name))
        return self._addresses[name]

    def post_process(self, paths: Sources, dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Called by ``collectstatic`` when all files are in their places."""
        if not dry_run:
            for name in [name for name in paths if PurePosixPath(name).match("css/*.css")]:
                self._join_imports(name, paths)
        yield from super().post_process(paths, dry_run, **options)

    def _join_imports(self, name: str, paths: Sources) -> None:
        source = _read(paths[name])
        joined = IMPORT.sub(lambda match: _read(paths[f"css/{match[1]}"]), source)
        if joined == source:
            return
        self.delete(name)
        self.save(name, ContentFile(joined.encode()))
        paths[name] = (self, name)


def _read(place: tuple[Storage, str]) -> str:
    storage, path = place
    with storage.open(path) as file:
        return str(file.read().decode())
