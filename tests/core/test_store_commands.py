"""Commands that hold what lies in the store against the rows: reconcile_storage and rebuild_renditions."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from cleanup_lambda.keys import original_key, rendition_key
from galleries import reconciling
from galleries.decoding import ImageRejected
from galleries.models import Gallery, Image, State
from galleries.moderation import take_down
from galleries.reconciling import compare_stores
from galleries.removal import delete_for_good, remove_images
from galleries.storage import LocalMediaStorage, StorageError
from galleries.sweeping import make_plan, run_sweep
from tests.core.calling import call, call_json
from tests.core.world import (
    DAY,
    START,
    Killed,
    QuickDecoder,
    add,
    check_clean,
    check_world,
    clock,
    dying_at,
    files,
    reload,
)

if TYPE_CHECKING:
    from pytest_django import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db


# --- reconcile_storage ------------------------------------------------------------------------------------------------

OLD = timedelta(days=3)


def _put(data_dir: Path, key: str, age: timedelta = OLD) -> Path:
    path = data_dir / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"orphan")
    _age(path, age)
    return path


def _age(path: Path, age: timedelta) -> None:
    moment = time.time() - age.total_seconds()
    os.utime(path, (moment, moment))


def _orphan(number: int) -> str:
    return original_key("a" * 32, "b" * 32, f"{number:032x}", "jpg")


def test_a_world_in_line_is_0(gallery: Gallery, data_dir: Path) -> None:
    for number in range(2):
        add(gallery, number)
    code, found = call_json("reconcile_storage")
    assert code == 0
    assert (found["objects"], found["orphans"], found["young"]) == (6, 0, 0)
    assert "6 objects" in call("reconcile_storage")[1]


def test_old_orphans_are_told_and_deleted_only_when_asked(gallery: Gallery, data_dir: Path) -> None:
    image = add(gallery, 1)
    for key in image.keys:
        _age(data_dir / key, OLD)
    old, young = _put(data_dir, _orphan(1)), _put(data_dir, _orphan(2), timedelta(hours=47))
    unlisted = _put(data_dir, rendition_key(gallery.owner.id.hex, gallery.hex, image.hex, "huge", "jpg"))
    code, found = call_json("reconcile_storage")
    assert code == 1
    assert (found["orphans"], found["orphan_bytes"], found["young"], found["deleted"]) == (2, 12, 1, 0)
    assert old.exists()
    code, found = call_json("reconcile_storage", "--apply")
    assert (code, found["deleted"], found["failed"]) == (0, 2, 0)
    assert not old.exists()
    assert not unlisted.exists()
    assert young.exists()
    assert set(image.keys) <= files(data_dir)


@pytest.mark.parametrize("state", list(State))
def test_a_row_in_any_state_owns_its_keys(gallery: Gallery, data_dir: Path, state: State) -> None:
    image = add(gallery, 1)
    for key in image.keys:
        _age(data_dir / key, OLD)
    Image.objects.update(state=state)
    assert call_json("reconcile_storage", "--apply")[1]["orphans"] == 0
    assert files(data_dir) == set(image.keys)


def test_foreign_names_are_told_and_never_touched(gallery: Gallery, data_dir: Path) -> None:
    stray = _put(data_dir, "media/notes.txt")
    upper = _put(data_dir, _orphan(1).replace(".jpg", ".JPG"))
    code, found = call_json("reconcile_storage", "--apply", "--allow-mass")
    assert sorted(found["foreign"]) == sorted(path.relative_to(data_dir).as_posix() for path in (stray, upper))
    assert (code, found["deleted"]) == (0, 0)
    assert stray.exists()
    assert upper.exists()
    assert "media/notes.txt" in call("reconcile_storage")[1]


def test_missing_objects_are_told_by_kind(gallery: Gallery, data_dir: Path) -> None:
    with clock(START) as time_:
        images = [add(gallery, n) for n in range(4)]
        take_down([images[3]], START)
        (data_dir / images[0].original_key).unlink()
        (data_dir / images[1].rendition_key("thumbnail")).unlink()
        time_.shift(timedelta(hours=2))
        code, found = call_json("reconcile_storage")
        assert code == 1
        assert found["missing_originals"] == [images[0].original_key]
        assert found["missing_renditions"] == [images[1].rendition_key("thumbnail")]


def test_originals_that_were_cut_off_are_told(gallery: Gallery, data_dir: Path) -> None:
    images = [add(gallery, number) for number in range(3)]
    for image in images[:2]:
        path = data_dir / image.original_key
        path.unlink()
        path.write_bytes(b"?")
    Image.objects.filter(id=images[1].id).update(state=State.PENDING)  # it may still be under way
    code, found = call_json("reconcile_storage", "--apply")
    assert (code, found["damaged_originals"]) == (1, [images[0].original_key])
    assert images[0].original_key in files(data_dir)
    assert f"restore them from a backup): 1\n  {images[0].original_key}" in call("reconcile_storage")[1]


def test_objects_of_rows_younger_than_the_walk_are_not_missed(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        (data_dir / image.original_key).unlink()
        assert compare_stores(START).missing_originals == []
        assert compare_stores(START + timedelta(hours=1)).missing_originals == [image.original_key]


def test_an_image_swept_meanwhile_is_not_missed(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        add(gallery, 1)
        walk = LocalMediaStorage.walk

        def swept_after(self: LocalMediaStorage) -> Any:
            yield from walk(self)
            run_sweep(make_plan(START + 9 * DAY))

        monkeypatch.setattr(LocalMediaStorage, "walk", swept_after)
        found = compare_stores(START + 9 * DAY)
        assert (found.missing_originals, found.missing_renditions) == ([], [])


def test_suspiciously_many_orphans_are_held(gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F34: a database restored from an old backup makes newer objects look like orphans."""
    monkeypatch.setattr("cleanup_lambda.sweep.MASS_FLOOR", 3)
    for number in range(4):
        _put(data_dir, _orphan(number))
    code, found = call_json("reconcile_storage", "--apply")
    assert (code, found["held"], found["deleted"]) == (1, 4, 0)
    assert len(files(data_dir)) == 4
    code, found = call_json("reconcile_storage", "--apply", "--allow-mass")
    assert (code, found["held"], found["deleted"]) == (0, 0, 4)


def test_an_orphan_that_got_a_row_meanwhile_stays(gallery: Gallery, data_dir: Path) -> None:
    image = add(gallery, 1)
    for key in image.keys:
        _age(data_dir / key, OLD)
    row = Image.objects.get()
    Image.objects.all().delete()
    found = compare_stores(timezone.now())
    assert len(found.orphans) == 3
    row.save(force_insert=True)
    reconciling.delete_orphans(found, allow_mass=True)
    assert found.deleted == 0
    assert files(data_dir) == set(image.keys)


def test_a_store_that_cannot_be_listed_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(self: LocalMediaStorage) -> Any:
        raise StorageError("down")

    monkeypatch.setattr(LocalMediaStorage, "walk", down)
    assert call("reconcile_storage")[0] == 1


def test_what_dead_uploads_left_is_removed_after_an_hour(data_dir: Path, settings: SettingsWrapper) -> None:
    incoming = Path(settings.UPLOAD_DIR)
    (incoming / "upload-old").mkdir(parents=True)
    (incoming / "upload-old" / "source").write_bytes(b"x")
    (incoming / "body-old").write_bytes(b"x")
    (incoming / "body-new").write_bytes(b"x")
    for name in ("upload-old", "body-old"):
        _age(incoming / name, timedelta(hours=1, seconds=5))
    _age(incoming / "body-new", timedelta(minutes=55))
    assert call_json("reconcile_storage")[1]["stale_uploads"] == 2
    assert len(list(incoming.iterdir())) == 3
    assert call_json("reconcile_storage", "--apply")[1]["stale_uploads"] == 2
    assert [path.name for path in incoming.iterdir()] == ["body-new"]


def test_reconcile_needs_no_folder_of_uploads(data_dir: Path) -> None:
    assert call_json("reconcile_storage", "--apply") == (0, call_json("reconcile_storage")[1])


def test_reconcile_finds_what_the_second_delete_would_miss(gallery: Gallery, data_dir: Path) -> None:
    """P4's last net: an object put after its row was dropped."""
    image = add(gallery, 1)
    remove_images(gallery, [image.id], timezone.now())
    delete_for_good(gallery, [image.id], timezone.now())
    for later in (0, 1, 2):
        run_sweep(make_plan(timezone.now() + later * DAY))
    _put(data_dir, image.original_key)
    assert call_json("reconcile_storage", "--apply")[1]["deleted"] == 1
    check_clean(data_dir)


# --- rebuild_renditions -----------------------------------------------------------------------------------------------


def test_rebuild_makes_what_is_missing(gallery: Gallery, data_dir: Path, quick_decoder: QuickDecoder) -> None:
    images = [add(gallery, n) for n in range(3)]
    (data_dir / images[0].rendition_key("thumbnail")).unlink()
    Image.objects.filter(id=images[1].id).update(renditions="preview.jpg 40x30")
    quick_decoder.decoded = 0
    assert call("rebuild_renditions") == (0, "2 images have new renditions.\n")
    assert quick_decoder.decoded == 2
    assert set(reload(images[1]).rendition_sizes) == {"preview", "thumbnail"}
    check_world(timezone.now(), data_dir)
    assert call("rebuild_renditions") == (0, "0 images have new renditions.\n")


def test_rebuild_leaves_alone_what_was_taken_down(gallery: Gallery, data_dir: Path) -> None:
    image = add(gallery, 1)
    take_down([image], timezone.now())
    assert call("rebuild_renditions", "--all") == (0, "0 images have new renditions.\n")
    assert files(data_dir) == {image.original_key}


def test_rebuild_of_what_is_taken_down_meanwhile_leaves_no_renditions(
    gallery: Gallery, data_dir: Path, quick_decoder: QuickDecoder
) -> None:
    image = add(gallery, 1)
    quick_decoder.meanwhile = lambda: take_down([reload(image)], timezone.now())
    call("rebuild_renditions", "--all")
    assert files(data_dir) == {image.original_key}


def test_rebuild_of_what_is_deleted_meanwhile_leaves_nothing(
    gallery: Gallery, data_dir: Path, quick_decoder: QuickDecoder
) -> None:
    image = add(gallery, 1)

    def delete() -> None:
        now = timezone.now()
        remove_images(gallery, [image.id], now)
        delete_for_good(gallery, [image.id], now)
        run_sweep(make_plan(now))

    quick_decoder.meanwhile = delete
    assert call("rebuild_renditions", "--all")[0] == 1
    assert not files(data_dir)


def test_rebuild_drops_renditions_of_specs_that_are_no_more(gallery: Gallery, data_dir: Path) -> None:
    image = add(gallery, 1)
    old = _put(data_dir, rendition_key(gallery.owner.id.hex, gallery.hex, image.hex, "huge", "jpg"))
    Image.objects.update(renditions=image.renditions + " huge.jpg 3000x2000")
    assert call("rebuild_renditions")[0] == 0
    assert not old.exists()
    check_world(timezone.now(), data_dir)


def test_one_original_that_cannot_be_read_does_not_stop_the_others(gallery: Gallery, data_dir: Path) -> None:
    images = [add(gallery, n) for n in range(3)]
    for image in images:
        (data_dir / image.rendition_key("preview")).unlink()
    (data_dir / images[0].original_key).unlink()
    code, text = call("rebuild_renditions", "--gallery", gallery.hex)
    assert (code, text) == (1, "2 images have new renditions.\n")
    assert call("rebuild_renditions", "--limit", "1")[0] == 1


def test_all_makes_every_rendition_again(gallery: Gallery, data_dir: Path) -> None:
    image = add(gallery, 1)
    path = data_dir / image.rendition_key("preview")
    path.write_bytes(b"by an old recipe")
    call("rebuild_renditions")
    assert path.read_bytes() == b"by an old recipe"
    call("rebuild_renditions", "--all")
    assert path.read_bytes().startswith(b"preview of")


def test_all_keeps_the_old_renditions_of_what_gives_no_new_ones(
    gallery: Gallery, data_dir: Path, quick_decoder: QuickDecoder
) -> None:
    image = add(gallery, 1)

    def refuse() -> None:
        raise ImageRejected("corrupt_image", "by a newer decoder")

    quick_decoder.meanwhile = refuse
    assert call("rebuild_renditions", "--all")[0] == 1
    assert files(data_dir) == set(image.keys)


def test_renditions_that_could_not_be_replaced_are_counted_as_such(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, 1)
    monkeypatch.setattr(LocalMediaStorage, "delete_objects", lambda self, keys: dict.fromkeys(keys, "AccessDenied"))
    assert call("rebuild_renditions", "--all") == (1, "0 images have new renditions.\n")


def test_a_dead_upload_is_not_rebuilt(gallery: Gallery) -> None:
    with dying_at("upload.pending"), pytest.raises(Killed):
        add(gallery, 1)
    assert call("rebuild_renditions") == (0, "0 images have new renditions.\n")
