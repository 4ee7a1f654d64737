"""The AWS shape under faults: a real site whose objects and records are behind real sockets that fail, lose answers and
fall silent; the judge also reads the bucket and the table."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from cleanup_lambda.handler import Settings, _clients, run
from cleanup_lambda.objects import BucketObjects
from tests.faults.checker import Item, Violation, verify_settled, verify_world
from tests.faults.site import FaultSite, picture, wait_until
from tests.faults.test_crash_points import DAY, HOUR, lost
from tests.faults.web import ask
from tests.records.service import CREDENTIALS, Service

pytestmark = pytest.mark.slow
TABLE = ("PutItem", "UpdateItem", "GetItem", "BatchWriteItem")


@dataclass
class AmazonSite(FaultSite):
    """A fault site in S3 and DynamoDB; its bucket is the folder where the others have their media."""

    service: Service = field(default_factory=Service)

    def environ(self) -> dict[str, str]:
        own = {"GALLERY_BUCKET": self.service.objects.name, "GALLERY_TABLE": self.service.table.name}
        own["GALLERY_GRACE_SECONDS"] = "86400"
        return super().environ() | self.service.environment | own

    @property
    def items(self) -> list[Item]:
        return list(self.service.table.records.values())

    def pass_time(self, by: timedelta) -> None:
        super().pass_time(by)
        for item in self.service.table.items.values():
            for name in {"expires_at", "due_at", "created_at"} & set(item):
                item[name] = {"N": str(int(item[name]["N"]) - round(by.total_seconds()))}

    def break_table(self) -> None:
        """From now on nothing of it works."""
        for operation in TABLE:
            self.service.fail(operation, "InternalServerError", times=10**6, status=500)

    def waiting(self) -> int:
        """How many entries are in the outbox."""
        with closing(connect(self.database, timeout=30)) as connection:
            count: int = connection.execute("SELECT count(*) FROM galleries_outboxentry").fetchone()[0]
        return count

    def run_lambda(self) -> dict[str, int | bool]:
        """One run of the cleanup Lambda."""
        service = self.service
        region = CREDENTIALS["AWS_REGION"]
        settings = Settings(service.table.name, service.objects.name, region, service.address, 24 * 3600)
        table, bucket = _clients(settings)
        return run(settings, table, BucketObjects(bucket, service.objects.name), clock=time.time)


@pytest.fixture
def amazon(pattern: FaultSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AmazonSite]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(pattern.data_dir, tmp_path / "site")
    with Service() as service:
        service.objects.folder = tmp_path / "site"
        site = AmazonSite(
            tmp_path / "site", tokens=pattern.tokens, ledger=copy.deepcopy(pattern.ledger), service=service
        )
        try:
            site.start()
            yield site
        finally:
            site.kill()


def test_nothing_is_lost_whatever_s3_and_dynamodb_do(amazon: AmazonSite) -> None:
    site, service, alice = amazon, amazon.service, amazon.alice
    gallery = alice.make_gallery()
    first, second, third = (alice.upload(gallery, picture(number)).json["id"] for number in range(3))
    site.check()
    later = datetime.now(UTC).replace(microsecond=0) + 30 * DAY

    service.fail("PutObject", "SlowDown", times=2, status=503)
    assert alice.upload(gallery, picture(3)).status == 201, "what passes is not seen"
    service.fail("PutObject", "SlowDown", times=10**6, status=503)
    assert alice.upload(gallery, picture(4)).status == 503
    service.faults.clear()
    for operation in ("PutObject", "PutItem"):
        service.lose(operation)
    assert alice.upload(gallery, picture(4)).status == 201
    service.lose("UpdateItem")
    assert alice.set_expiry(first, later).status == 200
    site.check()

    site.break_table()
    began = time.monotonic()
    assert alice.upload(gallery, picture(5)).status == 201
    assert alice.remove(second).status == 204
    refused = alice.set_expiry(third, later)
    assert (refused.status, refused.json["code"]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert alice.restore(second).status == 503
    assert time.monotonic() - began < 60, "bounded"
    ready = ask(f"{site.address}/readyz")
    assert (ready.status, ready.json["down"]) == (503, ["metadata"])
    assert ready.json["outbox"]["depth"] > 0
    site.check()

    service.faults.clear()
    wait_until(lambda: site.waiting() <= 2, "the drain does not catch up", 60)  # the refused ones have a lease
    assert alice.restore(second).status == 200
    assert alice.set_expiry(third, later).status == 200
    site.check()
    site.kill()

    site.pass_time(8 * DAY + 2 * HOUR)
    site.manage("drain_outbox", check=False)
    due = [row for row in site.items if "due_at" in row and int(row["due_at"]["N"]) < time.time() - 24 * 3600]
    assert site.run_lambda()["deleted"] == len(due) == 4
    site.check(http=False)
    site.settle()
    site.check(http=False)


def test_a_lengthening_killed_between_record_and_row_is_undone(amazon: AmazonSite) -> None:
    """The deleter hears of a later end that the row never confirms; the drain brings it back in line."""
    site, alice = amazon, amazon.alice
    image = alice.upload(alice.make_gallery(), picture(1)).json["id"]
    later = datetime.now(UTC).replace(microsecond=0) + 30 * DAY
    site.restart(GALLERY_CRASH_AT="lengthen.recorded")
    site.dies(lost(lambda: alice.set_expiry(image, later)))
    site.check()
    site.kill()
    [item] = site.service.table.images()
    assert int(item["due_at"]["N"]) == later.timestamp()
    site.execute("UPDATE galleries_outboxentry SET next_try = '2020-01-01 00:00:00'")  # the lease is over
    site.manage("drain_outbox")
    site.check(http=False)
    site.pass_time(8 * DAY + 2 * HOUR)
    assert site.run_lambda()["deleted"] == 1
    site.settle()
    site.check(http=False)


# --- the judge is judged ----------------------------------------------------------------------------------------------

BREAKS: dict[str, Callable[[Item], object]] = {
    "due earlier": lambda item: item.update(due_at={"N": "1000"}),
    "claimed": lambda item: item.update(claim={"S": "run"}),
}
UNSETTLED: dict[str, Callable[[dict[Any, Item], Any], object]] = {
    "no record": lambda items, key: items.pop(key),
    "due later": lambda items, key: items[key].update(due_at={"N": "9999999999"}),
    "never due": lambda items, key: items[key].pop("due_at"),
    "an older version": lambda items, key: items[key].update(version={"N": "0"}),
    "other objects": lambda items, key: items[key].update(keys={"L": []}),
    "a record too many": lambda items, key: items.update({"other": items[key] | {"image": {"S": "0" * 32}}}),
}


def test_the_judge_sees_a_record_that_is_wrong(amazon: AmazonSite) -> None:
    site, table = amazon, amazon.service.table
    image = site.alice.upload(site.alice.make_gallery(), picture(1)).json["id"]
    wait_until(lambda: site.waiting() == 0, "the drain does not catch up")
    now = datetime.now(UTC)

    def found(items: list[Item]) -> list[Violation]:
        return verify_world(site.ledger, site.database, site.media, "", site.tokens[0], now, items=items)

    assert found(site.items) == verify_settled(site.database, site.media, now, site.items) == []
    [key] = [key for key, item in table.items.items() if item.get("image") == {"S": image}]
    for name, damage in BREAKS.items():
        items = copy.deepcopy(table.items)
        damage(items[key])
        assert [violation.invariant for violation in found(list(items.values()))] == ["I8"], name
    for name, change in UNSETTLED.items():
        items = copy.deepcopy(table.items)
        change(items, key)
        violations = verify_settled(site.database, site.media, now, list(items.values()))
        assert {violation.invariant for violation in violations} <= {"I8", "I9"}, name
        assert violations, name
