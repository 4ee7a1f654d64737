"""The Lambda's sweep when a request fails, a run dies or another is under way: the next goes on."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cleanup_lambda import records
from cleanup_lambda.records import ImageRecord
from tests.core.world import Killed
from tests.records.due import DUE, GRACE, HOUR, LIVE, NOW, Run, keep, make_record, objects, place, said, store_objects
from tests.records.service import Service
from tests.records.table import Refused, Table


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
