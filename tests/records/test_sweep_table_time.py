"""The Lambda's sweep and time: a run that must stop, a clock that is wrong, a mass that waits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cleanup_lambda.visits import ClockWrong
from tests.records.due import (
    DUE,
    HOUR,
    LIVE,
    NOW,
    Run,
    VastTable,
    keep,
    make_record,
    objects,
    place,
    said,
    store_objects,
)
from tests.records.service import Service
from tests.records.table import Table


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
