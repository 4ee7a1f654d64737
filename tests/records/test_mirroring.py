"""The whole table against the rows: every way to differ is named, put right, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cleanup_lambda.records import image_key
from galleries.expiry import set_expiry
from galleries.metadata import RecordsUnavailable, image_record
from galleries.mirroring import Comparison, Findings, Pace
from galleries.models import Gallery, Image, OutboxEntry
from galleries.outbox import Drain
from galleries.problems import Problem
from galleries.removal import remove_images, restore_image
from galleries.renaming import rename_image
from galleries.table import TableRecords
from gallery_site.accounts.models import User
from tests.core.world import Killed, add, dying_at, reload
from tests.records.due import keep, make_record, place
from tests.records.service import Service
from tests.records.table import Item, Table
from tests.records.world import check_in_line, record_of

pytestmark = pytest.mark.django_db
FAST = Pace(10**9)


def sync(*arguments: str) -> tuple[int, Any]:
    """(exit code, what was found)."""
    output = StringIO()
    try:
        call_command("sync_metadata", "--json", *arguments, stdout=output)
    except CommandError as error:
        return error.returncode, json.loads(output.getvalue() or "null")
    return 0, json.loads(output.getvalue())


@pytest.fixture
def images(gallery: Gallery, drain: Drain) -> list[Image]:
    """Four images, their records in line."""
    images = [add(gallery, number) for number in range(4)]
    drain.round(timezone.now(), 100)
    return images


def test_a_table_in_line_is_left_alone(images: list[Image], table: Table, service: Service) -> None:
    before = table.records
    service.calls.clear()
    assert sync("--verify", "--apply") == (
        0,
        {
            "compared": 5, "waiting": 0, "written": 0, "deleted": 0, "held": 0, "left": 0,
            "differences": {}, "examples": {}, "last": images[-1].hex,
        },
    )  # fmt: skip
    assert table.records == before
    assert set(service.calls) == {"BatchGetItem", "Scan", "GetItem", "UpdateItem"}


def test_the_last_moment_that_there_is_is_in_line(images: list[Image]) -> None:
    """Programs say "9999-12-31" where they mean never."""
    set_expiry(images[0], datetime.max.replace(tzinfo=UTC), timezone.now())
    code, found = sync("--verify")
    assert (code, found["differences"]) == (0, {})


def test_a_table_that_was_lost_is_rebuilt(images: list[Image], table: Table) -> None:
    table.items.clear()
    code, found = sync()
    assert (code, found["differences"], found["written"]) == (1, {"missing": 5}, 0)
    assert not table.records, "dry unless told to"
    code, found = sync("--apply", "--verify")
    assert (code, found["written"], found["left"]) == (0, 5, 0)
    check_in_line(table)


def _older(item: Item) -> Item:
    return item | {"version": {"N": "0"}, "filename": {"S": "old.jpg"}}


def _ahead(item: Item) -> Item:
    return item | {"version": {"N": "41"}, "due_at": {"N": "1000"}, "expires_at": {"N": "1000"}}


def _different(item: Item) -> Item:
    return item | {"due_at": {"N": "1000"}, "expires_at": {"N": "1000"}}


def _misplaced(item: Item) -> Item:
    return item | {"shard": {"S": "00" if item["shard"] == {"S": "01"} else "01"}}


def _damaged(item: Item) -> Item:
    return item | {"version": {"S": "one"}, "keys": {"L": []}}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("behind", _older),
        ("ahead", _ahead),
        ("different", _different),
        ("different", _misplaced),
        ("damaged", _damaged),
    ],
)
def test_what_differs_is_named_and_put_right(
    images: list[Image], table: Table, kind: str, change: Callable[[Item], Item]
) -> None:
    image = images[1]
    where = place(image_key(image.gallery_id.hex, image.hex))
    table.items[where] = change(table.items[where])
    code, found = sync()
    assert (code, found["differences"], found["examples"]) == (1, {kind: 1}, {kind: [image.hex]})
    code, found = sync("--apply")
    assert (code, found["written"]) == (0, 1)
    check_in_line(table)
    assert reload(image).expires_at == image.expires_at
    assert sync("--verify")[0] == 0


def test_what_a_sweep_claimed_is_only_reported(images: list[Image], table: Table) -> None:
    where = place(image_key(images[0].gallery_id.hex, images[0].hex))
    table.items[where] = table.items[where] | {"claim": {"S": "run"}}
    code, found = sync("--apply", "--verify")
    assert (code, found["differences"], found["written"]) == (1, {"claimed": 1}, 0)
    assert table.items[where]["claim"] == {"S": "run"}


def test_a_change_that_is_on_its_way_is_no_difference(images: list[Image], gallery: Gallery) -> None:
    remove_images(gallery, [images[0].id], timezone.now())
    code, found = sync()
    assert (code, found["waiting"], found["differences"]) == (0, 1, {})


def test_a_row_that_changed_since_it_was_read_is_left_alone(images: list[Image], drain: Drain) -> None:
    """A version lower than the record's would keep every later change from it."""
    read = reload(images[0])
    for name in ("once.jpg", "twice.jpg"):
        rename_image(reload(read), name, timezone.now())
    drain.round(timezone.now(), 100)
    wanted = {read.id: image_record(read)}
    assert Comparison._unsettled({read.id: "different"}, wanted, Image, OutboxEntry) == {read.id}
    assert not Comparison._overtake(Image, read.id, read.version, read.version)
    assert reload(read).version == read.version + 2


def test_a_lengthening_makes_the_record_that_is_missing(images: list[Image], table: Table) -> None:
    """As on the day when the table is switched on; that the record had to be written first is nobody else's change."""
    image = reload(images[0])
    table.items.clear()
    later = timezone.now() + timedelta(days=30)
    set_expiry(image, later, timezone.now(), seen=image)
    assert reload(image).expires_at == later
    record = record_of(table, image)
    assert record is not None
    assert record.version == reload(image).version
    with pytest.raises(Problem, match="precondition_failed"):
        set_expiry(reload(image), later + timedelta(days=1), timezone.now(), seen=image)


def test_a_lengthening_under_way_is_its_requests_alone(images: list[Image], table: Table, service: Service) -> None:
    """Whatever the record says meanwhile: the reserved version has a content that the row does not hold yet."""
    image = images[0]
    with dying_at("lengthen.recorded"), pytest.raises(Killed):
        set_expiry(reload(image), timezone.now() + timedelta(days=30), timezone.now())
    before = dict(table.items)
    for change in (lambda item: item, _older, None):
        where = place(image_key(image.gallery_id.hex, image.hex))
        table.items = dict(before)
        if change is None:
            del table.items[where]
        else:
            table.items[where] = change(table.items[where])
        there = dict(table.items)
        code, found = sync("--apply")
        assert (code, found["waiting"], found["differences"]) == (0, 1, {})
        assert table.items == there
    assert reload(image).reserved


@pytest.mark.parametrize("point", ["lengthen.reserved", "lengthen.recorded"])
def test_a_version_that_was_reserved_before_there_was_a_table_is_let_go(
    gallery: Gallery, table: Table, drain: Drain, settings: Settings, point: str
) -> None:
    """A site on one machine, where a request died or a restore was refused, gets a table: nothing waits for ever."""
    name, settings.GALLERY_TABLE = settings.GALLERY_TABLE, ""
    images = [add(gallery, number) for number in range(2)]
    with dying_at(point), pytest.raises(Killed):
        set_expiry(reload(images[0]), None, timezone.now())
    remove_images(gallery, [images[1].id], timezone.now())
    twin = add(gallery, 1)
    with pytest.raises(Problem, match="duplicate"):
        restore_image(reload(images[1]))
    assert [reload(image).reserved for image in images] == [True, True]
    settings.GALLERY_TABLE = name
    code, found = sync()
    assert (code, found["differences"]) == (1, {"missing": 1, "abandoned": 2})
    assert found["waiting"] == 1, "the gallery's own change"
    assert not list(table.images()), "dry unless told to"
    code, found = sync("--apply")
    assert (code, found["left"]) == (0, 0)
    assert not Image.objects.filter(reserved=True).exists()
    assert reload(images[0]).expires_at == images[0].expires_at
    assert record_of(table, twin)
    check_in_line(table)
    assert sync("--verify")[0] == 0


def test_records_without_a_row_go_when_they_are_old(images: list[Image], table: Table) -> None:
    old, young = make_record(None), make_record(None)
    keep(table, old, young)
    table.items[place(young.key)]["created_at"] = {"N": str(round(timezone.now().timestamp()))}
    foreign = {"pk": {"S": "BACKUP"}, "sk": {"S": "IMAGE#"}, "note": {"S": "mine"}}
    table.items[place(foreign)] = foreign
    assert sync()[0] == 0, "only --verify reads the whole table"
    code, found = sync("--verify")
    assert (code, found["differences"]) == (1, {"orphan": 1, "young": 1, "foreign": 1})
    code, found = sync("--verify", "--apply")
    assert (code, found["deleted"], found["left"]) == (1, 1, 1)
    assert place(old.key) not in table.items
    assert table.items[place(foreign)] == foreign
    assert place(young.key) in table.items


def test_very_many_orphans_are_held(images: list[Image], table: Table, store: TableRecords) -> None:
    keep(table, *(make_record(None) for _ in range(1_001)))
    comparison = Comparison(store, timezone.now(), apply=True, pace=FAST)
    comparison.look_for_orphans(allow_mass=False, progress=lambda seen: None)
    assert (comparison.found.held, comparison.found.deleted) == (1_001, 0)
    comparison.found = Findings()
    comparison.look_for_orphans(allow_mass=True, progress=lambda seen: None)
    assert comparison.found.deleted == 1_001
    check_in_line(table)


def test_what_was_cut_short_goes_on_from_where_it_was(
    images: list[Image], table: Table, store: TableRecords, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galleries.mirroring.PAGE", 2)
    table.items.clear()
    service.fail("BatchGetItem", "InternalServerError", times=10**6, status=500)
    service.faults[-1].only = lambda request: service.calls["BatchGetItem"] > 2
    with pytest.raises(CommandError, match=f"Go on with --after {images[1].hex}"):
        call_command("sync_metadata", "--apply")
    service.faults.clear()
    store.paused_until = float("-inf")
    assert len(list(table.images())) == 2
    assert sync("--apply", "--after", images[1].hex)[1]["compared"] == 2
    check_in_line(table)


def test_what_is_left_unprocessed_is_asked_for_again(images: list[Image], table: Table, store: TableRecords) -> None:
    table.unprocessed = 2
    assert sync()[0] == 0
    keys = {image.id: image_key(image.gallery_id.hex, image.hex) for image in images}
    table.unprocessed = 3
    assert store.delete(keys) == set()
    assert not list(table.images())
    slept: list[float] = []
    store.sleep = slept.append
    table.unprocessed = 100
    assert store.drop(images[:1]) == {images[0].id}, "never processed: it may be left"
    with pytest.raises(RecordsUnavailable):
        list(store.read([*keys.values()]))
    assert slept == [0.1, 0.2, 0.4, 0.8] * 2, "between five tries, and not once more before giving up"


def test_writes_are_paced() -> None:
    slept: list[float] = []
    pace = Pace(100, clock=lambda: 0.0, sleep=slept.append)
    for _ in range(3):
        pace.take(50)
    assert slept == [0.5, 1.0]


def test_without_a_table_it_says_so(db: None) -> None:
    with pytest.raises(CommandError, match="GALLERY_TABLE") as caught:
        call_command("sync_metadata")
    assert caught.value.returncode == 2


def test_readyz_tells_the_backlog_and_what_is_wrong(
    client: Client, gallery: Gallery, store: TableRecords, service: Service
) -> None:
    add(gallery, 1)
    OutboxEntry.objects.update(since=timezone.now() - timedelta(seconds=90))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["outbox"]["depth"] == 2
    assert 90 <= answer.json()["outbox"]["oldest_seconds"] < 120
    for code, word in (("ResourceNotFoundException", "GALLERY_TABLE"), ("ExpiredTokenException", "expired")):
        service.fail("GetItem", code, times=1)
        store.paused_until = float("-inf")
        for _ in range(2):  # the second time without asking
            answer = client.get("/readyz")
            assert (answer.status_code, answer.json()["down"]) == (503, ["metadata"])
            assert word in answer.json()["reasons"]["metadata"]


def test_the_admin_shows_the_outbox(client: Client, gallery: Gallery, alice: User) -> None:
    add(gallery, 1)
    User.objects.filter(id=alice.id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(id=alice.id))
    page = client.get(reverse("admin:galleries_outboxentry_changelist"))
    assert b"Outbox: 2 waiting, the oldest for 0" in page.content
    assert client.get(reverse("admin:galleries_galleryoutboxentry_changelist")).status_code == 200


def test_the_sweep_of_rows_deletes_their_records(
    images: list[Image], gallery: Gallery, store: TableRecords, service: Service, table: Table
) -> None:
    """With the table down rows stay "deleting" and nothing is released; afterwards everything goes."""
    from galleries.models import Receipt, State, Usage
    from galleries.sweeping import make_plan, run_sweep

    now = timezone.now()
    remove_images(gallery, [image.id for image in images[:3]], now)
    service.fail("BatchWriteItem", "InternalServerError", times=10**6, status=500)
    later = now + timedelta(days=1, hours=1)
    report = run_sweep(make_plan(later))
    assert (report.due, report.deleted, report.failed) == (3, 0, 3)
    assert Image.objects.filter(state=State.DELETING).count() == 3
    assert Usage.objects.get().images == 4
    service.faults.clear()
    store.paused_until = float("-inf")
    report = run_sweep(make_plan(later))
    assert (report.deleted, report.failed) == (3, 0)
    assert record_of(table, images[3])
    assert len(list(table.images())) == 1
    assert {receipt.layers for receipt in Receipt.objects.all()} == {"files, record, row"}
    assert Usage.objects.get().images == 1
    run_sweep(make_plan(later + timedelta(minutes=16)))
    assert Image.objects.count() == 1


def test_a_gallery_goes_with_its_record_and_leaves_receipts(
    images: list[Image], gallery: Gallery, drain: Drain, table: Table, client: Client
) -> None:
    from galleries.removal import remove_gallery
    from galleries.sweeping import make_plan, run_sweep

    now = timezone.now()
    remove_gallery(gallery, now)
    drain.round(now, 100)
    assert "removed_at" in table.items[(f"GALLERY#{gallery.hex}", "GALLERY")]
    later = now + timedelta(days=1, hours=1)
    run_sweep(make_plan(later))
    run_sweep(make_plan(later + timedelta(minutes=16)))
    assert not Gallery.objects.exists()
    assert not table.records
    client.force_login(gallery.owner)
    page = client.get(reverse("galleries:receipts")).content.decode()
    assert page.count("Gone from: files, record, row.") == len(images)
    assert gallery.title in page
