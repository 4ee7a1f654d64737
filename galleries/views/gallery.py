"""One gallery: its grid, its settings, its end."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from galleries.access import live_images, own_gallery, own_removed_gallery, parse_ids
from galleries.endings import find_ending
from galleries.forms import GalleryEditForm
from galleries.galleries import change_gallery
from galleries.models import Gallery, Retention
from galleries.passes import Addresses
from galleries.removal import remove_gallery, restore_gallery
from galleries.routes import address_of
from galleries.tiles import SORTS, make_tiles, next_url, read_grid_page
from galleries.views.requests import PersonRequest, is_fragment
from galleries.zips import zip_response


@gzip_page
@login_required
@require_safe
@vary_on_headers("HX-Request")
def detail(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """The grid; for htmx only the tiles, for the next page and for a refresh. Packed, as the page of a link is and for
    the same reasons (galleries/views/visits.py)."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    sort = _chosen_sort(request)
    page = read_grid_page(gallery, now, sort, request.GET.get("after", ""))
    addresses = Addresses(gallery, now, gallery.first_gone)
    tiles = make_tiles(gallery, page.images, addresses, sort)
    context = {
        "gallery": gallery,
        "tiles": tiles,
        "next_url": next_url(gallery, sort, page.cursor),
        "sort": sort,
        "ending": find_ending(gallery, now),
        **summary(gallery),
        "pass_until": min([addresses.look(image).until for image in page.images], default=addresses.window),
        "pass_url": address_of("galleries:gallery-pass", gallery.hex),
        "upload_url": address_of("galleries:image-upload", gallery.hex),
        "check_url": address_of("galleries:image-check", gallery.hex),
        "images_url": address_of("galleries:images-action", gallery.hex),
        "zip_url": address_of("galleries:gallery-zip", gallery.hex),
        "retention_choices": Retention.allowed(),
    }
    template = "galleries/_grid_page.html" if is_fragment(request) else "galleries/gallery.html"
    return render(request, template, context)


def _chosen_sort(request: PersonRequest) -> str:
    """The order that was asked for, which is remembered for this session, or the one of the last time."""
    asked, known = request.GET.get("sort", ""), request.session.get("sort", "taken")
    if asked in SORTS and asked != known:
        request.session["sort"] = known = asked
    return asked if asked in SORTS else known


def summary(gallery: Gallery) -> dict[str, Any]:
    """The line over the grid: how many, how large, how long."""
    return {
        "count": gallery.live_count,
        "bytes": gallery.live_bytes,
        "first_gone": gallery.first_gone,
        "last_gone": gallery.ends_at,
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """Rename, describe, change how long photos are kept."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    initial = {"title": gallery.title, "description": gallery.description, "retention": gallery.policy}
    form = GalleryEditForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        outcome = change_gallery(gallery, now=now, **form.cleaned_data)
        times = f" {len(outcome.done)} of {outcome.asked} photos have their new time." if outcome.asked else ""
        again = f" There was no time for {outcome.left} of them yet: save again to go on." if outcome.left else ""
        messages.success(request, f"Saved.{times}{again}")
        return redirect(gallery)
    status = 422 if request.method == "POST" else 200
    return render(request, "galleries/gallery_edit.html", {"gallery": gallery, "form": form}, status=status)


@login_required
@require_POST
def delete(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """Hide a gallery at once; it can be brought back from the list of deleted ones."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    remove_gallery(gallery, now)
    messages.success(request, f"Deleted: {gallery.title}.", extra_tags=f"undo:{_restore_url(gallery)}")
    return redirect("galleries:home")


@login_required
@require_POST
def restore(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """Bring a deleted gallery back, with the photos that went with it."""
    now = timezone.now()
    gallery = own_removed_gallery(request.user, gallery_id, now)
    outcome = restore_gallery(gallery, now)
    back = f"{gallery.title} is back, with {len(outcome.done)} of {outcome.asked} photos."
    waiting = f" {outcome.left} of them wait among its deleted photos: restore them there." if outcome.left else ""
    messages.success(request, f"{back}{waiting}", extra_tags=see_bin(gallery) if waiting else "")
    return redirect(gallery)


def see_bin(gallery: Gallery) -> str:
    """The tag of a message that leads to the gallery's deleted photos."""
    return f"see:{address_of('galleries:gallery-bin', gallery.hex)}"


def _restore_url(gallery: Gallery) -> str:
    return address_of("galleries:gallery-restore", gallery.hex)


@login_required
@require_safe
def fresh_pass(request: PersonRequest, gallery_id: UUID) -> JsonResponse:
    """New queries for a page that stays open: one for all pictures, or one for each of ``ids`` near an expiry."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    addresses = Addresses(gallery, now, gallery.first_gone)
    return JsonResponse(fresh_passes(gallery, addresses, request.GET.get("ids", ""), now))


def fresh_passes(gallery: Gallery, addresses: Addresses, ids: str, now: datetime) -> dict[str, Any]:
    """What ``static/js/passes.js`` asks for: one query for all pictures, or one for each of ``ids`` (divided by
    commas) near an expiry."""
    if addresses.shared is not None:
        return {"until": addresses.shared.until, "query": addresses.shared.query, "queries": {}}
    passes = {}
    for image in live_images(gallery, now).filter(id__in=parse_ids(ids.split(","))):
        image.gallery = gallery
        passes[image.hex] = addresses.look(image)
    until = min([each.until for each in passes.values()], default=addresses.window)
    return {"query": "", "until": until, "queries": {identifier: each.query for identifier, each in passes.items()}}


@login_required
@require_safe
def download_zip(request: PersonRequest, gallery_id: UUID) -> HttpResponseBase:
    """Every live original of the gallery as one zip."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    head = request.method == "HEAD"
    return zip_response(gallery, live_images(gallery, now), reader=f"user {request.user.pk}", head=head)
