"""Table 1a of LIFECYCLE: take down and reinstate; each condition by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from galleries import lengthening, moderation, renditions
from galleries.lengthening import Lengthening
from galleries.models import Gallery, Image
from galleries.moderation import reinstate, take_down
from galleries.removal import remove_images, restore_image
from galleries.renditions import drop_renditions
from galleries.storage import LocalMediaStorage, StorageError
from tests.core.world import HOUR, START, add, check_world, clock, files, problem_of, reload

pytestmark = pytest.mark.django_db


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
