"""Reconcile: compares what the store holds with what the rows say, and removes what nothing will ever remove otherwise.

An object belongs to the row that lists its key, whatever state the row is in. One without a row is an orphan once it is
old enough: rows are inserted before their objects and ids are never used twice, so no upload can still be on its way to
it; and a database that was restored from a backup gets two days and a limit before its newer objects are in danger.
Memory grows with the number of objects (some 70 bytes each): a million images take about 0.2 GB.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.conf import settings

from cleanup_lambda.keys import Key, parse_key
from cleanup_lambda.sweep import is_mass
from galleries.models import Image, State
from galleries.storage import ObjectMissing, StoredObject, media_storage
from galleries.sweeping import REAP_AFTER
from galleries.walking import walk_rows

ORPHAN_AGE = timedelta(hours=48)  # SAFETY 2.3
SETTLED = timedelta(hours=1)  # rows younger than this may have become ready after the walk passed their place
STALE_UPLOAD = REAP_AFTER  # since it was last written to: its row is given up then, too
BATCH = 500  # objects or rows looked up together


@dataclass
class Findings:
    """What differs. Objects and keys in no particular order; ``held``: orphans left alone because they are too many."""

    objects: int = 0
    orphans: list[StoredObject] = field(default_factory=list)
    young: int = 0
    foreign: list[str] = field(default_factory=list)
    missing_originals: list[str] = field(default_factory=list)
    missing_renditions: list[str] = field(default_factory=list)
    damaged_originals: list[str] = field(default_factory=list)
    stale_uploads: int = 0
    deleted: int = 0
    failed: int = 0
    held: int = 0

    @property
    def left(self) -> int:
        """How many things still want somebody: orphans, failures, and objects that rows miss or that are not theirs."""
        missing = len(self.missing_originals) + len(self.missing_renditions) + len(self.damaged_originals)
        return len(self.orphans) - self.deleted + self.failed + missing

    def as_dict(self) -> dict[str, int | list[str]]:
        """For ``--json``: counts, and the keys that a person has to look at."""
        return {
            "objects": self.objects,
            "orphans": len(self.orphans),
            "orphan_bytes": sum(each.size for each in self.orphans),
            "young": self.young,
            "foreign": self.foreign,
            "missing_originals": self.missing_originals,
            "missing_renditions": self.missing_renditions,
            "damaged_originals": self.damaged_originals,
            "stale_uploads": self.stale_uploads,
            "deleted": self.deleted,
            "failed": self.failed,
            "held": self.held,
        }


def compare_stores(now: datetime, progress: Callable[[int], None] = lambda objects: None) -> Findings:
    """Look at every object and at every ready row; changes nothing. ``progress`` hears how many objects were seen.

    Raises:
        StorageError: the store could not be listed.
    """
    found = Findings()
    present: set[int] = set()
    for batch in _batches(media_storage().walk()):
        found.objects += len(batch)
        present.update(hash(each.key) for each in batch)
        parsed = {each.key: parse_key(each.key) for each in batch}
        found.foreign += [key for key, parts in parsed.items() if parts is None]
        owners = _owners(parts for parts in parsed.values() if parts is not None)
        for each in batch:
            if owner := owners.get(each.key):
                if _is_damaged(each, owner):
                    found.damaged_originals.append(each.key)
            elif parsed[each.key] is None:
                continue
            elif each.modified_at > now - ORPHAN_AGE:
                found.young += 1
            else:
                found.orphans.append(each)
        progress(found.objects)
    _look_for_missing(present, now, found)
    return found


def delete_orphans(found: Findings, *, allow_mass: bool = False) -> None:
    """Delete the orphans of ``found``, unless they are suspiciously many; what got a row meanwhile stays."""
    if is_mass(len(found.orphans), found.objects) and not allow_mass:
        found.held = len(found.orphans)
        return
    for batch in _batches(iter(found.orphans)):
        owners = _owners(parts for each in batch if (parts := parse_key(each.key)))
        keys = [each.key for each in batch if each.key not in owners]
        failed = media_storage().delete_objects(keys)
        media_storage().tidy(keys)
        found.deleted += len(keys) - len(failed)
        found.failed += len(failed)


def stale_uploads(now: datetime) -> list[Path]:
    """What uploads left in their folder when their process died."""
    folder = Path(settings.UPLOAD_DIR)
    stale = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            modified = path.lstat().st_mtime
        except FileNotFoundError:  # its upload has just ended
            continue
        if datetime.fromtimestamp(modified, UTC) <= now - STALE_UPLOAD:
            stale.append(path)
    return stale


def remove_stale_uploads(now: datetime) -> int:
    """Remove them; returns how many went."""
    removed = 0
    for path in stale_uploads(now):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed += not os.path.lexists(path)
    return removed


def _owners(parts: Iterable[Key]) -> dict[str, Image]:
    """The keys that rows list, in any state, among the images that ``parts`` name, each with its row."""
    ids = {UUID(each.image) for each in parts}
    return {key: image for image in Image.objects.filter(id__in=ids).select_related("gallery") for key in image.keys}


def _is_damaged(stored: StoredObject, owner: Image) -> bool:
    """Whether this is an original of another size than its row says: a copy that was cut off."""
    return owner.state == State.READY and stored.key == owner.original_key and stored.size != owner.bytes


def _look_for_missing(present: set[int], now: datetime, found: Findings) -> None:
    """Objects that a ready row promises and that are not there, asked a second time before they are reported.

    The renditions of what was taken down are missing on purpose.
    """
    rows = Image.objects.filter(state=State.READY, created_at__lte=now - SETTLED).select_related("gallery")
    for image in walk_rows(rows):
        wanted = [image.original_key] if image.taken_down_at else image.keys
        missing = [key for key in wanted if hash(key) not in present and _is_missing(key)]
        if missing and Image.objects.filter(id=image.id, state=State.READY).exists():
            found.missing_originals += [key for key in missing if key == image.original_key]
            found.missing_renditions += [key for key in missing if key != image.original_key]


def _is_missing(key: str) -> bool:
    try:
        media_storage().open_object(key).close()
    except ObjectMissing:
        return True
    return False


def _batches(objects: Iterator[StoredObject]) -> Iterator[Sequence[StoredObject]]:
    while batch := list(islice(objects, BATCH)):
        yield batch
