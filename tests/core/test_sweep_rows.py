"""The sweep over rows: what is due and when, what it counts and writes, which galleries go, and the timer's rounds."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cleanup_lambda.sweep import Report
from galleries import crash
from galleries.expiry import set_expiry
from galleries.galleries import create_gallery
from galleries.models import Gallery, GalleryOutboxEntry, Image, Receipt, State, SweepHold, Usage
from galleries.moderation import take_down
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_gallery
from galleries.sweeping import LINGER, forget_emptied, make_plan, preview_sweep, reap_dead_uploads, run_sweep
from gallery_site.accounts.models import User
from tests.core.world import (
    DAY,
    HOUR,
    SECOND,
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
)

pytestmark = pytest.mark.django_db


def _snapshot(data_dir: Path) -> object:
    rows = [list(model.objects.order_by("pk").values()) for model in (Image, Gallery, Usage, Receipt, SweepHold)]
    return rows, files(data_dir)


def test_a_preview_says_what_would_be_done_and_does_nothing(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        due = [add(gallery, n) for n in range(2)]
        add(gallery, 9, has_expiry=True, expires_at=None)
        deleted = add(gallery, 3)
        remove_images(gallery, [deleted.id], START)
        delete_for_good(gallery, [deleted.id], START)
        with dying_at("upload.pending"), pytest.raises(Killed):
            add(gallery, 4)
        before = _snapshot(data_dir)
        preview = preview_sweep(make_plan(SWEPT))
        assert _snapshot(data_dir) == before
        assert preview == Report(due=4, bytes=sum(i.bytes for i in [*due, deleted, deleted]))
        report = run_sweep(make_plan(SWEPT))
        assert (report.due, report.deleted, report.bytes) == (preview.due, preview.due, preview.bytes)


def test_the_grace_ends_to_the_microsecond(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        add(gallery, 1)
        assert run_sweep(make_plan(SWEPT - timedelta(microseconds=1))) == Report()
        report = run_sweep(make_plan(SWEPT))
        assert report == Report(due=1, deleted=1, bytes=100)
        assert not files(data_dir)
        check_world(SWEPT, data_dir)


def test_a_row_that_a_long_run_has_emptied_lingers_from_that_moment(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        time_.move_to(SWEPT)
        monkeypatch.setattr(crash, "point", lambda name: time_.shift(HOUR) if name == "sweep.objects" else None)
        run_sweep(make_plan(SWEPT))
        emptied_at = timezone.now()
        assert emptied_at == SWEPT + HOUR
        forget_emptied(emptied_at + LINGER - SECOND)
        assert reload(image).state == State.EMPTIED
        forget_emptied(emptied_at + LINGER)
        assert not Image.objects.exists()


def test_an_emptied_row_is_dropped_later_after_a_second_delete(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        run_sweep(make_plan(SWEPT))
        late = data_dir / image.original_key
        late.parent.mkdir(parents=True, exist_ok=True)
        late.write_bytes(b"a put that was on its way")
        run_sweep(make_plan(SWEPT + timedelta(minutes=15) - SECOND))
        assert reload(image).state == State.EMPTIED
        run_sweep(make_plan(SWEPT + timedelta(minutes=15)))
        check_clean(data_dir)
        assert receipts() == [("photo.jpg", "expired")]
        assert Gallery.objects.get().image_count == 0


def test_a_sweep_asks_as_much_for_many_as_for_few(gallery: Gallery) -> None:
    def count(images: int, now: datetime) -> int:
        with clock(now):
            for number in range(images):
                add(gallery, number)
            later = now + timedelta(days=9)
            with CaptureQueriesContext(connection) as queries:
                assert run_sweep(make_plan(later)).deleted == images
            forget_emptied(later + timedelta(hours=1))
        return len(queries)

    assert count(2, START) == count(7, START + timedelta(days=30))


def test_a_receipt_says_what_went_when_and_why(gallery: Gallery, alice: object) -> None:
    with clock(START):
        images = [add(gallery, n, filename=name) for n, name in enumerate(["expired", "removed", "taken"])]
        remove_images(gallery, [images[1].id], START + HOUR)
        take_down([images[2]], START + HOUR)
        run_sweep(make_plan(SWEPT))
        run_sweep(make_plan(SWEPT + DAY))
        assert sorted(receipts()) == [("expired", "expired"), ("removed", "removed"), ("taken", "taken down")]
        receipt = Receipt.objects.get(filename="removed")
        assert (receipt.owner, receipt.gallery, receipt.gallery_title) == (alice, gallery.id, "Summer")
        assert (receipt.image, receipt.bytes) == (images[1].id, images[1].bytes)
        assert (receipt.uploaded_at, receipt.due_at, receipt.swept_at) == (START, START + HOUR, SWEPT)


def test_a_dead_upload_is_reaped_after_an_hour_without_a_receipt(gallery: Gallery, data_dir: Path) -> None:
    Gallery.objects.update(retention="1h")
    with clock(START):
        with dying_at("upload.objects"), pytest.raises(Killed):
            add(gallery, 1)
        assert reap_dead_uploads(START + HOUR - SECOND) == 0
        run_sweep(make_plan(START + HOUR))
        assert Image.objects.get().state == State.EMPTIED
        assert not files(data_dir)
        run_sweep(make_plan(START + 2 * HOUR))
        check_clean(data_dir)
        assert not Receipt.objects.exists()


def test_the_oldest_due_go_first_and_limit_stops(gallery: Gallery) -> None:
    with clock(START):
        images = [add(gallery, n, has_expiry=True, expires_at=START + (9 - n) * HOUR) for n in range(6)]
        report = run_sweep(make_plan(SWEPT, limit=2))
        assert (report.due, report.deleted) == (2, 2)
        left = set(Image.objects.filter(state=State.READY))
        assert left == set(images[:4])


def test_a_limit_is_for_all_that_a_run_deletes(gallery: Gallery) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(6)]
        remove_images(gallery, [i.id for i in images[:3]], START)
        delete_for_good(gallery, [i.id for i in images[:3]], START)
        assert run_sweep(make_plan(SWEPT, limit=4)).deleted == 4
        assert run_sweep(make_plan(SWEPT, limit=4)).deleted == 2


def test_a_sweep_of_one_gallery_leaves_the_others(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        other = create_gallery(gallery.owner, title="Other", retention="7d", now=START)
        mine, theirs = add(gallery, 1), add(other, 1)
        deleting = add(other, 2)
        remove_images(other, [deleting.id], START)
        delete_for_good(other, [deleting.id], START)
        plan = make_plan(SWEPT, gallery=gallery.id)
        assert preview_sweep(plan).due == 1
        assert run_sweep(plan) == Report(due=1, deleted=1, bytes=100)
        assert reload(mine).state == State.EMPTIED
        assert files(data_dir) == {*theirs.keys, *deleting.keys}


def test_a_shorter_age_replaces_the_grace(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        assert run_sweep(make_plan(START + HOUR, older_than=2 * HOUR)).due == 0
        assert run_sweep(make_plan(START + 2 * HOUR, older_than=2 * HOUR)).deleted == 1


def test_time_that_is_up_leaves_the_rest_for_the_next_run(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galleries.sweeping.PAGE", 2)
    with clock(START):
        for number in range(6):
            add(gallery, number)
        seen: list[int] = []

        def twice() -> bool:
            return len(seen) < 2

        report = run_sweep(make_plan(SWEPT), time_left=twice, progress=lambda so_far: seen.append(so_far.deleted))
        assert report.remaining
        assert report.deleted == 4
        check_world(SWEPT, data_dir)
        run_sweep(make_plan(SWEPT))
        assert not files(data_dir)


def test_expired_images_leave_the_counts_when_they_are_swept(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        for number in range(3):
            add(gallery, number)
        fresh = Gallery.objects.measured(START + 7 * DAY).get()
        assert (fresh.image_count, fresh.live_count, fresh.live_bytes) == (3, 0, 0)
        run_sweep(make_plan(SWEPT))
        assert Gallery.objects.get().image_count == 0
        check_world(SWEPT, data_dir)


def test_a_row_restored_by_an_extension_is_never_swept(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        set_expiry(image, None, START)
        run_sweep(make_plan(START + 4000 * DAY, allow_mass=True))
        assert reload(image).is_live(START + 4000 * DAY)


def test_a_gallery_removed_just_now_is_kept_though_it_is_empty(gallery: Gallery) -> None:
    with clock(START):
        remove_gallery(gallery, START)
        run_sweep(make_plan(START + DAY - SECOND))
        assert Gallery.objects.exists()
        run_sweep(make_plan(START + DAY))
        assert not Gallery.objects.exists()


def test_a_sweep_of_one_gallery_leaves_the_rows_of_others(gallery: Gallery, alice: User) -> None:
    with clock(START):
        other = create_gallery(alice, title="Winter", retention="7d", now=START)
        remove_gallery(gallery, START)
        remove_gallery(other, START)
        run_sweep(make_plan(START + DAY, gallery=other.id))
        assert Gallery.objects.get() == gallery


def test_an_empty_gallery_may_be_restored_after_a_hurried_sweep(gallery: Gallery) -> None:
    with clock(START):
        remove_gallery(gallery, START)
        run_sweep(make_plan(START + HOUR, older_than=timedelta(0)))
        restore_gallery(gallery, START + HOUR)


def test_a_gallery_with_a_record_to_come_is_kept_until_it_came(gallery: Gallery) -> None:
    """Its record would be written when nothing is left that could delete it."""
    with clock(START):
        remove_gallery(gallery, START)
        waiting = GalleryOutboxEntry.objects.create(gallery=gallery, version=2, next_try=START)
        run_sweep(make_plan(START + DAY))
        assert Gallery.objects.exists()
        waiting.delete()
        run_sweep(make_plan(START + DAY))
        assert not Gallery.objects.exists()


def test_the_timer_sweeps_and_says_so(gallery: Gallery, data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    from gallery_site import timers

    with clock(START) as time_:
        add(gallery, 1)
        time_.shift(8 * DAY)
        with caplog.at_level(logging.INFO, logger="gallery_site"):
            timers.tick()
        assert not files(data_dir)
    assert [record.message for record in caplog.records] == ["sweep"]


@pytest.mark.django_db
def test_any_round_of_the_timer_removes_what_killed_uploads_left(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo that lies there still has its place and its camera in it."""
    from gallery_site import timers

    monkeypatch.setattr(timers, "close_old_connections", lambda: None)  # the test's own must survive
    folder = data_dir / "incoming"
    folder.mkdir(exist_ok=True)
    for name, age in (("body-old", HOUR + 5 * SECOND), ("body-new", HOUR - 5 * 60 * SECOND)):
        path = folder / name
        path.write_bytes(b"half a photo")
        moment = (timezone.now() - age).timestamp()
        os.utime(path, (moment, moment))
    timers.beat(1)
    assert [path.name for path in folder.iterdir()] == ["body-new"]
