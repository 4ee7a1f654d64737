"""Records that are due, or live, at a moment of their own, with their objects; and what a run said of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cleanup_lambda import records
from cleanup_lambda.keys import original_key, rendition_key
from cleanup_lambda.records import ImageRecord
from tests.records.table import Expression, Item, Table

HOUR = 3_600
NOW = 1_800_000_000.0
GRACE = 24 * HOUR
DUE = round(NOW) - GRACE - 60
LIVE = round(NOW) + 7 * 24 * HOUR

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


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The last line that the run logged."""
    line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return line


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
