"""Table 1a of LIFECYCLE: shorten and extend, of an image and of what a gallery holds."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db.models import Q
from django.utils import timezone

from galleries import expiry
from galleries.expiry import apply_retention, check_expiry, set_expiry, set_expiry_of_many, shorten_images
from galleries.galleries import change_gallery, choose_cover
from galleries.models import Gallery, Image, Retention, State
from galleries.removal import remove_images
from galleries.sweeping import make_plan, run_sweep
from tests.core.world import (
    DAY,
    HOUR,
    SECOND,
    START,
    Killed,
    add,
    check_world,
    clock,
    dying_at,
    files,
    problem_of,
    reload,
    together,
)

if TYPE_CHECKING:
    from pytest_django import Settings as SettingsWrapper

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("end", [START + DAY, START + 30 * DAY, None])
def test_setting_an_expiry_moves_the_promise_and_the_due_time(gallery: Gallery, data_dir: Path, end: object) -> None:
    with clock(START):
        image = add(gallery, 1)
        changed = set_expiry(image, end, START)  # type: ignore[arg-type]
        assert changed.expires_at == changed.due_at == end
        assert (changed.version, changed.reserved) == (2, False)
        check_world(START, data_dir)


def test_setting_the_same_expiry_changes_nothing(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        assert set_expiry(image, image.expires_at, START).version == 1


@pytest.mark.parametrize("end", [START + 30 * DAY, None])
def test_extending_twice_to_the_same_time_is_no_mistake(gallery: Gallery, data_dir: Path, end: datetime | None) -> None:
    """Both read the image before either has changed it."""
    with clock(START):
        image = add(gallery, 1)
        twice = [set_expiry(reread, end, START) for reread in (reload(image), image)]
        assert [each.expires_at for each in twice] == [end, end]
        assert problem_of(lambda: set_expiry(image, end, START, seen=image)).code == "precondition_failed"
        check_world(START, data_dir)


def test_extending_what_somebody_extends_further_leaves_it_so(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        set_expiry(reload(image), None, START)
        assert set_expiry(image, START + 30 * DAY, START, filename="x.jpg").expires_at is None
        assert (reload(image).expires_at, reload(image).filename) == (None, "x.jpg")


def test_extending_what_went_meanwhile_is_refused(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        assert problem_of(lambda: set_expiry(image, None, START)).code == "not_found"


@pytest.mark.parametrize("end", [START + HOUR, START + 30 * DAY, None])
def test_a_name_goes_with_the_promise_or_not_at_all(gallery: Gallery, data_dir: Path, end: datetime | None) -> None:
    with clock(START):
        image = add(gallery, 1)
        for point in ("lengthen.reserved", "lengthen.recorded"):
            with dying_at(point), suppress(Killed):
                set_expiry(reload(image), end, START, filename="x.jpg")
            after = reload(image)
            assert (after.filename == "x.jpg") == (after.expires_at == end), point
        changed = set_expiry(reload(image), end, START, filename="a/x.jpg")
        assert (changed.filename, changed.expires_at) == ("x.jpg", end)
        check_world(START, data_dir)


def test_giving_the_policy_to_many_stops_when_its_time_is_over(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        images = [add(gallery, number) for number in range(3)]
        fresh = Gallery.objects.get(id=gallery.id)
        fresh.retention = Retention.YEAR
        monkeypatch.setattr(expiry, "PATIENCE", -1.0)
        outcome = apply_retention(fresh, images, START)
        assert (outcome.done, outcome.left, outcome.asked) == ([], 3, 3)
        monkeypatch.undo()
        outcome = apply_retention(fresh, [reload(image) for image in images], START)
        assert (len(outcome.done), outcome.left) == (3, 0)


def test_for_ever_may_be_shortened_and_extended_again(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = set_expiry(add(gallery, 1), None, START)
        image = set_expiry(image, START + HOUR, START)
        assert image.due_at == START + HOUR
        image = set_expiry(image, None, START)
        assert (image.due_at, image.expires_at) == (None, None)
        check_world(START, data_dir)


@pytest.mark.parametrize("end", [START + HOUR, START + 30 * DAY, None])
@pytest.mark.parametrize("state", ["expired", "removed", "taken down", "deleting", "emptied", "dropped"])
def test_what_is_not_live_cannot_be_changed(gallery: Gallery, data_dir: Path, state: str, end: object) -> None:
    from galleries.moderation import take_down

    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + DAY)
        if state == "expired":
            time_.shift(DAY)
        elif state == "removed":
            remove_images(gallery, [image.id], START)
        elif state == "taken down":
            take_down([image], START)
        elif state == "dropped":
            Image.objects.all().delete()
        else:
            Image.objects.update(state=state)
        before = Image.objects.values().first()
        now = timezone.now()
        target = now + (end - START) if isinstance(end, type(now)) else end
        assert problem_of(lambda: set_expiry(image, target, now)).code == "not_found"  # type: ignore[arg-type]
        assert Image.objects.values().first() == before


def test_an_expiry_is_checked(gallery: Gallery, settings: SettingsWrapper) -> None:
    image = add(gallery, 1)
    now = timezone.now()
    problem = problem_of(lambda: set_expiry(image, now, now))
    assert (problem.code, problem.fields) == ("expiry_in_past", ("expires_at",))
    settings.GALLERY_MAX_RETENTION = "30d"
    check_expiry(now + 30 * DAY, now)
    for late in (now + 30 * DAY + SECOND, None):
        problem = problem_of(lambda late=late: set_expiry(image, late, now))  # type: ignore[misc]
        assert (problem.code, problem.fields) == ("expiry_too_late", ("expires_at",))
        assert "30 days" in problem.sentence


def test_shortening_never_lengthens(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        soon = add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        late = add(gallery, 2)
        assert shorten_images(gallery, Q(), START + DAY, START) == 1
        assert shorten_images(gallery, Q(), None, START) == 0
        assert (reload(soon).expires_at, reload(late).expires_at) == (START + HOUR, START + DAY)
        check_world(START, data_dir)


def test_shortening_what_was_removed_keeps_it_due_by_its_removal(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        shorten_images(gallery, Q(), START + DAY, START)
        row = reload(image)
        assert (row.expires_at, row.due_at) == (START + DAY, START)
        check_world(START, data_dir)


def test_many_are_changed_each_alone(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(3)]
        remove_images(gallery, [images[1].id], START)
        outcome = set_expiry_of_many(images, START + 30 * DAY, START)
        assert outcome.done == [images[0].hex, images[2].hex]
        assert outcome.problems[images[1].hex].code == "not_found"
        check_world(START, data_dir)


@pytest.mark.parametrize(("retention", "lifetime"), [("1h", HOUR), ("1y", 365 * DAY), ("forever", None)])
def test_a_policy_may_be_given_to_what_is_there(
    gallery: Gallery, data_dir: Path, retention: str, lifetime: object
) -> None:
    with clock(START) as time_:
        images = [add(gallery, n) for n in range(3)]
        gone = add(gallery, 4, has_expiry=True, expires_at=START + SECOND)
        time_.shift(60 * SECOND)
        outcome = change_gallery(
            gallery, title="A", description="b", retention=retention, apply_to_existing=True, now=timezone.now()
        )
        assert len(outcome.done) == 3
        wanted = None if lifetime is None else START + lifetime  # type: ignore[operator]
        assert {reload(image).expires_at for image in images} == {wanted}
        assert reload(gone).expires_at == START + SECOND
        assert (Gallery.objects.get().retention, Gallery.objects.get().title) == (retention, "A")
        check_world(timezone.now(), data_dir)


def test_a_policy_is_only_for_new_images_unless_asked(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        change_gallery(gallery, title="A", description="", retention="1h", apply_to_existing=False, now=START)
        assert reload(image).expires_at == START + 7 * DAY


def test_a_policy_that_would_end_what_is_there_at_once_is_refused_for_it(gallery: Gallery) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        time_.shift(2 * HOUR)
        outcome = change_gallery(
            gallery, title="A", description="", retention="1h", apply_to_existing=True, now=timezone.now()
        )
        assert outcome.problems[image.hex].code == "expiry_in_past"
        assert reload(image).expires_at == START + 7 * DAY


def test_the_choices_are_those_of_the_contract(settings: SettingsWrapper) -> None:
    assert [str(choice) for choice in Retention] == ["1h", "1d", "7d", "30d", "1y", "forever"]
    assert Retention("1y").expires_at(START) == START + 365 * DAY
    settings.GALLERY_MAX_RETENTION = "7d"
    assert [str(choice) for choice in Retention.allowed()] == ["1h", "1d", "7d"]


def test_an_extension_in_the_last_moment_holds_against_the_sweep(gallery: Gallery, data_dir: Path) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        time_.shift(7 * DAY - SECOND)
        set_expiry(image, START + 30 * DAY, timezone.now())
        time_.shift(5 * DAY)
        run_sweep(make_plan(timezone.now()))
        assert reload(image).is_live(timezone.now())
        assert files(data_dir) == set(image.keys)


@pytest.mark.parametrize("point", ["lengthen.reserved", "lengthen.recorded"])
def test_an_extension_that_died_is_not_one(gallery: Gallery, data_dir: Path, point: str) -> None:
    with clock(START):
        image = add(gallery, 1)
        with dying_at(point), pytest.raises(Killed):
            set_expiry(image, None, START)
        assert reload(image).expires_at == reload(image).due_at == START + 7 * DAY
        check_world(START, data_dir)


@pytest.mark.django_db(transaction=True)
def test_extend_against_sweep_one_of_them_wins(gallery: Gallery, data_dir: Path) -> None:
    """P3: with no grace at all, at the very second: extended and live, or refused and swept, never between."""
    for number in range(6):
        now = timezone.now()
        image = add(gallery, number, has_expiry=True, expires_at=now + DAY)
        Image.objects.filter(id=image.id).update(expires_at=now + SECOND, due_at=now)

        def act(which: int, image: Image = image, now: object = now) -> object:
            if which:
                return run_sweep(make_plan(now, older_than=0 * SECOND))  # type: ignore[arg-type]
            return set_expiry(reload(image), now + 30 * DAY, now)  # type: ignore[operator, arg-type]

        extended, report = together(act, [0, 1])
        row = reload(image)
        if isinstance(extended, Image):
            assert row.is_live(timezone.now())
            assert set(row.keys) <= files(data_dir)
        else:
            assert row.state in {State.EMPTIED, State.DELETING}, (extended, report)


@pytest.mark.django_db(transaction=True)
def test_many_extensions_at_once_end_in_one_of_them(gallery: Gallery, data_dir: Path) -> None:
    now = timezone.now()
    image = add(gallery, 1)
    ends = [now + (8 + n) * DAY for n in range(5)]
    together(lambda end: set_expiry(image, end, now), ends)
    row = reload(image)
    assert row.expires_at in ends
    assert row.due_at == row.expires_at
    check_world(now, data_dir)


def test_a_cover_is_of_its_gallery(gallery: Gallery) -> None:
    from galleries.galleries import create_gallery

    other = create_gallery(gallery.owner, title="Other", retention="7d", now=timezone.now())
    image = add(gallery, 1)
    assert problem_of(lambda: choose_cover(other, image)).code == "not_found"
    choose_cover(gallery, image)
    assert Gallery.objects.get(id=gallery.id).cover_id == image.id


def test_a_cover_that_was_swept_is_forgotten(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        choose_cover(gallery, image)
        run_sweep(make_plan(START + 9 * DAY))
        run_sweep(make_plan(START + 10 * DAY))
        assert not Image.objects.exists()
        assert Gallery.objects.get().cover_id is None
