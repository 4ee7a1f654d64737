"""Random schedules with records: the site's verbs and its drain, a Lambda with a wrong clock and a stale index, and
writes that are lost, doubled, or arrive long after their sender gave up. The seed of a failure is in its message;
GALLERY_SEED=n runs it alone."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import transaction

from cleanup_lambda import handler
from cleanup_lambda.records import parse_image
from cleanup_lambda.visits import ClockWrong
from galleries import crash, outbox, storage, uploads
from galleries.metadata import image_record
from galleries.models import Gallery, GalleryOutboxEntry, Image, OutboxEntry, State
from galleries.outbox import Drain
from galleries.removal import remove_gallery
from galleries.storage import media_storage
from galleries.sweeping import make_plan, run_sweep
from galleries.table import TableRecords
from tests.core.world import DAY, HOUR, QuickDecoder, files
from tests.faults.test_schedules import SCHEDULES, SHARES, SKEWS, Schedule
from tests.records.direct import DirectTable, no_answer
from tests.records.table import Table

if TYPE_CHECKING:
    from pytest_django import Settings

STEPS = 9  # verbs in one schedule, and those that come between
SOON = timedelta(minutes=10)  # a write that is under way arrives before LIFECYCLE's L


class RecordSchedule(Schedule):
    """A schedule whose site keeps records in ``table``."""

    def __init__(self, gallery: Gallery, data_dir: Path, seed: int, seen: Counter[str], client: DirectTable) -> None:
        super().__init__(gallery, data_dir, seed, seen)
        self.client, self.table = client, client.table
        self.late: list[Callable[[], Any]] = []
        self.quiet = False
        self.main = threading.current_thread()
        self.skew = timedelta(0)  # of the Lambda's clock; the service's goes with it, or it would refuse
        client.now = lambda: (self.now + self.skew).timestamp()
        client.around = self.around

    # --- the line between the site and the table

    def around(self, operation: str, request: Any, act: Callable[[], Any]) -> Any:
        """One request: perhaps somebody comes first, perhaps it is lost, doubled, or late."""
        roll = 1.0 if self.quiet else self.chance.random()
        if roll < 0.10 and self.depth <= 1 and threading.current_thread() is self.main:
            self.seen["between a request and its effect"] += 1
            self.step()
        writes = operation in {"PutItem", "UpdateItem", "DeleteItem"}
        if roll > 0.16 or not writes:
            return act()
        if roll < 0.12:
            self.seen["request lost"] += 1
            raise no_answer()
        if roll < 0.14:  # the SDK sends it again
            self.seen["answer lost, sent again"] += 1
            act()
            return act()
        if roll < 0.15:
            self.seen["answer lost"] += 1
            act()
            raise no_answer()
        self.seen["write late"] += 1
        self.late.append(act)
        raise no_answer()

    def deliver(self) -> None:
        """What was under way arrives; nobody hears the answer."""
        late, self.late = self.late, []
        self.chance.shuffle(late)
        for act in late:
            try:
                act()
            except Exception as error:  # noqa: BLE001 (refused: that is what conditions are for)
                self.told.append(f"    late: {error}")

    def pass_time(self, by: timedelta) -> None:
        if by > SOON:
            self.deliver()
        super().pass_time(by)

    # --- who else acts

    def verbs(self) -> list[Callable[[], None]]:
        return [*super().verbs(), *[self.drain] * 5, *[self.run_lambda] * 4, self.age_index]

    def drain(self) -> None:
        drain = Drain(random.Random(self.chance.random()))
        # Not what waits for its time only: whoever asks again and again does so at any time.
        ahead = self.now + self.chance.choice([timedelta(0), timedelta(minutes=2), timedelta(minutes=11)])
        drain.round(ahead, 1_000)
        self.seen["drain"] += 1

    def age_index(self) -> None:
        self.table.thaw_index()
        if self.chance.random() < 0.7:
            self.table.freeze_index()
            self.seen["stale index"] += 1

    def run_lambda(self) -> None:
        before, self.skew = self.skew, self.chance.choice(SKEWS)
        self.told[-1] += f" {self.skew}"
        try:
            answer = self.sweep_records()
        except ClockWrong:  # somebody came in between, and time passed
            return
        finally:
            self.skew = before
        self.seen["lambda"] += 1
        self.seen["deleted by the lambda"] += answer["deleted"]

    def sweep_records(self) -> dict[str, Any]:
        grace = round(settings.GRACE.total_seconds())
        configuration = handler.Settings(self.table.name, "photos", "eu-central-1", "", grace)
        client: Any = self.client
        now = (self.now + self.skew).timestamp()
        store: Any = media_storage()
        return handler.run(configuration, client, store, clock=lambda: now, point=self.point)

    # --- the judge

    def check(self, *, whole: bool) -> None:
        super().check(whole=whole)
        records = {record.image: record for record in map(parse_image, self.table.images())}
        assert len(records) == len(list(self.table.images()))
        for image in Image.objects.filter(state=State.READY):
            record = records.get(image.hex)
            if record is None:
                continue
            if image.is_live(self.now):
                due = float("inf") if image.due_at is None else image.due_at.timestamp()
                assert record.due_at is None or record.due_at >= due, "I8: due before its row"
            if self.stays(image):
                assert not record.claim, "P3: claimed while it may be seen again"

    def finish(self) -> None:
        """The faults are over: drains, Lambdas and sweeps leave nothing, and everything was in line before."""
        self.depth, self.quiet = 2, True
        self.deliver()
        self.table.thaw_index()
        self.check_in_line()
        remove_gallery(self.gallery, self.now)
        for _ in range(3):
            self.pass_time(DAY + HOUR)
            Drain().round(self.now, 1_000)
            self.sweep_records()
            run_sweep(make_plan(self.now))
        assert not Image.objects.exists()
        assert files(self.data_dir) == set()
        assert not self.table.records, "a record without a row"

    def check_in_line(self) -> None:
        """I8: after two drains every row that lives or may come back has its equal record."""
        for later in (timedelta(0), timedelta(minutes=2)):  # what was taken by a drain that died has its time again
            Drain().round(self.now + later, 1_000)
        assert not OutboxEntry.objects.exists()
        assert not GalleryOutboxEntry.objects.exists()
        records = {record.image: record for record in map(parse_image, self.table.images())}
        for image in Image.objects.filter(state=State.READY).select_related("gallery"):
            record = records.get(image.hex)
            if record is None or record.claim:
                assert not self.stays(image), "I8: it lives or may come back, and has no record of its own"
            else:
                assert record == image_record(image)

    def stays(self, image: Image) -> bool:
        """Whether ``image`` is visible or may come back."""
        restorable = image.removed_at is not None and image.removed_at > self.now - settings.RESTORE_WINDOW
        unexpired = image.expires_at is None or image.expires_at > self.now
        return image.is_live(self.now) or (restorable and unexpired)

    def run(self) -> None:
        for number in range(STEPS):
            self.step()
            self.check(whole=number == STEPS - 1)
            if not Gallery.objects.filter(id=self.gallery.id).exists():
                self.begin_again()
        self.finish()


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.django_db
def test_random_schedules_with_records_keep_the_promises(
    gallery: Gallery, data_dir: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    decoder = QuickDecoder()
    monkeypatch.setattr(uploads, "decoder", lambda: decoder)
    monkeypatch.setattr(uploads, "TWIN_PATIENCE", -1.0)  # the clock stands still while one waits
    monkeypatch.setattr(uploads, "_one_at_a_time", lambda name: nullcontext())  # it would wait for itself
    monkeypatch.setattr(storage, "_sync", lambda path: None)
    monkeypatch.setattr(storage, "_sync_directory", lambda path: None)
    for module in ("galleries.table", "cleanup_lambda.due"):  # the order of chance must not depend on threads
        monkeypatch.setattr(f"{module}.SIDE_BY_SIDE", 1)
    monkeypatch.setattr("galleries.table.PAUSE", 0.0)
    monkeypatch.setattr(handler, "_say", lambda line: None)
    client = DirectTable(Table(), lambda: 0.0)
    both: Any = client
    store = TableRecords("images", both, both, grace=round(settings.GRACE.total_seconds()), clock=lambda: 0.0)
    monkeypatch.setattr("galleries.metadata._open_store", lambda *place: store)
    seen: Counter[str] = Counter()
    only = os.environ.get("GALLERY_SEED")
    for seed in [int(only)] if only else range(share, SCHEDULES, SHARES):
        client.table = Table()
        store.paused_until = store.agreed_until = float("-inf")
        store.set_grace()  # as a site does when it starts
        with transaction.atomic():
            schedule = RecordSchedule(gallery, data_dir, seed, seen, client)
            try:
                with monkeypatch.context() as patch:
                    patch.setattr(crash, "point", schedule.point)
                    outbox.enqueue_galleries([gallery.id], schedule.now)
                    schedule.run()
            except BaseException as error:
                steps = "\n".join(schedule.told)
                raise AssertionError(f"GALLERY_SEED={seed}: {error!r}\n{steps}") from error
            finally:
                schedule.traveller.stop()
            transaction.set_rollback(True)
        shutil.rmtree(data_dir / "media", ignore_errors=True)
    if not only and SCHEDULES >= 200:
        wanted = {"upload", "remove", "restore", "extend", "drain", "lambda", "deleted by the lambda", "death"}
        wanted |= {"request lost", "write late", "stale index", "between drain", "between a request and its effect"}
        assert wanted <= {name for name, count in seen.items() if count}, (
            "not vacuous: each of these must have happened"
        )
