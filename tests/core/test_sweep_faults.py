"""The sweep over rows when it is killed, when objects stay, when others do something meanwhile, and many at once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from django.utils import timezone

from cleanup_lambda import sweep as sweep_module
from cleanup_lambda.sweep import Report
from galleries import crash, sweeping
from galleries.models import Gallery, Image, Receipt, State, Usage
from galleries.removal import delete_for_good, remove_images, restore_image
from galleries.storage import LocalMediaStorage, StorageError, media_storage
from galleries.sweeping import DueRows, finish_deleting, make_plan, run_sweep
from tests.core.world import (
    HOUR,
    START,
    SWEPT,
    Killed,
    add,
    check_clean,
    check_world,
    clock,
    dying_at,
    files,
    receipts,
    reload,
    together,
)

pytestmark = pytest.mark.django_db


def test_an_upload_killed_while_it_copied_leaves_no_half(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk of uploads is another one, an object is copied into its place."""

    def no_link(*arguments: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def die(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise Killed("copying")

    with clock(START):
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", no_link)
            patch.setattr("shutil.copyfile", die)
            patch.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # nothing runs any more
            with pytest.raises(Killed):
                add(gallery, 1)
        assert [Path(name).suffix for name in files(data_dir)] == [".part"]
        run_sweep(make_plan(START + HOUR))
        run_sweep(make_plan(START + 2 * HOUR))
        check_clean(data_dir)
    assert not files(data_dir)


@pytest.mark.parametrize(
    "point", ["sweep.claimed", "sweep.objects", "sweep.recorded", "sweep.emptied", "sweep.forgotten"]
)
def test_a_sweep_that_dies_anywhere_is_finished_by_the_next(gallery: Gallery, data_dir: Path, point: str) -> None:
    with clock(START):
        for number in range(3):
            add(gallery, number)
        kept = add(gallery, 5, has_expiry=True, expires_at=None)
        if point == "sweep.forgotten":
            run_sweep(make_plan(SWEPT))
        with dying_at(point), pytest.raises(Killed):
            run_sweep(make_plan(SWEPT + (HOUR if point == "sweep.forgotten" else 0 * HOUR)))
        check_world(SWEPT, data_dir)
        for later in (2 * HOUR, 3 * HOUR):
            run_sweep(make_plan(SWEPT + later))
            check_world(SWEPT + later, data_dir)
        assert list(Image.objects.all()) == [kept]
        assert files(data_dir) == set(kept.keys)
        assert len(receipts()) == 3
        assert Usage.objects.get().images == 1


def test_every_crash_point_of_the_sweep_is_passed(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: set[str] = set()
    monkeypatch.setattr(crash, "point", passed.add)
    with clock(START):
        add(gallery, 1)
        run_sweep(make_plan(SWEPT))
        run_sweep(make_plan(SWEPT + HOUR))
    assert {name for name in passed if name.startswith("sweep")} >= {
        "sweep.claimed", "sweep.objects", "sweep.recorded", "sweep.emptied", "sweep.forgotten",
    }  # fmt: skip


def _failing(monkeypatch: pytest.MonkeyPatch, bad: set[str]) -> None:
    delete = LocalMediaStorage.delete_objects

    def partly(self: LocalMediaStorage, keys: list[str]) -> dict[str, str]:
        failed = delete(self, [key for key in keys if key not in bad])
        return failed | {key: "denied" for key in keys if key in bad}

    monkeypatch.setattr(LocalMediaStorage, "delete_objects", partly)


def test_one_delete_that_fails_keeps_its_row_and_stops_nobody(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(3)]
        _failing(monkeypatch, {images[1].keys[1]})
        report = run_sweep(make_plan(SWEPT))
        assert report == Report(due=3, deleted=2, failed=1, bytes=200)
        assert reload(images[1]).state == State.DELETING
        assert Usage.objects.get().images == 1
        check_world(SWEPT, data_dir)
        assert run_sweep(make_plan(SWEPT)) == Report(due=1, failed=1)
        monkeypatch.undo()
        assert run_sweep(make_plan(SWEPT)) == Report(due=1, deleted=1, bytes=100)
        check_world(SWEPT, data_dir)


def test_an_object_that_stays_keeps_an_emptied_row_and_stops_nobody(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(3)]
        run_sweep(make_plan(SWEPT))
        monkeypatch.setattr(sweeping, "PAGE", 1)
        _failing(monkeypatch, {images[0].original_key})
        run_sweep(make_plan(SWEPT + HOUR))
        assert list(Image.objects.all()) == [images[0]]
        monkeypatch.undo()
        run_sweep(make_plan(SWEPT + HOUR))
        check_clean(data_dir)


def test_a_row_with_a_strange_key_fails_alone(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(2)]
        Image.objects.filter(id=images[0].id).update(extension="../x")
        assert run_sweep(make_plan(SWEPT)) == Report(due=2, deleted=1, failed=1, bytes=100)
        assert reload(images[0]).state == State.DELETING


def test_what_was_extended_after_it_was_listed_is_skipped(gallery: Gallery, data_dir: Path) -> None:
    """X40: the claim decides, not the list."""
    with clock(START) as time_:
        images = [add(gallery, n) for n in range(3)]
        remove_images(gallery, [i.id for i in images], START)
        time_.shift(20 * HOUR)

        class Interrupted(DueRows):
            def claim(self, batch: object) -> list[object]:  # type: ignore[override]
                restore_image(reload(images[0]))
                return super().claim(batch)  # type: ignore[arg-type, return-value]

        from cleanup_lambda.sweep import sweep

        report = sweep(Interrupted(make_plan(START + 25 * HOUR)), media_storage())  # type: ignore[arg-type]
        assert report == Report(due=3, deleted=2, skipped=1, bytes=200)
        assert reload(images[0]).is_live(timezone.now())
        assert files(data_dir) == set(images[0].keys)


def test_what_another_sweep_has_finished_meanwhile_is_skipped(gallery: Gallery, data_dir: Path) -> None:
    """It takes what the first has claimed for left by a crash; only one of them counts each as deleted."""

    def finish(name: str) -> None:
        if name == "sweep.claimed":
            finish_deleting(gallery, SWEPT)

    with clock(START):
        for number in range(2):
            add(gallery, number)
    report = sweep_module.sweep(DueRows(make_plan(SWEPT)), media_storage(), point=finish)
    assert report == Report(due=2, skipped=2)


def test_poison_does_not_use_up_the_limit(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(6)]
        _failing(monkeypatch, {image.original_key for image in images[:3]})
        for _ in range(4):
            run_sweep(make_plan(SWEPT, limit=3))
        assert Image.objects.filter(state=State.EMPTIED).count() == 3


def test_delete_now_is_finished_by_the_sweep_when_the_store_fails(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add(gallery, 1)
    now = timezone.now()
    remove_images(gallery, [image.id], now)
    delete_for_good(gallery, [image.id], now)

    def down(self: LocalMediaStorage, keys: list[str]) -> dict[str, str]:
        raise StorageError("down")

    monkeypatch.setattr(LocalMediaStorage, "delete_objects", down)
    assert finish_deleting(gallery, now).deleted == 0
    assert reload(image).state == State.DELETING
    monkeypatch.undo()
    assert run_sweep(make_plan(now)).deleted == 1
    check_world(now, data_dir)


@pytest.mark.django_db(transaction=True)
def test_four_sweeps_at_once_count_each_image_once(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        for number in range(30):
            add(gallery, number)
        kept = add(gallery, 99, has_expiry=True, expires_at=None)
        answers = together(lambda _: run_sweep(make_plan(SWEPT)), range(4))
    reports = [answer for answer in answers if isinstance(answer, Report)]
    assert len(reports) == 4, answers
    assert sum(report.deleted for report in reports) == 30
    assert sum(report.bytes for report in reports) == 3_000
    assert sum(report.failed for report in reports) == 0
    assert Receipt.objects.count() == 30
    check_world(SWEPT, data_dir)
    with clock(SWEPT):
        together(lambda _: run_sweep(make_plan(SWEPT + HOUR)), range(4))
    assert list(Image.objects.all()) == [kept]
    check_world(SWEPT + HOUR, data_dir)
