"""The store on a local disk: written once, durably; deleted without harm; nothing but our keys."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from cleanup_lambda.keys import original_key, rendition_key
from galleries import storage as module
from galleries.storage import (
    LocalMediaStorage,
    ObjectExists,
    ObjectMissing,
    StorageError,
    StorageFull,
    StoredObject,
)
from tests.core.test_keys_and_ids import HOSTILE
from tests.core.world import together

KEY = original_key("a" * 32, "b" * 32, "c" * 32, "jpg")
THUMBNAIL = rendition_key("a" * 32, "b" * 32, "c" * 32, "thumbnail", "webp")


@pytest.fixture
def store(tmp_path: Path) -> LocalMediaStorage:
    return LocalMediaStorage(location=str(tmp_path / "store"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"the bytes")
    return path


def _read(store: LocalMediaStorage, key: str) -> bytes:
    with store.open_object(key) as stored:
        return stored.read()


def test_an_object_is_what_was_put(store: LocalMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    assert _read(store, KEY) == b"the bytes"
    source.unlink()
    assert _read(store, KEY) == b"the bytes"


def test_the_group_may_read_an_object_and_others_may_not(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx is in the group of the folder; what an upload is written to is its owner's alone."""
    source.chmod(0o600)
    store.put(KEY, source, "image/jpeg")
    assert store.object_path(KEY).stat().st_mode & 0o777 == 0o640
    monkeypatch.setattr(os, "link", _refuse_to_link)
    other = source.with_name("other")
    other.write_bytes(b"more")
    store.put(THUMBNAIL, other, "image/webp")
    assert store.object_path(THUMBNAIL).stat().st_mode & 0o777 == 0o640


def _refuse_to_link(*arguments: object) -> None:
    raise OSError(errno.EXDEV, "another disk")


def test_a_key_is_used_once(store: LocalMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    other = source.with_name("other")
    other.write_bytes(b"other bytes")
    with pytest.raises(ObjectExists):
        store.put(KEY, other, "image/jpeg")
    assert _read(store, KEY) == b"the bytes"


def test_many_at_once_under_one_key_store_one(store: LocalMediaStorage, tmp_path: Path) -> None:
    def put(number: int) -> str:
        path = tmp_path / str(number)
        path.write_bytes(str(number).encode())
        store.put(KEY, path, "image/jpeg")
        return str(number)

    answers = together(put, range(8))
    winners = [answer for answer in answers if isinstance(answer, str)]
    assert [winner.encode() for winner in winners] == [_read(store, KEY)]
    assert sum(isinstance(answer, ObjectExists) for answer in answers) == 7


def test_puts_and_deletes_in_the_same_folder_do_not_trip_each_other(store: LocalMediaStorage, source: Path) -> None:
    """Tidying removes the empty folder that a put has just made."""
    stop = threading.Event()
    keys = [rendition_key("a" * 32, "b" * 32, f"{n:032x}", "preview", "jpg") for n in range(150)]

    def act(which: int) -> object:
        if which:
            while not stop.is_set():
                assert store.delete_objects([keys[0]]) == {}
                store.tidy([keys[0]])
            return None
        try:
            for key in keys[1:]:
                store.put(key, source, "image/jpeg")
                store.delete_objects([key])
                store.tidy([key])
        finally:
            stop.set()
        return None

    assert together(act, [0, 1]) == [None, None]


def test_what_is_acknowledged_is_on_the_disk(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced before it gets its name, and every folder whose entries changed after."""
    synced: list[str] = []

    def sync(path: Path) -> None:
        synced.append(f"{Path(path).name} {(Path(store.location) / KEY).exists()}")

    monkeypatch.setattr(module, "_sync", sync)
    monkeypatch.setattr(module, "_sync_directory", sync)
    store.put(KEY, source, "image/jpeg")
    assert synced[0] == "source False"
    folders = {line.split()[0] for line in synced[1:]}
    assert folders >= {"o", "b" * 32, "a" * 32, "media"}
    assert all(line.endswith("True") for line in synced[1:])


def test_objects_put_together_are_on_the_disk_when_the_block_ends(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is synced before it gets its name, each folder once, when all of them have theirs."""
    synced: list[tuple[str, int]] = []

    def sync(path: Path) -> None:
        synced.append((Path(path).name, len(list(store.walk()))))

    monkeypatch.setattr(module, "_sync", sync)
    monkeypatch.setattr(module, "_sync_directory", sync)
    other = source.with_name("other")
    other.write_bytes(b"a thumbnail")
    with store.putting() as put:
        put(KEY, source, "image/jpeg")
        put(THUMBNAIL, other, "image/webp")
        assert synced == [("source", 0), ("other", 1)]
    folders = [name for name, objects in synced[2:] if objects == 2]
    assert len(folders) == len(set(folders)) == len(synced) - 2
    assert {Path(key).parent.name for key in (KEY, THUMBNAIL)} <= set(folders)


def test_objects_whose_folder_does_not_reach_the_disk_are_not_stored(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(module, "_sync_directory", fail)
    with pytest.raises(StorageError), store.putting() as put:
        put(KEY, source, "image/jpeg")


def test_without_hard_links_it_is_copied_whole_or_not_at_all(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    store.put(KEY, source, "image/jpeg")
    assert _read(store, KEY) == b"the bytes"
    with pytest.raises(ObjectExists):
        store.put(KEY, source, "image/jpeg")

    def full(*arguments: object) -> None:
        Path(str(arguments[1])).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(StorageFull):
        store.put(THUMBNAIL, source, "image/webp")
    assert [each.key for each in store.walk()] == [KEY], "no half file stays"


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EACCES, StorageError), (errno.EIO, StorageError)],
)
@pytest.mark.parametrize("call", ["link", "fsync", "mkdir"])
def test_a_disk_that_fails_is_one_of_our_errors(
    store: LocalMediaStorage,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[Exception],
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StorageError) as caught:
        store.put(KEY, source, "image/jpeg")
    assert type(caught.value) is error


def test_an_object_that_is_not_there(store: LocalMediaStorage, source: Path) -> None:
    for key in (KEY, "media/x", "../../etc/passwd", ""):
        with pytest.raises(ObjectMissing):
            store.open_object(key)
    with pytest.raises(StorageError):
        store.put(KEY, source.with_name("nothing"), "image/jpeg")


@pytest.mark.parametrize("key", HOSTILE)
def test_nothing_but_our_keys_is_ever_touched(store: LocalMediaStorage, source: Path, key: str) -> None:
    target = Path(store.location)
    (target / "media").mkdir(parents=True)
    (target / "secret").write_bytes(b"secret")
    before = sorted(target.rglob("*"))
    with pytest.raises(ObjectMissing):
        store.put(key, source, "image/jpeg")
    with pytest.raises(ObjectMissing):
        store.open_object(key)
    assert store.delete_objects([key]) == {key: "not one of our keys"}
    assert sorted(target.rglob("*")) == before


def test_deleting_twice_does_no_harm(store: LocalMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    store.put(THUMBNAIL, source, "image/webp")
    assert store.delete_objects([KEY]) == {}
    assert store.delete_objects([KEY, THUMBNAIL, KEY]) == {}
    store.tidy([KEY, THUMBNAIL])
    assert list(Path(store.location, "media").iterdir()) == [], "no empty folders stay"


def test_tidying_leaves_what_is_there(store: LocalMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    store.tidy([KEY, THUMBNAIL, "../etc/passwd"])
    with store.open_object(KEY) as stored:
        assert stored.read()


def test_one_delete_that_fails_is_told_and_stops_nobody(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(KEY, source, "image/jpeg")
    store.put(THUMBNAIL, source, "image/webp")
    unlink = os.unlink

    def partly(path: str) -> None:
        if path.endswith(".jpg"):
            raise PermissionError(errno.EACCES, "denied")
        unlink(path)

    monkeypatch.setattr(os, "unlink", partly)
    assert store.delete_objects([KEY, THUMBNAIL]) == {KEY: "denied"}
    assert [each.key for each in store.walk()] == [KEY]


def test_everything_under_media_is_listed(store: LocalMediaStorage, source: Path) -> None:
    assert list(store.walk()) == []
    store.put(KEY, source, "image/jpeg")
    stray = Path(store.location, "media", "stray.txt")
    stray.write_bytes(b"?")
    Path(store.location, "secret").write_bytes(b"not under media")
    (Path(store.location) / "media" / "dangling").symlink_to("nowhere")
    found = {each.key: each for each in store.walk()}
    assert set(found) == {KEY, "media/stray.txt", "media/dangling"}
    assert isinstance(found[KEY], StoredObject)
    assert found[KEY].size == 9
    assert abs(found[KEY].modified_at.timestamp() - source.stat().st_mtime) < 1


def test_a_folder_that_cannot_be_read_does_not_look_empty(
    store: LocalMediaStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(KEY, source, "image/jpeg")
    scan = os.scandir

    def partly(path: object) -> object:
        if str(path).endswith("b" * 32):
            raise PermissionError(errno.EACCES, "denied", str(path))
        return scan(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", partly)
    with pytest.raises(StorageError):
        list(store.walk())


def test_the_room_that_is_left_and_the_check(store: LocalMediaStorage, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        store.free_bytes()
    store.check()
    room = store.free_bytes()
    assert room is not None
    assert 0 < room[0] <= room[1]
    assert list(store.walk()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        LocalMediaStorage(location=str(tmp_path / "file")).check()


def test_a_check_is_not_in_the_way_of_another(store: LocalMediaStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def write_and_lose_the_turn(path: Path, data: bytes) -> int:
        written = write(path, data)
        monkeypatch.setattr(Path, "write_bytes", write)
        store.check()  # of another thread, between writing and removing
        return written

    monkeypatch.setattr(Path, "write_bytes", write_and_lose_the_turn)
    store.check()
    assert list(store.walk()) == []
