"""Write-through and drain: an entry from the row's own transaction, a record soon after, nothing ever lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from galleries import crash, outbox
from galleries.expiry import set_expiry, shorten_images
from galleries.galleries import change_gallery, create_gallery
from galleries.models import Gallery, GalleryOutboxEntry, Image, OutboxEntry, State
from galleries.outbox import Drain, drain_outbox, measure_backlog
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_gallery, restore_image
from galleries.renaming import rename_image
from galleries.renditions import drop_renditions, rebuild_shown
from galleries.sweeping import finish_deleting, make_plan, run_sweep
from galleries.table import TableRecords
from galleries.uploads import abandon
from gallery_site.accounts.models import User
from tests.core.world import DAY, HOUR, SECOND, Killed, add, dying_at, problem_of, reload
from tests.records.service import Service
from tests.records.table import Table
from tests.records.world import MINUTE, check_in_line, record_of

pytestmark = pytest.mark.django_db


def test_what_is_committed_is_written_at_once(
    gallery: Gallery,
    store: TableRecords,
    table: Table,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        other = create_gallery(gallery.owner, title="Winter", retention="1d", now=timezone.now())
        image = add(other, 1)
    record = record_of(table, image)
    assert record is not None
    assert (record.version, record.keys, record.owner) == (1, tuple(image.keys), gallery.owner_id.hex)
    assert record.due_at == record.expires_at == -(-image.expires_at.timestamp() // 1)  # type: ignore[union-attr]
    assert not OutboxEntry.objects.exists()
    assert not GalleryOutboxEntry.objects.filter(gallery=other).exists()
    with django_capture_on_commit_callbacks(execute=True):
        remove_images(other, [image.id], timezone.now())
        change_gallery(
            other, title="Frost", description="", retention="1d", apply_to_existing=False, now=timezone.now()
        )
    assert OutboxEntry.objects.count() == 0
    changed = record_of(table, image)
    assert changed is not None
    assert (changed.version, changed.due_at) == (2, -(-reload(image).removed_at.timestamp() // 1))  # type: ignore[union-attr]
    assert table.items[(f"GALLERY#{other.hex}", "GALLERY")]["title"] == {"S": "Frost"}


def test_renditions_under_other_keys_are_another_version(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table
) -> None:
    """One version stands for one content, also of the list of keys by which the Lambda deletes."""
    image = add(gallery, 1)
    Image.objects.update(renditions="preview.png 40x30")  # as an older recipe made them
    drain.round(timezone.now(), 100)
    rebuild_shown(reload(image))
    assert (reload(image).version, OutboxEntry.objects.count()) == (2, 1)
    drain.round(timezone.now(), 100)
    check_in_line(table)
    record = record_of(table, image)
    assert record is not None
    assert set(record.keys) == set(reload(image).keys)
    drop_renditions(reload(image))
    rebuild_shown(reload(image))
    assert (reload(image).version, OutboxEntry.objects.count()) == (2, 0), "the same keys are no change"


def test_renditions_made_again_do_not_confirm_a_lengthening_under_way(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table
) -> None:
    image = add(gallery, 1)
    Image.objects.update(renditions="preview.png 40x30")
    drain.round(timezone.now(), 100)
    with dying_at("lengthen.reserved"), pytest.raises(Killed):
        set_expiry(reload(image), timezone.now() + 30 * DAY, timezone.now())
    rebuild_shown(reload(image))
    row = reload(image)
    assert (row.version, row.reserved, row.expires_at) == (3, False, image.expires_at)
    drain.round(timezone.now() + MINUTE, 100)
    check_in_line(table)


def test_a_request_writes_a_few_and_leaves_the_rest(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    images = [add(gallery, number) for number in range(12)]
    drain.round(timezone.now(), 100)
    with django_capture_on_commit_callbacks(execute=True):
        remove_gallery(gallery, timezone.now())
    assert OutboxEntry.objects.count() == len(images) - outbox.AT_ONCE
    drain.round(timezone.now(), 100)
    check_in_line(table)
    assert OutboxEntry.objects.count() == 0


def test_every_change_reaches_the_table(gallery: Gallery, store: TableRecords, drain: Drain, table: Table) -> None:
    image, other = add(gallery, 1), add(gallery, 2)
    for change in (
        lambda: rename_image(reload(image), "new.jpg", timezone.now()),
        lambda: set_expiry(reload(image), timezone.now() + DAY, timezone.now()),
        lambda: set_expiry(reload(image), None, timezone.now(), filename="for ever.jpg"),
        lambda: set_expiry(reload(image), timezone.now() + DAY, timezone.now(), filename="a day.jpg"),
        lambda: set_expiry(reload(image), None, timezone.now()),
        lambda: remove_images(gallery, [image.id, other.id], timezone.now()),
        lambda: restore_image(reload(image)),
        lambda: remove_gallery(gallery, timezone.now()),
        lambda: restore_gallery(gallery, timezone.now()),
    ):
        change()
        drain.round(timezone.now() + SECOND, 100)
        check_in_line(table)
    assert delete_for_good(gallery, [other.id], timezone.now())
    drain.round(timezone.now() + SECOND, 100)
    assert OutboxEntry.objects.count() == 0, "rows on their way out are not published"


def test_what_is_pending_has_no_record_yet(gallery: Gallery, store: TableRecords, table: Table) -> None:
    image = add(gallery, 1)
    OutboxEntry.objects.all().delete()
    Image.objects.filter(id=image.id).update(state=State.PENDING)
    shorten_images(gallery, Q(id=image.id), timezone.now() + HOUR, timezone.now())
    assert OutboxEntry.objects.count() == 0
    abandon(image)
    assert OutboxEntry.objects.count() == 0


def test_a_table_that_is_down_stops_nothing_but_lengthening(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, table: Table,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    kept = add(gallery, 0)
    drain.round(timezone.now(), 100)
    service.fail("", "InternalServerError", times=10**6, status=500)
    with django_capture_on_commit_callbacks(execute=True):
        image = add(gallery, 1)
        remove_images(gallery, [kept.id], timezone.now())
    asked = service.calls.total()
    with django_capture_on_commit_callbacks(execute=True):
        add(gallery, 2)
    assert service.calls.total() == asked, "nobody waits for a table that has just failed"
    for act in (lambda: set_expiry(reload(image), None, timezone.now()), lambda: restore_image(reload(kept))):
        problem = problem_of(act)
        assert (problem.code, problem.status, problem.retry_after) == ("unavailable", 503, 5)
    assert reload(image).expires_at is not None
    assert measure_backlog(timezone.now()).depth == 3
    service.faults.clear()
    now = timezone.now() + 2 * MINUTE  # the reservations' lease is over, the backoff of what failed too
    drain.round(now, 100)
    check_in_line(table)
    assert measure_backlog(now).depth == 0


def test_failures_are_tried_ever_more_patiently_and_at_once_when_it_works_again(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, table: Table
) -> None:
    for number in range(3):
        add(gallery, number)
    service.fail("", "InternalServerError", times=10**6, status=500)
    now = timezone.now()
    waits = []
    for _ in range(10):
        drain.round(now, 100)
        waits.append(GalleryOutboxEntry.objects.get().next_try - now)
        now += timedelta(days=1)
    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert waits[-1] == timedelta(seconds=outbox.LONGEST)
    backlog = measure_backlog(now)
    assert (backlog.depth, backlog.attempts) == (4, 10)
    assert backlog.age(now) > timedelta(days=9)
    now -= timedelta(days=1)
    asked = service.calls["PutItem"]
    drain.round(now, 100)  # one of each kind is tried before its time; the others need not be
    assert service.calls["PutItem"] - asked <= 6
    service.faults.clear()
    drain.round(now, 100)
    check_in_line(table)


def test_one_record_that_is_refused_stops_no_other(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, table: Table
) -> None:
    images = [add(gallery, number) for number in range(4)]
    poison = images[0].hex
    service.fail("PutItem", "ValidationException", times=10**6)
    service.faults[-1].only = lambda request: request["Item"]["sk"]["S"] == f"IMAGE#{poison}"
    drain.round(timezone.now(), 100)
    assert [entry.image_id for entry in OutboxEntry.objects.all()] == [images[0].id]
    assert all(record_of(table, image) for image in images[1:])


def test_a_lost_answer_is_no_failure(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, table: Table
) -> None:
    image = add(gallery, 1)
    service.lose("PutItem", times=1)
    drain.round(timezone.now(), 100)
    check_in_line(table)
    service.lose("UpdateItem", times=1)
    set_expiry(reload(image), None, timezone.now())
    check_in_line(table)
    assert reload(image).expires_at is None


def test_a_reservation_is_left_to_its_request_and_then_retired(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table
) -> None:
    image = add(gallery, 1)
    now = timezone.now()
    drain.round(now, 100)
    with dying_at("lengthen.recorded"), pytest.raises(Killed):
        set_expiry(reload(image), None, now)
    record = record_of(table, image)
    assert record is not None
    assert record.due_at is None, "the deleter sees the later end"
    drain.round(now + 30 * SECOND, 100)
    assert reload(image).reserved
    assert measure_backlog(now).depth == 0, "a lengthening under way is no backlog"
    drain.round(now + 2 * MINUTE, 100)
    assert not reload(image).reserved
    check_in_line(table)


def test_a_drain_that_comes_late_does_not_publish_what_is_reserved(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It retired what was abandoned before this reservation began. With its version the old end would be in the table,
    and the lengthening would take that for its own."""
    image = add(gallery, 1)
    drain.round(timezone.now(), 100)

    def come_late(name: str) -> None:
        if name == "lengthen.reserved":
            outbox._publish(outbox.Images, [image.id], patient=True)

    monkeypatch.setattr(crash, "point", come_late)
    set_expiry(reload(image), None, timezone.now())
    check_in_line(table)
    record = record_of(table, image)
    assert record is not None
    assert record.due_at is None


@pytest.mark.parametrize("point", ["drain.taken", "drain.retired", "drain.published"])
def test_a_drain_that_dies_is_finished_by_the_next(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table, point: str
) -> None:
    for number in range(3):
        add(gallery, number)
    now = timezone.now()
    with dying_at(point), pytest.raises(Killed):
        drain.round(now, 100)
    assert measure_backlog(now).depth == 4
    Drain().round(now + 2 * MINUTE, 100)
    assert measure_backlog(now).depth == 0
    check_in_line(table)


def test_a_row_goes_when_its_record_is_gone_and_not_before(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, table: Table
) -> None:
    """A late write has made it again, and without its row nothing would look for it."""
    image, now = add(gallery, 1), timezone.now()
    drain.round(now, 100)
    late = dict(table.items)
    remove_images(gallery, [image.id], now)
    delete_for_good(gallery, [image.id], now)
    finish_deleting(gallery, now)
    assert (reload(image).state, record_of(table, image)) == (State.EMPTIED, None)
    table.items.update(late)
    service.fail("BatchWriteItem", "InternalServerError", times=10**6, status=500)
    run_sweep(make_plan(now + HOUR))
    assert reload(image).state == State.EMPTIED
    service.faults.clear()
    store.paused_until = float("-inf")
    run_sweep(make_plan(now + HOUR))
    assert (Image.objects.count(), record_of(table, image)) == (0, None)


def test_two_drains_do_not_do_the_same(gallery: Gallery, drain: Drain, service: Service) -> None:
    image = add(gallery, 1)
    now = timezone.now()
    with dying_at("drain.taken"), pytest.raises(Killed):
        drain.round(now, 100)  # it took the page of galleries
    second = Drain()
    second.failing = False
    assert second.round(now, 100) == 1
    assert service.calls["PutItem"] == 1
    assert not OutboxEntry.objects.filter(image=image.id).exists()
    assert GalleryOutboxEntry.objects.filter(gallery=gallery.id).exists()


@pytest.mark.parametrize("act", ["DELETE", "UPDATE"])
def test_entries_are_locked_in_the_order_in_which_changes_of_many_write_them(
    act: str, gallery: Gallery, drain: Drain, service: Service
) -> None:
    """PostgreSQL ends one of two transactions that wait for each other, and it could be somebody's deletion. Entries of
    what was published are deleted, of what failed put off."""
    images = sorted(add(gallery, number).id for number in range(12))
    if act == "UPDATE":
        service.fail("PutItem", "ValidationException", times=10**6)
    with CaptureQueriesContext(connection) as asked:
        drain.round(timezone.now(), 100)
    single = re.compile(rf'{act} .*"galleries_outboxentry".*"image_id" = \'')
    ours = [query["sql"].replace("-", "") for query in asked if single.match(query["sql"])]
    assert [image for sql in ours for image in images if image.hex in sql] == images


def test_without_a_table_there_is_no_outbox(alice: User) -> None:
    gallery = create_gallery(alice, title="Summer", retention="7d", now=timezone.now())
    image = add(gallery, 1)
    remove_images(gallery, [image.id], timezone.now())
    assert (OutboxEntry.objects.count(), GalleryOutboxEntry.objects.count()) == (0, 0)
    assert drain_outbox(timezone.now()) == (0, 0)
