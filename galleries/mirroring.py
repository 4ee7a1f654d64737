"""Comparing the whole table of records with the rows, and putting it right: after a table was lost, a database restored
from a backup, or somebody changed an item by hand. In everyday life the outbox does all of this.

Rows are the truth. A record that is behind or missing is written as the drain writes it. One that is ahead of its row
(the database is older than the table), or that says something else at the same version, gets a row of a later version,
because a version stands for one content for ever. What is claimed is never written over. A reserved version is its
request's alone (LIFECYCLE rule 3): such a row waits, and the drain takes care of it, by its outbox entry. One without
an entry was left by a request that died, or was refused, while the site had no table yet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from cleanup_lambda.records import GALLERY, Item, Malformed, parse_gallery, parse_image, version_of
from cleanup_lambda.sweep import is_mass
from galleries.metadata import Record, gallery_record, image_record, records
from galleries.models import Gallery, GalleryOutboxEntry, Image, OutboxEntry, State
from galleries.table import TableRecords
from galleries.walking import walk_pages

PAGE = 100  # rows compared at a time: what one BatchGetItem reads
ORPHAN_AGE = timedelta(hours=48)  # as for objects (galleries/reconciling.py)
EXAMPLES = 20

Progress = Callable[[int], None]


@dataclass
class Findings:
    """What differs. ``counts`` by kind (missing, behind, ahead, different, damaged, claimed, abandoned, orphan, young,
    foreign), ``examples`` with the names of some of each; ``last``: the last image that was compared, to go on from."""

    compared: int = 0
    waiting: int = 0  # changes that the outbox is about to publish: nothing is wrong with them
    written: int = 0
    deleted: int = 0
    held: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    last: str = ""

    def note(self, kind: str, name: str) -> None:
        self.counts[kind] += 1
        named = self.examples.setdefault(kind, [])
        if len(named) < EXAMPLES:
            named.append(name)

    @property
    def left(self) -> int:
        """How many differences are still there."""
        return self.counts.total() - self.counts["young"] - self.written - self.deleted

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        numbers = {name: getattr(self, name) for name in ("compared", "waiting", "written", "deleted", "held", "left")}
        return numbers | {"differences": dict(self.counts), "examples": self.examples, "last": self.last}


class Pace:
    """At most ``rate`` things a second."""

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate, self.clock, self.sleep = rate, clock, sleep
        self.next = clock()

    def take(self, count: int) -> None:
        """Wait until ``count`` more may be done."""
        now = self.clock()
        if self.next > now:
            self.sleep(self.next - now)
        self.next = max(self.next, now) + count / self.rate


class Comparison:
    """One comparison; ``apply`` puts right what it finds."""

    def __init__(self, table: TableRecords, now: datetime, *, apply: bool, pace: Pace) -> None:
        self.table, self.now, self.apply, self.pace = table, now, apply, pace
        self.found = Findings()

    def compare_rows(self, after: UUID | None, progress: Progress) -> None:
        """Every row with its record: galleries first, then images from ``after`` on.

        Raises:
            RecordsUnavailable: ``found.last`` says how far it came.
        """
        if after is None:
            for galleries in walk_pages(Gallery.objects.all(), PAGE):
                self._compare({row.id: gallery_record(row) for row in galleries}, Gallery, GalleryOutboxEntry)
        ready = Image.objects.filter(state=State.READY).select_related("gallery")
        for images in walk_pages(ready.filter(id__gt=after) if after else ready, PAGE):
            settled = {row.id: image_record(row) for row in images if not row.reserved}
            self.found.compared += len(images) - len(settled)
            self._compare(settled, Image, OutboxEntry)
            self._look_at_reserved([row for row in images if row.reserved])
            self.found.last = images[-1].hex
            progress(self.found.compared)

    def look_for_orphans(self, *, allow_mass: bool, progress: Progress) -> None:
        """Every record for its row; reads the whole table.

        Raises:
            RecordsUnavailable
        """
        orphans: list[tuple[UUID, Item]] = []
        seen = 0
        for page in self.table.walk():
            seen += len(page)
            orphans += self._orphans_of(page)
            progress(seen)
        for identifier, _ in orphans:
            self.found.note("orphan", identifier.hex)
        if not self.apply or not orphans:
            return
        if is_mass(len(orphans), seen) and not allow_mass:
            self.found.held = len(orphans)
            return
        for start in range(0, len(orphans), PAGE):
            batch = dict(orphans[start : start + PAGE])
            self.pace.take(len(batch))
            self.found.deleted += len(batch) - len(self.table.delete(batch))

    # --- rows

    def _compare(self, wanted: Mapping[UUID, Record], model: Any, entries: Any) -> None:
        items = {_place(item): item for item in self.table.read([record.key for record in wanted.values()])}
        differing = {}
        for identifier, record in wanted.items():
            kind = _difference(record, items.get(_place(record.key)))
            if kind:
                differing[identifier] = kind
        self.found.compared += len(wanted)
        unsettled = self._unsettled(differing, wanted, model, entries)
        self.found.waiting += len(unsettled)
        for identifier in unsettled:
            del differing[identifier]
        for identifier, kind in differing.items():
            self.found.note(kind, identifier.hex)
        if self.apply:
            self._put_right(differing, wanted, items, model)

    def _look_at_reserved(self, rows: Sequence[Image]) -> None:
        """Reserved versions that nobody will come back to become settled ones."""
        if not rows:
            return
        # One statement, so that none is among them that was confirmed between two looks.
        left = Image.objects.filter(id__in=[row.id for row in rows], reserved=True, outbox_entry=None)
        abandoned = dict(left.values_list("id", "version"))
        self.found.waiting += len(rows) - len(abandoned)
        wanted = {row.id: image_record(row) for row in rows if row.id in abandoned}
        items = {_place(item): item for item in self.table.read([record.key for record in wanted.values()])}
        for identifier, record in wanted.items():
            self.found.note("abandoned", identifier.hex)
            if self.apply:
                self.pace.take(1)
                there = version_of(items.get(_place(record.key), {}))
                self.found.written += self._overtake(Image, identifier, abandoned[identifier], there or 0)

    @staticmethod
    def _unsettled(ids: Mapping[UUID, str], wanted: Mapping[UUID, Record], model: Any, entries: Any) -> set[UUID]:
        """Rows that changed since they were read, or whose change still waits in the outbox."""
        waiting = set(entries.objects.filter(pk__in=ids).values_list("pk", flat=True))
        now = dict(model.objects.filter(pk__in=ids).values_list("pk", "version"))
        return waiting | {identifier for identifier in ids if now.get(identifier) != wanted[identifier].version}

    def _put_right(
        self, differing: Mapping[UUID, str], wanted: Mapping[UUID, Record], items: Mapping[Any, Item], model: Any
    ) -> None:
        self.pace.take(len(differing))
        plain = {name: wanted[name] for name, kind in differing.items() if kind in {"missing", "behind"}}
        damaged = {name: wanted[name].key for name, kind in differing.items() if kind == "damaged"}
        if damaged:
            plain |= {name: wanted[name] for name in damaged.keys() - self.table.delete(damaged)}
        if plain:
            self.found.written += len(self.table.publish(plain, patient=True))
        for name, kind in differing.items():
            if kind in {"ahead", "different"}:
                version = version_of(items[_place(wanted[name].key)])
                self.found.written += self._overtake(model, name, wanted[name].version, version or 0)

    @staticmethod
    def _overtake(model: Any, identifier: UUID, seen: int, there: int) -> bool:
        """Give the row a version later than its record's, and let the outbox publish that."""
        version = max(seen, there) + 1
        with transaction.atomic():
            changes = {"version": version, "reserved": False} if model is Image else {"version": version}
            if model.objects.filter(pk=identifier, version=seen).update(**changes) == 0:
                return False
            enqueue = records().enqueue if model is Image else records().enqueue_galleries
            enqueue([identifier], timezone.now())
        return True

    # --- the table

    def _orphans_of(self, page: Sequence[Item]) -> Iterator[tuple[UUID, Item]]:
        named: dict[UUID, Record] = {}
        for item in page:
            if _place(item) == ("STATE", "SWEEP"):
                continue
            try:
                record: Record = parse_gallery(item) if item["sk"] == {"S": GALLERY} else parse_image(item)
            except Malformed:
                self.found.note("foreign", " ".join(_place(item)))
                continue
            named[UUID(getattr(record, "image", record.gallery))] = record
        rows = {*Image.objects.filter(id__in=named).values_list("id", flat=True)}
        rows |= {*Gallery.objects.filter(id__in=named).values_list("id", flat=True)}
        for identifier in named.keys() - rows:
            if named[identifier].created_at > (self.now - ORPHAN_AGE).timestamp():
                self.found.note("young", identifier.hex)
            else:
                yield identifier, named[identifier].key


def _difference(record: Record, item: Item | None) -> str:
    """How ``item`` differs from what it has to be; "" when it does not."""
    if item is None:
        return "missing"
    if "claim" in item:
        return "claimed"
    try:
        there: Record = parse_gallery(item) if item["sk"] == {"S": GALLERY} else parse_image(item)
    except Malformed:
        return "damaged"
    if there == record and item.get("shard") == record.item.get("shard"):
        return ""
    if there.version == record.version:
        return "different"
    return "behind" if there.version < record.version else "ahead"


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item["pk"]["S"]), str(item["sk"]["S"])
