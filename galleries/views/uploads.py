"""Adding photos: one file with JavaScript, several from the plain form; each is judged alone."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from galleries.access import own_gallery
from galleries.api.shapes import image_alone_json
from galleries.filenames import clean_filename
from galleries.forms import upload_options
from galleries.models import Gallery
from galleries.problems import Problem
from galleries.receiving import HashedUpload
from galleries.recognising import MAX_HASHES, Held, find_held
from galleries.turns import uploads
from galleries.uploads import StoredUpload, UploadOptions, store_upload
from galleries.views.requests import PersonRequest
from gallery_site.errors import wants_json

SHOWN_PROBLEMS = 20


@login_required
@require_POST
def upload(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """Store the files of this request in the gallery."""
    gallery = own_gallery(request.user, gallery_id, timezone.now())
    files = [file for file in request.FILES.getlist("file") if isinstance(file, HashedUpload)]
    with uploads.turn(request.user.pk):
        if wants_json(request):
            return _upload_one(request, gallery, files)
        store_all(request, gallery, files)
        return redirect(gallery)


@login_required
@require_POST
def check(request: PersonRequest, gallery_id: UUID) -> JsonResponse:
    """Which of these files (``{"hashes": [...]}``) are in the gallery already, and in which form."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    held = find_held(gallery, _hashes(request), now)
    return JsonResponse({"held": {each: _held_json(found) for each, found in held.items()}})


def _held_json(held: Held) -> dict[str, Any]:
    return {"image": held.image_id.hex, "exact": held.exact, "width": held.width, "height": held.height}


def _hashes(request: PersonRequest) -> list[str]:
    if request.content_type != "application/json":  # the body of a form is read already
        raise Problem("malformed")
    try:
        hashes = json.loads(request.body)["hashes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Problem("malformed") from None
    if not isinstance(hashes, list) or len(hashes) > MAX_HASHES or not all(isinstance(each, str) for each in hashes):
        raise Problem("invalid_request", fields=("hashes",))
    return hashes


def _upload_one(request: PersonRequest, gallery: Gallery, files: list[HashedUpload]) -> HttpResponse:
    if len(files) != 1:
        raise Problem("invalid_request", detail="Send exactly one file.", fields=("file",))
    options = _options(request)
    stored = store_upload(gallery, files[0].received(request.FILES), options)
    answer = {
        "duplicate": stored.duplicate,
        "repeated": stored.is_repeated(options.idempotency_key),
        "image": image_alone_json(stored.image, gallery, timezone.now()),
    }
    return JsonResponse(answer, status=200 if stored.duplicate else 201)


def store_all(request: PersonRequest, gallery: Gallery, files: list[HashedUpload]) -> None:
    """Store each file of a plain form, whatever becomes of the others, and tell the person on the next page."""
    stored: list[StoredUpload] = []
    problems: list[str] = []
    options = _options(request)
    for file in files:
        try:
            stored.append(store_upload(gallery, file.received(), options))
        except Problem as problem:
            problems.append(f"{clean_filename(file.given_name)}: {problem.sentence}")
    _tell(request, stored, problems)


def _options(request: PersonRequest) -> UploadOptions:
    return upload_options(request.POST, request.user, request.headers.get("Idempotency-Key", ""))


def _tell(request: PersonRequest, stored: list[StoredUpload], problems: list[str]) -> None:
    added = sum(not each.duplicate for each in stored)
    here = len(stored) - added
    if added:
        messages.success(request, "1 photo added." if added == 1 else f"{added} photos added.")
    if here:
        messages.info(request, f"{here} already here, skipped.")
    if not stored and not problems:
        messages.warning(request, "Choose at least one photo.")
    for problem in problems[:SHOWN_PROBLEMS]:
        messages.error(request, problem)
    if len(problems) > SHOWN_PROBLEMS:
        messages.error(request, f"{len(problems) - SHOWN_PROBLEMS} more could not be added.")
