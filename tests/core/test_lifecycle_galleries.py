"""Table 1a of LIFECYCLE: whole galleries that are removed and restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from galleries.models import Gallery, Image, Removal
from galleries.moderation import take_down
from galleries.removal import remove_gallery, remove_images, restore_gallery, restore_images
from galleries.sweeping import make_plan, run_sweep
from tests.core.world import (
    DAY,
    HOUR,
    SECOND,
    START,
    Killed,
    add,
    check_clean,
    check_world,
    clock,
    dying_at,
    files,
    problem_of,
    receipts,
)

pytestmark = pytest.mark.django_db


def test_removing_a_gallery_takes_everything_with_it(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(3)]
        remove_images(gallery, [images[0].id], START)
        with dying_at("upload.objects"), pytest.raises(Killed):
            add(gallery, 9)
        assert remove_gallery(gallery, START + HOUR)
        assert not remove_gallery(gallery, START + 2 * HOUR)
        rows = {row.id: row for row in Image.objects.all()}
        assert rows[images[0].id].removal == Removal.IMAGE
        assert rows[images[0].id].removed_at == START
        gone = [row for row in rows.values() if row.removal == Removal.GALLERY]
        assert len(gone) == 3, "the pending one too (X39)"
        assert {row.due_at for row in gone} == {START + HOUR}
        check_world(START + HOUR, data_dir)


def test_restoring_a_gallery_brings_back_what_went_with_it(gallery: Gallery, data_dir: Path) -> None:
    """X36: an image removed by hand before stays removed."""
    with clock(START) as time_:
        images = [add(gallery, n) for n in range(4)]
        remove_images(gallery, [images[0].id], START)
        take_down([images[1]], START)
        remove_gallery(gallery, START)
        time_.shift(HOUR)
        outcome = restore_gallery(gallery, timezone.now())
        assert set(outcome.done) == {images[2].hex, images[3].hex}
        assert outcome.asked == 2
        assert set(Image.objects.live(timezone.now())) == {images[2], images[3]}
        check_world(timezone.now(), data_dir)
        assert problem_of(lambda: restore_gallery(gallery, timezone.now())).code == "not_found"


def test_a_gallery_is_not_restored_after_the_window(gallery: Gallery) -> None:
    with clock(START) as time_:
        add(gallery, 1)
        remove_gallery(gallery, START)
        time_.shift(settings.RESTORE_WINDOW)
        assert problem_of(lambda: restore_gallery(gallery, timezone.now())).code == "not_found"
        assert Gallery.objects.get().removed_at == START


def test_death_in_the_middle_of_restoring_a_gallery_leaves_the_rest_in_the_bin(
    gallery: Gallery, data_dir: Path
) -> None:
    """X34: the flag goes first, so nothing is hidden for ever."""
    with clock(START) as time_:
        for number in range(3):
            add(gallery, number)
        remove_gallery(gallery, START)
        with dying_at("lengthen.confirmed"), pytest.raises(Killed):
            restore_gallery(gallery, START)
        assert Gallery.objects.get().removed_at is None
        assert Image.objects.live(START).count() == 1
        check_world(START, data_dir)
        rest = Image.objects.restorable(START).select_related("gallery")
        assert len(restore_images(rest).done) == 2
        time_.shift(10 * DAY)
        for later in range(2):
            run_sweep(make_plan(timezone.now() + later * HOUR))
        check_clean(data_dir)


def test_a_removed_gallery_is_gone_after_the_grace(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        add(gallery, 1)
        remove_gallery(gallery, START)
        run_sweep(make_plan(START + DAY - SECOND))
        assert files(data_dir)
        run_sweep(make_plan(START + DAY))
        run_sweep(make_plan(START + DAY + HOUR))
        check_clean(data_dir)
        assert not Gallery.objects.exists()
        assert receipts() == [("photo.jpg", "removed")]
