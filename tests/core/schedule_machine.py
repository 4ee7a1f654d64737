"""A machine that does to images whatever can happen to them, in any order, and checks the whole world after each step.

A model beside the site keeps what was acknowledged: what must be seen, until when, and what may come back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import time_machine
from django.conf import settings as site
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from galleries.expiry import set_expiry
from galleries.galleries import change_gallery, create_gallery
from galleries.models import Gallery, Image, OutboxEntry, Receipt, State, SweepHold, Usage
from galleries.moderation import reinstate, take_down
from galleries.problems import Problem
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_gallery, restore_image
from galleries.sweeping import finish_deleting, make_plan, run_sweep
from gallery_site.accounts.models import User
from tests.core.world import (
    DAY,
    HOUR,
    SECOND,
    START,
    Killed,
    attempt,
    check_clean,
    check_world,
    dying_at,
    reload,
    upload,
)

GRACE, WINDOW = site.GRACE, site.RESTORE_WINDOW
UPLOAD_POINTS = ["upload.received", "upload.pending", "upload.object", "upload.objects", "upload.ready"]
SWEEP_POINTS = ["sweep.claimed", "sweep.objects", "sweep.recorded", "sweep.emptied", "sweep.forgotten"]
STEPS = [SECOND, timedelta(minutes=20), HOUR, timedelta(hours=6), WINDOW, timedelta(minutes=15), DAY, 7 * DAY]


@dataclass
class Known:
    """What was acknowledged about one image."""

    gallery: UUID
    number: int
    expires_at: datetime | None
    removed_at: datetime | None = None
    with_gallery: bool = False
    taken_down_at: datetime | None = None
    gone: bool = False

    def visible(self, now: datetime) -> bool:
        hidden = self.gone or self.removed_at is not None or self.taken_down_at is not None
        return not hidden and (self.expires_at is None or self.expires_at > now)


class World(RuleBasedStateMachine):
    """Two galleries of one person; the clock only moves when a rule moves it."""

    data_dir: Path
    seen: Counter[str] = Counter()  # what happened at all, in every example

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.traveller = time_machine.travel(START, tick=False)
        self.clock = self.traveller.start()
        self.known: dict[UUID, Known] = {}
        self.removed: dict[UUID, datetime] = {}
        self.forgotten = 0  # images of galleries that are gone

    @initialize()
    def begin(self) -> None:
        owner = User.objects.create_user(username="alice", email="alice@example.org")
        self.galleries = [
            create_gallery(owner, title=t, retention=r, now=START).id for t, r in (("A", "1d"), ("B", "7d"))
        ]
        Usage.objects.create(owner=owner, max_bytes=1_000)

    # --- what people do

    @rule(which=st.integers(0, 1), number=st.integers(0, 3))
    def upload(self, which: int, number: int) -> None:
        gallery = Gallery.objects.get(id=self.galleries[which])
        twin = self._twin(gallery.id, number)
        stored, problem = attempt(lambda: upload(gallery, number))
        if stored is None or problem is not None:
            assert problem
            assert problem.code == ("not_found" if gallery.id in self.removed else "quota_exceeded")
            return
        assert gallery.id not in self.removed
        assert (stored.image.id if stored.duplicate else None) == twin
        self.seen["duplicate" if stored.duplicate else "upload"] += 1
        if not stored.duplicate:
            self.known[stored.image.id] = Known(gallery.id, number, stored.image.expires_at)

    @rule(which=st.integers(0, 1), number=st.integers(0, 3), point=st.sampled_from(UPLOAD_POINTS))
    def upload_dies(self, which: int, number: int, point: str) -> None:
        gallery = Gallery.objects.get(id=self.galleries[which])
        before = set(Image.objects.values_list("id", flat=True))
        try:
            with dying_at(point):
                upload(gallery, number)
        except (Killed, Problem):
            pass
        for image in Image.objects.exclude(id__in=before).filter(state=State.READY):
            self.known[image.id] = Known(gallery.id, number, image.expires_at)  # committed, though nobody was told

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99))
    def remove(self, choice: int) -> None:
        image, known = self._choose(choice)
        hit = remove_images(image.gallery, [image.id], self.now)
        assert hit == (not known.gone and known.removed_at is None)
        if hit:
            known.removed_at, known.with_gallery = self.now, False

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99))
    def restore(self, choice: int) -> None:
        image, known = self._choose(choice)
        self._bring_back(known, lambda: restore_image(image), known.removed_at, known.taken_down_at is None)
        if reload_or_none(image.id) and not known.gone and reload(image).removed_at is None:
            known.removed_at = None

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99))
    def take_down(self, choice: int) -> None:
        image, known = self._choose(choice)
        hit = take_down([image], self.now)
        assert hit == (not known.gone and known.taken_down_at is None)
        if hit:
            known.taken_down_at = self.now

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99))
    def reinstate(self, choice: int) -> None:
        image, known = self._choose(choice)
        outcome = reinstate([image])
        inside = known.taken_down_at is not None and known.taken_down_at > self.now - WINDOW
        possible = not known.gone and inside and (known.expires_at is None or known.expires_at > self.now)
        twin = None if known.removed_at is not None else self._twin(known.gallery, known.number)
        assert bool(outcome.done) == (possible and twin is None), outcome
        if outcome.done:
            known.taken_down_at = None
            self.seen["reinstate"] += 1

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99), lifetime=st.sampled_from([SECOND, HOUR, DAY, 30 * DAY, None]))
    def keep(self, choice: int, lifetime: timedelta | None) -> None:
        image, known = self._choose(choice)
        expires_at = None if lifetime is None else self.now + lifetime
        if image.expires_at == expires_at:
            return
        _, problem = attempt(lambda: set_expiry(image, expires_at, self.now))
        if problem is not None:
            assert problem.code == "not_found"
            assert not known.visible(self.now)
            return
        assert known.visible(self.now)
        longer = known.expires_at is not None and (expires_at is None or expires_at > known.expires_at)
        self.seen["extend" if longer else "shorten"] += 1
        known.expires_at = expires_at

    @rule(which=st.integers(0, 1), retention=st.sampled_from(["1h", "1d", "30d", "forever"]))
    def change_policy(self, which: int, retention: str) -> None:
        gallery = Gallery.objects.get(id=self.galleries[which])
        outcome = change_gallery(
            gallery, title="A", description="", retention=retention, apply_to_existing=True, now=self.now
        )
        for done in outcome.done:
            row = Image.objects.get(id=UUID(done))
            self.known[row.id].expires_at = gallery.policy.expires_at(row.created_at)

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99), finish=st.booleans())
    def delete_now(self, choice: int, finish: bool) -> None:
        image, known = self._choose(choice)
        hit = delete_for_good(image.gallery, [image.id], self.now)
        assert hit == (not known.gone and known.removed_at is not None)
        known.gone = known.gone or bool(hit)
        self.seen["delete now"] += hit
        if finish:
            finish_deleting(image.gallery, self.now)

    @rule(which=st.integers(0, 1))
    def remove_gallery(self, which: int) -> None:
        gallery = Gallery.objects.get(id=self.galleries[which])
        assert remove_gallery(gallery, self.now) == (gallery.id not in self.removed)
        if gallery.id in self.removed:
            return
        self.removed[gallery.id] = self.now
        for known in self.known.values():
            if known.gallery == gallery.id and not known.gone and known.removed_at is None:
                known.removed_at, known.with_gallery = self.now, True

    @rule(which=st.integers(0, 1))
    def restore_gallery(self, which: int) -> None:
        gallery = Gallery.objects.get(id=self.galleries[which])
        outcome, _ = attempt(lambda: restore_gallery(gallery, self.now))
        if outcome is None:
            assert gallery.id not in self.removed or self.removed[gallery.id] <= self.now - WINDOW
            return
        assert self.removed.pop(gallery.id) > self.now - WINDOW
        for done in outcome.done:
            known = self.known[UUID(done)]
            assert known.with_gallery
            assert known.removed_at is not None
            assert known.removed_at > self.now - WINDOW
            assert known.taken_down_at is None
            known.removed_at = None
            self.seen["restore with its gallery"] += 1

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99))
    def remove_and_upload_again_then_want_it_back(self, choice: int) -> None:
        _, known = self._choose(choice)
        self.remove(choice)
        self.upload(self.galleries.index(known.gallery), known.number)
        self.restore(choice)

    @precondition(lambda self: self.known)
    @rule(choice=st.integers(0, 99), step=st.sampled_from(STEPS))
    def remove_by_mistake(self, choice: int, step: timedelta) -> None:
        self.remove(choice)
        self.promises_hold()
        self.time_passes(step)
        self.restore(choice)

    @rule(which=st.integers(0, 1), number=st.integers(0, 3))
    def remove_a_gallery_by_mistake(self, which: int, number: int) -> None:
        self.upload(which, number)
        self.remove_gallery(which)
        self.promises_hold()
        self.restore_gallery(which)

    # --- what happens by itself

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: timedelta) -> None:
        self.now += step
        self.clock.move_to(self.now)

    @rule()
    def sweep(self) -> None:
        self._sweep(lambda: run_sweep(make_plan(self.now)))

    @rule(point=st.sampled_from(SWEEP_POINTS))
    def sweep_dies(self, point: str) -> None:
        def die() -> None:
            try:
                with dying_at(point):
                    run_sweep(make_plan(self.now))
            except Killed:
                pass

        self._sweep(die)

    # --- the judge

    @invariant()
    def promises_hold(self) -> None:
        if not hasattr(self, "galleries"):
            return
        check_world(self.now, self.data_dir)
        live = set(Image.objects.served(self.now).values_list("id", flat=True))
        wanted = {identifier for identifier, known in self.known.items() if known.visible(self.now)}
        assert live == {one for one in wanted if self.known[one].gallery not in self.removed}
        assert live == wanted, "what a removed gallery holds is removed itself"

    def teardown(self) -> None:
        try:
            if hasattr(self, "galleries"):
                self._end()
        finally:
            self.traveller.stop()
            _empty_tables()

    def _end(self) -> None:
        """P4: people stop; what was kept for ever is removed; the sweeps do the rest."""
        self.promises_hold()
        for gallery in Gallery.objects.all():
            remove_gallery(gallery, self.now)
        for _ in range(3):
            self.now += GRACE + HOUR
            self.clock.move_to(self.now)
            run_sweep(make_plan(self.now, allow_mass=True))
            check_world(self.now, self.data_dir)
        check_clean(self.data_dir)
        assert not Gallery.objects.exists()
        assert Receipt.objects.count() == len(self.known) + self.forgotten
        assert not OutboxEntry.objects.exists()

    # --- inside

    def _choose(self, choice: int) -> tuple[Image, Known]:
        identifier = list(self.known)[choice % len(self.known)]
        image = reload_or_none(identifier)
        if image is None:  # dropped: what an old page still names
            known = self.known[identifier]
            assert known.gone
            gallery = Gallery.objects.get(id=known.gallery)
            return Image(id=identifier, gallery=gallery, expires_at=known.expires_at, extension="jpg"), known
        return image, self.known[identifier]

    def _twin(self, gallery: UUID, number: int) -> UUID | None:
        for identifier, known in self.known.items():
            if (known.gallery, known.number) == (gallery, number) and known.visible(self.now):
                return identifier
        return None

    def _bring_back(self, known: Known, act: Callable[[], object], hidden_at: datetime | None, alone: bool) -> None:
        inside = hidden_at is not None and hidden_at > self.now - WINDOW
        possible = not known.gone and inside and alone and known.gallery not in self.removed
        possible = possible and (known.expires_at is None or known.expires_at > self.now)
        twin = self._twin(known.gallery, known.number)
        _, problem = attempt(act)
        if problem is not None:
            assert not possible or (twin is not None and problem.code == "duplicate")
            self.seen[f"restore refused: {problem.code}"] += 1
        else:
            self.seen["restore"] += 1
            assert possible
            assert twin is None

    def _sweep(self, act: Callable[[], object]) -> None:
        """What is gone afterwards was due: P3."""
        act()
        cutoff = self.now - GRACE
        left = set(Image.objects.filter(state=State.READY).values_list("id", flat=True))
        for identifier, known in self.known.items():
            if known.gone:
                continue
            ends = [end for end in (known.expires_at, known.removed_at, known.taken_down_at) if end is not None]
            due = bool(ends) and min(ends) <= cutoff
            assert due or identifier in left, "something died early"
            known.gone = identifier not in left
            self.seen["swept"] += known.gone
        self.galleries = [
            one if Gallery.objects.filter(id=one).exists() else self._another(one) for one in self.galleries
        ]

    def _another(self, gone: UUID) -> UUID:
        assert self.removed.pop(gone) <= self.now - GRACE
        assert all(known.gone for known in self.known.values() if known.gallery == gone)
        self.forgotten += sum(known.gallery == gone for known in self.known.values())
        self.known = {one: known for one, known in self.known.items() if known.gallery != gone}
        return create_gallery(User.objects.get(), title="C", retention="7d", now=self.now).id


def reload_or_none(identifier: UUID) -> Image | None:
    """The row, if it is still there."""
    return Image.objects.select_related("gallery").filter(id=identifier).first()


def _empty_tables() -> None:
    with transaction.atomic():
        Gallery.objects.update(cover=None)
        for model in (OutboxEntry, Receipt, SweepHold, Image, Gallery, Usage):
            model.objects.all().delete()
        User.objects.all().delete()
