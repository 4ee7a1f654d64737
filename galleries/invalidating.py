"""Makes CloudFront forget what was deleted or taken down. Passes end by themselves within half an hour; this takes what
somebody already looked at off the edge before that, once its objects are gone.

A page only leaves a row, in the transaction that hides. The timer sends: one wildcard a gallery, several galleries in
one request, and again until CloudFront has taken it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import F

from cleanup_lambda.keys import gallery_prefix
from galleries.models import Gallery, Invalidation

log = logging.getLogger(__name__)

# Objects that go with a deletion are gone by then; an edge that was asked earlier could fetch them once more.
SETTLE = timedelta(seconds=5)
# CloudFront works on at most 15 wildcard paths at a time (its quotas page).
AT_ONCE = 15
LEASE = timedelta(minutes=2)  # longer than a request with all its retries
LONGEST_WAIT = timedelta(minutes=10)


def forget(galleries: Collection[UUID], now: datetime) -> None:
    """Leave a request for each of these galleries; inside the caller's transaction. Nothing without a distribution."""
    if not settings.CLOUDFRONT_DISTRIBUTION_ID:
        return
    owners = Gallery.objects.filter(id__in=galleries).values_list("id", "owner_id")
    rows = [
        Invalidation(gallery=gallery, owner=owner, asked_at=now, next_try=now + SETTLE) for gallery, owner in owners
    ]
    Invalidation.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["gallery"], update_fields=["asked_at", "next_try"]
    )


def send_invalidations(now: datetime) -> int:
    """Send what is asked for and due, at most ``AT_ONCE`` galleries; returns how many CloudFront took.

    Raises nothing of CloudFront's: what it did not take is tried again, each time later.
    """
    if not settings.CLOUDFRONT_DISTRIBUTION_ID:
        return 0
    taken = _take(now)
    if not taken:
        return 0
    paths = [f"/{gallery_prefix(each.owner.hex, each.gallery.hex)}*" for each in taken]
    from galleries.distribution import invalidate

    reason = invalidate(paths, reference=uuid4().hex)
    if reason:
        log.warning("not invalidated", extra={"fields": {"reason": reason}})
        _wait(taken, now)
        return 0
    for each in taken:  # unless it was asked for again meanwhile
        Invalidation.objects.filter(gallery=each.gallery, asked_at=each.asked_at).delete()
    return len(taken)


def _take(now: datetime) -> list[Invalidation]:
    """What is due and now ours for a while, oldest first; any number of processes may ask."""
    due = Invalidation.objects.filter(next_try__lte=now)
    return [
        each
        for each in due.order_by("next_try")[:AT_ONCE]
        if due.filter(gallery=each.gallery, asked_at=each.asked_at).update(
            next_try=now + LEASE, attempts=F("attempts") + 1
        )
    ]


def _wait(taken: Sequence[Invalidation], now: datetime) -> None:
    for each in taken:
        wait = min(timedelta(seconds=5 * 2 ** min(each.attempts, 10)), LONGEST_WAIT)
        Invalidation.objects.filter(gallery=each.gallery, asked_at=each.asked_at).update(next_try=now + wait)
