"""Table 1a of LIFECYCLE: remove, restore, take down, reinstate, delete now; each condition by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from galleries import lengthening, moderation, renditions
from galleries.expiry import set_expiry
from galleries.lengthening import Lengthening
from galleries.models import Gallery, Image, Removal, State
from galleries.moderation import reinstate, take_down
from galleries.removal import (
    delete_for_good,
    remove_gallery,
    remove_images,
    restorable_until,
    restore_gallery,
    restore_image,
    restore_images,
)
from galleries.renditions import drop_renditions
from galleries.storage import LocalMediaStorage, StorageError
from galleries.sweeping import finish_deleting, make_plan, run_sweep
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


def test_take_down_hides_drops_the_renditions_and_keeps_the_original(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        assert take_down([image], START) == 1
        row = reload(image)
        assert (row.taken_down_at, row.removed_at, row.due_at, row.dedup_key) == (START, None, START, None)
        assert files(data_dir) == {row.original_key}
        assert take_down([image], START + HOUR) == 0
        assert reload(image).taken_down_at == START
        check_world(START, data_dir)


def test_take_down_never_looks_at_the_owners_removal(gallery: Gallery, data_dir: Path) -> None:
    """X28: with one column the owner could undo what the moderator did."""
    with clock(START):
        image = add(gallery, 1)
        remove_images(gallery, [image.id], START)
        assert take_down([image], START) == 1
        assert problem_of(lambda: restore_image(reload(image))).code == "not_found"
        row = reload(image)
        assert (row.removed_at, row.taken_down_at) == (START, START)
        check_world(START, data_dir)


def test_the_owner_may_remove_what_was_taken_down_and_neither_undoes_the_other(
    gallery: Gallery, data_dir: Path
) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        take_down([image], START)
        time_.shift(HOUR)
        assert remove_images(gallery, [image.id], timezone.now()) == 1
        assert reinstate([reload(image)]).done == [image.hex]
        row = reload(image)
        assert (row.taken_down_at, row.removed_at, row.due_at) == (None, START + HOUR, START + HOUR)
        assert row.dedup_key is None, "not visible: its key stays free"
        check_world(timezone.now(), data_dir)
        restore_image(row)
        assert reload(image).is_live(timezone.now())
        check_world(timezone.now(), data_dir)


def test_reinstating_shows_it_again_with_its_renditions(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        take_down([image], START)
        assert reinstate([reload(image)]).done == [image.hex]
        row = reload(image)
        assert row.is_live(START)
        assert (row.due_at, row.dedup_key) == (row.expires_at, row.sha256)
        assert files(data_dir) == set(row.keys)
        check_world(START, data_dir)


@pytest.mark.parametrize("when", ["window", "expiry", "twin", "never taken down"])
def test_reinstating_is_refused(gallery: Gallery, data_dir: Path, when: str) -> None:
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + 2 * HOUR)
        if when != "never taken down":
            take_down([image], START)
        if when == "window":
            Image.objects.update(expires_at=None)
            time_.shift(settings.RESTORE_WINDOW)
        elif when == "expiry":
            time_.shift(2 * HOUR)
        elif when == "twin":
            add(gallery, 1)
        outcome = reinstate([reload(image)])
        assert outcome.done == []
        [problem] = outcome.problems.values()
        assert problem.code == ("duplicate" if when == "twin" else "conflict")
        if when == "expiry":
            assert not {key for key in files(data_dir) if "/r/" in key}, "no renditions of what stays hidden"
        check_world(timezone.now(), data_dir)


def test_one_reinstatement_that_fails_does_not_stop_the_others(gallery: Gallery, data_dir: Path) -> None:
    one, two = add(gallery, 1), add(gallery, 2)
    take_down([one, two], timezone.now())
    Path(data_dir, one.original_key).unlink()
    outcome = reinstate([reload(one), reload(two)])
    assert outcome.done == [two.hex]
    assert outcome.problems[one.hex].code == "unavailable"


def test_a_reinstatement_that_fails_halfway_leaves_no_rendition(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preview was written when the store failed; what stays hidden has none."""
    image = add(gallery, 1)
    take_down([image], timezone.now())
    put = LocalMediaStorage.put

    def failing(self: LocalMediaStorage, key: str, source: Path, content_type: str) -> None:
        if "/thumbnail." in key:
            raise StorageError("down")
        put(self, key, source, content_type)

    monkeypatch.setattr(LocalMediaStorage, "put", failing)
    assert reinstate([reload(image)]).problems[image.hex].code == "unavailable"
    assert files(data_dir) == {image.original_key}


def test_a_store_that_fails_does_not_stop_a_take_down(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden from everybody is what counts; objects that could not be dropped wait for the sweep."""
    images = [add(gallery, n) for n in range(3)]
    tried: list[Image] = []

    def failing(*images: Image) -> dict[str, str]:
        tried.extend(images)
        raise StorageError("down")

    monkeypatch.setattr(renditions, "drop_renditions", failing)
    assert take_down(images, timezone.now()) == 3
    assert len(tried) == 3


def test_an_image_reinstated_while_it_is_taken_down_has_its_renditions(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The taking down has hidden the row, and its deletes come after another moderator's reinstating."""
    image = add(gallery, 1)
    drop = drop_renditions

    def late(one: Image) -> dict[str, str]:
        monkeypatch.setattr(renditions, "drop_renditions", drop)
        assert reinstate([reload(image)]).done == [image.hex]
        return drop(one)

    monkeypatch.setattr(renditions, "drop_renditions", late)
    take_down([image], timezone.now())
    assert reload(image).is_live(timezone.now())
    check_world(timezone.now(), data_dir)


def test_renditions_dropped_before_the_last_step_of_a_reinstatement_are_made_again(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A taking down deletes late, and still finds the row hidden: whoever shows it has the last look."""
    image = add(gallery, 1)
    take_down([image], timezone.now())

    def late(one: Image, how: Lengthening) -> Image:
        drop_renditions(one)
        return lengthening.lengthen(one, how)

    monkeypatch.setattr(moderation, "lengthen", late)
    assert reinstate([reload(image)]).done == [image.hex]
    check_world(timezone.now(), data_dir)


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
