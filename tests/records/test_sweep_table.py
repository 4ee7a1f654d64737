"""The Lambda's sweep over real clients: what it deletes, what it must never touch, what it costs, and every fault."""

from __future__ import annotations

import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cleanup_lambda import records
from cleanup_lambda.handler import NotConfigured, Settings, _clients, lambda_handler, run
from cleanup_lambda.keys import original_key, rendition_key
from cleanup_lambda.objects import BucketObjects
from cleanup_lambda.records import ImageRecord
from cleanup_lambda.visits import ClockWrong
from tests.core.world import Killed
from tests.records.direct import DirectBucket, DirectTable
from tests.records.service import Service
from tests.records.table import Expression, Item, Refused, Table

HOUR = 3_600
NOW = 1_800_000_000.0
GRACE = 24 * HOUR
DUE = round(NOW) - GRACE - 60
LIVE = round(NOW) + 7 * 24 * HOUR
ANSWER = {"due", "deleted", "failed", "skipped", "bytes", "remaining"}

Run = Callable[..., dict[str, int | bool]]


def make_record(due_at: int | None = DUE, *, shard: int | None = None, version: int = 1) -> ImageRecord:
    owner, gallery, image = (uuid.uuid4().hex for _ in range(3))
    image = image if shard is None else f"{image[:-1]}{shard:x}"
    keys = (
        original_key(owner, gallery, image, "jpg"),
        rendition_key(owner, gallery, image, "preview", "jpg"),
        rendition_key(owner, gallery, image, "thumbnail", "webp"),
    )
    return ImageRecord(owner, gallery, image, keys, 7, "image/jpeg", 4, 3, "a.jpg", 900, due_at, due_at, version)


def place(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def keep(table: Table, *kept: ImageRecord) -> None:
    """In a table whose site keeps what is over for GRACE seconds."""
    table.items[place(records.STATE_KEY)] = records.STATE_KEY | {"grace": {"N": str(GRACE)}}
    for record in kept:
        table.items[place(record.key)] = record.item


def store_objects(folder: Path, *stored: ImageRecord) -> None:
    for record in stored:
        for key in record.keys:
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(b"picture")


def objects(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in (folder / "media").rglob("*") if path.is_file()}


@pytest.fixture
def sweep(service: Service) -> Run:
    """One run of the Lambda, by default at NOW, with clients of its own process's cache."""
    settings = Settings(service.table.name, service.objects.name, "eu-central-1", service.address, GRACE)
    table, bucket = _clients(settings)
    service.now = lambda: NOW

    def sweep_once(now: float = NOW, **arguments: Any) -> dict[str, int | bool]:
        store = BucketObjects(bucket, service.objects.name, sleep=lambda seconds: None)
        return run(settings, table, store, clock=lambda: now, **arguments)

    return sweep_once


@pytest.fixture
def folder(data_dir: Path) -> Path:
    return data_dir


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The last line that the run logged."""
    line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return line


def test_what_is_due_goes_with_its_objects_and_nothing_else(
    sweep: Run, table: Table, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    due = [make_record(DUE - number) for number in range(5)]
    others = [make_record(LIVE), make_record(None), make_record(round(NOW) - GRACE + 1)]
    keep(table, *due, *others)
    store_objects(folder, *due, *others)
    assert sweep() == {"due": 5, "deleted": 5, "failed": 0, "skipped": 0, "bytes": 35, "remaining": False}
    assert set(table.records) == {place(record.key) for record in others}
    assert objects(folder) == {key for record in others for key in record.keys}
    line = said(capsys)
    assert (line["Due"], line["Deleted"], line["Bytes"], line["Failed"], line["Malformed"]) == (5, 5, 35, 0, 0)
    assert line["OldestDueAge"] == 0, "nothing was left"
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Dimensions"] == [["Table"]], "of one stack, not of all in the account"
    assert line["Table"] == table.name
    assert {metric["Name"] for metric in metrics["Metrics"]} <= set(line)
    assert line["_aws"]["Timestamp"] == round(NOW * 1000)
    assert sweep() == dict.fromkeys(ANSWER, 0) | {"remaining": False}


class VastTable(Table):
    """A table with ``others`` more images that are not due; they are not kept, only what reading them would cost."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others = others
        self.through = 0  # how many of the others a query would have had to return

    def _Query(self, request: Any) -> Item:
        other = {"shard": request["ExpressionAttributeValues"][":shard"], "due_at": {"N": str(LIVE)}}
        if Expression(request["KeyConditionExpression"], request, set()).condition(other):
            self.through += self.others // 16
        return super()._Query(request)

    def _DescribeTable(self, request: Any) -> Item:
        return {"Table": {"ItemCount": len(self.items) + self.others}}


@pytest.mark.parametrize("others", [9_000, 999_000])
def test_the_cost_grows_with_what_is_due(others: int) -> None:
    table, bucket = VastTable(others), DirectBucket()
    due = [make_record(DUE) for _ in range(1_000)]
    keep(table, *due)
    settings = Settings(table.name, "photos", "eu-central-1", "", GRACE)
    client: Any = DirectTable(table, lambda: NOW)
    store: Any = bucket
    assert run(settings, client, BucketObjects(store, "photos"), clock=lambda: NOW)["deleted"] == 1_000
    per_shard = [sum(records.shard_of(record.image) == shard for record in due) for shard in records.SHARDS]
    pages = sum(math.ceil(count / 100) for count in per_shard)
    assert table.calls["Query"] + table.calls["GetItem"] <= 1.2 * pages
    assert table.through == 0, "nothing that is not due is read"
    assert len(bucket.calls) == math.ceil(sum(len(record.keys) for record in due) / 1_000)
    assert table.calls == {"GetItem": 1, "Query": pages, "UpdateItem": 1_000, "DeleteItem": 1_000}


def test_every_page_of_a_shard_is_read(sweep: Run, table: Table) -> None:
    keep(table, *(make_record(DUE - number, shard=7) for number in range(250)))
    assert sweep()["deleted"] == 250


# --- what is not ours -------------------------------------------------------------------------------------------------


def _without(name: str) -> Callable[[ImageRecord, ImageRecord], Item]:
    return lambda record, other: {key: value for key, value in record.item.items() if key != name}


def _with(**changes: Any) -> Callable[[ImageRecord, ImageRecord], Item]:
    return lambda record, other: record.item | changes


HAND_MADE: dict[str, Callable[[ImageRecord, ImageRecord], Item]] = {
    **{
        f"no {name}": _without(name) for name in ("owner", "gallery", "image", "keys", "bytes", "version", "created_at")
    },
    "no keys in it": _with(keys={"L": []}),
    "keys as a text": _with(keys={"S": "media/"}),
    "keys as a set": _with(keys={"SS": ["media/"]}),
    "a number among the keys": lambda record, other: record.item | {"keys": {"L": [{"N": "1"}]}},
    "a foreign prefix": _with(keys={"L": [{"S": "backups/all.tar"}]}),
    "a path upwards": _with(keys={"L": [{"S": "media/../backups/all.tar"}]}),
    "the whole folder": _with(keys={"L": [{"S": "media/"}]}),
    "another image's objects": lambda record, other: record.item | {"keys": other.item["keys"]},
    "another image's id": lambda record, other: record.item | {"image": {"S": other.image}},
    "another owner": _with(owner={"S": "0" * 32}),
    "a text for a number": _with(bytes={"S": "7"}),
    "an id that is none": _with(image={"S": "../../x"}),
    "milliseconds": _with(expires_at={"N": str(DUE * 1000)}),
    "not a number": _with(bytes={"N": "NaN"}),
    "infinite": _with(version={"N": "Infinity"}),
    "negative": _with(created_at={"N": "-5"}),
    "half a version": _with(version={"N": "1.5"}),
}


@pytest.mark.parametrize("shard", records.SHARDS)
def test_what_is_due_is_swept_from_whatever_shard_it_stands_in(
    sweep: Run, table: Table, folder: Path, shard: str
) -> None:
    """The index only finds: another program may spread its items otherwise than by the last digit of the id."""
    record = make_record()
    table.items[place(record.key)] = record.item | {"shard": {"S": shard}}
    store_objects(folder, record)
    assert sweep()["deleted"] == 1
    assert not objects(folder)


@pytest.mark.parametrize("name", HAND_MADE)
def test_a_hand_made_item_is_skipped_and_counted(
    sweep: Run, table: Table, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    record, live, due = make_record(), make_record(LIVE), make_record(DUE + 1)
    keep(table, live, due)
    poison = HAND_MADE[name](record, live)
    table.items[place(record.key)] = poison
    store_objects(folder, record, live, due)
    (folder / "backups").mkdir()
    (folder / "backups" / "all.tar").write_bytes(b"everything")
    assert sweep() == {"due": 2, "deleted": 1, "failed": 0, "skipped": 1, "bytes": 7, "remaining": False}
    assert table.items[place(record.key)] == poison
    assert objects(folder) == {*record.keys, *live.keys}
    assert (folder / "backups" / "all.tar").exists()
    line = said(capsys)
    assert line["Malformed"] == 1
    assert record.image in next(iter(line["malformed"]))


def test_what_the_index_still_lists_lives_when_the_table_says_so(sweep: Run, table: Table, folder: Path) -> None:
    extended, gone, due = make_record(), make_record(), make_record()
    keep(table, extended, gone, due)
    store_objects(folder, extended, due)
    table.freeze_index()
    keep(table, ImageRecord(**vars(extended) | {"version": 2, "expires_at": LIVE, "due_at": LIVE}))
    del table.items[place(gone.key)]
    assert sweep() == {"due": 3, "deleted": 1, "failed": 0, "skipped": 2, "bytes": 7, "remaining": False}
    assert objects(folder) == set(extended.keys)
    assert place(gone.key) not in table.items


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["GetItem", "Query", "UpdateItem", "DeleteObjects", "DeleteItem"])
@pytest.mark.parametrize("fault", ["lost", "throttled", "broken"])
def test_one_fault_of_any_request_changes_nothing(
    sweep: Run, service: Service, table: Table, folder: Path, operation: str, fault: str
) -> None:
    due = [make_record() for _ in range(3)]
    keep(table, *due)
    store_objects(folder, *due)
    if fault == "lost":
        service.lose(operation)
    elif fault == "broken":
        service.fail(operation, "InternalError", status=500)
    else:
        service.fail(operation, "SlowDown" if operation == "DeleteObjects" else "ThrottlingException", status=503)
    assert sweep() == {"due": 3, "deleted": 3, "failed": 0, "skipped": 0, "bytes": 21, "remaining": False}
    assert not table.records
    assert not objects(folder)


def _is_about(record: ImageRecord, request: Any) -> bool:
    return bool(request["Key"] == record.key)


def test_what_stays_throttled_is_left_to_the_next_run(
    sweep: Run, service: Service, table: Table, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    due = [make_record() for _ in range(4)]
    keep(table, *due)
    store_objects(folder, *due)
    for operation, record in (("UpdateItem", due[0]), ("DeleteItem", due[1])):
        service.fail(operation, "ProvisionedThroughputExceededException", times=10**6)
        service.faults[-1].only = partial(_is_about, record)
    assert sweep() == {"due": 4, "deleted": 2, "failed": 2, "skipped": 0, "bytes": 14, "remaining": False}
    assert said(capsys)["errors"] == {"ProvisionedThroughputExceededException": 2}
    assert objects(folder) == set(due[0].keys)
    service.faults.clear()
    assert sweep()["deleted"] == 2
    assert not table.records


def test_objects_that_are_not_deleted_keep_their_record(
    sweep: Run, service: Service, table: Table, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    due = [make_record() for _ in range(3)]
    keep(table, *due)
    store_objects(folder, *due)
    service.objects.undeletable = {due[0].keys[1]: "AccessDenied", due[1].keys[0]: "SlowDown"}
    assert sweep() == {"due": 3, "deleted": 1, "failed": 2, "skipped": 0, "bytes": 7, "remaining": False}
    assert said(capsys)["errors"] == {"AccessDenied": 1, "SlowDown": 1}
    assert len(service.objects.deletions) == 3, "what was too busy is tried twice more"
    assert service.objects.deletions[1:] == [[due[1].keys[0]]] * 2
    assert objects(folder) == set(service.objects.undeletable)
    service.objects.undeletable = {}
    assert sweep()["deleted"] == 2
    assert not objects(folder)


@pytest.mark.parametrize("schedule", [HOUR, 24 * HOUR])
def test_how_late_it_is_counts_from_when_it_might_have_been_deleted(
    sweep: Run, service: Service, table: Table, capsys: pytest.CaptureFixture[str], schedule: int
) -> None:
    """So that neither the grace nor the schedule, hourly or daily, makes a sweep seem late that leaves nothing."""
    kept, extended, *rest = (make_record(round(NOW) - GRACE - schedule + number) for number in range(9))
    keep(table, kept, extended, *rest)
    service.objects.undeletable = {kept.keys[0]: "AccessDenied"}
    table.freeze_index()
    keep(table, ImageRecord(**vars(extended) | {"version": 2, "expires_at": LIVE, "due_at": LIVE}))
    sweep()
    assert said(capsys)["OldestDueAge"] == schedule
    service.objects.undeletable = {}
    table.thaw_index()
    sweep()
    assert said(capsys)["OldestDueAge"] == 0
    keep(table, *(make_record(DUE - number) for number in range(3)))
    asked = iter(range(10**6))
    sweep(time_left=lambda: next(asked) < 2)
    assert said(capsys)["OldestDueAge"] == 62


def test_a_shard_that_cannot_be_read_does_not_stop_the_others(
    sweep: Run, service: Service, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(table, *(make_record(shard=shard) for shard in range(16)))
    service.fail("Query", "ThrottlingException", times=10**6)
    service.faults[-1].only = lambda request: request["ExpressionAttributeValues"][":shard"] == {"S": "03"}
    answer = sweep()
    assert (answer["deleted"], answer["failed"], answer["remaining"]) == (15, 0, True)
    assert said(capsys)["Failed"] == 1, "or nobody would hear that a sixteenth stays for ever"
    service.faults[-1].only = lambda request: True
    with pytest.raises(Exception, match="Throttling"):
        sweep()


POINTS = ["sweep.listed", "sweep.claimed", "sweep.objects", "sweep.emptied"]


@pytest.mark.parametrize("point", POINTS)
def test_a_sweep_that_dies_is_finished_by_the_next(sweep: Run, table: Table, folder: Path, point: str) -> None:
    keep(table, *(due := [make_record() for _ in range(3)]), live := make_record(LIVE))
    store_objects(folder, *due, live)

    def die(name: str) -> None:
        if name == point:
            raise Killed(name)

    with pytest.raises(Killed):
        sweep(point=die)
    left = 0 if point == "sweep.emptied" else 3
    assert sweep(run_id="another") == {
        "due": left, "deleted": left, "failed": 0, "skipped": 0, "bytes": 7 * left, "remaining": False,
    }  # fmt: skip
    assert set(table.records) == {place(live.key)}
    assert objects(folder) == set(live.keys)


@pytest.mark.parametrize("point", POINTS)
def test_two_sweeps_at_once_count_each_deletion_once(sweep: Run, table: Table, folder: Path, point: str) -> None:
    keep(table, *(due := [make_record() for _ in range(40)]))
    store_objects(folder, *due)
    barrier = threading.Barrier(2)
    answers: list[dict[str, int | bool]] = []

    def meet(name: str) -> None:
        if name == point:
            barrier.wait(20)

    threads = [
        threading.Thread(target=lambda number=number: answers.append(sweep(run_id=f"run {number}", point=meet)))
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(answer["deleted"] for answer in answers) == 40
    assert not table.records
    assert not objects(folder)


@pytest.mark.parametrize("operation", ["Query", "UpdateItem", "DeleteObjects", "DeleteItem"])
def test_an_extension_before_the_claim_wins_and_after_it_is_refused(
    sweep: Run, service: Service, table: Table, operation: str
) -> None:
    record = make_record()
    keep(table, record)
    request = records.lengthen(record.gallery, record.image, 2, LIVE, LIVE) | {"TableName": table.name}
    answers: list[bool] = []

    def extend(called: str, _: Any) -> None:
        if called != operation or answers:
            return
        try:
            table.ask("UpdateItem", request)
            answers.append(True)
        except Refused:
            answers.append(False)

    service.before = extend
    lives = operation in {"Query", "UpdateItem"}
    assert sweep()["deleted"] == (0 if lives else 1)
    assert answers == [lives]
    assert bool(service.objects.deletions) != lives
    assert (place(record.key) in table.items) == lives


# --- time and masses --------------------------------------------------------------------------------------------------


def test_time_that_is_over_leaves_the_rest_to_the_next_run(sweep: Run, table: Table, folder: Path) -> None:
    keep(table, *(due := [make_record(DUE - number) for number in range(20)]))
    store_objects(folder, *due)
    for allowed in (0, 1, 10, 21, 30):
        asked: Iterator[int] = iter(range(10**6))
        answer = sweep(time_left=lambda asked=asked, allowed=allowed: next(asked) < allowed)
        assert answer["remaining"]
        assert answer["failed"] == answer["skipped"] == 0
        for record in due:  # no record goes before its objects
            assert place(record.key) in table.items or not objects(folder) & set(record.keys)
    assert sweep()["remaining"] is False
    assert not table.records
    assert not objects(folder)


@pytest.mark.parametrize("off", [-365 * 24 * HOUR, -HOUR, -300, -61, 61, 300, HOUR, 25 * HOUR, -NOW])
def test_a_clock_that_is_wrong_deletes_nothing(
    sweep: Run, service: Service, table: Table, capsys: pytest.CaptureFixture[str], off: float
) -> None:
    keep(table, make_record(), make_record(LIVE))
    with pytest.raises(ClockWrong):
        sweep(now=NOW + off)
    assert len(table.records) == 2
    assert set(service.calls) == {"GetItem"}
    assert said(capsys)["message"] == "sweep refused"


@pytest.mark.parametrize("off", [-59, 59])
def test_a_clock_that_is_nearly_right_is_good_enough(sweep: Run, table: Table, off: float) -> None:
    keep(table, make_record(DUE - 60))
    assert sweep(now=NOW + off)["deleted"] == 1


@pytest.fixture
def small_masses(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 20 are a mass."""
    for module in ("sweep", "visits"):
        monkeypatch.setattr(f"cleanup_lambda.{module}.MASS_FLOOR", 20)


def test_a_mass_waits_for_a_second_visit(
    sweep: Run, service: Service, table: Table, capsys: pytest.CaptureFixture[str], small_masses: None
) -> None:
    keep(table, *(make_record(DUE) for _ in range(21)))
    held = {"due": 21, "deleted": 0, "failed": 0, "skipped": 0, "bytes": 0, "remaining": True}
    assert sweep() == held
    assert said(capsys)["Held"] == 21
    for later in (60, HOUR - 1):
        service.now = partial(float, NOW + later)
        assert sweep(now=NOW + later) == held
    service.now = lambda: NOW + HOUR
    assert sweep(now=NOW + HOUR)["deleted"] == 21
    assert not list(table.images())
    sweep(now=NOW + HOUR)
    assert not table.records, "the next mass waits for its own second visit"


def test_a_mass_that_was_held_goes_on_when_it_was_cut_short(
    sweep: Run, service: Service, table: Table, monkeypatch: pytest.MonkeyPatch, small_masses: None
) -> None:
    monkeypatch.setattr("cleanup_lambda.handler.BATCH", 20)
    keep(table, *(make_record(DUE) for _ in range(50)))
    sweep()
    service.now = lambda: NOW + HOUR
    asked = iter(range(10**6))
    assert sweep(now=NOW + HOUR, time_left=lambda: next(asked) < 42)["deleted"] == 20
    assert sweep(now=NOW + HOUR)["deleted"] == 30


def test_a_mass_is_more_than_a_thousand_and_a_fifth_of_all(sweep: Run, service: Service) -> None:
    service.table = VastTable(5_000)
    keep(service.table, *(make_record(DUE) for _ in range(1_300)))
    assert sweep()["due"] == 1_300
    service.table.others = 5_400
    asked = iter(range(10**6))
    assert sweep(time_left=lambda: next(asked) < 10)["due"] == 1_000, "it begins"
    assert service.calls["DescribeTable"] == 2


def test_a_mass_is_swept_when_somebody_says_so(sweep: Run, table: Table, small_masses: None) -> None:
    keep(table, *(make_record(DUE) for _ in range(21)))
    assert sweep(allow_mass=True)["deleted"] == 21


def test_the_size_of_the_table_may_be_a_secret(sweep: Run, service: Service, table: Table, small_masses: None) -> None:
    keep(table, *(make_record(DUE) for _ in range(21)))
    service.fail("DescribeTable", "AccessDeniedException", times=10)
    assert sweep()["deleted"] == 0


# --- the entry --------------------------------------------------------------------------------------------------------


class LateContext:
    aws_request_id = "late"

    def get_remaining_time_in_millis(self) -> int:
        return 9_999


@pytest.mark.parametrize("event", [None, {}, {"allow_mass": "yes"}, "by hand"])
def test_the_entry_needs_its_environment_alone(
    service: Service, table: Table, folder: Path, monkeypatch: pytest.MonkeyPatch, event: Any
) -> None:
    bucket, named = service.objects.name, {"GALLERY_TABLE": table.name, "GALLERY_GRACE_SECONDS": str(GRACE)}
    for name, value in (service.environment | named | {"GALLERY_BUCKET": bucket}).items():
        monkeypatch.setenv(name, value)
    record = make_record(round(time.time()) - GRACE - 60)
    table.items[place(record.key)] = record.item
    store_objects(folder, record)
    late = lambda_handler(event, LateContext())
    assert (late["deleted"], late["remaining"]) == (0, True)
    answer = lambda_handler(event, None)
    assert answer == {"due": 1, "deleted": 1, "failed": 0, "skipped": 0, "bytes": 7, "remaining": False}
    assert not table.items
    assert not objects(folder)


# --- configuration ----------------------------------------------------------------------------------------------------

GOOD = {
    "GALLERY_TABLE": "images",
    "GALLERY_BUCKET": "photos",
    "GALLERY_GRACE_SECONDS": "86400",
    "AWS_REGION": "eu-central-1",
}


@pytest.mark.parametrize("missing", GOOD)
def test_a_variable_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(NotConfigured, match=missing):
        Settings.read({name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize("grace", ["0", "3599", "-1", "1e9", "a day"])
def test_a_grace_that_cannot_be_is_refused(grace: str) -> None:
    assert Settings.read(GOOD).grace == 86_400
    with pytest.raises(NotConfigured, match="GALLERY_GRACE_SECONDS"):
        Settings.read(GOOD | {"GALLERY_GRACE_SECONDS": grace})
