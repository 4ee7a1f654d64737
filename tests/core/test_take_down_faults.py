"""A moderator's bulk action that dies in the middle (F37 of SAFETY section 3)."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from galleries import renditions
from galleries.models import Gallery, Image
from galleries.moderation import reinstate, take_down
from galleries.renditions import drop_renditions
from galleries.sweeping import make_plan, run_sweep
from tests.core.world import DAY, HOUR, START, Killed, add, check_clean, check_world, clock, reload

pytestmark = pytest.mark.django_db

MANY = 20
DIES_AT = 7


def take_down_and_die(images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies while it deletes the renditions of one of them."""

    def dying(*images: Image) -> dict[str, str]:
        drop_renditions(*images[:DIES_AT])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(renditions, "drop_renditions", dying)
        with pytest.raises(Killed):
            take_down(images, timezone.now())


def test_a_take_down_killed_in_the_middle_has_hidden_all(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hiding is one transaction and comes first; what is left of the files goes with the sweep."""
    with clock(START) as time_:
        images = [add(gallery, number) for number in range(MANY)]
        take_down_and_die(images, monkeypatch)
        assert not Image.objects.live(timezone.now()).exists()
        check_world(timezone.now(), data_dir)
        time_.shift(2 * DAY)
        for later in range(2):
            run_sweep(make_plan(timezone.now() + later * HOUR))
        check_clean(data_dir)


def test_a_take_down_killed_in_the_middle_can_be_undone_for_each(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        images = [add(gallery, number) for number in range(MANY)]
        take_down_and_die(images, monkeypatch)
        outcome = reinstate([reload(image) for image in images])
        assert len(outcome.done) == MANY
        assert Image.objects.live(timezone.now()).count() == MANY
        check_world(timezone.now(), data_dir)
