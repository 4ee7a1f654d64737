"""Everything that can happen to images, in any order or at once: all promises are kept (P1 to P4, Q, counts)."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from galleries import storage, uploads
from galleries.expiry import set_expiry
from galleries.models import Gallery, Image
from galleries.moderation import reinstate, take_down
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_image
from galleries.sweeping import finish_deleting, make_plan, run_sweep
from tests.core.schedule_machine import World
from tests.core.world import (
    DAY,
    HOUR,
    QuickDecoder,
    attempt,
    check_clean,
    check_world,
    files,
    picture,
    together,
    upload,
)


@pytest.fixture
def world(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> type[World]:
    """Without waiting for the disk, nor for a clock that stands still."""
    monkeypatch.setattr(storage, "_sync", lambda path: None)
    monkeypatch.setattr(storage, "_sync_directory", lambda path: None)
    monkeypatch.setattr(uploads, "TWIN_PATIENCE", -1.0)
    World.data_dir = data_dir
    World.seen.clear()
    return World


@pytest.mark.django_db
def test_a_story_in_which_everything_happens_once(world: type[World]) -> None:
    """The random schedules below are not vacuous: each rule's success and refusal is reached here."""
    one = world()
    steps: list[Callable[[], None]] = [
        one.begin,
        lambda: one.upload(0, 0),
        lambda: one.upload(0, 0),
        lambda: one.keep(0, 30 * DAY),
        lambda: one.keep(0, DAY),
        lambda: one.remove(0),
        lambda: one.restore(0),
        lambda: one.remove_and_upload_again_then_want_it_back(0),
        lambda: one.take_down(1),
        lambda: one.reinstate(1),
        lambda: one.remove_gallery(0),
        lambda: one.restore_gallery(0),
        lambda: one.delete_now(0, True),
        lambda: one.upload_dies(0, 2, "upload.objects"),
        lambda: one.change_policy(0, "1h"),
        lambda: one.time_passes(7 * DAY),
        lambda: one.restore(1),
        lambda: one.sweep_dies("sweep.objects"),
        one.sweep,
        lambda: one.time_passes(HOUR),
        one.sweep,
    ]
    for step in steps:
        step()
        one.promises_hold()
    one.teardown()
    refusals = {"restore refused: duplicate", "restore refused: not_found"}
    done = {
        "upload",
        "duplicate",
        "extend",
        "shorten",
        "restore",
        "reinstate",
        "restore with its gallery",
        "delete now",
    }
    assert refusals | done | {"swept"} <= set(world.seen)


@pytest.mark.slow
@pytest.mark.django_db
def test_any_order_of_anything_keeps_the_promises(world: type[World]) -> None:
    often = settings(
        derandomize=True,
        max_examples=9,
        stateful_step_count=45,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(world, settings=often)
    assert {"upload", "duplicate", "swept"} <= set(world.seen)


def _random_act(gallery: Gallery, chance: random.Random) -> Callable[[], Any]:
    """Something that a person, a moderator or the timer does to what is there now."""
    number, now = chance.randrange(6), timezone.now()
    acts: list[Callable[[], Any]] = [lambda: upload(gallery, number)] * 3
    rows = list(Image.objects.filter(gallery=gallery).select_related("gallery"))
    if rows:
        image, days = chance.choice(rows), chance.choice([1, 9])
        acts += [
            lambda: remove_images(gallery, [row.id for row in rows[::2]], now),
            lambda: restore_image(image),
            lambda: set_expiry(image, now + days * DAY, now),
            lambda: take_down([image], now),
            lambda: reinstate([image]),
            lambda: delete_for_good(gallery, [image.id], now),
            lambda: finish_deleting(gallery, now),
            lambda: run_sweep(make_plan(now + DAY, older_than=DAY)),
        ]
    return chance.choice(acts)


def _random_life(gallery: Gallery, seed: int) -> int:
    """One browser among several on the same gallery; returns how many acts were not refused."""
    chance = random.Random(seed)
    return sum(attempt(_random_act(gallery, chance))[1] is None for _ in range(12))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_many_at_once_keep_counts_quota_and_objects(
    gallery: Gallery, data_dir: Path, seed: int, quick_decoder: QuickDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "TWIN_PATIENCE", 0.5)
    done = together(lambda n: _random_life(gallery, 100 * seed + n), range(5))
    assert all(isinstance(each, int) and each > 3 for each in done), done
    now = timezone.now()
    check_world(now, data_dir)
    remove_gallery(gallery, now)
    check_world(now, data_dir)
    for later in (2, 4, 6):
        run_sweep(make_plan(now + later * DAY))
        check_world(now + later * DAY, data_dir)
    check_clean(data_dir)
    assert picture(0) not in {Path(data_dir, key).read_bytes() for key in files(data_dir)}
