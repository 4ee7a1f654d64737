"""Move photos from one store to another: every object that a row promises is copied, then read back and compared.

Nothing is removed at the source. What is at its place already is compared too, so a run that was cut off is simply
begun again, and one more run after the last change proves that all is there.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from galleries.media import CONTENT_TYPES
from galleries.models import Image, State
from galleries.receiving import upload_folder
from galleries.storage import LocalMediaStorage, MediaStorage, ObjectExists, ObjectMissing
from galleries.walking import walk_rows

CHUNK = 1024 * 1024


@dataclass
class Moved:
    """``lost``: keys at neither place; ``damaged``: keys whose bytes are not what the row or the other place says."""

    objects: int = 0
    copied: int = 0
    bytes: int = 0
    to_copy: int = 0
    lost: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, int | list[str]]:
        """For ``--json``."""
        return dict(vars(self))


@dataclass(frozen=True)
class _Promise:
    """One object; ``sha256`` is "" where the row does not say."""

    key: str
    content_type: str
    sha256: str


def open_source(address: str) -> MediaStorage:
    """The store at ``address``: ``s3://BUCKET`` with the site's region and endpoint, or a folder that holds ``media``.

    Raises:
        ValueError: there is no such folder.
    """
    if address.startswith("s3://"):
        from galleries.bucket import BucketMediaStorage

        return BucketMediaStorage(
            bucket_name=address.removeprefix("s3://").rstrip("/"),
            region_name=settings.AWS_REGION,
            endpoint_url=settings.AWS_ENDPOINT_URL or None,
        )
    if not Path(address, "media").is_dir():
        raise ValueError(f"{address} holds no folder called media.")
    return LocalMediaStorage(location=address)


def move_objects(
    source: MediaStorage,
    target: MediaStorage,
    *,
    apply: bool,
    progress: Callable[[Moved], None] = lambda moved: None,
) -> Moved:
    """Bring every object of a row to ``target``; without ``apply`` only look which are missing there.

    Raises:
        StorageError: one of the stores does not answer.
    """
    moved = Moved()
    there = {each.key for each in target.walk()}
    # On the disk of photos, so that a file is linked into its place and not copied twice.
    with tempfile.TemporaryDirectory(dir=upload_folder()) as folder:
        for promise in _promises():
            moved.objects += 1
            if not apply:
                moved.to_copy += promise.key not in there
            else:
                _bring(promise, source, target, Path(folder, "object"), moved, known=promise.key in there)
            progress(moved)
    return moved


def _bring(
    promise: _Promise, source: MediaStorage, target: MediaStorage, place: Path, moved: Moved, *, known: bool
) -> None:
    """Copy what is missing, then compare what is there with the row, or with the source where the row is silent."""
    try:
        came = _fetch(source, promise.key, place)
    except ObjectMissing:
        came = ""
    wanted = promise.sha256 or came
    if came and came != wanted:
        moved.damaged.append(promise.key)
        return
    if came and not known:
        size = place.stat().st_size
        try:
            target.put(promise.key, place, promise.content_type)
            moved.copied += 1
            moved.bytes += size
        except ObjectExists:
            pass  # stored meanwhile; compared below
    try:
        found = _digest(target, promise.key)
    except ObjectMissing:
        moved.lost.append(promise.key)
        return
    if wanted and found != wanted:
        moved.damaged.append(promise.key)


def _promises() -> Iterator[_Promise]:
    """Every object that a row promises; the renditions of what was taken down are missing on purpose."""
    for image in walk_rows(Image.objects.filter(state=State.READY).select_related("gallery")):
        yield _Promise(image.original_key, image.content_type, image.stored_sha256)
        for spec in () if image.taken_down_at else image.rendition_sizes:
            yield _Promise(image.rendition_key(spec), CONTENT_TYPES[spec], "")


def _fetch(store: MediaStorage, key: str, place: Path) -> str:
    """Write the object to the new file ``place``; its digest as hex."""
    place.unlink(missing_ok=True)  # the last one may be linked into the target
    digest = hashlib.sha256()
    with store.open_object(key) as body, place.open("wb") as file:
        while chunk := body.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _digest(store: MediaStorage, key: str) -> str:
    digest = hashlib.sha256()
    with store.open_object(key) as body:
        while chunk := body.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
