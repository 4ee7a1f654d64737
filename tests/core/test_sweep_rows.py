"""The sweep over rows: purge, reaper, finish 1 and 2, receipts, the mass rule, many at once."""

from __future__ import annotations

import errno
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cleanup_lambda import sweep as sweep_module
from cleanup_lambda.sweep import Report
from galleries import crash, sweeping
from galleries.expiry import set_expiry
from galleries.galleries import create_gallery
from galleries.models import Gallery, GalleryOutboxEntry, Image, Receipt, State, SweepHold, Usage
from galleries.moderation import take_down
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_gallery, restore_image
from galleries.storage import LocalMediaStorage, StorageError
from galleries.sweeping import (
    LINGER,
    DueRows,
    finish_deleting,
    forget_emptied,
    make_plan,
    preview_sweep,
    reap_dead_uploads,
    run_sweep,
)
from galleries.vitals import read_vitals
from gallery_site.accounts.models import User
from gallery_site.ids import uuid7
from tests.core.world import (
    DAY,
    HOUR,
    SECOND,
    START,
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
SWEPT = START + 8 * DAY  # seven days of retention and one of grace


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
        from galleries.storage import media_storage

        report = sweep(Interrupted(make_plan(START + 25 * HOUR)), media_storage())  # type: ignore[arg-type]
        assert report == Report(due=3, deleted=2, skipped=1, bytes=200)
        assert reload(images[0]).is_live(timezone.now())
        assert files(data_dir) == set(images[0].keys)


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


def test_poison_does_not_use_up_the_limit(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(6)]
        _failing(monkeypatch, {image.original_key for image in images[:3]})
        for _ in range(4):
            run_sweep(make_plan(SWEPT, limit=3))
        assert Image.objects.filter(state=State.EMPTIED).count() == 3


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


# --- the mass rule ---------------------------------------------------------------------------------------------------


def _fill(gallery: Gallery, count: int, expires_at: datetime | None) -> list[UUID]:
    """Rows without objects: the rule only counts."""
    rows = [
        Image(
            id=uuid7(), gallery=gallery, state=State.READY, version=1, expires_at=expires_at, due_at=expires_at,
            touched_at=START, created_at=START, filename="f.jpg", content_type="image/jpeg", extension="jpg",
            renditions="preview.jpg 40x30 thumbnail.webp 40x30", bytes=10, width=4, height=3, sha256=f"{n:064x}",
            stored_sha256="", crc32=0, sort_at=START,
        )
        for n in range(count)
    ]  # fmt: skip
    Image.objects.bulk_create(rows, batch_size=200)
    Gallery.objects.filter(id=gallery.id).update(image_count=count, bytes=10 * count)
    Usage.objects.update_or_create(owner=gallery.owner, defaults={"bytes": 10 * count, "images": count})
    return [row.id for row in rows]


FLOOR = 50  # instead of 1,000


class Machine:
    """Its two clocks, and a mass that is made sooner."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.uptime, self.boot = 1000.0, "boot 1"
        monkeypatch.setattr(sweep_module, "MASS_FLOOR", FLOOR)
        monkeypatch.setattr(sweeping, "MASS_FLOOR", FLOOR)
        monkeypatch.setattr(sweeping, "_uptime", lambda: self.uptime)
        monkeypatch.setattr(sweeping, "_boot_id", lambda: self.boot)

    @property
    def holds_since(self) -> datetime:
        """When this machine saw the mass first."""
        return SweepHold.objects.get(boot=self.boot).first_seen_at


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_mass_sweep_waits_for_a_second_visit_an_hour_later(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    assert preview_sweep(make_plan(now)) == Report(due=51, bytes=510, held=51)
    assert not SweepHold.objects.exists(), "a preview is no visit"
    assert run_sweep(make_plan(now)) == Report(due=51, held=51)
    assert machine.holds_since == now
    machine.uptime += 3_599
    assert run_sweep(make_plan(now + 3_599 * SECOND)).held == 51
    assert machine.holds_since == now, "the visits in between do not begin the hour again"
    machine.uptime += 1
    assert run_sweep(make_plan(now + HOUR)).deleted == 51
    assert not SweepHold.objects.exists()
    assert Usage.objects.get().images == 0


def test_a_mass_that_waits_lets_removed_galleries_wait_too(gallery: Gallery, machine: Machine, alice: User) -> None:
    _fill(gallery, 51, START)
    removed = create_gallery(alice, title="Winter", retention="7d", now=START)
    remove_gallery(removed, START)
    run_sweep(make_plan(START + 2 * DAY))
    assert Gallery.objects.filter(id=removed.id).exists()


def test_as_many_as_the_floor_are_no_mass(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 50, START)
    assert run_sweep(make_plan(START + 2 * DAY)).deleted == 50


def test_a_fifth_of_many_is_no_mass(gallery: Gallery, machine: Machine) -> None:
    ids = _fill(gallery, 260, None)
    Image.objects.filter(id__in=ids[:52]).update(expires_at=START, due_at=START)
    assert run_sweep(make_plan(START + 2 * DAY)).held == 0


def test_a_clock_that_jumps_begins_the_hour_again(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime += 1_800
    jumped = now + 3 * HOUR
    assert run_sweep(make_plan(jumped)).held == 51
    assert machine.holds_since == jumped
    machine.uptime += 3_600
    assert run_sweep(make_plan(jumped + HOUR)).deleted == 51


def test_a_restart_begins_the_hour_again(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime, machine.boot = 60.0, "boot 2"
    assert run_sweep(make_plan(now + HOUR)).held == 51
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + 2 * HOUR)).deleted == 51


def test_each_of_two_machines_waits_its_own_hour(gallery: Gallery, machine: Machine) -> None:
    """Their clocks cannot be compared, and neither begins the other's hour again."""
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime, machine.boot = 70_000.0, "boot of another machine"
    run_sweep(make_plan(now + HOUR / 2))
    machine.uptime += 1_800
    assert run_sweep(make_plan(now + HOUR)).held == 51, "this one has waited for half an hour"
    assert [vital.value for vital in read_vitals(now + HOUR) if vital.name == "held_images"] == [51]
    machine.uptime, machine.boot = 4_600.0, "boot 1"
    assert run_sweep(make_plan(now + HOUR)).deleted == 51
    assert not SweepHold.objects.exists(), "the next mass waits anew on both"


def test_fifteen_hundred_at_once_are_held(gallery: Gallery) -> None:
    _fill(gallery, 1_500, START)
    assert run_sweep(make_plan(START + 2 * DAY)) == Report(due=1_500, held=1_500)
    assert Image.objects.filter(state=State.READY).count() == 1_500


def test_the_next_mass_waits_for_its_own_second_visit(gallery: Gallery, machine: Machine) -> None:
    ids = _fill(gallery, 120, None)
    Image.objects.filter(id__in=ids[:60]).update(expires_at=START, due_at=START)
    Gallery.objects.update(image_count=120)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + HOUR)).deleted == 60
    Image.objects.filter(id__in=ids[60:]).update(expires_at=START, due_at=START)
    machine.uptime += 86_400
    assert run_sweep(make_plan(now + HOUR + DAY)).held == 60


def test_an_operator_may_allow_it_at_once(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    assert run_sweep(make_plan(START + 2 * DAY, allow_mass=True)).deleted == 51


def test_a_held_sweep_still_finishes_what_was_begun(gallery: Gallery, machine: Machine, data_dir: Path) -> None:
    ids = _fill(gallery, 52, START)
    Image.objects.filter(id=ids[0]).update(state=State.DELETING)
    Gallery.objects.update(image_count=51, bytes=510)
    report = run_sweep(make_plan(START + 2 * DAY))
    assert (report.held, report.deleted) == (51, 1)


def test_a_mass_that_is_over_forgets_its_hold(gallery: Gallery, machine: Machine) -> None:
    ids = _fill(gallery, 51, START)
    run_sweep(make_plan(START + 2 * DAY))
    Image.objects.filter(id__in=ids[:20]).update(expires_at=None, due_at=None)
    run_sweep(make_plan(START + 2 * DAY))
    assert not SweepHold.objects.exists()


def test_a_mass_sweep_that_was_let_go_is_not_held_again_half_way(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 125, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + HOUR, limit=25)).deleted == 25
    machine.uptime += 60
    assert run_sweep(make_plan(now + HOUR + 60 * SECOND)).deleted == 100


# --- at once ----------------------------------------------------------------------------------------------------------


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
