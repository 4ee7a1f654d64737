"""The Lambda's entry: what the event may say, and the environment that it needs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cleanup_lambda.handler import NotConfigured, Settings, lambda_handler
from tests.records.due import GRACE, keep, make_record, objects, place, store_objects
from tests.records.service import Service
from tests.records.table import Table


class LateContext:
    aws_request_id = "late"

    def get_remaining_time_in_millis(self) -> int:
        return 9_999


@pytest.fixture
def environment(service: Service, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the template tells the function."""
    bucket, named = service.objects.name, {"GALLERY_TABLE": table.name, "GALLERY_GRACE_SECONDS": str(GRACE)}
    for name, value in (service.environment | named | {"GALLERY_BUCKET": bucket}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment", "small_masses")
@pytest.mark.parametrize(("event", "deleted"), [({"allow_mass": True}, 21), ({"allow_mass": "false"}, 0), ({}, 0)])
def test_the_event_says_that_a_mass_may_go(table: Table, event: Any, deleted: int) -> None:
    keep(table, *(make_record(round(time.time()) - GRACE - 60) for _ in range(21)))
    assert lambda_handler(event, None)["deleted"] == deleted


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("event", [None, {}, {"allow_mass": "yes"}, "by hand"])
def test_the_entry_needs_its_environment_alone(table: Table, folder: Path, event: Any) -> None:
    record = make_record(round(time.time()) - GRACE - 60)
    table.items[place(record.key)] = record.item
    store_objects(folder, record)
    late = lambda_handler(event, LateContext())
    assert (late["deleted"], late["remaining"]) == (0, True)
    answer = lambda_handler(event, None)
    assert answer == {"due": 1, "deleted": 1, "failed": 0, "skipped": 0, "bytes": 7, "remaining": False}
    assert not table.items
    assert not objects(folder)


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
