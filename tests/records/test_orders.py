"""The sweep against whatever lengthens life, in every order of their steps: the site's real transactions, the Lambda's
real requests. One of them wins, wholly."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.conf import settings as site
from django.db import transaction
from django.utils import timezone

from cleanup_lambda import handler
from cleanup_lambda.objects import BucketObjects
from galleries import crash
from galleries.expiry import set_expiry
from galleries.metadata import image_record, records
from galleries.models import Gallery, Image, State, Usage
from galleries.outbox import Drain
from galleries.problems import Problem
from galleries.removal import remove_images, restore_image
from galleries.sweeping import make_plan, run_sweep
from galleries.table import TableRecords
from tests.core.world import DAY, SECOND, START, add, files, reload
from tests.records.direct import DirectBucket, DirectTable
from tests.records.table import Table
from tests.records.world import MINUTE, record_of

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db

EXTENSION = ("reserve", "record", "confirm")
SWEEP = ("time passes", "clock", "list", "claim", "objects", "drop")  # time, and then the Lambda's requests
SKEW = timedelta(minutes=14)  # by which the Lambda's clock is fast; LIFECYCLE rule 5 allows for 15
PATIENCE = 20.0  # seconds, for a thread that has something to do


def orders() -> Iterator[tuple[str, ...]]:
    """Every way to put the steps of both into one line, each keeping its own order."""
    length = len(EXTENSION) + len(SWEEP)
    for places in itertools.combinations(range(length), len(EXTENSION)):
        both = (iter(EXTENSION), iter(SWEEP))
        yield tuple(next(both[0] if place in places else both[1]) for place in range(length))


class Stepped:
    """``act`` in a thread of its own that goes one step at a time: as far as the next ``reach``."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.go, self.arrived = threading.Semaphore(0), threading.Semaphore(0)
        self.over = False
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(act,), daemon=True)
        self.thread.start()

    def _run(self, act: Callable[[], object]) -> None:
        self.go.acquire()
        try:
            act()
        except BaseException as failure:  # noqa: BLE001 (told to the test)
            self.failure = failure
        self.over = True
        self.arrived.release()

    def reach(self) -> None:
        """The next step begins here; asked in the thread."""
        self.arrived.release()
        assert self.go.acquire(timeout=PATIENCE)

    def advance(self) -> None:
        """Let it do one step; nothing when it is over."""
        if not self.over:
            self.go.release()
            assert self.arrived.acquire(timeout=PATIENCE), "it hangs"
        if self.failure is not None:
            raise self.failure


class SteppedBucket(DirectBucket):
    """Deleting objects is a step too."""

    def __init__(self, folder: Path, reach: Callable[[], None]) -> None:
        super().__init__(folder)
        self.reach = reach

    def delete_objects(self, Bucket: str, Delete: Any) -> Any:  # noqa: N803 (boto3's names)
        self.reach()
        return super().delete_objects(Bucket, Delete)


@dataclass(frozen=True)
class Scenario:
    """A change that begins in time, and when a sweep comes for which its image is due."""

    begins: datetime
    due: datetime
    change: Callable[[], object]


class Race:
    """One order of a change of an image and a sweep, for which the image becomes due in the first of its steps."""

    def __init__(self, order: tuple[str, ...], scenario: Scenario, client: DirectTable, folder: Path) -> None:
        self.left, self.scenario, self.client = list(order), scenario, client
        self.main = threading.main_thread()
        self.seen: set[str] = set()
        bucket: Any = SteppedBucket(folder, lambda: self.sweep.reach())
        self.objects = BucketObjects(bucket, "photos")
        client.around = self.around
        self.sweep = Stepped(self._sweep)

    def _sweep(self) -> None:
        self.sweep.reach()
        grace = round(site.GRACE.total_seconds())
        settings = handler.Settings(self.client.table.name, "photos", "eu-central-1", "", grace)
        client: Any = self.client
        now = (timezone.now() + SKEW).timestamp()
        self.client.now = lambda: now  # its service's clock goes with it, or it would refuse
        handler.run(settings, client, self.objects, clock=lambda: now)

    def around(self, operation: str, request: Any, act: Callable[[], Any]) -> Any:
        """The Lambda's requests are its steps; the sixteen queries are one."""
        first = operation not in self.seen
        if threading.current_thread() is not self.main and (operation not in {"Query", "GetItem"} or first):
            self.seen.add(operation)
            self.sweep.reach()
        return act()

    def until(self, step: str) -> None:
        """Let the sweep do what comes before ``step`` in this order."""
        while self.left and self.left[0] != step:
            if self.left.pop(0) == "time passes":
                self.traveller.move_to(self.scenario.due)
            self.sweep.advance()
        if self.left:
            self.left.pop(0)

    def point(self, name: str) -> None:
        before = {"lengthen.reserved": "record", "lengthen.recorded": "confirm"}
        if name in before and before[name] in self.left:
            self.until(before[name])

    def run(self) -> bool:
        """Whether the change was acknowledged."""
        with time_machine.travel(self.scenario.begins, tick=False) as self.traveller:
            self.until("reserve")
            try:
                self.scenario.change()
                done = True
            except Problem:
                done = False
            self.until("")
            while not self.sweep.over:
                self.sweep.advance()
        return done


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DirectTable:
    """The site's table, and the Lambda's."""
    client = DirectTable(Table(), lambda: timezone.now().timestamp())
    both: Any = client
    grace = round(settings.GRACE.total_seconds())
    store = TableRecords("images", both, both, grace=grace, clock=lambda: 0.0, sleep=lambda seconds: None)
    monkeypatch.setattr("galleries.metadata._open_store", lambda *place: store)
    monkeypatch.setattr(handler, "_say", lambda line: None)
    for module in ("galleries.table", "cleanup_lambda.due"):
        monkeypatch.setattr(f"{module}.SIDE_BY_SIDE", 1)
    return client


def _bring_back(image: Image) -> Scenario:
    """A minute before it is too late; the sweep comes when its clock says that the grace is over."""
    remove_images(image.gallery, [image.id], START)
    begins = START + site.RESTORE_WINDOW - MINUTE
    return Scenario(begins, START + site.GRACE - SKEW + SECOND, lambda: restore_image(reload(image)))


def _extend(image: Image) -> Scenario:
    """A minute before its end."""
    assert image.expires_at is not None
    ends = image.expires_at
    later = ends + 30 * DAY
    extend = lambda: set_expiry(reload(image), later, timezone.now())  # noqa: E731
    return Scenario(ends - MINUTE, ends + site.GRACE - SKEW + SECOND, extend)


@pytest.mark.parametrize("scenario", [_bring_back, _extend])
def test_in_every_order_one_of_them_wins_wholly(
    scenario: Callable[[Image], Scenario],
    client: DirectTable,
    gallery_of_now: Gallery,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcomes: Counter[str] = Counter()
    store: Any = records()
    for number, order in enumerate(orders()):
        client.table = Table()
        client.around = lambda operation, request, act: act()
        with transaction.atomic():
            with time_machine.travel(START, tick=False):
                client.now = lambda: timezone.now().timestamp()
                store.set_grace()
                image = add(gallery_of_now, number)
                raced = scenario(image)
                Drain(random.Random(0)).round(timezone.now() + MINUTE, 100)
            race = Race(order, raced, client, data_dir)
            with monkeypatch.context() as patch:
                patch.setattr(crash, "point", race.point)
                acknowledged = race.run()
            with time_machine.travel(raced.due, tick=False):
                outcomes[_judge(order, image, client, data_dir, acknowledged=acknowledged)] += 1
                _everybody_goes_home(order, image, client, data_dir, acknowledged=acknowledged)
            transaction.set_rollback(True)
    # Acknowledged before the time is over; begun before the claim, and brought back in line later; or not begun.
    assert outcomes == {"lives": 1, "refused, and still there": 24, "deleted": 59}


def _judge(order: tuple[str, ...], image: Image, client: DirectTable, folder: Path, *, acknowledged: bool) -> str:
    """What became of it, right after both are through."""
    stored = set(image.keys) & files(folder)
    row = Image.objects.get(id=image.id)
    if acknowledged:
        record = record_of(client.table, image)
        assert row.is_live(timezone.now()), order
        assert stored == set(image.keys), (order, "a live row without objects")
        assert record == image_record(row), order
        assert record is not None
        assert not record.claim, order
        return "lives"
    assert not row.is_live(timezone.now()), order
    assert (row.removed_at, row.expires_at) == (reload(image).removed_at, image.expires_at), order
    return "refused, and still there" if stored else "deleted"


def _everybody_goes_home(
    order: tuple[str, ...], image: Image, client: DirectTable, folder: Path, *, acknowledged: bool
) -> None:
    """Drains and sweeps, later: what was acknowledged is untouched, of the other nothing is left."""
    client.around = lambda operation, request, act: act()
    for hours in (1, 2):
        with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=False):
            Drain(random.Random(0)).round(timezone.now(), 100)
            run_sweep(make_plan(timezone.now()))
    if acknowledged:
        assert Image.objects.get(id=image.id).state == State.READY, order
        assert set(image.keys) <= files(folder), order
        return
    assert not Image.objects.filter(id=image.id).exists(), order
    assert record_of(client.table, image) is None, order
    assert not set(image.keys) & files(folder), order
    assert Usage.objects.get().images == 0, order


@pytest.fixture
def gallery_of_now(client: DirectTable, alice: Any) -> Gallery:
    """Alice's gallery, as it was made at START."""
    from galleries.galleries import create_gallery

    with time_machine.travel(START, tick=False):
        return create_gallery(alice, title="Summer", retention="7d", now=START)
