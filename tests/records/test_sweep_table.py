"""The Lambda's sweep over real clients: what it deletes, what it must never touch, what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cleanup_lambda import records
from cleanup_lambda.handler import Settings, run
from cleanup_lambda.objects import BucketObjects
from cleanup_lambda.records import ImageRecord
from tests.records.direct import DirectBucket, DirectTable
from tests.records.due import (
    DUE,
    GRACE,
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
from tests.records.table import Item, Table

ANSWER = {"due", "deleted", "failed", "skipped", "bytes", "remaining"}


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


# --- what is not ours ------------------------------------------------------------------------------------------------


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
