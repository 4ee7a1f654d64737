"""Who may open what: every view and every API operation starts here. A stranger's object and a missing one are the
same 404."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404

from galleries.models import Gallery, Image, ImageQuerySet, State
from galleries.models.image import unexpired

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

MAX_IDS = 1_000  # one selection; a larger one is sent in parts by the page


def own_gallery(user: User, gallery_id: UUID, now: datetime) -> Gallery:
    """The person's gallery, measured at ``now``.

    Raises:
        Http404: there is none, it is somebody else's, or it was removed.
    """
    gallery = Gallery.objects.visible_to(user).measured(now).filter(id=gallery_id).first()
    if gallery is None:
        raise Http404
    gallery.owner = user
    return gallery


def own_removed_gallery(user: User, gallery_id: UUID, now: datetime) -> Gallery:
    """A gallery that the person removed and may still bring back, or Http404."""
    gallery = Gallery.objects.restorable(now).filter(id=gallery_id, owner=user).first()
    if gallery is None:
        raise Http404
    return gallery


def own_image(user: User, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """The person's live image, with its gallery; Http404 when it is anything else."""
    return _own(user, Image.objects.live(now), image_id, gallery_id)


def own_removable_image(user: User, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """An image that the person may delete, or has deleted already (deleting twice is no mistake); otherwise Http404."""
    there = Image.objects.filter(unexpired(now), state=State.READY, taken_down_at=None)
    return _own(user, there, image_id, gallery_id)


def own_restorable_image(user: User, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """An image that the person removed and may still bring back, or Http404."""
    return _own(user, Image.objects.restorable(now), image_id, gallery_id)


def _own(user: User, images: ImageQuerySet, image_id: UUID, gallery_id: UUID | None) -> Image:
    """The one of ``images`` with this id, if it lies in a gallery of the person's (in ``gallery_id`` when that is
    given)."""
    images = images.filter(id=image_id, gallery__owner=user, gallery__removed_at=None)
    if gallery_id is not None:
        images = images.filter(gallery=gallery_id)
    image = images.select_related("gallery").first()
    if image is None:
        raise Http404
    image.gallery.owner = user
    return image


def live_images(gallery: Gallery, now: datetime) -> ImageQuerySet:
    """What of ``gallery`` (opened before by a function above) may be seen."""
    return Image.objects.live(now).filter(gallery=gallery)


def removed_images(gallery: Gallery, now: datetime) -> ImageQuerySet:
    """The gallery's bin: removed one by one, not yet on their way out; an expired one is gone from here too."""
    there = Image.objects.filter(gallery=gallery, state=State.READY, removed_at__isnull=False, taken_down_at=None)
    return there.filter(unexpired(now))


def parse_ids(values: Iterable[str]) -> list[UUID]:
    """The ids of a form, in their order, without repeats; what is no id is left out, as one that does not exist."""
    ids: dict[UUID, None] = {}
    for value in values:
        try:
            ids[UUID(hex=value)] = None
        except ValueError:
            continue
        if len(ids) >= MAX_IDS:
            break
    return list(ids)
