"""Random schedules: verbs of the site inside each other's steps, sweeps with wrong clocks, and deaths at any point.

At each crash point that a verb passes, another verb may run whole (as another process would), time may pass, or the
verb may die. A ledger keeps what was acknowledged; after each verb the rows and the files are compared with it. The
seed of a failure is in the name of the test that failed and in its message: GALLERY_SEED=n runs it alone.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.db import transaction

from galleries import crash, storage, uploads
from galleries.expiry import set_expiry
from galleries.galleries import create_gallery
from galleries.models import Gallery, Image, State
from galleries.problems import Problem
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_gallery, restore_image
from galleries.sweeping import finish_deleting, make_plan, run_sweep
from galleries.uploads import StoredUpload
from tests.core.world import DAY, HOUR, START, Killed, QuickDecoder, check_world, files, picture, reload, upload

SCHEDULES = int(os.environ.get("GALLERY_SCHEDULES", "200"))
SHARES = 4  # tests that they are dealt to, so that two processes have work
STEPS = 12  # verbs in one schedule
MINUTE = timedelta(minutes=1)
NUMBERS = {hashlib.sha256(picture(number)).hexdigest(): number for number in range(3)}
JUMPS = [MINUTE, 14 * MINUTE, HOUR, 6 * HOUR, settings.RESTORE_WINDOW - MINUTE, DAY, 7 * DAY]
SKEWS = [timedelta(0), 5 * MINUTE, -5 * MINUTE, 14 * MINUTE, -HOUR]  # below the 15 minutes of LIFECYCLE rule 5
# Here the verb has committed already: only a death is of interest, nobody can come between.
COMMITTED = {"upload.ready", "remove.committed", "lengthen.confirmed"}


@dataclass
class Known:
    """What was acknowledged about one image."""

    number: int
    expires_at: datetime | None
    removed_at: datetime | None = None
    with_gallery: bool = False
    gone: bool = False

    def visible(self, now: datetime) -> bool:
        return not self.gone and self.removed_at is None and (self.expires_at is None or self.expires_at > now)


class Schedule:
    """One schedule in one gallery. ``seen`` counts what happened, so that nobody is fooled by an idle test."""

    def __init__(self, gallery: Gallery, data_dir: Path, seed: int, seen: Counter[str]) -> None:
        self.gallery, self.data_dir, self.seen = gallery, data_dir, seen
        self.chance = random.Random(seed)
        self.known: dict[UUID, Known] = {}
        self.gallery_removed: datetime | None = None
        self.depth = 0
        self.now = START
        self.traveller = time_machine.travel(START, tick=False)
        self.clock = self.traveller.start()
        self.told: list[str] = []

    # --- running

    def run(self) -> None:
        """All of it, then everybody goes home and the sweeps clean up."""
        for number in range(STEPS):
            self.step()
            self.check(whole=number % 4 == 3)
            if not Gallery.objects.filter(id=self.gallery.id).exists():
                self.begin_again()
        self.depth = 2  # nothing more happens in between
        remove_gallery(self.gallery, self.now)
        for _ in range(3):
            self.pass_time(DAY + HOUR)
            run_sweep(make_plan(self.now))
        assert not Image.objects.exists()
        assert files(self.data_dir) == set()

    def begin_again(self) -> None:
        """The gallery was removed and is swept: everything in it was due."""
        assert self.gallery_removed is not None
        assert self.gallery_removed <= self.now - settings.GRACE + max(SKEWS)
        assert all(known.gone for known in self.known.values())
        self.known, self.gallery_removed = {}, None
        self.gallery = create_gallery(self.gallery.owner, title="Again", retention="7d", now=self.now)

    def verbs(self) -> list[Callable[[], None]]:
        """What may happen next, each as often as it is likely."""
        verbs = [self.upload] * 4 + [self.remove, self.restore, self.keep] * 3 + [self.sweep] * 3
        return [*verbs, self.delete_now, self.remove_gallery, self.restore_gallery, self.restore_gallery]

    def step(self) -> None:
        verb = self.chance.choice(self.verbs())
        # What can be brought back often is: that is where data would be lost.
        if self.chance.random() < 0.4:
            if self.gallery_removed is not None:
                verb = self.restore_gallery
            elif any(known.removed_at is not None and self.may_return(known) for known in self.known.values()):
                verb = self.restore
        self.told.append(f"{'  ' * self.depth}{verb.__name__}")
        before = {image: (known.expires_at, known.removed_at, known.gone) for image, known in self.known.items()}
        self.depth += 1
        try:
            verb()
        except Killed as death:
            self.told.append(f"{'  ' * self.depth}dies at {death}")
            self.seen["death"] += 1
            self.learn(before)
        finally:
            self.depth -= 1
        if self.depth == 0 and self.chance.random() < 0.35:
            self.pass_time(self.chance.choice(JUMPS))

    def point(self, name: str) -> None:
        """A crash point was passed: perhaps somebody dies or somebody else comes between."""
        if self.depth > 1:
            return
        roll = self.chance.random()
        if roll < 0.06:
            raise Killed(name)
        if name in COMMITTED:
            return
        if roll < 0.20:
            self.seen[f"between {name.partition('.')[0]}"] += 1
            self.step()
        elif roll < 0.26:
            self.pass_time(self.chance.choice(JUMPS))

    def pass_time(self, by: timedelta) -> None:
        self.told.append(f"{'  ' * self.depth}{by} later")
        self.now += by
        self.clock.move_to(self.now)

    # --- verbs

    def upload(self) -> None:
        number = self.chance.randrange(3)
        lifetime = self.chance.choice([HOUR, DAY, 7 * DAY, None])
        options = uploads.UploadOptions(expires_at=None if lifetime is None else self.now + lifetime, has_expiry=True)
        stored = self.try_to(lambda: upload(self.gallery, number, options=options))
        if stored is None:
            return
        assert isinstance(stored, StoredUpload)
        row = reload(stored.image)
        assert row.is_live(self.now) or options.expires_at, "acknowledged"
        if stored.duplicate:
            self.seen["duplicate"] += 1
            assert self.known[row.id].number == number
            assert self.known[row.id].visible(self.now), "a duplicate of something hidden"
        else:
            self.seen["upload"] += 1
            self.known[row.id] = Known(number, row.expires_at)

    def remove(self) -> None:
        if chosen := self.choose():
            image, known = chosen
            at = self.now
            if self.try_to(lambda: remove_images(self.gallery, [image.id], at)):
                known.removed_at, known.with_gallery = at, False
                self.seen["remove"] += 1

    def restore(self) -> None:
        if chosen := self.choose(lambda known: known.removed_at is not None):
            image, known = chosen
            if self.try_to(lambda: restore_image(image)):
                assert self.may_return(known), "brought back too late"
                known.removed_at = None
                self.seen["restore"] += 1

    def keep(self) -> None:
        if chosen := self.choose(lambda known: known.visible(self.now)):
            image, known = chosen
            lifetime = self.chance.choice([MINUTE, HOUR, DAY, 30 * DAY, None])
            end = None if lifetime is None else self.now + lifetime
            before = known.expires_at
            if self.try_to(lambda: set_expiry(image, end, self.now)) is None or end == image.expires_at:
                return
            longer = image.expires_at is not None and (end is None or end > image.expires_at)
            if longer:
                assert known.removed_at is None, "P2: it was hidden after the lengthening began"
                assert not known.gone
                assert before is None or before > self.now, "extended after its end"
            row = reload(image)
            assert row.expires_at == end or not longer
            known.expires_at = row.expires_at
            self.seen["extend" if longer else "shorten"] += 1

    def delete_now(self) -> None:
        if chosen := self.choose(lambda known: known.removed_at is not None):
            image, known = chosen
            if self.try_to(lambda: delete_for_good(self.gallery, [image.id], self.now)):
                known.gone = True
                self.seen["delete now"] += 1
            finish_deleting(self.gallery, self.now)

    def remove_gallery(self) -> None:
        at = self.now
        if self.try_to(lambda: remove_gallery(self.gallery, at)):
            self.gallery_removed = at
            for known in self.known.values():
                if not known.gone and known.removed_at is None:
                    known.removed_at, known.with_gallery = at, True

    def restore_gallery(self) -> None:
        if self.gallery_removed is None:
            return
        outcome = self.try_to(lambda: restore_gallery(self.gallery, self.now))
        # Somebody else may have removed it again in between: the row says whose turn was last.
        self.gallery_removed = self.removed_by_row()
        for identifier in getattr(outcome, "done", []):
            row = Image.objects.get(id=UUID(identifier))
            known = self.known[row.id]
            if row.removed_at is None:
                assert known.with_gallery or known.removed_at is None
                known.removed_at = None
                self.seen["restore with its gallery"] += 1

    def sweep(self) -> None:
        skew = self.chance.choice(SKEWS)
        self.told[-1] += f" {skew}"
        run_sweep(make_plan(self.now + skew))
        self.seen["sweep"] += 1

    # --- the judge

    def try_to(self, act: Callable[[], object]) -> object:
        """What ``act`` returned, None when it was refused."""
        try:
            return act()
        except Problem as problem:
            self.seen[f"refused {problem.code}"] += 1
            return None

    def choose(self, which: Callable[[Known], bool] = lambda known: True) -> tuple[Image, Known] | None:
        rows = Image.objects.filter(id__in=self.known).select_related("gallery").order_by("id")
        there = [image for image in rows if which(self.known[image.id])]
        image = self.chance.choice(there) if there else None
        return None if image is None else (image, self.known[image.id])

    def removed_by_row(self) -> datetime | None:
        row = Gallery.objects.filter(id=self.gallery.id).first()
        return self.gallery_removed if row is None else row.removed_at

    def may_return(self, known: Known) -> bool:
        inside = known.removed_at is not None and known.removed_at > self.now - settings.RESTORE_WINDOW
        return not known.gone and inside and (known.expires_at is None or known.expires_at > self.now)

    def learn(self, before: dict[UUID, tuple[datetime | None, datetime | None, bool]]) -> None:
        """A verb died: it was done or it was not. The rows say which; they may not say a third thing."""
        self.gallery_removed = self.removed_by_row()
        for row in Image.objects.exclude(id__in=self.known).filter(state=State.READY):
            with_gallery = row.removal == "gallery"
            self.known[row.id] = Known(NUMBERS[row.sha256], row.expires_at, row.removed_at, with_gallery)
        for row in Image.objects.filter(id__in=before, state=State.READY):
            known = self.known[row.id]
            known.expires_at, known.removed_at = row.expires_at, row.removed_at
            known.with_gallery = row.removal == "gallery"
        for row in Image.objects.filter(id__in=before, state=State.DELETING):
            ends = [end for end in (row.expires_at, row.removed_at) if end is not None]
            assert ends, "what never ends is being deleted"
            assert row.removed_at is not None or min(ends) <= self.now, "something dies early"

    def check(self, *, whole: bool) -> None:
        """What is visible is what was promised; what is gone was due. ``whole``: the files and the counts, too."""
        if whole:
            check_world(self.now, self.data_dir)
        rows = {row.id: row for row in Image.objects.filter(id__in=self.known)}
        for identifier, known in self.known.items():
            row = rows.get(identifier)
            if known.visible(self.now):
                assert row is not None, "P1: lost"
                assert row.is_live(self.now), "P1: acknowledged and not visible"
                assert row.expires_at == known.expires_at, "P1: another promise"
            elif row is not None:
                assert not row.is_live(self.now), "P2: visible after its end"
            if self.may_return(known):
                assert row is not None, "P3: swept inside the restore window"
                assert row.state == State.READY, "P3: swept inside the restore window"
            known.gone = known.gone or row is None or row.state != State.READY


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.django_db
def test_random_schedules_keep_the_promises(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    decoder = QuickDecoder()
    monkeypatch.setattr(uploads, "decoder", lambda: decoder)
    monkeypatch.setattr(uploads, "TWIN_PATIENCE", -1.0)  # the clock stands still while one waits
    monkeypatch.setattr(uploads, "_one_at_a_time", lambda name: nullcontext())  # it would wait for itself
    monkeypatch.setattr(storage, "_sync", lambda path: None)
    monkeypatch.setattr(storage, "_sync_directory", lambda path: None)
    seen: Counter[str] = Counter()
    only = os.environ.get("GALLERY_SEED")
    for seed in [int(only)] if only else range(share, SCHEDULES, SHARES):
        with transaction.atomic():
            schedule = Schedule(gallery, data_dir, seed, seen)
            try:
                with monkeypatch.context() as patch:
                    patch.setattr(crash, "point", schedule.point)
                    schedule.run()
            except BaseException as error:
                steps = "\n".join(schedule.told)
                raise AssertionError(f"GALLERY_SEED={seed}: {error!r}\n{steps}") from error
            finally:
                schedule.traveller.stop()
            transaction.set_rollback(True)
        shutil.rmtree(data_dir / "media", ignore_errors=True)
    if not only and SCHEDULES >= 200:
        wanted = {"upload", "duplicate", "remove", "restore", "extend", "shorten", "sweep", "death"}
        wanted |= {"between upload", "between lengthen", "between sweep"}
        assert wanted <= set(seen), "not vacuous: each of these must have happened"
