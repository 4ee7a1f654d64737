"""Where objects are: the few things that the site asks of a store, and the store on a local disk.

An object is written once under its key and never changed; a key that does not match the grammar is refused before the
disk is touched.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from django.core.files.storage import FileSystemStorage, default_storage

from cleanup_lambda.keys import parse_key
from galleries import crash

FULL = {errno.ENOSPC, errno.EDQUOT}
OBJECT_MODE = 0o640  # nginx sends objects, and is in the group of their folder (deploy/install.sh)
MAX_AGE = 900  # seconds in a browser; as long as a pass lives at least
SHARED_MAX_AGE = 86_400  # seconds at an edge, which checks the pass at each request


def cache_control(left: int = SHARED_MAX_AGE) -> str:
    """The header of an object that caches may keep for ``left`` seconds at most."""
    return f"max-age={min(MAX_AGE, left)}, s-maxage={min(SHARED_MAX_AGE, left)}, immutable"


class StorageError(Exception):
    """The store could not do what it was asked; nothing is known about the object's state."""


class StorageFull(StorageError):
    """There is no room for another object."""


class ObjectExists(StorageError):
    """An object is already under this key; keys are used once."""


class ObjectMissing(StorageError):
    """There is no object under this key."""


@dataclass(frozen=True)
class StoredObject:
    """What a listing says about one object; ``size`` in bytes."""

    key: str
    size: int
    modified_at: datetime


class Put(Protocol):
    """``MediaStorage.put``, or one like it."""

    def __call__(self, key: str, source: Path, content_type: str) -> None: ...


class MediaStorage(Protocol):
    """What the site needs of a store. Every method raises StorageError and nothing else."""

    def put(self, key: str, source: Path, content_type: str) -> None:
        """Write the file ``source`` under ``key``, durably, once.

        Raises:
            ObjectExists: the key is taken. StorageFull: no room.
        """

    def putting(self) -> AbstractContextManager[Put]:
        """A ``put`` for several objects, which are durable when the block ends, not before."""

    def open_object(self, key: str) -> BinaryIO:
        """The object's bytes; ObjectMissing when there is none."""

    def delete_objects(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete ``keys``; a missing one counts as deleted. Returns the keys that failed, with the reason."""

    def tidy(self, keys: Sequence[str]) -> None:
        """Remove what is left around ``keys``, objects that were deleted a while ago: where a store has such things,
        empty folders, and halves of objects that nobody finished."""

    def walk(self) -> Iterator[StoredObject]:
        """Every object under ``media/``, in no particular order."""

    def free_bytes(self) -> tuple[int, int] | None:
        """(free, total) bytes, or None when the store has no such limit."""

    def check(self) -> None:
        """Raise StorageError when objects cannot be written now."""


def media_storage() -> MediaStorage:
    """The store that the settings name."""
    return cast(MediaStorage, default_storage)


class LocalMediaStorage(FileSystemStorage):
    """Objects as files below ``location``; the key is the path."""

    def object_path(self, key: str) -> Path:
        """The file of ``key``.

        Raises:
            ObjectMissing: ``key`` is not one of ours, so nothing can be there.
        """
        if parse_key(key) is None:
            raise ObjectMissing(key)
        return Path(self.location, key)

    def put(self, key: str, source: Path, content_type: str) -> None:
        with self.putting() as put:
            put(key, source, content_type)

    @contextmanager
    def putting(self) -> Iterator[Put]:
        changed: dict[Path, None] = {}  # folders, each once, in their order

        def put(key: str, source: Path, content_type: str) -> None:
            target = self.object_path(key)
            try:
                os.chmod(source, OBJECT_MODE)
                _sync(source)
                changed.update(dict.fromkeys(_link_into(source, target)))
            except FileExistsError:
                raise ObjectExists(key) from None
            except OSError as error:
                raise storage_error(error) from error

        yield put
        try:
            for folder in changed:
                _sync_directory(folder)
        except OSError as error:
            raise storage_error(error) from error

    def open_object(self, key: str) -> BinaryIO:
        try:
            return open(self.object_path(key), "rb")  # noqa: SIM115 (the caller closes it)
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(key) from None
        except OSError as error:
            raise storage_error(error) from error

    def delete_objects(self, keys: Sequence[str]) -> dict[str, str]:
        failed: dict[str, str] = {}
        for key in keys:
            if parse_key(key) is None:
                failed[key] = "not one of our keys"
                continue
            try:
                os.unlink(os.path.join(self.location, key))
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                failed[key] = error.strerror or "failed"
            crash.point("sweep.object")
        return failed

    def tidy(self, keys: Sequence[str]) -> None:
        location = Path(self.location)
        paths = [Path(location, key) for key in keys if parse_key(key)]
        for path in paths:
            with suppress(OSError):
                _partial(path).unlink()
        for folder in dict.fromkeys(path.parent for path in paths):
            _remove_empty(folder, stop=location)

    def walk(self) -> Iterator[StoredObject]:
        root = Path(self.location)
        for folder, _, names in os.walk(root / "media", onerror=_refuse_to_skip):
            for name in names:
                path = Path(folder) / name
                try:
                    status = path.lstat()
                except FileNotFoundError:  # swept while we walk
                    continue
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield StoredObject(path.relative_to(root).as_posix(), status.st_size, modified)

    def free_bytes(self) -> tuple[int, int] | None:
        try:
            usage = shutil.disk_usage(self.location)
        except OSError as error:
            raise storage_error(error) from error
        return usage.free, usage.total

    def check(self) -> None:
        folder = Path(self.location) / "media"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"ok")
            probe.unlink(missing_ok=True)  # another thread may be checking too
        except OSError as error:
            raise storage_error(error) from error


def _link_into(source: Path, target: Path) -> list[Path]:
    """Link, making the folder first; once more when a deletion removed the folder, empty at that moment, in between.
    Returns the folders whose entries changed."""
    changed = _make_folders(target.parent)
    try:
        _link(source, target)
    except FileNotFoundError:
        changed += _make_folders(target.parent)
        _link(source, target)
    return changed


def _make_folders(folder: Path) -> list[Path]:
    """Make ``folder``; returns it and the parents whose entries changed, which have to reach the disk too."""
    changed = [folder]
    while not folder.is_dir():
        folder = folder.parent
        changed.append(folder)
    changed[0].mkdir(parents=True, exist_ok=True)
    return changed


def _link(source: Path, target: Path) -> None:
    """Give the file its final name; fails when the name is taken. Copies where hard links do not exist."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
            raise
        partial = _partial(target)
        try:
            shutil.copyfile(source, partial)
            os.chmod(partial, OBJECT_MODE)
            _sync(partial)
            if target.exists():
                raise FileExistsError(errno.EEXIST, "exists", str(target)) from None
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)


def _partial(target: Path) -> Path:
    """Where a copy grows until it gets its name; one whose process was killed is removed after its object."""
    return target.with_name(f".{target.name}.part")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_sync_directory = _sync


def _remove_empty(folder: Path, *, stop: Path) -> None:
    """Remove ``folder`` and its parents as far as they are empty."""
    while folder != stop and folder.name != "media":
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _refuse_to_skip(error: OSError) -> None:
    """A folder that cannot be read must not look empty; one that was swept while we walk is."""
    if not isinstance(error, FileNotFoundError):
        raise storage_error(error) from error


def storage_error(error: OSError) -> StorageError:
    """What the disk says, as callers of a store know it."""
    if error.errno in FULL:
        return StorageFull(error.strerror or "full")
    return StorageError(error.strerror or "failed")
