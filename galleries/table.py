"""Records in DynamoDB: one table, reached with time-outs that a request can bear.

Every foreign error ends here, as a word of ``Published`` or as RecordsUnavailable. Waiting is bounded twice: by the
client's time-outs, and by a pause after a failure in which requests hear "no answer" without asking again. A table that
is down costs one of them some seconds, and not all of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cleanup_lambda.records import (
    STATE_KEY,
    Item,
    Request,
    agree,
    epoch,
    gallery_key,
    grace_of,
    image_key,
    lengthen,
    put,
    set_grace,
    version_of,
)
from galleries.amazon import explain
from galleries.metadata import Promise, Published, Record, RecordsUnavailable
from galleries.outbox import enqueue_galleries, enqueue_images

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    from galleries.models import Image

T = TypeVar("T")
log = logging.getLogger(__name__)

# SAFETY 5.7. A request that waits: 3 attempts of at most 1 + 2 s and the pauses between them, some 10 s at worst.
HURRIED = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=64,
)
PATIENT = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 6},
    max_pool_connections=16,
)
PAUSE = 10.0  # seconds in which requests do not ask a table that has just failed
AGREED_FOR = 60.0  # seconds for which the grace that was agreed is not asked for again
SIDE_BY_SIDE = 8  # writes under way at once
DELETES = 25  # the most that one BatchWriteItem takes
TRIES = 5  # for what a batch leaves unprocessed
READS = 100  # the most that one BatchGetItem takes

THROTTLED = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}


class _ConditionFailed(Exception):
    """The condition of a write did not hold; ``item`` is what is there, where the write asked for it."""

    def __init__(self, item: Item | None) -> None:
        self.item = item


class _Rejected(RecordsUnavailable):
    """This one request is not to DynamoDB's taste; others are."""


def open_table(table: str, region: str, endpoint: str, grace: int) -> TableRecords:
    """The table of this site, whose grace is ``grace`` seconds; nothing is asked of it yet.

    Raises:
        RecordsUnavailable: what the SDK reads by itself (profiles, credentials) is not as it should be.
    """
    try:
        session = boto3.session.Session(region_name=region)
        hurried, patient = (
            session.client("dynamodb", config=config, endpoint_url=endpoint or None) for config in (HURRIED, PATIENT)
        )
    except BotoCoreError as error:
        raise RecordsUnavailable(explain(error, "GALLERY_TABLE")) from error
    return TableRecords(table, hurried, patient, grace=grace)


class TableRecords:
    """The record store of a site with DynamoDB. ``hurried`` serves requests, ``patient`` what nobody waits for.
    ``grace``: for how many seconds the site keeps what is over; the sweep has to wait as long."""

    enabled = True

    def __init__(
        self,
        table: str,
        hurried: DynamoDBClient,
        patient: DynamoDBClient,
        *,
        grace: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.table, self.hurried, self.patient, self.grace = table, hurried, patient, grace
        self.clock, self.sleep = clock, sleep
        self.paused_until, self.reason = float("-inf"), ""
        self.agreed_until, self.introduced = float("-inf"), False

    # --- what the site asks

    def lengthen(self, promise: Promise) -> Published:
        ends = (promise.expires_at, promise.due_at)
        expires_at, due_at = (None if end is None else epoch(end.timestamp()) for end in ends)
        request = lengthen(promise.gallery.hex, promise.image.hex, promise.version, expires_at, due_at)
        try:
            if self.clock() >= self.agreed_until:
                self.check()
            self._ask(self.hurried.update_item, request)
        except _ConditionFailed as failed:
            return _answer(failed.item, promise.version)
        except RecordsUnavailable as error:
            log.warning("a record could not be lengthened", extra={"fields": {"error": str(error)}})
            return Published.UNKNOWN
        return Published.HELD

    def enqueue(self, images: Iterable[UUID], now: datetime) -> None:
        enqueue_images(images, now)

    def enqueue_galleries(self, galleries: Iterable[UUID], now: datetime) -> None:
        enqueue_galleries(galleries, now)

    def publish(self, records: Mapping[UUID, Record], *, patient: bool = False) -> set[UUID]:
        """The first alone: when nobody answers it, the others need not wait for the same."""
        self._introduce(patient=patient)
        first, rest = list(records)[:1], list(records)[1:]
        done = {name for name in first if self._put(records[name], patient=patient)}

        def quietly(name: UUID) -> bool:
            try:
                return self._put(records[name], patient=patient)
            except RecordsUnavailable:
                return False

        return done | {name for name, written in zip(rest, _side_by_side(quietly, rest), strict=True) if written}

    def drop(self, images: Iterable[Image]) -> set[UUID]:
        return self.delete({image.id: image_key(image.gallery_id.hex, image.hex) for image in images})

    def drop_galleries(self, galleries: Collection[UUID]) -> set[UUID]:
        return self.delete({gallery: gallery_key(gallery.hex) for gallery in galleries})

    def check(self) -> None:
        """Raise RecordsUnavailable when the table does not answer, or when what deletes by it waits for another time
        than this site: what people bring back meanwhile would lose its objects."""
        try:
            answer = self._ask(self.hurried.get_item, {"Key": STATE_KEY, "ConsistentRead": True})
        except _Rejected:
            raise RecordsUnavailable("GALLERY_TABLE names no table with the keys pk and sk.") from None
        agreed = grace_of(answer.get("Item") or {})
        if agreed is None:
            agreed = self._agree(patient=False)
        if agreed != self.grace:
            raise RecordsUnavailable(
                f"GALLERY_GRACE_SECONDS is {self.grace} here and {agreed} in GALLERY_TABLE, for the sweep and for other"
                " nodes (docs/records.md says how it is changed)."
            )
        self.agreed_until = self.clock() + AGREED_FOR

    def _introduce(self, *, patient: bool) -> None:
        """Say the grace before the first record of this process: none of a site's is ever there without it.

        Raises:
            RecordsUnavailable
        """
        if not self.introduced:
            self._agree(patient=patient)
            self.introduced = True

    def _agree(self, *, patient: bool) -> int | None:
        """The first site says it; returns what holds then."""
        client = self.patient if patient else self.hurried
        try:
            self._ask(client.update_item, agree(self.grace), pausing=not patient)
        except _ConditionFailed as failed:
            return grace_of(failed.item or {})
        return self.grace

    def set_grace(self) -> None:
        """From now on the sweep and every site have to have this site's grace.

        Raises:
            RecordsUnavailable
        """
        self._ask(self.patient.update_item, set_grace(self.grace), pausing=False)

    # --- what only the comparison of the stores asks

    def read(self, keys: Sequence[Item]) -> Iterator[Item]:
        """The items that are under ``keys``, as they are now, in no order.

        Raises:
            RecordsUnavailable
        """
        for chunk in _chunks(keys, READS):
            wanted: dict[str, Any] = {self.table: {"Keys": chunk, "ConsistentRead": True}}
            for _ in self._tries():
                answer = self._call(self.patient.batch_get_item, {"RequestItems": wanted})
                yield from answer["Responses"].get(self.table, [])
                wanted = answer.get("UnprocessedKeys") or {}
                if not wanted:
                    break
            else:
                raise RecordsUnavailable("GALLERY_TABLE: too many reads at once.")

    def walk(self) -> Iterator[list[Item]]:
        """Every item of the table, in pages, in no order; the whole table is read.

        Raises:
            RecordsUnavailable
        """
        start: Request = {}
        while True:
            answer = self._ask(self.patient.scan, {"ConsistentRead": True, **start}, pausing=False)
            yield answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    # --- one request

    def _tries(self) -> Iterator[None]:
        """Once for each try, after ever longer waits between them."""
        for number in range(TRIES):
            if number:
                self.sleep(0.1 * 2 ** (number - 1))
            yield

    def _put(self, record: Record, *, patient: bool) -> bool:
        """Whether the record is in line now: written, or newer or claimed already."""
        client = self.patient if patient else self.hurried
        try:
            self._ask(client.put_item, put(record), pausing=not patient)
        except _ConditionFailed:
            return True
        except _Rejected as rejected:
            log.error("a record cannot be written", extra={"fields": {"key": record.key, "error": str(rejected)}})
            return False
        return True

    def delete(self, keys: Mapping[UUID, Item]) -> set[UUID]:
        """Delete the items under these keys, whatever they say; returns the names of those that may be left."""
        left: set[UUID] = set()
        for chunk in _chunks(list(keys), DELETES):
            try:
                left |= self._delete_some({name: keys[name] for name in chunk})
            except RecordsUnavailable as error:
                log.warning(
                    "records could not be deleted", extra={"fields": {"count": len(chunk), "error": str(error)}}
                )
                left.update(chunk)
        return left

    def _delete_some(self, keys: dict[UUID, Item]) -> set[UUID]:
        requests: list[Any] = [{"DeleteRequest": {"Key": key}} for key in keys.values()]
        for _ in self._tries():
            answer = self._ask(self.hurried.batch_write_item, {"RequestItems": {self.table: requests}}, whole=True)
            requests = (answer.get("UnprocessedItems") or {}).get(self.table, [])
            if not requests:
                return set()
        unprocessed = [request["DeleteRequest"]["Key"] for request in requests]
        return {name for name, key in keys.items() if key in unprocessed}

    def _ask(
        self, call: Callable[..., Any], request: Request, *, pausing: bool = True, whole: bool = False
    ) -> dict[str, Any]:
        """One request of the table (``whole``: it names the table itself).

        Raises:
            RecordsUnavailable, _ConditionFailed, _Rejected
        """
        if pausing and self.clock() < self.paused_until:
            raise RecordsUnavailable(self.reason)
        try:
            answer: dict[str, Any] = call(**request) if whole else call(TableName=self.table, **request)
        except ClientError as error:
            raise self._translated(error) from error
        except BotoCoreError as error:
            raise self._pause(explain(error, "GALLERY_TABLE")) from error
        self.paused_until = float("-inf")
        return answer

    def _call(self, call: Callable[..., Any], request: Request) -> dict[str, Any]:
        return self._ask(call, request, pausing=False, whole=True)

    def _translated(self, error: ClientError) -> Exception:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            self.paused_until = float("-inf")
            return _ConditionFailed(cast("Item | None", error.response.get("Item")))
        if code == "ValidationException":
            return _Rejected(error.response["Error"].get("Message", code))
        reason = explain(error, "GALLERY_TABLE")
        return RecordsUnavailable(reason) if code in THROTTLED else self._pause(reason)

    def _pause(self, reason: str) -> RecordsUnavailable:
        """Spare the requests of the next seconds the same."""
        self.paused_until, self.reason = self.clock() + PAUSE, reason
        return RecordsUnavailable(reason)


def _answer(item: Item | None, version: int) -> Published:
    """Why a lengthening was refused (LIFECYCLE 1b). Its own version there: an earlier try arrived, its answer was
    lost."""
    if item is None:
        return Published.ABSENT
    if "claim" in item:
        return Published.TOO_LATE
    there = version_of(item)
    if there is None:
        return Published.UNKNOWN
    return Published.HELD if there == version else Published.OVERTAKEN


def _side_by_side(act: Callable[[T], bool], things: Sequence[T]) -> list[bool]:
    if len(things) < 2:
        return [act(thing) for thing in things]
    with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(things))) as pool:
        return list(pool.map(act, things))


def _chunks(things: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(things)
    while chunk := list(islice(iterator, size)):
        yield chunk
