"""Table 1a of LIFECYCLE, upload cut short: its gallery goes meanwhile, its store fails, it dies at any point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from galleries import uploads
from galleries.decoding import DecodedImage
from galleries.models import Gallery, Image, Receipt, State
from galleries.removal import remove_gallery, restore_gallery
from galleries.storage import LocalMediaStorage, Put, StorageError, StorageFull
from galleries.sweeping import make_plan, run_sweep
from tests.core.world import (
    DAY,
    HOUR,
    START,
    Killed,
    QuickDecoder,
    check_clean,
    check_world,
    clock,
    dying_at,
    files,
    problem_of,
    upload,
)

if TYPE_CHECKING:
    from pytest_django import Settings as SettingsWrapper


pytestmark = pytest.mark.django_db


def test_a_gallery_removed_meanwhile_retires_the_row(
    gallery: Gallery, data_dir: Path, quick_decoder: QuickDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def remove_first(image: Image, decoded: DecodedImage) -> None:
        put(image, decoded)
        remove_gallery(gallery, timezone.now())

    monkeypatch.setattr(uploads, "_put_objects", remove_first)
    assert problem_of(lambda: upload(gallery, 1)).code == "not_found"
    assert Image.objects.get().state == State.DELETING
    _sweep_all(data_dir)
    assert not Receipt.objects.exists(), "it was never visible"


def test_a_gallery_removed_and_restored_meanwhile_retires_the_row_at_once(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def remove_and_restore(image: Image, decoded: DecodedImage) -> None:
        put(image, decoded)
        remove_gallery(gallery, timezone.now())
        restore_gallery(Gallery.objects.get(), timezone.now())

    monkeypatch.setattr(uploads, "_put_objects", remove_and_restore)
    assert problem_of(lambda: upload(gallery, 1)).code == "unavailable"
    assert Image.objects.get().state == State.DELETING, "a retry need not wait for the reaper"
    monkeypatch.undo()


def test_a_row_that_the_reaper_took_is_not_made_ready(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def too_slow(image: Image, decoded: DecodedImage) -> None:
        Image.objects.filter(id=image.id).update(touched_at=timezone.now() - 2 * HOUR)
        run_sweep(make_plan(timezone.now()))
        put(image, decoded)

    monkeypatch.setattr(uploads, "_put_objects", too_slow)
    assert problem_of(lambda: upload(gallery, 1)).code == "unavailable"
    assert files(data_dir), "the late put"
    assert Image.objects.get().state == State.EMPTIED
    _sweep_all(data_dir)


@pytest.mark.parametrize(("error", "code"), [(StorageFull("full"), "storage_full"), (StorageError("?"), "unavailable")])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_store_that_fails_at_any_object_acknowledges_nothing(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, which: int
) -> None:
    putting = LocalMediaStorage.putting

    @contextmanager
    def failing(self: LocalMediaStorage) -> Iterator[Put]:
        stored: list[str] = []

        def put_or_fail(key: str, source: Path, content_type: str) -> None:
            if len(stored) == which:
                raise error
            put(key, source, content_type)
            stored.append(key)

        with putting(self) as put:
            yield put_or_fail
            if len(stored) == which:
                raise error

    monkeypatch.setattr(LocalMediaStorage, "putting", failing)
    assert problem_of(lambda: upload(gallery, 1)).code == code
    assert Image.objects.get().state == State.DELETING
    monkeypatch.undo()
    check_world(timezone.now(), data_dir)
    _sweep_all(data_dir)


@pytest.mark.parametrize(
    "point", ["upload.received", "upload.decoded", "upload.pending", "upload.object", "upload.objects"]
)
def test_death_before_the_last_commit_leaves_nothing(gallery: Gallery, data_dir: Path, point: str) -> None:
    with clock(START) as time_:
        with dying_at(point), pytest.raises(Killed):
            upload(gallery, 1)
        check_world(START, data_dir)
        assert not Image.objects.live(START).exists()
        time_.shift(2 * HOUR)
        _sweep_all(data_dir)
        assert not Receipt.objects.exists()


def test_death_after_the_last_commit_keeps_the_image(gallery: Gallery, data_dir: Path) -> None:
    with dying_at("upload.ready"), pytest.raises(Killed):
        upload(gallery, 1)
    assert upload(gallery, 1).duplicate
    check_world(timezone.now(), data_dir)


def test_a_full_disk_refuses_before_anything_is_decoded(
    gallery: Gallery, settings: SettingsWrapper, quick_decoder: QuickDecoder
) -> None:
    settings.GALLERY_MIN_FREE_BYTES = 1 << 62
    assert problem_of(lambda: upload(gallery, 1)).code == "storage_full"
    assert quick_decoder.decoded == 0


def _sweep_all(data_dir: Path) -> None:
    """Three days of sweeps bring everything of a dead upload to its end."""
    now = timezone.now()
    for later in (3 * HOUR, 2 * DAY, 3 * DAY):
        run_sweep(make_plan(now + later))
        check_world(now + later, data_dir)
    check_clean(data_dir)
