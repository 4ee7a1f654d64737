"""What ``run.py aws`` starts runs the sweep by itself, by its schedule."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from cleanup_lambda.keys import original_key, rendition_key
from cleanup_lambda.records import STATE_KEY, ImageRecord, put
from tests.aws.conftest import become_the_instance
from tests.aws.running import Running, running

__all__ = ["running"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud")]
PATIENCE = 240.0  # seconds: the schedule ticks once a minute, on a machine that has other things to do
HOUR = 3_600


def test_the_schedule_runs_the_sweep_by_itself(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record without a row is nobody's but the Lambda's: no timer of the site deletes its objects."""
    variables = running.environment
    become_the_instance(monkeypatch, variables)
    session: Any = boto3.session.Session(region_name=variables["AWS_REGION"])
    s3, table = (session.client(name, endpoint_url=variables["AWS_ENDPOINT_URL"]) for name in ("s3", "dynamodb"))
    due, live = (_record(round(time.time()) + seconds) for seconds in (-2 * HOUR, 2 * HOUR))
    place = {"TableName": variables["GALLERY_TABLE"]}
    for record in (due, live):
        for key in record.keys:
            s3.put_object(Bucket=variables["GALLERY_BUCKET"], Key=key, Body=b"picture")
        table.put_item(**place, **put(record))
    assert "grace" in table.get_item(**place, Key=STATE_KEY)["Item"], "the site has said it"
    _wait(lambda: "Item" not in table.get_item(**place, Key=due.key), "nothing ticks")
    stored = s3.list_objects_v2(Bucket=variables["GALLERY_BUCKET"], Prefix="media/").get("Contents", [])
    assert {each["Key"] for each in stored} & {*due.keys, *live.keys} == {*live.keys}
    assert "Item" in table.get_item(**place, Key=live.key)


def _record(due_at: int) -> ImageRecord:
    owner, gallery, image = (uuid.uuid4().hex for _ in range(3))
    keys = (original_key(owner, gallery, image, "jpg"), rendition_key(owner, gallery, image, "preview", "jpg"))
    return ImageRecord(owner, gallery, image, keys, 7, "image/jpeg", 4, 3, "a.jpg", 900, due_at, due_at, 1)


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)
