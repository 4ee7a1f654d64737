"""What the edge is asked to forget: once a gallery, in the transaction that hides, until it was taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from django.utils import timezone

from galleries.galleries import create_gallery
from galleries.invalidating import AT_ONCE, LONGEST_WAIT, SETTLE, forget, send_invalidations
from galleries.models import Gallery, Invalidation
from galleries.moderation import take_down
from galleries.removal import delete_for_good, remove_everything_of, remove_gallery, remove_images
from galleries.storage import LocalMediaStorage
from galleries.sweeping import finish_deleting, make_plan, run_sweep
from tests.core.world import DAY, SECOND, START, add, clock

if TYPE_CHECKING:
    from pytest_django import Settings

    from gallery_site.accounts.models import User

pytestmark = pytest.mark.django_db


class Distribution:
    """What CloudFront was asked; answers with ``reason``, after ``meanwhile``."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.reason = ""
        self.meanwhile: Callable[[], object] = lambda: None

    def invalidate(self, paths: Sequence[str], reference: str) -> str:
        self.asked.append([*paths])
        self.meanwhile()
        return self.reason


@pytest.fixture
def distribution(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Distribution:
    settings.CLOUDFRONT_DISTRIBUTION_ID = "E1"
    distribution = Distribution()
    monkeypatch.setattr("galleries.distribution.invalidate", distribution.invalidate)
    return distribution


def _path(gallery: Gallery) -> str:
    return f"/media/{gallery.owner_id.hex}/{gallery.hex}/*"


def _send_all(now: datetime) -> int:
    return send_invalidations(now + SETTLE)


def test_every_way_to_hide_asks_the_edge_to_forget_the_gallery(distribution: Distribution, gallery: Gallery) -> None:
    with clock(START):
        first, second, third = (add(gallery, number) for number in range(3))
        hidings: list[Callable[[], object]] = [
            lambda: remove_images(gallery, [first.id], START),
            lambda: delete_for_good(gallery, [first.id], START),
            lambda: finish_deleting(gallery, START),
            lambda: take_down([second], START),
            lambda: remove_gallery(gallery, START),
            lambda: remove_everything_of(gallery.owner_id, START),
        ]
        for number, hide in enumerate(hidings, 1):
            hide()
            assert _send_all(START) == 1
            assert distribution.asked == [[_path(gallery)]] * number
    assert third.gallery_id == gallery.id


def test_an_expiry_needs_no_invalidation(distribution: Distribution, gallery: Gallery) -> None:
    """No pass lives beyond it."""
    with clock(START):
        add(gallery, 1)
    run_sweep(make_plan(START + 9 * DAY))
    assert not Invalidation.objects.exists()


def test_without_a_distribution_nothing_is_kept(gallery: Gallery) -> None:
    with clock(START):
        remove_images(gallery, [add(gallery, 1).id], START)
    assert not Invalidation.objects.exists()
    assert send_invalidations(START + DAY) == 0


def test_what_is_rolled_back_asks_for_nothing(distribution: Distribution, gallery: Gallery) -> None:
    with transaction.atomic():
        forget([gallery.id], START)
        transaction.set_rollback(True)
    assert _send_all(START) == 0


def test_many_galleries_are_sent_together_within_cloudfronts_quota(distribution: Distribution, alice: User) -> None:
    galleries = [create_gallery(alice, title=str(n), retention="7d", now=START) for n in range(AT_ONCE + 2)]
    forget([gallery.id for gallery in galleries], START)
    forget([galleries[0].id], START)
    assert _send_all(START) == AT_ONCE
    assert _send_all(START) == 2
    assert sorted(path for paths in distribution.asked for path in paths) == sorted(map(_path, galleries))


def test_the_objects_have_a_moment_to_go_first(distribution: Distribution, gallery: Gallery) -> None:
    forget([gallery.id], START)
    assert send_invalidations(START + SETTLE - SECOND) == 0
    assert send_invalidations(START + SETTLE) == 1


def test_what_cloudfront_refuses_is_tried_again_ever_later_and_never_dropped(
    distribution: Distribution, gallery: Gallery
) -> None:
    distribution.reason = "CLOUDFRONT_DISTRIBUTION_ID: refused (TooManyInvalidationsInProgress)."
    forget([gallery.id], START)
    now, waits = START + SETTLE, []
    for _ in range(12):
        assert send_invalidations(now) == 0
        due = Invalidation.objects.get().next_try
        waits.append(due - now)
        assert send_invalidations(due - SECOND) == 0
        now = due
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=5), LONGEST_WAIT)
    assert len(distribution.asked) == 12
    distribution.reason = ""
    assert send_invalidations(now) == 1


def test_what_is_asked_while_a_request_is_under_way_is_sent_once_more(
    distribution: Distribution, gallery: Gallery
) -> None:
    later = START + 10 * SECOND
    forget([gallery.id], START)
    distribution.meanwhile = lambda: forget([gallery.id], later)
    assert _send_all(START) == 1
    distribution.meanwhile = lambda: None
    assert _send_all(later) == 1
    assert not Invalidation.objects.exists()


def test_what_is_gone_is_forgotten_again_though_a_request_is_under_way(
    distribution: Distribution, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that left before the objects were gone answers for itself alone."""
    deleted, first, second = LocalMediaStorage.delete_objects, add(gallery, 1), add(gallery, 2)
    under_way: list[datetime] = []

    def delete(store: LocalMediaStorage, keys: Sequence[str]) -> dict[str, str]:
        under_way.append(Invalidation.objects.get().asked_at)
        return deleted(store, keys)

    monkeypatch.setattr(LocalMediaStorage, "delete_objects", delete)
    now = timezone.now()
    take_down([first], now)
    assert Invalidation.objects.get().asked_at > under_way.pop()
    remove_images(gallery, [second.id], now)
    delete_for_good(gallery, [second.id], now)
    finish_deleting(gallery, now)
    assert Invalidation.objects.get().asked_at > under_way.pop()


def test_two_timers_do_not_send_the_same(distribution: Distribution, gallery: Gallery) -> None:
    forget([gallery.id], START)
    others: list[int] = []
    distribution.meanwhile = lambda: others.append(_send_all(START))
    assert _send_all(START) == 1
    assert others == [0]
