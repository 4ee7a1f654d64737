"""Operations on images."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from ninja import Router
from ninja.responses import Status

from galleries.access import live_images, own_gallery, own_removable_image, own_restorable_image
from galleries.api.conditions import mark, require_match
from galleries.api.cursors import read_cursor, write_cursor
from galleries.api.errors import refusals
from galleries.api.galleries import BODY, READ
from galleries.api.multipart import received_upload
from galleries.api.schemas import (
    DEFAULT_LIMIT,
    Cursor,
    Id,
    ImageChange,
    ImageOut,
    ImagePage,
    ImageUploaded,
    Limit,
    upload_schema,
)
from galleries.api.shapes import image_alone_json, image_json
from galleries.api.tokens import TokenRequest, open_gallery, open_image, require_valid
from galleries.expiry import set_expiry
from galleries.models import Image
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.removal import remove_images
from galleries.removal import restore_image as bring_back
from galleries.renaming import rename_image
from galleries.tiles import read_page
from galleries.turns import uploads
from galleries.uploads import store_upload

router = Router(tags=["images"])

UPLOAD_REFUSALS = refusals(
    "not_found",
    "malformed",
    "file_too_large",
    "unsupported_format",
    "invalid_request",
    "corrupt_image",
    "too_many_pixels",
    "empty_file",
    "expiry_in_past",
    "expiry_too_late",
    "quota_exceeded",
    # Promised, and understood by clients, but not given at present: the same photo sent twice waits for the first
    # upload and takes its place when that is dead (galleries/uploads.py).
    "upload_in_progress",
    "storage_full",
)
UPLOAD_BODY = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": upload_schema()}}},
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": False,
            "description": "Makes a retry of this very upload harmless; not to be used for another file.",
            "schema": {"type": "string", "maxLength": 200},
        }
    ],
}


@router.api_operation(
    READ,
    "/galleries/{hex:gallery_id}/images",
    response=ImagePage,
    openapi_extra=refusals("not_found", "invalid_request"),
)
def list_images(
    request: TokenRequest, gallery_id: Id, cursor: Cursor = "", limit: Limit = DEFAULT_LIMIT
) -> dict[str, Any]:
    """The live images of a gallery, the latest uploaded first."""
    now = timezone.now()
    gallery = open_gallery(request, gallery_id, now)
    place = read_cursor(cursor, "images", gallery_id)
    page = read_page(live_images(gallery, now), "uploaded", place, limit)
    addresses = Addresses(gallery, now, gallery.first_gone)
    for image in page.images:
        image.gallery = gallery
    items = [image_json(image, addresses) for image in page.images]
    return {"items": items, "next": write_cursor(page.cursor, "images", gallery_id) if page.cursor else None}


@router.post(
    "/galleries/{hex:gallery_id}/images",
    response={200: ImageUploaded, 201: ImageUploaded},
    openapi_extra=UPLOAD_REFUSALS | UPLOAD_BODY,
)
def upload_image(request: TokenRequest, response: HttpResponse, gallery_id: Id) -> Status[dict[str, Any]]:
    """Add a photo: 201, or 200 with the image that is there when the gallery holds the same bytes already."""
    gallery = open_gallery(request, gallery_id, timezone.now())
    with uploads.turn(request.auth.owner_id), received_upload(request) as (received, options):
        require_valid(request.auth, timezone.now())
        stored = store_upload(gallery, received, options)
    body = mark(response, image_alone_json(stored.image, gallery, timezone.now()))
    response.headers["Location"] = reverse("galleries:api:get_image", args=[stored.image.hex])
    return Status(200 if stored.duplicate else 201, body | {"duplicate": stored.duplicate})


@router.api_operation(READ, "/images/{hex:image_id}", response=ImageOut, openapi_extra=refusals("not_found"))
def get_image(request: TokenRequest, response: HttpResponse, image_id: Id) -> dict[str, Any]:
    """One image."""
    return mark(response, describe(request, open_image(request, image_id, timezone.now())))


@router.patch(
    "/images/{hex:image_id}",
    response=ImageOut,
    openapi_extra=refusals("not_found", *BODY, "expiry_in_past", "expiry_too_late", "precondition_failed"),
)
def patch_image(request: TokenRequest, response: HttpResponse, image_id: Id, payload: ImageChange) -> dict[str, Any]:
    """Change when it goes, or its file name."""
    now = timezone.now()
    image = open_image(request, image_id, now)
    as_seen = require_match(request, lambda: describe(request, image))
    seen = image if as_seen else None
    filename = payload.filename if "filename" in payload.model_fields_set else None
    if "expires_at" in payload.model_fields_set:
        image = set_expiry(image, payload.expires_at, now, seen, filename)
    elif filename is not None:
        rename_image(image, filename, now, seen)
    return mark(response, describe(request, image))


@router.delete(
    "/images/{hex:image_id}", response={204: None}, openapi_extra=refusals("not_found", "precondition_failed")
)
def delete_image(request: TokenRequest, image_id: Id) -> None:
    """Hide an image at once; for a while it can be restored. Deleting twice is no mistake."""
    now = timezone.now()
    image = own_removable_image(request.auth.owner, image_id, now, request.auth.gallery_id)
    as_seen = require_match(request, lambda: describe(request, image))
    hit = remove_images(image.gallery, [image.id], now, seen=image if as_seen else None)
    if as_seen and not hit and Image.objects.filter(id=image.id, removed_at=None).exists():
        raise Problem("precondition_failed")


@router.post("/images/{hex:image_id}/restore", response=ImageOut, openapi_extra=refusals("not_found", "duplicate"))
def restore_image(request: TokenRequest, response: HttpResponse, image_id: Id) -> dict[str, Any]:
    """Bring a deleted image back. One that is there is answered as it is."""
    now = timezone.now()
    try:
        image = bring_back(own_restorable_image(request.auth.owner, image_id, now, request.auth.gallery_id))
    except (Http404, Problem) as refusal:  # somebody else may have brought it back at that moment
        if isinstance(refusal, Problem) and refusal.code != "not_found":
            raise
        image = open_image(request, image_id, now)
    return mark(response, describe(request, image))


@router.api_operation(
    READ, "/images/{hex:image_id}/original", response={302: None}, openapi_extra=refusals("not_found")
)
def get_original(request: TokenRequest, image_id: Id) -> HttpResponseRedirect:
    """Where the original is: an address that opens it for some minutes, without the token."""
    now = timezone.now()
    image = open_image(request, image_id, now)
    response = HttpResponseRedirect(Addresses(image.gallery, now, image.expires_at).original(image))
    del response.headers["Content-Type"]  # there is no page
    return response


def describe(request: TokenRequest, image: Image) -> dict[str, Any]:
    """One image as the API shows it."""
    now = timezone.now()
    return image_alone_json(image, own_gallery(request.auth.owner, image.gallery_id, now), now)
