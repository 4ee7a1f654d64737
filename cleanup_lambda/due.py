"""What is due, by the records in DynamoDB: found through the index, claimed and dropped on the table."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from cleanup_lambda.records import (
    SHARDS,
    ImageRecord,
    Malformed,
    claim,
    drop_claimed,
    due_count,
    due_query,
    image_key,
    parse_image,
)
from cleanup_lambda.sweep import Due, Step

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PAGE = 100  # items a query reads
SIDE_BY_SIDE = 16  # writes under way at once: one DeleteItem an item is most of a sweep's time
EXAMPLES = 20  # malformed items that are named in the log of a run


class _Outcome(Enum):
    DONE = auto()
    FAILED = auto()
    LATE = auto()
    ANOTHERS = auto()


class DueRecords:
    """The source of a sweep that cannot see rows. ``malformed`` counts the items that the site did not write,
    ``examples`` says of some what is wrong with them; ``unread`` counts the shards that could not be read to their end,
    ``errors`` failures by their code."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        run: str,
        now: float,
        cutoff: float,
        time_left: Callable[[], bool],
    ) -> None:
        self.client, self.table, self.run = client, table, run
        self.now, self.cutoff, self.time_left = now, cutoff, time_left
        self.malformed = 0
        self.examples: dict[str, str] = {}
        self.errors: Counter[str] = Counter()
        self.unread = 0
        self._left: dict[str, int] = {}  # what was listed and is still there -> since when it is due
        self._ahead: list[Due] = []
        self._listing = self._list()

    def due(self) -> Iterator[Due]:
        """Oldest first over all shards; each page is asked for when it is needed."""
        return chain(iter(self._ahead), self._listing)

    def exceeds(self, count: int) -> bool:
        """Whether more than ``count`` are due; what was read for the answer is not read again."""
        missing = count + 1 - len(self._ahead)
        self._ahead += islice(self._listing, max(missing, 0))
        return len(self._ahead) > count

    def count(self, enough: float) -> int:
        """How many are due by the index, counted until they are more than ``enough``."""
        total = 0
        for shard in SHARDS:
            after: Any = None
            while total <= enough:
                answer = self.client.query(TableName=self.table, **due_count(shard, self.cutoff, after))
                total += answer["Count"]
                after = answer.get("LastEvaluatedKey")
                if not after:
                    break
        return total

    def overdue(self, now: float) -> int:
        """For how many seconds the oldest of what was listed and is still there might have been deleted; 0 when nothing
        is left."""
        return max(round(self.cutoff - min(self._left.values(), default=now)), 0)

    def claim(self, batch: Sequence[Due]) -> Step:
        return self._each(batch, self._claim)

    def drop(self, batch: Sequence[Due]) -> Step:
        return self._each(batch, self._drop)

    # --- finding

    def _list(self) -> Iterator[Due]:
        for record in heapq.merge(*map(self._shard, SHARDS), key=lambda record: record.due_at or 0):
            name = f"{record.gallery}/{record.image}"
            self._left[name] = record.due_at or 0
            yield Due(name, record.keys, record.bytes)

    def _shard(self, shard: str) -> Iterator[ImageRecord]:
        """One shard; when it cannot be read (any more), the others go on.

        Raises:
            ClientError, BotoCoreError: it is the last one, and none could be read.
        """
        after: Any = None
        while True:
            try:
                request = due_query(shard, self.cutoff, limit=PAGE, after=after)
                answer = self.client.query(TableName=self.table, **request)
            except (ClientError, BotoCoreError) as error:
                self.unread += 1
                self.errors[type(error).__name__] += 1
                if self.unread == len(SHARDS):
                    raise
                return
            for item in answer["Items"]:
                try:
                    yield parse_image(item)
                except Malformed as error:
                    self.malformed += 1
                    if len(self.examples) < EXAMPLES:
                        self.examples[f"{_text(item, 'pk')} {_text(item, 'sk')}"] = str(error)
            after = answer.get("LastEvaluatedKey")
            if not after:
                return

    # --- one by one

    def _each(self, batch: Sequence[Due], act: Callable[[Any], object]) -> Step:
        def attempt(item: Due) -> _Outcome:
            if not self.time_left():
                return _Outcome.LATE
            try:
                act(image_key(*item.id.split("/")))
            except ClientError as error:
                return self._failed(error)
            except BotoCoreError as error:
                self.errors[type(error).__name__] += 1
                return _Outcome.FAILED
            return _Outcome.DONE

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            outcomes = list(pool.map(attempt, batch))
        for item, outcome in zip(batch, outcomes, strict=True):
            if outcome is _Outcome.ANOTHERS or (outcome is _Outcome.DONE and act == self._drop):
                self._left.pop(item.id, None)
        done = [item for item, outcome in zip(batch, outcomes, strict=True) if outcome is _Outcome.DONE]
        return Step(done, outcomes.count(_Outcome.FAILED), outcomes.count(_Outcome.LATE))

    def _failed(self, error: ClientError) -> _Outcome:
        """A condition that did not hold is nobody's failure: the item lives longer now, or another sweep took it."""
        code = error.response["Error"]["Code"]
        if code != "ConditionalCheckFailedException":
            self.errors[code] += 1
            return _Outcome.FAILED
        # We dropped it ourselves when an earlier try of this very request arrived and only its answer got lost.
        ours = error.operation_name == "DeleteItem" and error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
        return _Outcome.DONE if ours else _Outcome.ANOTHERS

    def _claim(self, key: Any) -> None:
        self.client.update_item(TableName=self.table, **claim(key, self.run, self.now, self.cutoff))

    def _drop(self, key: Any) -> None:
        self.client.delete_item(TableName=self.table, **drop_claimed(key))


def _text(item: Any, name: str) -> str:
    """Part of a key for the log, whatever it is."""
    return repr(item.get(name))[:80]
