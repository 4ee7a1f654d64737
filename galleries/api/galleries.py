"""Operations on galleries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from ninja import Router
from ninja.responses import Status

from galleries.access import live_images
from galleries.api.conditions import mark, require_match
from galleries.api.cursors import read_rows
from galleries.api.errors import invalid_form, refusals
from galleries.api.schemas import (
    DEFAULT_LIMIT,
    Cursor,
    GalleryChange,
    GalleryChanged,
    GalleryCreate,
    GalleryOut,
    GalleryPage,
    Id,
    Limit,
)
from galleries.api.shapes import gallery_json
from galleries.api.tokens import TokenRequest, open_gallery
from galleries.expiry import check_retention
from galleries.forms import GalleryEditForm, GalleryForm
from galleries.galleries import change_gallery, find_covers
from galleries.galleries import create_gallery as make_gallery
from galleries.models import Gallery
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.removal import remove_gallery
from galleries.zips import zip_response

router = Router(tags=["galleries"])
READ = ["GET", "HEAD"]
BODY = ("malformed", "file_too_large", "unsupported_media_type", "invalid_request")  # what a JSON body can be


@router.api_operation(READ, "", response=GalleryPage, openapi_extra=refusals("invalid_request"))
def list_galleries(request: TokenRequest, cursor: Cursor = "", limit: Limit = DEFAULT_LIMIT) -> dict[str, Any]:
    """The galleries that the token opens, newest first."""
    now = timezone.now()
    galleries = Gallery.objects.visible_to(request.auth.owner).measured(now)
    if request.auth.gallery_id is not None:
        galleries = galleries.filter(id=request.auth.gallery_id)
    page, following = read_rows(galleries, cursor, limit, "galleries", request.auth.owner_id)
    return {"items": describe(page, now), "next": following}


@router.post("", response={201: GalleryOut}, openapi_extra=refusals(*BODY, "expiry_too_late"))
def create_gallery(request: TokenRequest, response: HttpResponse, payload: GalleryCreate) -> Status[dict[str, Any]]:
    """Make a gallery."""
    if request.auth.gallery_id is not None:
        raise Problem("forbidden", detail="This token is for one gallery only.")
    check_retention(payload.retention)
    now = timezone.now()
    form = GalleryForm(payload.model_dump())
    problem = invalid_form(form, form.fields)
    if problem is not None:
        raise problem
    gallery = make_gallery(request.auth.owner, now=now, **form.cleaned_data)
    response.headers["Location"] = f"{request.path}/{gallery.hex}"
    return Status(201, mark(response, describe([open_gallery(request, gallery.id, now)], now)[0]))


@router.api_operation(READ, "/{hex:gallery_id}", response=GalleryOut, openapi_extra=refusals("not_found"))
def get_gallery(request: TokenRequest, response: HttpResponse, gallery_id: Id) -> dict[str, Any]:
    """One gallery."""
    now = timezone.now()
    return mark(response, describe([open_gallery(request, gallery_id, now)], now)[0])


@router.patch(
    "/{hex:gallery_id}",
    response=GalleryChanged,
    exclude_unset=True,
    openapi_extra=refusals("not_found", *BODY, "expiry_too_late", "precondition_failed"),
)
def patch_gallery(
    request: TokenRequest, response: HttpResponse, gallery_id: Id, payload: GalleryChange
) -> dict[str, Any]:
    """Rename it or change its retention; with `apply_to_existing` also for the images that it already holds."""
    now = timezone.now()
    gallery = open_gallery(request, gallery_id, now)
    as_seen = require_match(request, lambda: describe([gallery], now)[0])
    given = payload.model_dump(exclude_unset=True)
    if "retention" in given:
        check_retention(payload.retention)
    known = {"title": gallery.title, "description": gallery.description, "retention": gallery.retention}
    form = GalleryEditForm(known | given)
    problem = invalid_form(form, given)
    if problem is not None:
        raise problem
    changes = known | {name: form.cleaned_data[name] for name in given if name in known}
    outcome = change_gallery(gallery, now=now, apply_to_existing=payload.apply_to_existing, as_seen=as_seen, **changes)
    body = mark(response, describe([open_gallery(request, gallery_id, now)], now)[0])
    if not request.auth.allows("read"):
        body["cover"] = None
    if payload.apply_to_existing:
        left = outcome.left
        body["applied"] = {"changed": len(outcome.done), "refused": len(outcome.problems) - left, "left": left}
    return body


@router.delete("/{hex:gallery_id}", response={204: None}, openapi_extra=refusals("not_found", "precondition_failed"))
def delete_gallery(request: TokenRequest, gallery_id: Id) -> None:
    """Hide a gallery with all that is in it, at once; for a while its owner can bring it back on the site."""
    now = timezone.now()
    gallery = open_gallery(request, gallery_id, now)
    # At the moment of the change alone: not as it was when it was opened.
    remove_gallery(
        gallery, now, lambda: require_match(request, lambda: describe([open_gallery(request, gallery_id, now)], now)[0])
    )


@router.api_operation(READ, "/{hex:gallery_id}/zip", response={200: None}, openapi_extra=refusals("not_found"))
def download_zip(request: TokenRequest, gallery_id: Id) -> HttpResponseBase:
    """Every live original as one zip: stored, not deflated, with a known `Content-Length`."""
    now = timezone.now()
    gallery = open_gallery(request, gallery_id, now)
    reader = f"user {request.auth.owner_id}"
    return zip_response(gallery, live_images(gallery, now), reader, head=request.method == "HEAD")


def describe(galleries: Sequence[Gallery], now: datetime) -> list[dict[str, Any]]:
    """Measured galleries as the API shows them, each with its cover."""
    covers = find_covers(galleries, now)
    described = []
    for gallery in galleries:
        cover = covers.get(gallery.id)
        address = None
        if cover is not None:
            cover.gallery = gallery
            address = Addresses(gallery, now, gallery.first_gone).rendition(cover, "thumbnail")
        described.append(gallery_json(gallery, address))
    return described
