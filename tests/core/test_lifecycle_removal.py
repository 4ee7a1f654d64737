"""Table 1a of LIFECYCLE: remove, restore, delete now; each condition by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from galleries import lengthening
from galleries.expiry import set_expiry
from galleries.lengthening import Lengthening
from galleries.models import Gallery, Image, Removal, State
from galleries.moderation import take_down
from galleries.removal import (
    delete_for_good,
    remove_gallery,
    remove_images,
    restorable_until,
    restore_image,
    restore_images,
)
from galleries.sweeping import finish_deleting, make_plan, run_sweep
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

pytestmark = pytest.mark.django_db
MICRO = timedelta(microseconds=1)


def test_the_restore_window_ends_before_the_grace() -> None:
    assert settings.RESTORE_WINDOW + timedelta(minutes=15) == settings.GRACE == DAY


def test_removing_hides_brings_due_forward_and_frees_the_key(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        assert remove_images(gallery, [image.id], START + HOUR) == 1
        row = reload(image)
        assert (row.state, row.removed_at, row.removal) == (State.READY, START + HOUR, Removal.IMAGE)
        assert (row.due_at, row.dedup_key, row.version) == (START + HOUR, None, 2)
        assert files(data_dir) == set(row.keys), "the objects wait out the grace"
        check_world(START + HOUR, data_dir)


def test_removing_twice_counts_once_and_keeps_the_first_time(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        assert remove_images(gallery, [image.id, image.id], START + HOUR) == 0
        assert reload(image).removed_at == START
        check_world(START, data_dir)


@pytest.mark.parametrize("state", [State.PENDING, State.DELETING, State.EMPTIED])
def test_only_ready_images_are_removed(gallery: Gallery, state: State) -> None:
    image = add(gallery, 1)
    Image.objects.update(state=state)
    assert remove_images(gallery, [image.id], timezone.now()) == 0
    assert reload(image).removed_at is None


def test_removing_from_another_gallery_does_nothing(gallery: Gallery, data_dir: Path) -> None:
    from galleries.galleries import create_gallery

    other = create_gallery(gallery.owner, title="Other", retention="7d", now=timezone.now())
    image = add(gallery, 1)
    assert remove_images(other, [image.id], timezone.now()) == 0
    assert delete_for_good(other, [image.id], timezone.now()) == 0
    check_world(timezone.now(), data_dir)


def test_removing_an_image_that_expires_sooner_keeps_its_due_time(gallery: Gallery) -> None:
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        time_.shift(2 * HOUR)
        assert remove_images(gallery, [image.id], timezone.now()) == 1
        assert reload(image).due_at == START + HOUR


def test_restoring_brings_everything_back(gallery: Gallery, data_dir: Path) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        time_.shift(HOUR)
        restored = restore_image(reload(image))
        assert restored.is_live(timezone.now())
        row = reload(image)
        assert (row.removed_at, row.removal, row.reserved) == (None, None, False)
        assert (row.due_at, row.dedup_key) == (row.expires_at, row.sha256)
        assert row.version == 3
        check_world(timezone.now(), data_dir)


def _taken_down(image: Image) -> None:
    take_down([image], timezone.now())


def _gallery_removed(image: Image) -> None:
    remove_gallery(image.gallery, timezone.now())


def _deleting(image: Image) -> None:
    delete_for_good(image.gallery, [image.id], timezone.now())


@pytest.mark.parametrize("why", [_taken_down, _gallery_removed, _deleting])
def test_restoring_is_refused(gallery: Gallery, data_dir: Path, why: object) -> None:
    image = add(gallery, 1)
    remove_images(gallery, [image.id], timezone.now())
    why(image)  # type: ignore[operator]
    before = reload(image)
    assert problem_of(lambda: restore_image(image)).code == "not_found"
    after = reload(image)
    assert (after.removed_at, after.due_at, after.state) == (before.removed_at, before.due_at, before.state)
    check_world(timezone.now(), data_dir)


def test_restoring_what_is_not_removed_is_refused(gallery: Gallery) -> None:
    assert problem_of(lambda: restore_image(add(gallery, 1))).code == "not_found"


def test_the_restore_window_ends_to_the_microsecond(gallery: Gallery) -> None:
    with clock(START) as time_:
        one, two = add(gallery, 1), add(gallery, 2)
        remove_images(gallery, [one.id, two.id], START)
        assert restorable_until(reload(one)) == START + settings.RESTORE_WINDOW
        time_.move_to(START + settings.RESTORE_WINDOW - MICRO)
        restore_image(reload(one))
        assert set(Image.objects.restorable(timezone.now())) == {two}
        time_.move_to(START + settings.RESTORE_WINDOW)
        assert problem_of(lambda: restore_image(reload(two))).code == "not_found"
        assert not Image.objects.restorable(timezone.now()).exists()


def test_an_expired_image_does_not_come_back(gallery: Gallery) -> None:
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        remove_images(gallery, [image.id], START)
        assert restorable_until(reload(image)) == START + HOUR
        time_.shift(HOUR)
        assert problem_of(lambda: restore_image(reload(image))).code == "not_found"


@pytest.mark.parametrize("late", [False, True])
def test_the_last_step_of_a_restore_reads_the_clock_again(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """X09: between the first transaction and the second the window may close."""
    with clock(START) as time_:
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        time_.move_to(START + settings.RESTORE_WINDOW - SECOND)
        _between(monkeypatch, lambda: time_.shift(SECOND if late else SECOND / 2))
        if late:
            assert problem_of(lambda: restore_image(reload(image))).code == "not_found"
            assert reload(image).removed_at == START
        else:
            restore_image(reload(image))


def _between(monkeypatch: pytest.MonkeyPatch, act: object) -> None:
    """Do ``act`` once between the two transactions of the next lengthening."""
    confirm = lengthening._confirm
    acts = [act]

    def later(reserved: Image, how: Lengthening, changes: dict[str, object]) -> bool:
        if acts:
            acts.pop()()  # type: ignore[operator]
        return confirm(reserved, how, changes)

    monkeypatch.setattr(lengthening, "_confirm", later)


def test_a_removal_between_the_steps_of_an_extension_wins(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X13: hiding takes a new version, so that the extension's last step fails."""
    with clock(START):
        image = add(gallery, 1)
        _between(monkeypatch, lambda: remove_images(gallery, [image.id], START))
        assert problem_of(lambda: set_expiry(image, START + 30 * DAY, START)).code == "not_found"
        row = reload(image)
        assert (row.removed_at, row.due_at, row.expires_at) == (START, START, START + 7 * DAY)
        check_world(START, data_dir)


def test_a_shortening_between_the_steps_of_an_extension_is_not_overwritten_unseen(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X08: the extension starts again, from what the row says then, and ends later than both."""
    with clock(START):
        image = add(gallery, 1)
        _between(monkeypatch, lambda: set_expiry(reload(image), START + HOUR, START))
        set_expiry(image, START + 30 * DAY, START)
        row = reload(image)
        assert row.expires_at == row.due_at == START + 30 * DAY
        assert row.version == 4, "upload, reservation, shortening, second reservation: each its own"
        check_world(START, data_dir)


def test_others_faster_each_time_is_said_and_changes_nothing(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        image = add(gallery, 1)
        confirm = lengthening._confirm

        def always_beaten(reserved: Image, how: Lengthening, changes: dict[str, object]) -> bool:
            ends = reserved.expires_at
            assert ends is not None
            set_expiry(reload(image), ends - SECOND, START)
            return confirm(reserved, how, changes)

        monkeypatch.setattr(lengthening, "_confirm", always_beaten)
        problem = problem_of(lambda: set_expiry(image, START + 30 * DAY, START))
        assert (problem.code, problem.retry_after) == ("unavailable", 1)
        assert reload(image).expires_at == START + 7 * DAY - 3 * SECOND
        check_world(START, data_dir)


def test_the_gallery_removed_between_the_steps_of_a_restore_wins(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X41: an image restored alone into a removed gallery would be hidden for ever and never due."""
    image = add(gallery, 1)
    remove_images(gallery, [image.id], timezone.now())
    _between(monkeypatch, lambda: remove_gallery(gallery, timezone.now()))
    assert problem_of(lambda: restore_image(reload(image))).code == "not_found"
    assert reload(image).removed_at is not None
    check_world(timezone.now(), data_dir)


@pytest.mark.parametrize("point", ["lengthen.reserved", "lengthen.recorded"])
def test_death_in_the_middle_of_a_restore_changes_nothing_that_matters(
    gallery: Gallery, data_dir: Path, point: str
) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        with dying_at(point), pytest.raises(Killed):
            restore_image(reload(image))
        row = reload(image)
        assert (row.removed_at, row.due_at, row.reserved) == (START, START, True)
        check_world(START, data_dir)
        restore_image(row)
        time_.shift(2 * DAY)
        run_sweep(make_plan(timezone.now()))
        assert reload(image).is_live(timezone.now())


def test_delete_now_only_kills_what_is_still_removed(gallery: Gallery, data_dir: Path) -> None:
    """X27: a bin that was opened before the image was restored."""
    one, two = add(gallery, 1), add(gallery, 2)
    remove_images(gallery, [one.id, two.id], timezone.now())
    restore_image(reload(one))
    assert delete_for_good(gallery, [one.id, two.id], timezone.now()) == 1
    finish_deleting(gallery, timezone.now())
    assert reload(one).is_live(timezone.now())
    assert reload(two).state == State.EMPTIED
    assert files(data_dir) == set(one.keys)
    check_world(timezone.now(), data_dir)


def test_delete_now_works_after_the_image_expired(gallery: Gallery, data_dir: Path) -> None:
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        remove_images(gallery, [image.id], START)
        time_.shift(2 * HOUR)
        assert delete_for_good(gallery, [image.id], timezone.now()) == 1
        check_world(timezone.now(), data_dir)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["remove", "restore", "delete now"])
def test_twice_at_once_is_once(gallery: Gallery, data_dir: Path, first: str) -> None:
    images = [add(gallery, n) for n in range(3)]
    ids = [image.id for image in images]
    now = timezone.now()
    if first == "remove":
        assert sorted(together(lambda _: remove_images(gallery, ids, now), range(6))) == [0] * 5 + [3]  # type: ignore[type-var]
    else:
        remove_images(gallery, ids, now)
    if first == "restore":
        answers = together(lambda _: restore_images(map(reload, images)), range(4))
        done = [one for answer in answers for one in answer.done]  # type: ignore[attr-defined]
        assert set(done) == {image.hex for image in images}
    if first == "delete now":
        assert sum(together(lambda _: delete_for_good(gallery, ids, now), range(4))) == 3  # type: ignore[arg-type]
        together(lambda _: finish_deleting(gallery, now), range(4))
        assert not files(data_dir)
    check_world(timezone.now(), data_dir)


@pytest.mark.django_db(transaction=True)
def test_delete_now_against_restore_one_of_them_wins(gallery: Gallery, data_dir: Path) -> None:
    for number in range(4):
        image = add(gallery, number)
        now = timezone.now()
        remove_images(gallery, [image.id], now)

        def act(which: int, image: Image = image, now: datetime = now) -> bool:
            if which:
                return delete_for_good(gallery, [image.id], now) == 1
            return restore_image(image).is_live(now)

        restored, killed = together(act, [0, 1])
        assert (restored is True) != (killed is True), (restored, killed)
        check_world(timezone.now(), data_dir)
