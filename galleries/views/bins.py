"""What was deleted and can be brought back, and what is gone."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from galleries.access import own_gallery, own_restorable_image, parse_ids, removed_images
from galleries.decoding.specs import THUMBNAIL
from galleries.media import HEADERS
from galleries.models import Gallery, Image, ImageQuerySet, Receipt
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.removal import removed_with_gallery
from galleries.storage import ObjectMissing, StorageError, media_storage
from galleries.tiles import PAGE_SIZE, make_tiles, read_page
from galleries.views.requests import PersonRequest


@login_required
@require_safe
def deleted(request: PersonRequest) -> HttpResponse:
    """Deleted galleries, and the galleries that have deleted photos."""
    now = timezone.now()
    in_bin, gone_along = Image.objects.in_bin(now), removed_with_gallery(Image.objects.restorable(now))
    galleries = Gallery.objects.restorable(now).filter(owner=request.user).annotate(count=_count(gone_along))
    bins = Gallery.objects.visible_to(request.user).annotate(count=_count(in_bin)).filter(count__gt=0)
    context = {"galleries": galleries.order_by("-removed_at"), "bins": bins.order_by("-id")}
    return render(request, "galleries/deleted.html", context)


def _count(images: ImageQuerySet) -> Coalesce:
    """How many of ``images`` a gallery has, asked gallery by gallery: the few removed ones are found by their index,
    among any number of others."""
    own = images.filter(gallery=OuterRef("pk")).order_by().values("gallery")
    return Coalesce(Subquery(own.annotate(n=Count("id")).values("n")), 0)


@login_required
@require_safe
def gallery_bin(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """The deleted photos of one gallery."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    page = read_page(removed_images(gallery, now), "uploaded", request.GET.get("after", ""))
    context = {
        "gallery": gallery,
        "tiles": make_tiles(gallery, page.images, Addresses(gallery, now, gallery.first_gone)),
        "next_url": f"?after={page.cursor}" if page.cursor else "",
        "images_url": reverse("galleries:images-action", args=[gallery.hex]),
    }
    return render(request, "galleries/bin.html", context)


@login_required
@require_safe
def bin_picture(request: PersonRequest, gallery_id: UUID, image_id: UUID) -> HttpResponseBase:
    """The thumbnail of a deleted photo that may still be brought back, for its owner's eyes: asked with their session
    each time and kept nowhere. Its own address, with or without a pass, is dead since the deletion."""
    image = own_restorable_image(request.user, image_id, timezone.now(), gallery_id)
    try:
        with media_storage().open_object(image.rendition_key(THUMBNAIL.name)) as stored:
            picture = stored.read()
    except (KeyError, ObjectMissing):
        raise Problem("not_found") from None
    except StorageError:
        raise Problem("unavailable", retry_after=5) from None
    headers = HEADERS | {"Content-Type": THUMBNAIL.content_type, "Cache-Control": "private, no-store"}
    del headers["Accept-Ranges"]
    return HttpResponse(picture, headers=headers)


@login_required
@require_safe
def receipts(request: PersonRequest) -> HttpResponse:
    """What was removed physically, when and why; newest first."""
    rows = Receipt.objects.filter(owner=request.user).order_by("-id")
    after = parse_ids([request.GET.get("after", "")])
    if after:
        rows = rows.filter(id__lt=after[0])
    page = list(rows[: PAGE_SIZE + 1])
    context = {
        "receipts": page[:PAGE_SIZE],
        "next_url": f"?after={page[PAGE_SIZE - 1].id.hex}" if len(page) > PAGE_SIZE else "",
    }
    return render(request, "galleries/receipts.html", context)
