"""Who may open what: every view and every API operation starts here. A stranger's object and a missing one are the
same 404. ``who`` is a signed-in person or somebody with a link: the rules for looking are written once, for both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404

from galleries.models import Gallery, Guest, Image, ImageQuerySet, Link, Right
from galleries.models.gallery import reach
from galleries.models.links import LinkQuerySet
from galleries.prepared import A_TIME, AN_ID, Prepared
from galleries.problems import Problem

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

    Who = User | Guest

MAX_IDS = 1_000  # one selection


# --- looking: a signed-in owner, or somebody with a link ------------------------------------------------------------


def seen_gallery(who: Who, gallery_id: UUID, now: datetime) -> Gallery:
    """The gallery, measured at ``now``, if ``who`` may look at it.

    Raises:
        Http404: there is none, it is not theirs to see, or it was removed.
    """
    if not isinstance(who, Guest):
        return own_gallery(who, gallery_id, now)
    gallery = _LINKED_GALLERY.first(gallery=gallery_id, linked=who.link.gallery_id, now=now)
    if gallery is None:
        raise Http404
    return gallery


def seen_image(who: Who, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """The live image, with its gallery, if ``who`` may look at it; otherwise Http404."""
    return _reached(who, Image.objects.live(now), image_id, gallery_id)


def may(who: Who, right: Right) -> bool:
    """Whether ``who`` has this right to what they may look at: owners have every one, guests those of their link."""
    return not isinstance(who, Guest) or right in who.link.rights


def require(who: Who, right: Right) -> None:
    """Refuse what ``who`` may not do with what they may look at.

    Raises:
        Problem: forbidden.
    """
    if not may(who, right):
        raise Problem("forbidden", detail="This link is for looking only.")


# --- links ----------------------------------------------------------------------------------------------------------


def enter_link(token: str, unlocked: Callable[[Link], bool], now: datetime) -> Guest:
    """Who comes with ``token``; ``unlocked`` says whether they have given this link's passcode.

    The gallery of the guest's link is measured.

    Raises:
        Http404: no link has this token, or its owner or gallery is gone.
        Problem: link_ended, link_locked.
    """
    link = knock(token, now)
    if link.passcode and not unlocked(link):
        raise Problem("link_locked")
    return Guest(link, token)


def knock(token: str, now: datetime) -> Link:
    """The link with ``token`` while it opens anything, locked or not; its gallery is measured.

    Raises: as ``enter_link``, but never link_locked.
    """
    link = Link.objects.with_token(token).first()
    if link is None:
        raise Http404
    link.gallery = seen_gallery(Guest(link), link.gallery_id, now)
    if link.state(now) != "open":
        raise Problem("link_ended")
    return link


def own_links(user: User, now: datetime) -> LinkQuerySet:
    """Every link of the person's galleries, newest first."""
    measured = Prefetch("gallery", Gallery.objects.visible_to(user).measured(now))
    return Link.objects.of(user).order_by("-id").prefetch_related(measured)


def own_link(user: User, link_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Link:
    """The person's link (in ``gallery_id`` when that is given), its gallery measured; otherwise Http404."""
    links = own_links(user, now).filter(id=link_id)
    link = (links.filter(gallery=gallery_id) if gallery_id else links).first()
    if link is None:
        raise Http404
    return link


# --- what is the owner's alone --------------------------------------------------------------------------------------


def own_gallery(user: User, gallery_id: UUID, now: datetime) -> Gallery:
    """The person's gallery, measured at ``now``; Http404 when it is not theirs, or not there."""
    gallery = _OWN_GALLERY.first(owner=user.id, gallery=gallery_id, now=now)
    if gallery is None:
        raise Http404
    gallery.owner = user
    return gallery


def _own_galleries(owner: UUID, gallery: UUID, now: datetime) -> QuerySet[Gallery]:
    return Gallery.objects.visible_to(get_user_model()(id=owner)).measured(now).filter(id=gallery)


def _linked_galleries(gallery: UUID, linked: UUID, now: datetime) -> QuerySet[Gallery]:
    guest = Guest(Link(gallery_id=linked))
    return Gallery.objects.visible_to(guest).measured(now).select_related("owner").filter(id=gallery)


_OWN_GALLERY = Prepared(_own_galleries, owner=AN_ID, gallery=UUID(int=2), now=A_TIME)
_LINKED_GALLERY = Prepared(_linked_galleries, linked=AN_ID, gallery=UUID(int=2), now=A_TIME)


def own_removed_gallery(user: User, gallery_id: UUID, now: datetime) -> Gallery:
    """A gallery that the person removed and may still bring back, or Http404."""
    gallery = Gallery.objects.restorable(now).filter(id=gallery_id, owner=user).first()
    if gallery is None:
        raise Http404
    return gallery


def own_image(user: User, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """The person's live image, with its gallery; Http404 when it is anything else."""
    return seen_image(user, image_id, now, gallery_id)


def own_removable_image(user: User, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """An image that the person may delete, or has deleted already (deleting twice is no mistake); otherwise Http404."""
    return _reached(user, Image.objects.removable(now), image_id, gallery_id)


def own_restorable_image(user: User, image_id: UUID, now: datetime, gallery_id: UUID | None = None) -> Image:
    """An image that the person removed and may still bring back, or Http404."""
    return _reached(user, Image.objects.restorable(now), image_id, gallery_id)


def _reached(who: Who, images: ImageQuerySet, image_id: UUID, gallery_id: UUID | None) -> Image:
    """The one of ``images`` with this id, if ``who`` reaches it."""
    image = reached_images(who, images, gallery_id).filter(id=image_id).first()
    if image is None:
        raise Http404
    return image


def reached_images(who: Who, images: ImageQuerySet, gallery_id: UUID | None = None) -> ImageQuerySet:
    """Those of ``images`` that lie within the reach of ``who`` (in ``gallery_id`` when that is given), with gallery and
    owner."""
    there = Q(gallery__removed_at=None, gallery__owner__is_active=True)
    images = images.filter(reach(who, "gallery__"), there)
    if gallery_id is not None:
        images = images.filter(gallery=gallery_id)
    return images.select_related("gallery__owner")


def live_images(gallery: Gallery, now: datetime) -> ImageQuerySet:
    """What of ``gallery`` (opened before by a function above) may be seen."""
    return Image.objects.live(now).filter(gallery=gallery)


def removed_images(gallery: Gallery, now: datetime) -> ImageQuerySet:
    """The bin of ``gallery`` (opened before by a function above)."""
    return Image.objects.in_bin(now).filter(gallery=gallery)


def parse_ids(values: Iterable[str]) -> list[UUID]:
    """The ids of a form, in their order, without repeats; what is no id is left out, as one that does not exist.

    Raises:
        Problem: invalid_request for more than MAX_IDS: nothing is done with some of what was selected.
    """
    ids: dict[UUID, None] = {}
    for value in values:
        try:
            ids[UUID(hex=value)] = None
        except ValueError:
            continue
        if len(ids) > MAX_IDS:
            raise Problem("invalid_request", detail=f"Select at most {MAX_IDS:,} photos at a time.", fields=("ids",))
    return list(ids)
